import type { TimelineEntry } from './alert-tally.ts';

/** One entry of the timeline as a plain line, without its time. */
export function tellEntry({ event, kind, count, name, instance, sources }: TimelineEntry): string {
  const what = kind === 'oom' ? `OOM kill ×${count}` : `${name} ×${count}`;
  const where = instance === null ? '' : ` on ${instance}`;
  const words = { occurred: what, reopened: `again: ${what}`, resolved: `${name} resolved`, quiet: 'all resolved' }[
    event
  ];
  return `${words}${where}, told by ${sources.join(' and ')}`;
}
