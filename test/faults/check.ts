/** What must be true of a run when everything has calmed down. Each problem a sentence; none: it survived. */
import { z } from 'zod';
import { REDIS_PREFIX } from '../../src/adapters/redis/connection.ts';
import { parseThread, ROOT } from '../../src/adapters/slack/outbox-thread.ts';
import type { Incident } from '../../src/incident/incident.ts';
import { Report } from '../../src/report/report.ts';
import { type Driven, podOf } from './drive.ts';
import type { RunPlan } from './plan.ts';
import type { FaultWorld } from './world.ts';

type Message = ReturnType<FaultWorld['workspace']['everPosted']>[number];

export async function problemsOf(run: RunPlan, driven: Driven, world: FaultWorld): Promise<string[]> {
  const all = await world.incidents.recent(10_000);
  const incidents = all.filter(({ service }) => service === run.service);
  const posted = world.workspace.everPosted(run.channel).filter(({ isBot }) => isBot);
  const roots = posted.filter(({ threadTs }) => threadTs === null);
  const problems = [
    ...driven.refused,
    ...(run.kills > 0 && incidents.length !== 1 ? [`${incidents.length} incidents of one case`] : []),
    ...(run.asks.length > 0 && incidents.length === 0 ? ['what was asked opened no incident'] : []),
    ...unknownAnswers(driven, incidents),
    ...(roots.length === incidents.length ? [] : [`${roots.length} roots of ${incidents.length} incidents`]),
    ...doubled(posted),
  ];
  for (const incident of incidents) {
    const own = posted.filter(
      ({ metadata }) => Payload.safeParse(metadata?.event_payload).data?.incident === incident.id,
    );
    problems.push(...(await incidentProblems(incident, own, world)));
    if (run.kills > 0) problems.push(...timelineProblems(run, incident, own));
  }
  return problems.map((problem) => `${run.service}: ${problem}`);
}

const Payload = z.object({ incident: z.string(), message: z.string(), generation: z.number() });

function unknownAnswers({ answers }: Driven, incidents: readonly Incident[]): string[] {
  const known = new Set(incidents.map(({ id }) => id));
  const told = answers.flatMap((text) => /M-\d+/.exec(text) ?? []);
  return told.filter((id) => !known.has(id)).map((id) => `${id} was promised and is not there`);
}

/** Every message says which one it is. */
function doubled(posted: readonly Message[]): string[] {
  const names = posted.map(({ metadata }) =>
    JSON.stringify(metadata?.event_payload && Payload.parse(metadata.event_payload)),
  );
  return names.filter((name, i) => names.indexOf(name) !== i).map((name) => `posted twice: ${name}`);
}

/** One final report, shown on the root with its evidence below; nothing wanted that is not shown. */
async function incidentProblems(incident: Incident, own: readonly Message[], world: FaultWorld): Promise<string[]> {
  const { id, state } = incident;
  const report = await world.incidents.reportJson(id);
  if (report === null || state === 'triaging') return [`${id} has no final report`];
  const parsed = Report.safeParse(JSON.parse(report));
  const client = world.redis.connect();
  const fields = await client.hgetall(`${REDIS_PREFIX}:outbox:thread:${id}`);
  client.disconnect();
  const thread = parseThread(id, fields);
  const behind = thread.slots.filter(({ key, version }) => thread.sent.get(key)?.version !== version);
  const root = own.find(({ threadTs }) => threadTs === null);
  const missing = thread.slots.filter(
    ({ key }) => !own.some(({ metadata }) => Payload.parse(metadata?.event_payload).message === key),
  );
  return [
    ...(parsed.success && parsed.data.incident === id ? [] : [`${id}: its report can't be read`]),
    ...(thread.slots.find(({ key }) => key === ROOT)?.kind === 'report' ? [] : [`${id}: the root shows no report`]),
    ...behind.map(({ key }) => `${id}: ${key} is not shown as it is wanted`),
    ...missing.map(({ key }) => `${id}: ${key} was never posted`),
    ...[...thread.intents.keys()].map((key) => `${id}: the post of ${key} is left open`),
    ...(root === undefined || root.text.startsWith('⏳') ? [`${id}: the root shows no result`] : []),
  ];
}

/** Each kill once, with everybody who told of it; its end, where it was told; a reply for each entry that is worth one. */
function timelineProblems(run: RunPlan, incident: Incident, own: readonly Message[]): string[] {
  const { alerts } = incident;
  if (alerts === undefined) return [`${incident.id} has no timeline`];
  const happened = alerts.timeline.filter(({ event }) => event === 'occurred' || event === 'reopened');
  const witnesses = run.hasTwoWitnesses ? 2 : 1;
  const wrong = Array.from({ length: run.kills }, (_, kill) => podOf(kill)).flatMap((pod) => {
    const entries = happened.filter(({ instance }) => instance === pod);
    const [entry] = entries;
    if (entries.length !== 1) return [`${pod} stands ${entries.length} times in the timeline`];
    return entry?.sources.length === witnesses ? [] : [`${pod} was told by ${entry?.sources.join()} only`];
  });
  const root = own.find(({ threadTs }) => threadTs === null)?.text ?? '';
  const said = run.kills === 1 ? 'OOM kill ×1' : `OOM kill ×${run.kills} in`;
  const untold = alerts.timeline.filter(
    ({ id, isTold }) =>
      isTold && !own.some(({ metadata }) => Payload.parse(metadata?.event_payload).message === `alert-${id}`),
  );
  return [
    ...wrong,
    ...(alerts.kills?.count === run.kills ? [] : [`${alerts.kills?.count} of ${run.kills} kills counted`]),
    ...((alerts.quietSince !== null) === run.isResolved
      ? []
      : [`quiet since ${alerts.quietSince}, firing ${alerts.firing.length}`]),
    ...(run.isResolved && alerts.firing.length > 0 ? [`${alerts.firing.length} still fire`] : []),
    ...(root.includes(said) ? [] : [`the root does not say ${said}: ${root.slice(0, 80)}`]),
    ...(root.startsWith(run.isResolved ? '🟢' : '🔴')
      ? []
      : [`the root begins with another state: ${root.slice(0, 80)}`]),
    ...untold.slice(-20).map(({ id }) => `the reply of entry ${id} is missing`),
  ];
}
