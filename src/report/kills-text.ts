import { nodesOf, type Umbrella } from '../incident/umbrella.ts';
import { formatDuration } from '../units.ts';

/** `OOM kills of 12 services in 3 min on node ip-10-1`. Plain text. */
export function killsText(umbrella: Pick<Umbrella, 'children'>): string {
  const { children } = umbrella;
  const firstMs = Math.min(...children.map(({ firstKillAt }) => Date.parse(firstKillAt)));
  const lastMs = Math.max(...children.map(({ lastKillAt }) => Date.parse(lastKillAt)));
  const nodes = nodesOf(umbrella);
  const where = nodes.length === 0 ? '' : nodes.length === 1 ? ` on node ${nodes[0]}` : ` on ${nodes.length} nodes`;
  return `OOM kills of ${children.length} services in ${formatDuration(Math.max(1, (lastMs - firstMs) / 1000))}${where}`;
}
