import type { InstanceRecord, InstanceStore } from '../adapters/redis/instance-store.ts';
import type { SampleStore } from '../adapters/redis/sample-store.ts';
import type { Instance } from './instance.ts';
import type { InstanceTable } from './instance-table.ts';

/**
 * Takes up what an earlier collector of this host knew: processes that still live keep their release and start; for
 * those that are gone the end is the time of their last sample, without a reason: nobody was looking.
 * Returns the changed records of ended ones.
 */
export async function takeUpKnown(
  table: InstanceTable,
  stores: { instances: InstanceStore; samples: SampleStore },
  { host, nowMs }: { host: string; nowMs: number },
): Promise<InstanceRecord[]> {
  const open = (await stores.instances.list(table.service)).filter(
    (record) => record.host === host && record.endedAt === null,
  );
  const ended: InstanceRecord[] = [];
  for (const record of open) {
    const alive = table.adopt(record.instance);
    if (alive !== null) merge(alive, record);
    else ended.push(await endedRecord(record, table.service, stores.samples, nowMs));
  }
  return ended;
}

function merge(alive: Instance, record: InstanceRecord): void {
  alive.release ??= record.release;
  // The first computed start stays: a later one moves with every step of the clock.
  alive.startedAt = record.startedAt;
}

async function endedRecord(
  record: InstanceRecord,
  service: string,
  samples: SampleStore,
  nowMs: number,
): Promise<InstanceRecord> {
  const lastMs = await samples.lastSampleAt(service, record.instance, nowMs);
  return { ...record, endedAt: lastMs === null ? record.startedAt : lastMs / 1000, endReason: 'restart' };
}
