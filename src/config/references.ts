/** What must fit together across the file: names that point elsewhere, and choices that need a second key. */
import { posix } from 'node:path';
import { z } from 'zod';
import { nearMatches } from './near-match.ts';
import { NAME } from './values.ts';

export type Mismatch = { path: (string | number)[]; found: string; expected: string };

/** First words of `/memtriage …`: a service of that name could never be asked for. */
const COMMAND_WORDS = ['help', 'list', 'status', 'baseline', 'silence', 'history', 'oncall'];

// Only what is checked here, and whatever else is wrong with the file: all problems are told at once.
const lenient = z.unknown().optional();
const Choices = z.record(z.string(), lenient).optional().catch(undefined);
const Loose = z.object({
  prometheus: lenient,
  services: z
    .record(
      z.string(),
      z
        .object({
          team: z.string().optional().catch(undefined),
          site: lenient,
          sockets: lenient,
          transport: Choices,
          metrics: Choices,
          rollback: z.object({ mode: lenient, via: Choices }).optional().catch(undefined),
        })
        .catch({}),
    )
    .catch({}),
  teams: z.record(z.string(), z.object({ approvers: lenient, oncall: Choices, holidays: Choices }).catch({})).catch({}),
});
type Loose = z.infer<typeof Loose>;
type LooseService = Loose['services'][string];

/** Everything in the parsed YAML that does not fit together. */
export function findMismatches(value: unknown): Mismatch[] {
  const loose = Loose.safeParse(value);
  if (!loose.success) return [];
  const { services, teams } = loose.data;
  return [
    ...noService(value, services),
    ...sharedSockets(services),
    ...Object.entries(services).flatMap(([name, service]) => [
      ...badName(['services', name], COMMAND_WORDS),
      ...badSource(name, service, loose.data.prometheus !== undefined),
      ...badTransport(name, service),
      ...badTeam(name, service, teams),
      ...badRollback(name, service, teams),
    ]),
    ...Object.entries(teams).flatMap(([name, team]) => [
      ...badName(['teams', name], []),
      ...badOnCall(['teams', name, 'oncall'], team.oncall),
      ...badHolidays(['teams', name, 'holidays'], team.holidays),
    ]),
  ];
}

function noService(value: unknown, services: Loose['services']): Mismatch[] {
  const isMapping = z.object({ services: z.record(z.string(), z.unknown()) }).safeParse(value).success;
  if (!isMapping || Object.keys(services).length > 0) return [];
  return [{ path: ['services'], found: 'nothing', expected: 'at least one service' }];
}

/** Every process that listens there would be one of each: counted twice, and looked into for the other. */
function sharedSockets(services: Loose['services']): Mismatch[] {
  const first = new Map<string, string>();
  return Object.entries(services).flatMap(([name, { site = 'local', sockets, transport }]) => {
    // Behind a transport the same path may be another container's.
    if (typeof sockets !== 'string' || transport !== undefined) return [];
    const place = `${String(site)} ${posix.resolve('/', sockets)}`;
    const other = first.get(place);
    first.set(place, other ?? name);
    if (other === undefined) return [];
    const expected = 'a directory of its own: what listens there is taken for the service';
    return [{ path: ['services', name, 'sockets'], found: `the sockets of ${other}`, expected }];
  });
}

function badName(path: string[], taken: readonly string[]): Mismatch[] {
  const name = path.at(-1) ?? '';
  if (taken.includes(name)) {
    return [{ path, found: `"${name}"`, expected: `another name: /memtriage ${name} is a command of its own` }];
  }
  if (NAME.test(name)) return [];
  const expected = 'a name of letters, digits, ".", "_" or "-", at most 63 long';
  return [{ path, found: JSON.stringify(name), expected }];
}

function badSource(name: string, service: LooseService, hasPrometheus: boolean): Mismatch[] {
  if (service.sockets !== undefined) return [];
  const hasRss = service.metrics?.['rss'] !== undefined;
  if (hasRss && hasPrometheus) return [];
  const path = ['services', name];
  const expected = 'sockets (the directory of its probes) or metrics.rss with prometheus.url';
  return [{ path, found: hasRss ? 'metrics.rss without prometheus.url' : 'no source of memory figures', expected }];
}

