/** What the thread hears of a rollback that is carried out: one reply for each state, and who acts next. */
import type { Rollback } from '../incident/rollback.ts';
import { formatDuration } from '../units.ts';
import { escapeMrkdwn, fitMessage, mention, type SlackMessage, section } from './slack-blocks.ts';
import { serviceName } from './slack-root.ts';

/** Of the reason of whoever carried it out. */
const LONGEST_MESSAGE = 700;

/** Null: nothing is told in this state. `verifyForSeconds`: how long memory is watched afterwards. */
export function renderCarryOut(rollback: Rollback, verifyForSeconds: number): SlackMessage | null {
  const lines = linesOf(rollback, verifyForSeconds);
  return lines === null ? null : fitMessage(lines.join('\n').replaceAll('*', ''), [section(lines)]);
}

function linesOf(rollback: Rollback, verifyForSeconds: number): string[] | null {
  const { state, act, proof, from, to } = rollback;
  const name = `*${serviceName(rollback)}*`;
  const way = `${escapeMrkdwn(from, 60)} → ${escapeMrkdwn(to, 60)}`;
  const said = escapeMrkdwn(act?.message ?? '', LONGEST_MESSAGE);
  const proven = escapeMrkdwn(proof?.message ?? '', LONGEST_MESSAGE);
  const people = peopleOf(rollback);
  switch (state) {
    case 'verifying':
      return [
        `🔵 ${name}: rolled back ${way} (${said})`,
        `*Next:* memtriage watches memory for ${formatDuration(verifyForSeconds)} and tells here whether it helped; nobody has to act`,
      ];
    case 'recovered':
      return [
        `🟢 ${name}: RECOVERED after the rollback ${way}: ${proven}`,
        `From the opening of the case to the end of the rollback: ${formatDuration(proof?.secondsToMitigation ?? 0)}. *Next:* nobody now; mend ${escapeMrkdwn(from, 60)} before it goes out again`,
      ];
    case 'not-recovered':
      return [
        `🔴 ${name}: NOT RECOVERED after the rollback ${way}: ${proven}`,
        `*Next:* ${people}: the rollback did not cure it; look at the evidence above`,
      ];
    case 'unproven':
      return [
        `🟠 ${name}: CAN'T TELL whether the rollback ${way} helped: ${proven}`,
        `*Next:* ${people}: look which release runs and how its memory goes; memtriage watches the service as before`,
      ];
    case 'failed':
      if (act?.outcome === 'unknown') {
        return [
          `🔴 ${name}: NOBODY CAN TELL whether the rollback ${way} was done: ${said}`,
          `*Next:* ${people}: look which release runs; memtriage does not try again by itself`,
        ];
      }
      return [`🔴 ${name}: ROLLBACK FAILED (${way}): ${said}`, `*Next:* ${people}: roll back by hand`];
    case 'blocked':
      if (rollback.approvals.length === 0) return null;
      return [
        `⛔ ${name}: the rollback ${way} was approved, but is blocked by now: ${redOf(rollback)}. Nothing was changed`,
        `*Next:* ${people}: cure that, and ask for a fresh report`,
      ];
    case 'proposed':
    case 'approved':
    case 'acting':
    case 'declined':
    case 'expired':
      return null;
  }
}

function redOf({ guards }: Rollback): string {
  const red = guards.filter(({ state }) => state === 'red');
  return red.map(({ name, evidence }) => escapeMrkdwn(`${name}: ${evidence}`)).join('; ');
}

/** Who agreed to it, and everybody else who may decide: each named once. */
function peopleOf({ approvals, approvers }: Rollback): string {
  const ids = new Set([...approvals.map(({ userId }) => userId), ...approvers]);
  const named = [...ids]
    .filter((id) => /^[UWS]/.test(id))
    .map((id) => (id.startsWith('S') ? `<!subteam^${id}>` : mention(id)));
  return named.join(', ') || 'whoever is on call';
}
