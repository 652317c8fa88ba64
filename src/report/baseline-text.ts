import type { Baseline } from '../analysis/baseline.ts';
import { formatBytes, formatDuration, formatRate } from '../units.ts';

/** One baseline as a line for people. Plain text. */
export function baselineLine(baseline: Baseline): string {
  const { release, bytes, spreadBytes, growthBytesPerHour, windowSeconds, recordedAt, source, setBy } = baseline;
  const growth = growthBytesPerHour === null ? 'growth not measured' : formatRate(growthBytesPerHour);
  const by = source === 'auto' ? 'recorded by itself' : `set by ${setBy ?? 'somebody'}`;
  const level = `${formatBytes(bytes)} ± ${formatBytes(spreadBytes)}`;
  return `${release ?? 'release unknown'}: ${level}, ${growth} over ${formatDuration(windowSeconds)}, ${by} ${recordedAt}`;
}