function badTransport(name: string, { transport, sockets }: LooseService): Mismatch[] {
  if (transport === undefined) return [];
  const path = ['services', name, 'transport'];
  const wrong = notExactlyOne(path, transport, ['docker', 'kubectl', 'ssh']);
  if (sockets !== undefined) return wrong;
  const expected = 'sockets beside it: the directory of the probes on the far side';
  return [...wrong, { path, found: 'transport without sockets', expected }];
}

function badTeam(name: string, { team }: LooseService, teams: Loose['teams']): Mismatch[] {
  if (team === undefined || Object.hasOwn(teams, team)) return [];
  const known = Object.keys(teams);
  const near = nearMatches(team, known);
  const expected =
    known.length === 0
      ? 'a team that stands under teams'
      : `a team of this file: ${(near.length > 0 ? near : known).join(', ')}`;
  return [{ path: ['services', name, 'team'], found: JSON.stringify(team), expected }];
}

function badRollback(name: string, { rollback, team }: LooseService, teams: Loose['teams']): Mismatch[] {
  if (rollback === undefined) return [];
  const path = ['services', name, 'rollback'];
  const wrong = rollback.via === undefined ? [] : notExactlyOne([...path, 'via'], rollback.via, VIA_KEYS);
  const workload = Choices.parse(rollback.via?.['kubernetes']);
  if (workload !== undefined) wrong.push(...notExactlyOne([...path, 'via', 'kubernetes'], workload, WORKLOAD_KEYS));
  const { mode } = rollback;
  if (mode !== 'approve' && mode !== 'auto') return wrong;
  if (rollback.via === undefined) {
    wrong.push({
      path: [...path, 'mode'],
      found: `"${mode}" without via`,
      expected: `via with one of ${VIA_KEYS.join(', ')}`,
    });
  }
  if (mode === 'auto' && team === undefined) {
    const expected = 'a team: it acts only while nobody of it is at work';
    wrong.push({ path: [...path, 'mode'], found: '"auto" without team', expected });
  }
  const approvers = team === undefined ? undefined : teams[team]?.approvers;
  if (mode === 'approve' && (!Array.isArray(approvers) || approvers.length === 0)) {
    const expected = 'a team with approvers, else nobody may press the button';
    wrong.push({ path: [...path, 'mode'], found: '"approve" without approvers', expected });
  }
  return wrong;
}

const VIA_KEYS = ['webhook', 'kubernetes', 'argoRollouts', 'helm', 'command'];
const WORKLOAD_KEYS = ['deployment', 'statefulSet', 'daemonSet'];
const ON_CALL_KEYS = ['rotation', 'ics', 'pagerduty', 'userGroup'];
/** Key -> the one that it only makes sense with. */
const ON_CALL_COMPANIONS: Readonly<Record<string, string>> = {
  handoff: 'rotation',
  since: 'rotation',
  overrides: 'ics',
};

function badOnCall(path: string[], onCall: Record<string, unknown> | undefined): Mismatch[] {
  if (onCall === undefined) return [];
  const wrong = notExactlyOne(path, onCall, ON_CALL_KEYS);
  for (const [key, needed] of Object.entries(ON_CALL_COMPANIONS)) {
    if (onCall[key] !== undefined && onCall[needed] === undefined) {
      wrong.push({ path: [...path, key], found: `${key} without ${needed}`, expected: `${key} only beside ${needed}` });
    }
  }
  for (const key of ['handoff', 'since']) {
    if (onCall['rotation'] !== undefined && onCall[key] === undefined) {
      const example = key === 'handoff' ? 'Mon 09:00' : 'the day on which its first member began, such as 2026-01-05';
      wrong.push({ path: [...path, key], found: 'nothing', expected: example });
    }
  }
  return wrong;
}

function badHolidays(path: string[], holidays: Record<string, unknown> | undefined): Mismatch[] {
  if (holidays?.['state'] === undefined || holidays['country'] !== undefined) return [];
  return [{ path: [...path, 'state'], found: 'state without country', expected: 'state only beside country' }];
}

function notExactlyOne(path: string[], choices: Record<string, unknown>, keys: readonly string[]): Mismatch[] {
  const given = keys.filter((key) => choices[key] !== undefined);
  if (given.length === 1) return [];
  const found = given.length === 0 ? 'none of them' : given.join(' and ');
  return [{ path, found, expected: `exactly one of ${keys.join(', ')}` }];
}
