/** What the root of an incident shows besides its report: one part for each keeper of state, in this order. */
import type { LastLooks } from '../adapters/redis/last-looks.ts';
import type { PagerBook } from '../adapters/redis/pager-book.ts';
import type { RollbackBook } from '../adapters/redis/rollback-book.ts';
import type { SilenceBook } from '../adapters/redis/silence-book.ts';
import type { Incident } from '../incident/incident.ts';
import { type LastLook, lookBefore } from '../incident/last-look.ts';
import type { RootPart } from '../report/slack-buttons.ts';
import { lastLookPart } from '../report/slack-last-look.ts';
import { pagerPart } from '../report/slack-pager.ts';
import { rollbackPart } from '../report/slack-rollback.ts';
import { silencePart } from '../report/slack-silence.ts';
import { lookPart } from './look-actions.ts';
import type { RootParts } from './refresh-thread.ts';

export type RootPartsNeeds = {
  pagers: Pick<PagerBook, 'find'>;
  silences: Pick<SilenceBook, 'find'>;
  rollbacks: Pick<RollbackBook, 'find'>;
  lastLookOf: (incident: Incident) => Promise<LastLook | null>;
  umbrellaPart: (incident: Incident) => Promise<RootPart>;
  earlierCase: (incident: Incident) => Promise<RootPart>;
};

export function createRootParts(needs: RootPartsNeeds): RootParts {
  const { pagers, silences, rollbacks, lastLookOf, umbrellaPart, earlierCase } = needs;
  return async (incident) => {
    const [pager, silence] = await Promise.all([pagers.find(incident.id), silences.find(incident.service)]);
    const shown = await rollbackParts(incident.id, rollbacks);
    const before = lastLookPart(await lastLookOf(incident));
    const states = [...shown, ...(pager === null ? [] : [pagerPart(pager)]), silencePart(silence), lookPart(incident)];
    return [before, ...states, await umbrellaPart(incident), await earlierCase(incident)];
  };
}

/** What was seen inside the process before its last OOM kill; null: nothing, or it was not killed. */
export function createLastLookOf(looks: Pick<LastLooks, 'list'>): RootPartsNeeds['lastLookOf'] {
  return async ({ service, alerts }) =>
    alerts?.kills == null ? null : lookBefore(await looks.list(service), alerts.kills.lastAt);
}

/** What the root shows of the rollback of an incident, if there is one. */
export async function rollbackParts(
  incidentId: string,
  { find }: Pick<RollbackBook, 'find'>,
): Promise<readonly RootPart[]> {
  const rollback = await find(incidentId);
  return rollback === null ? [] : [rollbackPart(rollback)];
}
