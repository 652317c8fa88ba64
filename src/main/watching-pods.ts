/** The collector's watch of Kubernetes: kills and evictions for memory become alerts, other ends are named in the log. */
import { watchPods } from '../adapters/kubernetes/pod-watch.ts';
import { openKubernetes } from '../adapters/kubernetes-api.ts';
import type { Alert } from '../alert/alert.ts';
import { toPodAlert } from '../alert/pod-end.ts';
import { CommandError, EXIT_CONFIG } from '../errors.ts';
import type { World } from './world.ts';

/** Nothing unless the configuration has the watch done by this site. Runs until the world closes. Throws a CommandError (78). */
export async function startWatchingPods(
  { config, logger, closers }: World,
  site: string,
  announce: (alerts: readonly Alert[]) => Promise<void>,
): Promise<void> {
  if (config.kubernetes === null || config.kubernetes.site !== site) return;
  const { namespaces, context } = config.kubernetes;
  const api = await openKubernetes(context);
  if (api.outcome !== 'ok') throw new CommandError(EXIT_CONFIG, api.why, `${api.tryThis}.`);
  const stop = new AbortController();
  const watches = namespaces.map((namespace) =>
    watchPods({
      api: api.value,
      namespace,
      async announce(pod, ends) {
        const { name } = pod.metadata;
        for (const { cause, container, evidence } of ends) {
          logger.info({ namespace, pod: name, container, cause, evidence }, 'a container ended');
        }
        await announce(ends.flatMap((end) => toPodAlert(pod, end) ?? []));
      },
      onTrouble: (why) => logger.warn({ namespace, why }, 'the pods are not watched just now; tried again'),
      now: Date.now,
      signal: stop.signal,
    }),
  );
  closers.add('pod watch', async () => {
    stop.abort();
    await Promise.all(watches);
  });
  logger.info({ namespaces, server: api.value.server }, 'pods are watched');
}
