import { formatBytes, formatRatio } from '../units.ts';
import { fixFor } from './pattern/fix.ts';
import { type GrowthFacts, growthFacts, type PatternContext } from './pattern/growth-facts.ts';
import { containerPattern, describeContainer } from './pattern/suspect.ts';
import type { Confidence, LeakPattern, LeakPatternName, Snapshot } from './snapshot.ts';

/** Half of the growth: below it a container is not blamed alone, whatever it looks like (collector facts, section 8). */
const ENOUGH_EXPLAINED = 0.5;
/** Below this share a container is a bystander. */
const WORTH_NAMING = 0.2;
/** Fewer new entries than this may be chance: a burst of requests, a list that is about to be emptied. */
const ENOUGH_ENTRIES = 50;
/** Free memory that the allocators keep, as a share of RSS, from which it is the finding (high-water program: 0.9). */
const MUCH_RETAINED = 0.35;

/**
 * Why the process grows, from one snapshot and the verdict on its recorded series. Pure decision, first match wins:
 *
 * | sign | pattern |
 * |---|---|
 * | healthy series | none |
 * | memory returns with the traffic | load-driven |
 * | a healthy release filled up in the same way | warm-up |
 * | an unbounded container explains enough of the growth | unbounded-cache, accumulated-results or callback-cycle |
 * | native memory is at least half of the growth | native |
 * | allocators keep much free memory, objects do not grow | fragmentation |
 * | objects grow without an owner while cycles are not collected | reference-cycle |
 * | a container grows, but explains little | its pattern, with low confidence |
 * | anything else | inconclusive |
 */
export function classifyPattern(snapshot: Snapshot, context: PatternContext): LeakPattern {
  const facts = growthFacts(snapshot, context);
  return bySeries(facts, context) ?? byOwner(facts, context) ?? byLayer(facts) ?? byWeakOwner(facts) ?? unknown(facts);
}

function bySeries(facts: GrowthFacts, { state, returnsInQuiet }: PatternContext): LeakPattern | null {
  const counterEvidence = facts.suspects.slice(0, 1).map((suspect) => describeContainer(suspect, facts));
  if (state === 'healthy') {
    return found(
      'none',
      'high',
      ['the recorded memory is healthy: it does not grow beyond its baseline'],
      counterEvidence,
    );
  }
  if (returnsInQuiet === true) {
    const evidence = ['memory returns near its baseline when traffic is low'];
    return found('load-driven', 'medium', evidence, counterEvidence);
  }
  if (state === 'filling') {
    const evidence = ['memory grows towards a level that a healthy release reached too'];
    return found('warm-up', 'medium', evidence, counterEvidence);
  }
  return null;
}

function byOwner(facts: GrowthFacts, { state }: PatternContext): LeakPattern | null {
  const [suspect] = facts.suspects;
  if (suspect === undefined || (suspect.explainsRatio ?? 0) < ENOUGH_EXPLAINED) return null;
  const { name, evidence, counterEvidence } = containerPattern(suspect.container);
  const isSure = (suspect.container.lengthDiff ?? 0) >= ENOUGH_ENTRIES && counterEvidence.length === 0;
  const confidence: Confidence = !isSure ? 'low' : state === 'leak' || state === 'suspect' ? 'high' : 'medium';
  return found(
    name,
    confidence,
    [describeContainer(suspect, facts), ...evidence, ...facts.linesOf(suspect.container.path)],
    [...counterEvidence, ...facts.bystanders],
    suspect.container.path,
  );
}

function byLayer(facts: GrowthFacts): LeakPattern | null {
  const { growthBytes, rssBytes, nativeDeltaBytes, pythonDeltaBytes, allocatorBytes } = facts;
  const grows = growthBytes !== null && !facts.isNoise;
  if (grows && nativeDeltaBytes !== null && nativeDeltaBytes >= growthBytes * ENOUGH_EXPLAINED) {
    const evidence = [
      `native memory grew by ${formatBytes(nativeDeltaBytes)}, ${share(nativeDeltaBytes, growthBytes)} of the growth`,
    ];
    const { doubtBytes, ownerless } = facts;
    if (nativeDeltaBytes - doubtBytes >= growthBytes * ENOUGH_EXPLAINED)
      return found('native', 'medium', evidence, ownerless);
    const doubt = `${formatBytes(doubtBytes)} of it may be Python objects whose size was not read`;
    return found('native', 'low', evidence, [doubt, ...ownerless]);
  }
  const isRetained = allocatorBytes !== null && allocatorBytes >= rssBytes * MUCH_RETAINED;
  if (isRetained && (pythonDeltaBytes ?? 0) <= (growthBytes ?? 0) * ENOUGH_EXPLAINED) {
    const evidence = [
      `the allocators keep ${formatBytes(allocatorBytes)} free, ${share(allocatorBytes, rssBytes)} of RSS: objects were freed, their memory was not returned`,
    ];
    return found('fragmentation', grows ? 'low' : 'medium', evidence, facts.bystanders);
  }
  const isOwnerless = grows && pythonDeltaBytes !== null && pythonDeltaBytes >= growthBytes * ENOUGH_EXPLAINED;
  if (isOwnerless && facts.cycleSigns.length > 0) {
    const evidence = [
      `Python objects grew by ${formatBytes(pythonDeltaBytes)} without a container that owns them`,
      ...facts.cycleSigns,
    ];
    return found('reference-cycle', 'medium', evidence, facts.bystanders);
  }
  return null;
}

function byWeakOwner(facts: GrowthFacts): LeakPattern | null {
  const [suspect] = facts.suspects;
  if (suspect === undefined || (suspect.explainsRatio ?? 1) < WORTH_NAMING) return null;
  const { name, evidence, counterEvidence } = containerPattern(suspect.container);
  const weak =
    suspect.explainsRatio === null
      ? 'RSS did not grow in the window: the entries may refill memory that was free before'
      : `it explains only ${formatRatio(suspect.explainsRatio).slice(1)} of the growth`;
  return found(
    name,
    'low',
    [describeContainer(suspect, facts), ...evidence],
    [weak, ...counterEvidence],
    suspect.container.path,
  );
}

function unknown(facts: GrowthFacts): LeakPattern {
  const evidence = facts.isInside
    ? [
        facts.isCompared
          ? 'no container reachable from a module explains the growth'
          : 'which containers grew was not seen',
      ]
    : ['the inside of the process was not seen', ...facts.kinds];
  return found('inconclusive', 'low', evidence, facts.bystanders);
}

function found(
  name: LeakPatternName,
  confidence: Confidence,
  evidence: readonly string[],
  counterEvidence: readonly string[],
  owner: string | null = null,
): LeakPattern {
  return { name, confidence, evidence: [...evidence], counterEvidence: [...counterEvidence], fix: fixFor(name, owner) };
}

function share(part: number, whole: number): string {
  return `${Math.round((part / whole) * 100)} %`;
}
