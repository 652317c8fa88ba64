import { formatBytes, formatDuration } from '../units.ts';
import { quantile } from './quantiles.ts';
import type { Told } from './reasons.ts';
import { cleanTraffic, trafficAt } from './traffic.ts';

/** Traffic that rose by this share over the window can be the whole reason of growth. */
const TRAFFIC_ROSE = 0.2;

/** What else it could be, and which data would decide. */
export function renderWouldChange(told: Told): string[] {
  return [tooShort(told), trafficRises(told), daily(told), fills(told), blindLine(told)].filter(
    (line) => line !== null,
  );
}

function tooShort({ state, deploy, settings, worst }: Told): string | null {
  if (deploy?.cause === 'too-fresh') {
    const wait = Math.max(0, settings.tooFreshSeconds - deploy.ageSeconds);
    return `The new release can be judged in ${formatDuration(Math.max(wait, 1))}`;
  }
  if (state === 'inconclusive') {
    const seen = worst.fit?.windowSeconds ?? 0;
    return `At least ${formatDuration(Math.max(settings.tooFreshSeconds, 2 * seen))} of samples are needed to decide`;
  }
  if (state === 'suspect' && worst.fit !== null) {
    return `Another ${formatDuration(worst.fit.windowSeconds / 2)} of the same growth would decide; a snapshot may sooner`;
  }
  return null;
}

function trafficRises({ seriesCase, state, worst }: Told): string | null {
  if (state !== 'leak' && state !== 'suspect') return null;
  const traffic = cleanTraffic(seriesCase.traffic);
  if (traffic === null) return 'Traffic is not known: growth of load can look the same';
  const { samples } = worst.fit?.lives.at(-1) ?? { samples: [] };
  const rates = samples.map(([seconds]) => trafficAt(traffic, seconds));
  const third = Math.floor(rates.length / 3);
  const before = quantile(rates.slice(0, third), 0.5);
  const after = quantile(rates.slice(-third), 0.5);
  if (third === 0 || !(after > (1 + TRAFFIC_ROSE) * before)) return null;
  return 'Traffic rose all the while: if memory falls when traffic does, it is load and not a leak';
}

function daily({ seriesCase, state, worst }: Told): string | null {
  const window = worst.fit?.windowSeconds ?? 0;
  if (seriesCase.traffic !== null || window > 30 * 3600 || window < 3 * 3600) return null;
  if (state !== 'leak' && state !== 'suspect') return null;
  return 'Less than 30 h were seen and traffic is not known: a daily cycle would show only in a longer window';
}

function fills({ state, seriesCase }: Told): string | null {
  if (state === 'filling') return 'Growth beyond the level of the healthy release would be a leak';
  if (state !== 'leak' || seriesCase.baseline !== null) return null;
  return 'No healthy release is known to compare with: a very large cache that is still filling grows alike';
}

function blindLine({ blind }: Told): string | null {
  if (blind === null) return null;
  return `A leak that refills memory freed after the peak shows only once RSS exceeds ${formatBytes(blind.peakBytes)}: take a snapshot to see inside`;
}
