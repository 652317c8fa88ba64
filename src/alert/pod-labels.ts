/** What places a pod: its labels, its workload, and the template that it was made from. Pure. */
import { cut } from './bounded.ts';
import type { Pod } from './pod-end.ts';

/** The pod's labels as they are and as kube-state-metrics writes them, and what places a service by default. */
export function labelsOf({ metadata, spec }: Pod, container: string): Record<string, string> {
  const own = Object.entries(metadata.labels ?? {}).slice(0, 24);
  const written = own.map(([key, value]) => [key.replaceAll(/[^A-Za-z0-9_]/g, '_'), value]);
  const workload = workloadOf({ metadata });
  const service =
    metadata.labels?.['service'] ?? metadata.labels?.['app.kubernetes.io/name'] ?? metadata.labels?.['app'] ?? workload;
  const labels = Object.fromEntries(
    [...own, ...written].map(([key, value]) => [cut(key ?? '', 100), cut(value ?? '')]),
  );
  return {
    ...labels,
    ...(service === null ? {} : { service }),
    ...(workload === null ? {} : { workload }),
    namespace: metadata.namespace,
    pod: metadata.name,
    container,
    ...(spec.nodeName == null ? {} : { node: spec.nodeName }),
  };
}

/** What tells templates of one workload apart; null: it has no workload. */
export function templateOf({ metadata }: Pod): { workload: string; hash: string } | null {
  const workload = workloadOf({ metadata });
  const hash = metadata.labels?.['pod-template-hash'] ?? metadata.labels?.['controller-revision-hash'];
  return workload === null || hash === undefined ? null : { workload: `${metadata.namespace}/${workload}`, hash };
}

/** A ReplicaSet is named after its Deployment and a hash. */
export function workloadOf({ metadata: { ownerReferences } }: Pick<Pod, 'metadata'>): string | null {
  const owner = ownerReferences?.[0];
  if (owner === undefined) return null;
  return owner.kind === 'ReplicaSet' ? owner.name.replace(/-[a-z0-9]+$/, '') : owner.name;
}
