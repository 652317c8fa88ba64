import type { PagerState, Spared } from './pager.ts';
import type { Umbrella } from './umbrella.ts';

type PagerOf = (incident: string) => PagerState | null;

/** Longer than a killed bot's alert needs to be taken over by another one (6 s): whoever was about to page has done it. */
const CLAIM_SECONDS = 60;

const ASKING: ReadonlySet<PagerState> = new Set(['waiting', 'paging', 'unanswered', 'held', 'snoozed']);

/**
 * Under an umbrella each team is paged once: for this child (`spared` null, and that is noted), or it was for another
 * one whose page still stands. `pagerOf`: the state of a child's pager, null when it has none.
 */
export function claimPage(
  umbrella: Umbrella,
  { team, incident, service }: { team: string; incident: string; service: string },
  pagerOf: PagerOf,
  nowMs: number,
): { after: Umbrella; spared: Spared | null } {
  const claim = umbrella.pages.find((page) => page.team === team);
  if (claim !== undefined && claim.incident !== incident && stands(claim, pagerOf, nowMs)) {
    return { after: umbrella, spared: toSpared(umbrella, claim) };
  }
  const other = umbrella.children.find(
    (child) => child.team === team && child.incident !== incident && isAsking(child.incident, pagerOf),
  );
  const holder = other ?? { incident, service };
  const page = { team, incident: holder.incident, service: holder.service, at: new Date(nowMs).toISOString() };
  return {
    after: { ...umbrella, pages: [...umbrella.pages.filter((one) => one.team !== team), page] },
    spared: other === undefined ? null : toSpared(umbrella, other),
  };
}

/** Somebody was asked, or will be in a moment; what is over was called off. */
function stands({ incident, at }: Umbrella['pages'][number], pagerOf: PagerOf, nowMs: number): boolean {
  if (isAsking(incident, pagerOf)) return true;
  return pagerOf(incident) !== 'over' && nowMs - Date.parse(at) < CLAIM_SECONDS * 1000;
}

function isAsking(incident: string, pagerOf: PagerOf): boolean {
  return ASKING.has(pagerOf(incident) ?? 'quiet');
}

function toSpared({ id }: Umbrella, { incident, service }: { incident: string; service: string }): Spared {
  return { umbrella: id, incident, service };
}
