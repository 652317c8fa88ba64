/** Where the pods of a service are: by what it is rolled back with, by its transport, or as the watch of pods places them. */
import type { PodSearch } from '../adapters/kubernetes/cluster-rooms.ts';
import { placeAlert } from '../alert/place-alert.ts';
import type { Pod } from '../alert/pod-end.ts';
import { labelsOf, workloadOf } from '../alert/pod-labels.ts';
import type { Config, Service } from '../config/config.ts';

/** Null: as far as the configuration tells it does not run in Kubernetes, or in a cluster of another context. */
export function podSearchOf(service: Service, config: Config): PodSearch | null {
  const { transport, rollback, site, name } = service;
  const container = transport?.kind === 'kubectl' ? transport.container : null;
  const search = (namespaces: readonly string[], isOwn: PodSearch['isOwn']): PodSearch => ({
    service: name,
    namespaces,
    isOwn,
    container,
  });
  const { via } = rollback;
  if (via?.kind === 'kubernetes') {
    const { kind, name: workload } = via.workload;
    return search([via.namespace], ownedBy(kind === 'Deployment' ? 'ReplicaSet' : kind, workload));
  }
  if (via?.kind === 'argoRollouts') return search([via.namespace], ownedBy('ReplicaSet', via.rollout));
  const context = config.kubernetes?.context ?? null;
  if (transport?.kind === 'kubectl' && transport.context === context) {
    return search([transport.namespace], namedByKubectl(transport.pod));
  }
  // Processes of the collector's own machine are no pods that a watch could place.
  const isHere = service.sockets !== null && transport === null;
  if (config.kubernetes?.site !== site || isHere || transport?.kind === 'kubectl') return null;
  return search(config.kubernetes.namespaces, (pod) => placedWith(service, pod, config));
}

function ownedBy(kind: string, workload: string): PodSearch['isOwn'] {
  return (pod) => pod.metadata.ownerReferences?.[0]?.kind === kind && workloadOf(pod) === workload;
}

/** `deploy/search`, `pod/search-1` or `search-1`. */
function namedByKubectl(written: string): PodSearch['isOwn'] {
  const [name, kind = 'pod'] = written.split('/').toReversed();
  const isPod = ['pod', 'pods', 'po'].includes(kind);
  return (pod) => (isPod ? pod.metadata.name : workloadOf(pod)) === name;
}

/** An OOM kill of one of its containers would become an alert of the service. */
function placedWith({ name }: Service, pod: Pod, { services }: Config): boolean {
  const containers = pod.status.containerStatuses?.map((status) => status.name) ?? [''];
  return containers.some(
    (container) => placeAlert(services.values(), { service: null, labels: labelsOf(pod, container) })?.name === name,
  );
}
