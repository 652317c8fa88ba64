import type { SeriesAnalysis, SeriesCase } from '../analysis/series.ts';

const BARS = '▁▂▃▄▅▆▇█';
const CHART_WIDTH = 24;

/** One case as a line for people: verdict, name, a chart of RSS, what was seen and the limit. */
export function renderCaseLine(seriesCase: SeriesCase, analysis: SeriesAnalysis): string {
  const pod = seriesCase.pods.find(({ pod: name }) => name === analysis.pod) ?? seriesCase.pods[0];
  const name = printable(seriesCase.name ?? 'unnamed');
  const told = analysis.reasons.slice(0, 3).map(printable).join('. ');
  return `${analysis.verdict.padEnd(12)} ${name}  ${sparkline(pod?.samples ?? [])}  ${told}\n`;
}

/** Medians of equal spans of time, lowest to highest; a gap is a blank. */
export function sparkline(samples: readonly (readonly [number, number])[]): string {
  const usable = samples.filter(([, bytes]) => bytes > 0);
  const from = usable.reduce((least, [seconds]) => Math.min(least, seconds), Number.POSITIVE_INFINITY);
  const to = usable.reduce((most, [seconds]) => Math.max(most, seconds), Number.NEGATIVE_INFINITY);
  const bins: number[][] = Array.from({ length: CHART_WIDTH }, () => []);
  for (const [seconds, bytes] of usable) {
    const place = to > from ? (seconds - from) / (to - from) : 0;
    bins[Math.min(CHART_WIDTH - 1, Math.floor(place * CHART_WIDTH))]?.push(bytes);
  }
  const levels = bins.map((bin) => bin.toSorted((a, b) => a - b)[Math.floor(bin.length / 2)] ?? null);
  const known = levels.filter((level) => level !== null);
  const low = Math.min(...known);
  const high = Math.max(...known);
  return levels.map((level) => (level === null ? ' ' : bar(high > low ? (level - low) / (high - low) : 0))).join('');
}

function bar(share: number): string {
  return BARS[Math.min(BARS.length - 1, Math.floor(share * BARS.length))] ?? '';
}

/** Names come from files: no control characters reach a terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}|\p{Cf}/gu, '?');
}
