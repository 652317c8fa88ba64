import type { Outcome } from '../../errors.ts';
import type { ApiAnswer, KubernetesApi, Patch } from '../kubernetes-api.ts';

/** On the subresource; older CRDs have none, and take it on the object (as `kubectl argo rollouts abort` does it). */
export async function sendAbort(
  path: string,
  abort: Omit<Patch, 'dryRun'>,
  { api, isDryRun, signal }: { api: KubernetesApi; isDryRun: boolean; signal: AbortSignal },
): Promise<Outcome<ApiAnswer>> {
  const patch = { ...abort, dryRun: isDryRun };
  const answer = await api.patch(`${path}/status`, patch, signal);
  return answer.outcome === 'ok' && answer.value.status === 404 ? await api.patch(path, patch, signal) : answer;
}
