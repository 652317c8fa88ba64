/** The configuration of the demonstration. Its windows are short so that two minutes show what takes hours in earnest. */

export const DEMO_SERVICE = 'checkout';

/** What differs from the defaults, and why; printed, so that nobody takes the demonstration's windows for advice. */
export const SHORT_WINDOWS = [
  'sampling every 0.5 s (default 15 s)',
  'warm-up 3 s (default 15 min)',
  'budget over 1.5 s, so a baseline needs 18 s (default 30 min and 6 h)',
  'two looks into the process 6 s apart (default 10 s)',
  'memory limit 512 MiB',
  'no channel in the configuration: the watch opens no thread by itself, so that the command does',
] as const;

/** memtriage.yaml of the demonstration. */
export function demoConfig(sockets: string): string {
  return `sampling: { every: 500ms, keep: 1h }
policy:
  warning:  { over: 15%, for: 1.5s }
  critical: { over: 30%, for: 1.5s, oomKills: 2, within: 1h }
  warmUp:   3s
snapshot: { window: 6s }
services:
  ${DEMO_SERVICE}:
    limit: 512MiB
    sockets: ${JSON.stringify(sockets)}
`;
}
