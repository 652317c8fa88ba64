import { z } from 'zod';
import type { SlackWeb } from './slack-web.ts';

const Found = z.object({ user: z.object({ id: z.string() }) });
/** Schedules name a handful of people; a calendar with more addresses is no rota. */
const MAX_ASKED = 50;

/**
 * Slack ids by e-mail address (`users.lookupByEmail`, scope users:read.email). Those that Slack does not know, or does
 * not answer for, are left out. Those found are asked once for each process.
 */
export function createPeopleByEmail(
  web: SlackWeb,
): (emails: readonly string[]) => Promise<ReadonlyMap<string, string>> {
  const kept = new Map<string, string>();
  return async (emails) => {
    for (const email of emails.filter((one) => !kept.has(one)).slice(0, MAX_ASKED)) {
      const answer = await web.call('users.lookupByEmail', { email });
      const found = answer.kind === 'ok' ? Found.safeParse(answer.body) : null;
      if (found?.success === true) kept.set(email, found.data.user.id);
    }
    return kept;
  };
}
