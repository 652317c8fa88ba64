import { z } from 'zod';
import { failed, inconclusive, type Outcome, ok } from '../../errors.ts';
import { cureOf } from './refusals.ts';
import type { SlackAnswer, SlackWeb } from './slack-web.ts';

/** Who is in a user group may change at any time; a press of a button is judged by what was so a minute ago at most. */
const KEPT_MS = 60_000;

const Members = z.object({ users: z.array(z.string()) });

export type UserGroups = {
  /** Slack ids of the members. A look-up that fails is a Failure: whoever asks must not take it for an empty group. */
  membersOf(groupId: string): Promise<Outcome<readonly string[]>>;
};

/** User groups (`S…`) by `usergroups.users.list`, kept for a minute. Failures are not kept. `now`: epoch milliseconds. */
export function createUserGroups(web: SlackWeb, now: () => number = Date.now): UserGroups {
  const kept = new Map<string, { atMs: number; members: readonly string[] }>();
  return {
    async membersOf(groupId) {
      const known = kept.get(groupId);
      if (known !== undefined && now() - known.atMs < KEPT_MS) return ok(known.members);
      const answer = await web.call('usergroups.users.list', { usergroup: groupId });
      const parsed = answer.kind === 'ok' ? Members.safeParse(answer.body) : null;
      if (parsed === null || !parsed.success) return notKnown(groupId, answer);
      kept.set(groupId, { atMs: now(), members: parsed.data.users });
      return ok(parsed.data.users);
    },
  };
}

function notKnown(groupId: string, answer: SlackAnswer): Outcome<never> {
  const why = `who is in the user group ${groupId} is not known`;
  switch (answer.kind) {
    case 'refused': {
      const cure = answer.error === 'no_such_subteam' ? 'Correct the id of the group' : cureOf(answer.error);
      return failed('operator', `${why}: Slack says ${answer.error}`, cure);
    }
    case 'rate-limited':
      return inconclusive('upstream', `${why}: Slack asks for patience`, `Try again in ${answer.retryAfterSeconds} s`);
    case 'unanswered':
      return inconclusive('upstream', `${why}: Slack did not answer (${answer.why})`, 'Try again in a minute');
    case 'ok':
      return inconclusive('upstream', `${why}: Slack's answer can't be read`, 'Try again in a minute');
  }
}
