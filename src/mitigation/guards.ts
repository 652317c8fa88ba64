/** What must hold before a release is rolled back, each with the evidence that it was judged by. Pure. */
import type { Guard } from '../incident/rollback.ts';
import { MIGRATION } from '../incident/rollback-decisions.ts';
import { formatDuration } from '../units.ts';
import type { GuardFacts } from './guard-facts.ts';

/** A decision on older figures is one about another moment (facts of rollbacks, section 4). */
export const FRESH_SECONDS = 300;
/** Instances of two releases are a rollout under way for this long; later, they are a mixture that somebody left. */
export const ROLLOUT_SECONDS = 900;

const HEALTHY_TARGET = 'healthy target';
const GIT_OPS = 'GitOps';
/** Judged once, when a rollback is proposed: they take days of memory, or a look by the collector of the site. */
export const JUDGED_ONCE: ReadonlySet<string> = new Set([HEALTHY_TARGET, GIT_OPS]);

/** All of them, in the order in which they are shown. */
export function judgeGuards(facts: GuardFacts): Guard[] {
  return [
    freshData(facts),
    runningRelease(facts),
    healthyTarget(facts),
    noRollout(facts),
    noFreeze(facts),
    noCooldown(facts),
    migration(facts),
    gitOps(facts),
    ...(facts.isTierZero ? [twoPersons(facts)] : []),
  ];
}

function freshData({ dataAgeSeconds }: GuardFacts): Guard {
  const name = 'fresh data';
  if (dataAgeSeconds === null) return red(name, 'no sample of the service could be read just now');
  const evidence = `the newest sample is ${formatDuration(dataAgeSeconds)} old`;
  return dataAgeSeconds <= FRESH_SECONDS ? green(name, evidence) : red(name, evidence);
}

function runningRelease({ from, running }: GuardFacts): Guard {
  const name = 'suspect runs';
  const known = running.filter(({ release }) => release !== null);
  if (known.length === 0) return red(name, 'which release runs is not known');
  const mine = known.filter(({ release }) => release === from).length;
  const evidence = `${mine} of ${running.length} instances run ${from}`;
  if (mine === 0) return red(name, evidence);
  return mine === running.length ? green(name, evidence) : amber(name, evidence);
}

function healthyTarget({ to, target, healthyForSeconds }: GuardFacts): Guard {
  const name = HEALTHY_TARGET;
  if (!target.hasBaseline) return red(name, `${to} has no recorded healthy baseline`);
  if (target.ranSeconds === null) return red(name, `how long ${to} ran is not known`);
  const evidence = `${to} has a healthy baseline and ran for ${formatDuration(target.ranSeconds)} (needed: ${formatDuration(healthyForSeconds)})`;
  return target.ranSeconds >= healthyForSeconds ? green(name, evidence) : red(name, evidence);
}

function noRollout({ nowSeconds, from, to, running, lastDeploy, inspection, endsRollout }: GuardFacts): Guard {
  const name = 'no rollout';
  const releases = new Set(running.flatMap(({ release }) => release ?? []));
  if (lastDeploy !== null && !releases.has(lastDeploy.release) && nowSeconds - lastDeploy.at < ROLLOUT_SECONDS) {
    const ago = formatDuration(nowSeconds - lastDeploy.at);
    return red(name, `a deploy of ${lastDeploy.release} was told ${ago} ago, and it does not run yet`);
  }
  if (endsRollout && running.every(({ release }) => release === from || release === to)) {
    return green(name, `the rollout in progress is that of ${from} itself, and ${to} its stable side: it is aborted`);
  }
  if (inspection?.isRollingOut === true) return red(name, 'the platform says that a rollout is in progress');
  const known = running.filter(({ release }) => release !== null).length;
  if (releases.size <= 1) {
    if (known === running.length) return green(name, `all ${known} instances run one release`);
    return amber(name, `${known} of ${running.length} instances run one release, of the others it is not known`);
  }
  const youngest = Math.max(...running.map(({ startedAt }) => startedAt ?? Number.NEGATIVE_INFINITY));
  const age = nowSeconds - youngest;
  const evidence = `instances of ${[...releases].join(' and ')} run side by side, the youngest for ${formatDuration(age)}`;
  return age < ROLLOUT_SECONDS ? red(name, evidence) : amber(name, evidence);
}

function noFreeze({ freeze }: GuardFacts): Guard {
  const name = 'no freeze';
  return freeze === null ? green(name, 'no freeze window is open') : red(name, `the freeze window ${freeze} is open`);
}

function noCooldown({ nowSeconds, lastActAt, cooldownSeconds }: GuardFacts): Guard {
  const name = 'cooldown';
  if (lastActAt === null) return green(name, 'the service was not rolled back lately');
  const ago = nowSeconds - lastActAt;
  const evidence = `the last rollback was ${formatDuration(ago)} ago (cooldown ${formatDuration(cooldownSeconds)})`;
  return ago >= cooldownSeconds ? green(name, evidence) : red(name, evidence);
}

function migration({ from, to, migration: told, migrationWord }: GuardFacts): Guard {
  if (told.kind === 'irreversible') {
    return red(MIGRATION, `the deploy of ${told.release} is marked as an irreversible migration`);
  }
  if (told.kind === 'none') return green(MIGRATION, `the deploys from ${to} to ${from} say that none forbids it`);
  if (migrationWord !== null) return amber(MIGRATION, `none that can't be undone, by the word of ${migrationWord}`);
  return amber(MIGRATION, `no deploy between ${to} and ${from} tells whether there was one that can't be undone`);
}

function gitOps({ via, to, inspection }: GuardFacts): Guard {
  const name = GIT_OPS;
  if (inspection !== null && inspection.managedBy !== null) {
    const advice = `revert the commit that brought the release (back to ${to}) and let it sync`;
    return red(name, `${inspection.managedBy} would undo a rollback within minutes: ${advice}`);
  }
  if (via === 'command' || via === 'webhook') return green(name, `your own ${via} carries it out`);
  if (inspection === null) return amber(name, 'whether Argo CD or Flux manages it was not looked at');
  // What can be read tells whether it is rolling out, too.
  if (inspection.isRollingOut === null) return amber(name, 'whether Argo CD or Flux manages it could not be read');
  return green(name, 'neither Argo CD nor Flux manages it');
}

function twoPersons({ approvalsNeeded }: GuardFacts): Guard {
  const name = 'two persons';
  return approvalsNeeded === 2
    ? green(name, 'tier 0: two different persons are asked')
    : red(name, 'tier 0 needs two persons, and one is asked');
}

function green(name: string, evidence: string): Guard {
  return { name, state: 'green', evidence };
}

function amber(name: string, evidence: string): Guard {
  return { name, state: 'amber', evidence };
}

function red(name: string, evidence: string): Guard {
  return { name, state: 'red', evidence };
}
