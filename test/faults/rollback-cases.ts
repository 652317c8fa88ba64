/** Every durable write from the press of the second approval to the proof, and what strikes at it. */
import { setTimeout as wait } from 'node:timers/promises';
import { type NameWrite, openNaming } from './name-write.ts';
import { checkEnding, type Ending } from './rollback-check.ts';
import { openRollbackWorld, type RoleName, type RollbackWorld } from './rollback-world.ts';
import type { Strike } from './tap.ts';

/** `at`: the role whose write it is, the write, and the state of the rollback at that moment. */
export type Point = { role: RoleName; at: string };

export const KINDS = [
  'its writer killed before it',
  'its writer killed after it',
  'the other role killed after it',
  'Redis killed before it',
  'Redis killed after it',
  'connections cut before it',
  'connections cut after it',
] as const;
export type Kind = (typeof KINDS)[number];
export type Case = Point & { kind: Kind };

/** `struck` false: in this run the write never came. */
export type Result = Ending & { struck: boolean; logs: string };

const CALM_MS = 150_000;
const LOOK_AGAIN_MS = 250;
/** What comes twice may come late. */
const LATE_MS = 2000;
const REDIS_AWAY_MS = 500;

/** One run in which nothing strikes: its writes, each with the state of the rollback in which it comes first. */
export async function findPoints(): Promise<Point[]> {
  const points = new Map<string, Point>();
  const { problems } = await run(await openNaming(), (point) => {
    points.set(`${point.role} ${point.at}`, point);
    return null;
  });
  if (problems.length > 0) throw new Error(`without any fault: ${problems.join('; ')}`);
  return [...points.values()];
}

export async function runCase({ role, at, kind }: Case): Promise<Result> {
  let struck = false;
  const result = await run(await openNaming(), (point, world) => {
    if (struck || point.role !== role || point.at !== at) return null;
    struck = true;
    return toStrike(kind, role, world);
  });
  return { ...result, struck };
}

async function run(
  names: () => NameWrite,
  decide: (point: Point, world: RollbackWorld) => Strike | null,
): Promise<Ending & { logs: string }> {
  let isOpen = false;
  let state = 'proposed';
  const world = await openRollbackWorld(names, (role, { name, rollbackState }) => {
    const at = `${name} (while ${state})`;
    state = rollbackState ?? state;
    return isOpen ? decide({ role, at }, world) : null;
  });
  const client = world.redis.connect();
  try {
    isOpen = true;
    await world.approve();
    const deadline = Date.now() + CALM_MS;
    while ((await checkEnding(world, client)).problems.length > 0 && Date.now() < deadline) await wait(LOOK_AGAIN_MS);
    await wait(LATE_MS);
    return { ...(await checkEnding(world, client)), logs: world.logs() };
  } finally {
    client.disconnect();
    await world.close();
  }
}

function toStrike(kind: Kind, role: RoleName, world: RollbackWorld): Strike {
  const other = role === 'bot' ? 'collector' : 'bot';
  const moment = kind.endsWith('before it') ? 'before' : 'after';
  switch (kind) {
    case 'its writer killed before it':
    case 'its writer killed after it':
      return { moment, isWithheld: true, act: () => world.kill(role) };
    case 'the other role killed after it':
      return { moment, isWithheld: false, act: () => world.kill(other) };
    case 'Redis killed before it':
    case 'Redis killed after it':
      return { moment, isWithheld: true, act: () => void killRedis(world) };
    case 'connections cut before it':
    case 'connections cut after it':
      return { moment, isWithheld: true, act: () => world.taps[role].cut() };
  }
}

async function killRedis({ redis }: RollbackWorld): Promise<void> {
  await redis.kill();
  await wait(REDIS_AWAY_MS);
  await redis.start();
}
