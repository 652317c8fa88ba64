import { type FarSide, type RelayPlace, relayArgv } from './far-side.ts';

/** `pod`: a pod's name, or `deploy/NAME`, of which kubectl takes one. Null: kubectl's own default. */
export type KubectlTarget = { namespace: string; pod: string; container: string | null; context: string | null };

/** Into a container of a pod; needs the right `create` on `pods/exec` in that namespace and nothing else. */
export function kubectlFarSide({ namespace, pod, container, context }: KubectlTarget, place: RelayPlace): FarSide {
  const where = [
    ...(context === null ? [] : [`--context=${context}`]),
    `--namespace=${namespace}`,
    ...(container === null ? [] : [`--container=${container}`]),
  ];
  return {
    name: `kubectl exec ${pod} in ${namespace}`,
    argv: ['kubectl', 'exec', '--stdin', ...where, pod, '--', ...relayArgv(place)],
  };
}
