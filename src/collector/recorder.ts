import type { InstanceRecord, InstanceStore, OomKill } from '../adapters/redis/instance-store.ts';
import type { InstanceSamples, SampleStore } from '../adapters/redis/sample-store.ts';
import type { Instance } from './instance.ts';

/**
 * Samples that wait for Redis at the most: an hour of 200 processes at 15 s, some 5 MB. Beyond, the oldest go: the
 * newest tell what is going on now.
 */
export const MAX_WAITING_SAMPLES = 50_000;
const MAX_WAITING_RECORDS = 5000;
const MAX_WAITING_CHILD_KILLS = 100;

type Changes = Map<string, { service: string; record: InstanceRecord }>;
type Waiting = { service: string; instance: string; atMs: number; rssBytes: number; anonymousBytes: number };

/** Tells the bot of OOM kills. Safe to repeat; resolves when they are stored. */
export type AnnounceKills = (service: string, kills: readonly OomKill[]) => Promise<void>;

/** Tells the bot of a killed child. Safe to repeat; resolves when it is stored. */
export type AnnounceChildKill = (service: string, at: number) => Promise<void>;

export interface Recorder {
  addSamples(atMs: number, live: readonly Instance[]): void;
  addInstance(instance: Instance): void;
  addChildKill(kill: { service: string; at: number }): void;
  /** Writes what waits. Rejects with what Redis answers; then nothing is lost and the next call tries again. */
  flush(): Promise<void>;
  /** Throws away what waits: another collector records this host. */
  discard(): void;
  /** Samples lost since the start because Redis was away for too long. */
  dropped(): number;
}

/** Keeps what was seen until Redis has it. */
export function createRecorder({
  host,
  samples,
  instances,
  announceKills = async () => {},
  announceChildKill = async () => {},
}: {
  host: string;
  samples: Pick<SampleStore, 'append'>;
  instances: InstanceStore;
  announceKills?: AnnounceKills | undefined;
  announceChildKill?: AnnounceChildKill | undefined;
}): Recorder {
  let waiting: Waiting[] = [];
  let records: Changes = new Map();
  let childKills: { service: string; at: number }[] = [];
  let droppedSamples = 0;

  function bound(): void {
    const surplus = Math.max(0, waiting.length - MAX_WAITING_SAMPLES);
    waiting.splice(0, surplus);
    droppedSamples += surplus;
    for (const key of records.keys()) {
      if (records.size <= MAX_WAITING_RECORDS) break;
      records.delete(key);
    }
  }

  return {
    addSamples(atMs, live) {
      for (const { service, instance, rssBytes, anonymousBytes } of live) {
        waiting.push({ service, instance, atMs, rssBytes, anonymousBytes });
      }
      bound();
    },
    addInstance(instance) {
      const { service } = instance;
      records.set(`${service}/${instance.instance}`, { service, record: toRecord(instance, host) });
      bound();
    },
    addChildKill(kill) {
      childKills = [...childKills, kill].slice(-MAX_WAITING_CHILD_KILLS);
    },
    async flush() {
      const batch = waiting;
      const changed = records;
      waiting = [];
      records = new Map();
      try {
        for (let kill = childKills[0]; kill !== undefined; kill = childKills[0]) {
          await announceChildKill(kill.service, kill.at);
          childKills.shift();
        }
        await samples.append(groupByInstance(batch));
        await saveRecords({ instances, announceKills }, [...changed.values()]);
      } catch (error) {
        waiting = [...batch, ...waiting];
        records = new Map([...changed, ...records]);
        bound();
        throw error;
      }
    },
    discard() {
      waiting = [];
      records = new Map();
      childKills = [];
    },
    dropped: () => droppedSamples,
  };
}

async function saveRecords(
  { instances, announceKills }: { instances: InstanceStore; announceKills: AnnounceKills },
  changed: readonly { service: string; record: InstanceRecord }[],
): Promise<void> {
  for (const service of new Set(changed.map((one) => one.service))) {
    const records = changed.filter((one) => one.service === service).map((one) => one.record);
    const kills = records.flatMap(toOomKill);
    // Before they are stored: what is stored is not recorded again, and a kill must be told of though we die now.
    if (kills.length > 0) await announceKills(service, kills);
    await instances.save(service, records);
    await instances.saveOomKills(service, kills);
  }
}

function toOomKill({ instance, endedAt, endReason }: InstanceRecord): OomKill[] {
  return endReason === 'oom' && endedAt !== null ? [{ at: endedAt, instance }] : [];
}

function groupByInstance(batch: readonly Waiting[]): InstanceSamples[] {
  const groups = new Map<string, { service: string; instance: string; samples: Waiting[] }>();
  for (const sample of batch) {
    const key = `${sample.service}/${sample.instance}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { service: sample.service, instance: sample.instance, samples: [sample] });
    else group.samples.push(sample);
  }
  return [...groups.values()];
}

function toRecord(instance: Instance, host: string): InstanceRecord {
  const { release, python, startedAt, endedAt, endReason, limitBytes } = instance;
  return { schema: 1, instance: instance.instance, host, release, python, startedAt, endedAt, endReason, limitBytes };
}
