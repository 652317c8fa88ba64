import { z } from 'zod';
import type { SlackWeb } from './slack-web.ts';

const Found = z.object({ user: z.object({ id: z.string() }) });
/** Schedules name a handful of people; a calendar with more addresses is no rota. */
const MAX_ASKED = 50;

/**
 * Slack ids by e-mail address (`users.lookupByEmail`, scope users:read.email). Null: Slack knows nobody with it. Those
 * that it does not answer for are left out. Those found are asked once for each process.
 */
export function createPeopleByEmail(
  web: SlackWeb,
): (emails: readonly string[]) => Promise<ReadonlyMap<string, string | null>> {
  const kept = new Map<string, string>();
  return async (emails) => {
    const nobody: string[] = [];
    for (const email of emails.filter((one) => !kept.has(one)).slice(0, MAX_ASKED)) {
      const answer = await web.call('users.lookupByEmail', { email });
      const found = answer.kind === 'ok' ? Found.safeParse(answer.body) : null;
      if (found?.success === true) kept.set(email, found.data.user.id);
      if (answer.kind === 'refused' && answer.error === 'users_not_found') nobody.push(email);
    }
    return new Map<string, string | null>([...kept, ...nobody.map((email) => [email, null] as const)]);
  };
}
