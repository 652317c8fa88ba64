import { formatBytes, formatDuration } from '../../units.ts';
import type { LeakPatternName, SnapshotContainer } from '../snapshot.ts';
import type { GrowthFacts, Suspect } from './growth-facts.ts';

/** Half of the newest entries: the container is a registry of them, not one that happens to hold some. */
const MOSTLY = 0.5;

/** Words of owner names. Evidence only where type and entries leave it open. */
const REGISTRY_NAME = /(listener|handler|callback|observer|subscri|receiver|hook)/i;
const RESULT_NAME = /(result|queue|retr|pending|history|backlog|buffer|failed|event|log|job|task)/i;
const CACHE_NAME = /(cache|memo|session|lookup|index|registry|by_|store)/i;

const MAPPING_TYPE = /^(dict|OrderedDict|defaultdict|Counter|set|lru_cache)$|\((dict|set)\)$/;

export type ContainerPattern = { name: LeakPatternName; evidence: string[]; counterEvidence: string[] };

/** Which pattern an unbounded, growing container has, from its type, its newest entries and its name. */
export function containerPattern(container: SnapshotContainer): ContainerPattern {
  const name = patternName(container);
  const evidence: string[] = [];
  const counterEvidence: string[] = [];
  const { oldestKept, callableRatio, cyclicRatio } = container;
  if (oldestKept === true) evidence.push('its oldest entries are the same in both looks: nothing is removed');
  if (oldestKept === false)
    counterEvidence.push('its oldest entries changed: something removes them, only more slowly than they come');
  if (container.type === 'lru_cache') evidence.push('its maxsize is None: it never evicts');
  if ((callableRatio ?? 0) >= MOSTLY) evidence.push(`${percent(callableRatio)} of its newest entries are callables`);
  if ((cyclicRatio ?? 0) >= MOSTLY)
    evidence.push(`${percent(cyclicRatio)} of its newest entries are part of reference cycles`);
  return { name, evidence, counterEvidence };
}

function patternName({ path, type, callableRatio }: SnapshotContainer): LeakPatternName {
  const owner = path.slice(path.indexOf('.') + 1);
  if ((callableRatio ?? 0) >= MOSTLY) return 'callback-cycle';
  if (type === 'lru_cache') return 'unbounded-cache';
  if (!MAPPING_TYPE.test(type)) return REGISTRY_NAME.test(owner) ? 'callback-cycle' : 'accumulated-results';
  return RESULT_NAME.test(owner) && !CACHE_NAME.test(owner) ? 'accumulated-results' : 'unbounded-cache';
}

/** `app.retries.QUEUE (list, 12345 entries) grew by 1234 in 10 s, 560 B an entry: 93 % of the growth`. */
export function describeContainer(
  { container, bytes, explainsRatio }: Suspect,
  facts: Pick<GrowthFacts, 'windowSeconds'>,
): string {
  const { path, type, length, lengthDiff, bytesPerEntry } = container;
  const grew = `${path} (${type}, ${length} entries) grew by ${lengthDiff ?? 0} in ${formatDuration(facts.windowSeconds)}`;
  const size = bytesPerEntry === null ? '' : `, ${formatBytes(bytesPerEntry)} an entry`;
  if (explainsRatio !== null) return `${grew}${size}: ${percent(explainsRatio)} of the growth`;
  return bytesPerEntry === null ? grew : `${grew}${size}: ${formatBytes(bytes)}`;
}

function percent(ratio: number | null): string {
  return `${Math.round((ratio ?? 0) * 100)} %`;
}
