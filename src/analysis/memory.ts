/** A service's recorded memory as the sources give it: instances with their lives, on wall-clock time. */
import type { ServiceNodes } from './node-room.ts';
import type { Sample, SeriesCase } from './series.ts';

export type EndReason = 'deploy' | 'recycle' | 'oom' | 'restart';

/** One process (or pod) from its start to its end. */
export type InstanceMemory = {
  /** Unique among all instances of the service, ended ones too (`<pid>.<startTicks>`, or Prometheus' `instance`). */
  instance: string;
  release: string | null;
  /** Epoch seconds; null when not known. */
  startedAt: number | null;
  /** Epoch seconds; null while it lives. */
  endedAt: number | null;
  endReason: EndReason | null;
  limitBytes: number | null;
  /** `[epochSeconds, rssBytes]`, increasing. */
  samples: readonly Sample[];
};

/** What a machine could still give to the instances of the service that run there. Bytes. */
export type HostRoom = {
  host: string;
  instances: number;
  /** How many limits these have: those of one cgroup share one. */
  limits: number;
  roomBytes: number;
  totalBytes: number;
  /** Since it was read, seconds. */
  ageSeconds: number;
};

export type ServiceMemory = {
  source: 'collector' | 'prometheus' | 'watch';
  /** What a reader must know of the source: "Prometheus did not answer (…); the collector's samples stand in". */
  sourceNote?: string;
  instances: readonly InstanceMemory[];
  /** The configured limit, else the tightest one of what runs; bytes of one instance. */
  limitBytes: number | null;
  /** Epoch seconds of OOM kills in the window; null when nothing counts them. */
  oomKillsAt: readonly number[] | null;
  /**
   * When every host that had instances was looked at for them, without a break, epoch seconds: between these moments a
   * process that is not among `instances` did not run there. Null: some host has nobody who looks. Absent: the source
   * can't tell.
   */
  looked?: { from: number; to: number } | null;
  /** Absent: nobody looked at the machines. */
  hosts?: readonly HostRoom[];
  /** Absent: nobody looked at the nodes of Kubernetes, or it does not run there. */
  nodes?: ServiceNodes;
  /** `[epochSeconds, rate]`: load in any unit; null or absent when it is not known. */
  traffic?: SeriesCase['traffic'];
  /** Releases in order of their first start. Epoch seconds. */
  deploys: readonly { release: string; at: number }[];
};
