/** The bot's side of rollbacks that were approved: handed over durably, carried out by the site, proven in the thread. */
import { createMitigationQueue, startMitigationWorker } from '../adapters/bullmq/mitigation-queue.ts';
import { createRollbackQueue } from '../adapters/bullmq/rollback-queue.ts';
import { closeWorker } from '../adapters/close-worker.ts';
import type { BaselineStore } from '../adapters/redis/baseline-store.ts';
import { isSiteAlive } from '../adapters/redis/heartbeat.ts';
import type { RedisIncidentBook } from '../adapters/redis/incident-book.ts';
import type { RollbackBook } from '../adapters/redis/rollback-book.ts';
import type { Outbox } from '../adapters/slack/outbox.ts';
import type { Service } from '../config/config.ts';
import type { Guard, Rollback } from '../incident/rollback.ts';
import { orderKey } from '../incident/rollback-course.ts';
import { type CarryOutPorts, carryOutStep } from '../mitigation/carry-out.ts';
import type { Inspection } from '../mitigation/guard-facts.ts';
import { renderCarryOut } from '../report/slack-carry-out.ts';
import type { World } from './world.ts';

/** A person who pressed a button waits for it; what is not known by then is told as not looked at. */
const INSPECT_MS = 2000;

export type MitigatingParts = {
  world: World;
  incidents: Pick<RedisIncidentBook, 'find' | 'close'>;
  baselines: Pick<BaselineStore, 'current'>;
  rollbacks: RollbackBook;
  outbox: Pick<Outbox, 'reply'>;
  refresh: (incidentId: string) => Promise<void>;
};

export type Mitigating = {
  /** Hands an approved rollback over; resolves when Redis has it. Safe to repeat. */
  carryOut(rollback: Rollback): Promise<void>;
  /** What the collector of the site sees of the workload, changing nothing; null: nobody can look. */
  inspect(service: Service, way: Pick<Rollback, 'from' | 'to'>): Promise<Inspection | null>;
  /** Takes what was handed over, from now until the world closes. */
  start(guardsNow: (rollback: Rollback) => Promise<readonly Guard[]>): void;
};

export function openMitigating(parts: MitigatingParts): Mitigating {
  const { world } = parts;
  const { redis, closers, logger } = world;
  const orders = createRollbackQueue(redis.command(), redis.prefix);
  closers.add('rollback orders', orders.close);
  const queue = createMitigationQueue(redis.command(), redis.prefix);
  closers.add('mitigation queue', queue.close);
  return {
    carryOut: (rollback) => queue.add(rollback.incident, orderKey(rollback)),
    async inspect({ name, site, rollback: { via } }, way) {
      // What a command or a webhook would do is its own affair: there is nothing to look at.
      if (via === null || via.kind === 'command' || via.kind === 'webhook') return null;
      if (!(await isSiteAlive(redis.command(), redis.prefix, site))) return null;
      const order = { schema: 1 as const, key: `look/${name}`, incident: '', service: name, site, ...way };
      const nobody = { requestedBy: '', approvedBy: [], notAfter: new Date().toISOString() };
      const signal = AbortSignal.any([world.signal, AbortSignal.timeout(INSPECT_MS)]);
      const seen = await orders.dryRun({ ...order, ...nobody }, signal).catch(() => null);
      return seen;
    },
    start(guardsNow) {
      const ports = carryOutPorts(parts, { orders, guardsNow });
      const worker = startMitigationWorker({
        connection: redis.blocking(),
        prefix: redis.prefix,
        step: (incidentId) => carryOutStep(incidentId, ports),
        onError: (err) => logger.warn({ err }, 'a step of a rollback failed and is tried again'),
      });
      closers.add('mitigation worker', () => closeWorker(worker));
    },
  };
}

function carryOutPorts(
  { world, incidents, baselines, rollbacks, outbox, refresh }: MitigatingParts,
  { orders, guardsNow }: Pick<CarryOutPorts, 'orders' | 'guardsNow'>,
): CarryOutPorts {
  const settings: CarryOutPorts['settings'] = (service) => {
    const known = world.config.services.get(service);
    return known === undefined ? null : { policy: known.policy, verifyForSeconds: known.rollback.verifyForSeconds };
  };
  return {
    now: Date.now,
    rollbacks,
    guardsNow,
    orders,
    readMemory: (service, sinceSeconds) => world.memory.readMemory(service, sinceSeconds, world.signal),
    baseline: (service) => baselines.current(service),
    openedAt: async (incidentId) => (await incidents.find(incidentId))?.openedAt ?? null,
    async tell(rollback) {
      const message = renderCarryOut(rollback, settings(rollback.service)?.verifyForSeconds ?? 0);
      const incident = message === null ? null : await incidents.find(rollback.incident);
      if (message === null || incident === null) return;
      await outbox.reply(incident, `rollback-${rollback.state}-${orderKey(rollback)}`, message);
    },
    refresh,
    closeIncident: ({ incident }) => incidents.close(incident),
    settings,
  };
}
