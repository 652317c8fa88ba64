/** What must be true of an approved rollback once everything has calmed down. Each problem a sentence; none: it survived. */
import { z } from 'zod';
import { REDIS_PREFIX } from '../../src/adapters/redis/connection.ts';
import { createIncidentBook } from '../../src/adapters/redis/incident-book.ts';
import { createRollbackBook } from '../../src/adapters/redis/rollback-book.ts';
import type { Rollback } from '../../src/incident/rollback.ts';
import { CHANNEL } from './rollback-seed.ts';
import type { RollbackWorld } from './rollback-world.ts';

export type Ending = { problems: readonly string[]; how: string };

const Payload = z.object({ incident: z.string(), message: z.string() });
const ENDED = /RECOVERED after|CAN'T TELL whether the rollback|ROLLBACK FAILED|NOBODY CAN TELL|is blocked by now/;
const PAGED = ['D0ALICE', 'D0DAVE', 'D0BOB', 'D0CAROL'];

export async function checkEnding(
  world: RollbackWorld,
  client: ReturnType<RollbackWorld['redis']['connect']>,
): Promise<Ending> {
  const rollback = await createRollbackBook(client, REDIS_PREFIX).find('M-1');
  const incident = await createIncidentBook(client, REDIS_PREFIX, Date.now).find('M-1');
  const ran = (await world.service.runs()).split('\n').filter((line) => line !== '');
  if (rollback === null || incident === null) return { problems: ['the record is gone'], how: 'gone' };
  const { workspace } = world;
  const root = workspace.messages(CHANNEL)[0]?.text ?? '';
  const posted = workspace.everPosted(CHANNEL).filter(({ isBot }) => isBot);
  const names = posted.map(({ metadata }) => JSON.stringify(Payload.parse(metadata?.event_payload)));
  const doubled = names.filter((name, i) => names.indexOf(name) !== i);
  const endings = posted.filter(({ threadTs, text }) => threadTs !== null && ENDED.test(text));
  return {
    how: `${rollback.state}${rollback.act?.outcome === 'unknown' ? ' (nobody can tell)' : ''}`,
    problems: [
      ...endProblems(rollback, ran),
      ...(endings.length === 1 ? [] : [`its end was told ${endings.length} times`]),
      ...doubled.map((name) => `posted twice: ${name}`),
      ...(rollback.state !== 'recovered' || incident.state === 'closed' ? [] : ['the incident was left open']),
      ...(root.startsWith(rollback.state === 'recovered' ? '🟢' : '🔴') ? [] : [`the root says: ${root.slice(0, 60)}`]),
      ...latePages(rollback, world),
    ],
  };
}

/** It ran once and recovered; or the record says that nobody can tell, or that nothing was changed, and so it is. */
function endProblems({ state, act, proof }: Rollback, ran: readonly string[]): string[] {
  if (ran.length > 1) return [`it was rolled back ${ran.length} times`];
  if (state === 'recovered') return ran.length === 1 ? [] : ['recovered, and it never ran'];
  if (state !== 'failed') return [`it ended as ${state}: ${proof?.message ?? ''}`];
  if (act?.outcome === 'unknown') return [];
  return ran.length === 0 && /nothing was changed/.test(act?.message ?? '') ? [] : [`failed: ${act?.message ?? ''}`];
}

/** Whoever approved is at it: nobody is woken any more, unless the rollback did not end well. */
function latePages({ approvals, state }: Rollback, { workspace }: RollbackWorld): string[] {
  const approvedAt = Date.parse(approvals[1]?.at ?? '') / 1000;
  if (state !== 'recovered') return [];
  return PAGED.flatMap((channel) => workspace.everPosted(channel))
    .filter(({ ts }) => Number(ts) > approvedAt)
    .map(({ channel, ts }) => `paged ${channel} ${(Number(ts) - approvedAt).toFixed(2)} s after the approval`);
}
