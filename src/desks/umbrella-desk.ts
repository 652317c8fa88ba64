/** Many services of a channel that are OOM-killed at once: one umbrella, whose thread stands for theirs. */

import type { RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import type { PagerBook } from '../adapters/redis/pager-book.ts';
import type { SilenceBook } from '../adapters/redis/silence-book.ts';
import type { UmbrellaBook } from '../adapters/redis/umbrella-book.ts';
import type { Outbox } from '../adapters/slack/outbox.ts';
import type { AlertTally } from '../incident/alert-tally.ts';
import { nodeOfLastKill } from '../incident/alert-tally.ts';
import type { Incident } from '../incident/incident.ts';
import type { Spared } from '../incident/pager.ts';
import { type ChannelKills, type ChildReport, type Umbrella, type UmbrellaChild } from '../incident/umbrella.ts';
import { endIfOver, giveThread, place } from '../incident/umbrella-moves.ts';
import { claimPage } from '../incident/umbrella-pages.ts';
import { Report } from '../report/report.ts';
import { NO_PART, type RootPart } from '../report/slack-buttons.ts';
import { toChildReport, umbrellaPart } from '../report/slack-umbrella.ts';
import type { Addresses } from './addresses.ts';
import type { DeskWorld } from './desk-world.ts';
import { shareRuns } from './refresh-thread.ts';

export type UmbrellaDeskParts = {
  world: Pick<DeskWorld, 'config' | 'logger'>;
  incidents: Pick<RedisIncidentBook, 'find' | 'reportJson'>;
  umbrellas: UmbrellaBook;
  pagers: Pick<PagerBook, 'find'>;
  silences: Pick<SilenceBook, 'find'>;
  outbox: Pick<Outbox, 'hasThread' | 'showUmbrella'>;
  addressOf: Addresses;
  linkTo: (incidentId: string) => string | null;
  /** Brings the thread of an incident to what is stored. */
  refresh: (incidentId: string) => Promise<void>;
  now: () => number;
};

export type UmbrellaDesk = {
  /**
   * Whoever shows an incident asks first: it is put under the umbrella that its kills belong to, which is brought up to
   * date. Resolves with the incident as it then is; null: it is gone. Safe to repeat.
   */
  place(incidentId: string): Promise<Incident | null>;
  /** A person asks for it: it gets a thread of its own. Resolves with its umbrella; null: it is not under an open one. */
  giveThread(incident: Incident): Promise<Umbrella | null>;
  /** The umbrella that it is under and that is open, or null. */
  openOf(incident: Incident): Promise<Umbrella | null>;
  /** Null: this incident pages its team; else who was paged for it already. */
  claimPage(incident: Incident, team: string): Promise<Spared | null>;
  /** Brings the umbrella's thread to what is stored, if the incident is under one. */
  show(incident: Incident | null): Promise<void>;
  /** The line on the root of a child. */
  part(incident: Incident): Promise<RootPart>;
  /** Its root is in Slack: the roots of its children can link to it. */
  onRootPosted(id: string): Promise<void>;
  /** Ends what is over, and sees what nobody told of. Safe to repeat. */
  sweep(): Promise<void>;
};

export function createUmbrellaDesk(parts: UmbrellaDeskParts): UmbrellaDesk {
  const { incidents, umbrellas, now } = parts;
  const show = shareRuns(async (id) => await showNewest(id, parts));
  const change = async ({ channelId, umbrella }: Incident, decide: (before: ChannelKills) => ChannelKills) =>
    channelId === null ? null : await umbrellas.change(channelId, umbrella ?? null, decide);

  async function openOf({ umbrella }: Incident): Promise<Umbrella | null> {
    const found = umbrella === undefined ? null : await umbrellas.find(umbrella);
    return found?.endedAt === null ? found : null;
  }

  return {
    openOf,
    async place(incidentId) {
      const incident = await incidents.find(incidentId);
      const kills = incident?.alerts?.kills ?? null;
      if (incident === null || kills === null || incident.alerts === undefined) return incident;
      const { channelId } = incident;
      if (channelId === null) return incident;
      const seen = await seenOf(incident, incident.alerts, kills, parts);
      const done = await change(incident, (before) => place(before, seen, channelId, now()));
      if (done?.isChanged === true) for (const { id } of done.kills.umbrellas) await show(id);
      // Read again even so: somebody else may have placed it since it was read here.
      return await incidents.find(incidentId);
    },
    async giveThread(incident) {
      if (incident.umbrella === undefined) return null;
      const done = await change(incident, (before) => giveThread(before, incident.id));
      if (done?.isChanged === true) await show(incident.umbrella);
      if (incident.isListed === true) await parts.refresh(incident.id);
      return await openOf(incident);
    },
    async claimPage(incident, team) {
      const open = await openOf(incident);
      if (open === null) return null;
      const pagers = await Promise.all(open.children.map(async (child) => await parts.pagers.find(child.incident)));
      const states = new Map(open.children.map((child, i) => [child.incident, pagers[i]?.state ?? null]));
      let spared: Spared | null = null;
      const done = await change(incident, (before) => {
        const umbrella = before.umbrellas.find(({ id }) => id === open.id);
        if (umbrella === undefined || umbrella.endedAt !== null) return before;
        const asked = { team, incident: incident.id, service: incident.service };
        const claim = claimPage(umbrella, asked, (id) => states.get(id) ?? null, now());
        spared = claim.spared;
        return { ...before, umbrellas: before.umbrellas.map((one) => (one === umbrella ? claim.after : one)) };
      });
      if (done?.isChanged === true) await show(open.id);
      return spared;
    },
    async show(incident) {
      if (incident?.umbrella !== undefined) await show(incident.umbrella);
    },
    async part({ umbrella: id, isListed }) {
      const umbrella = id === undefined || isListed === true ? null : await umbrellas.find(id);
      return umbrella === null ? NO_PART : umbrellaPart(umbrella, await parts.addressOf(umbrella.id));
    },
    onRootPosted: async (id) => await refreshOwn(await umbrellas.find(id), parts),
    async sweep() {
      for (const id of await umbrellas.open()) await sweepOne(id, { ...parts, show });
    },
  };
}

/** What its children are by now, what time made of it, and once more its root: whoever changed it may have died. */
async function sweepOne(
  id: string,
  { show, ...parts }: UmbrellaDeskParts & { show: (id: string) => Promise<void> },
): Promise<void> {
  const { umbrellas, incidents, world, now } = parts;
  const umbrella = await umbrellas.find(id);
  if (umbrella === null) return;
  for (const child of umbrella.children) {
    const incident = await incidents.find(child.incident);
    if (incident === null) continue;
    // Closed by the watch, or by the service's next case: nobody told us. Or a bot died before it had its thread.
    const isMissing = child.hasThread && !(await parts.outbox.hasThread(child.incident));
    if (incident.state !== child.state || isMissing) await parts.refresh(child.incident);
  }
  const done = await umbrellas.change(umbrella.channelId, id, (before) => ({
    ...before,
    umbrellas: before.umbrellas.map((one) => (one.id === id ? endIfOver(one, now()) : one)),
  }));
  if (done.isChanged) world.logger.info({ umbrella: id, services: umbrella.children.length }, 'an umbrella is over');
  await show(id);
}

async function showNewest(id: string, parts: UmbrellaDeskParts): Promise<void> {
  const { umbrellas, outbox, addressOf } = parts;
  const umbrella = await umbrellas.find(id);
  if (umbrella === null) return;
  const own = umbrella.children.filter(({ hasThread }) => hasThread);
  const addresses = new Map(
    await Promise.all(own.map(async ({ incident }) => [incident, await addressOf(incident)] as const)),
  );
  const pagers = await Promise.all(umbrella.pages.map(async ({ incident }) => await parts.pagers.find(incident)));
  await outbox.showUmbrella(umbrella, {
    addressOf: (incident) => addresses.get(incident) ?? null,
    pagerOf: (incident) => pagers.find((pager) => pager?.incident === incident) ?? null,
  });
}

async function refreshOwn(umbrella: Umbrella | null, { refresh }: UmbrellaDeskParts): Promise<void> {
  for (const { incident, hasThread } of umbrella?.children ?? []) if (hasThread) await refresh(incident);
}

async function seenOf(
  incident: Incident,
  alerts: AlertTally,
  kills: NonNullable<AlertTally['kills']>,
  parts: UmbrellaDeskParts,
): Promise<UmbrellaChild> {
  const [silence, hasThread, report] = await Promise.all([
    parts.silences.find(incident.service),
    parts.outbox.hasThread(incident.id),
    reportOf(incident, parts),
  ]);
  return {
    incident: incident.id,
    service: incident.service,
    team: parts.world.config.services.get(incident.service)?.team ?? null,
    kills: kills.count,
    firstKillAt: kills.lastAt,
    lastKillAt: kills.lastAt,
    node: nodeOfLastKill(alerts),
    state: incident.state,
    quietSince: alerts.quietSince,
    silencedUntil: silence?.until ?? null,
    report,
    hasThread,
  };
}

/** Null while a triage is under way: the report that is stored then is of the one before. */
async function reportOf(
  { id, state, round = 1 }: Incident,
  { incidents, linkTo }: UmbrellaDeskParts,
): Promise<ChildReport | null> {
  const json = state === 'triaging' ? null : await incidents.reportJson(id);
  return json === null ? null : toChildReport(Report.parse(JSON.parse(json)), round, linkTo(id));
}
