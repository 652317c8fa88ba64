/** The executor that the configuration names for a service. A new one is a file in adapters/rollback and a line here. */
import { openKubernetes } from '../adapters/kubernetes-api.ts';
import { createArgoRolloutsExecutor } from '../adapters/rollback/argo-rollouts.ts';
import { createCommandExecutor } from '../adapters/rollback/command.ts';
import { createHelmExecutor } from '../adapters/rollback/helm.ts';
import { createDeploymentExecutor } from '../adapters/rollback/kubernetes-deployment.ts';
import { createRevisionExecutor } from '../adapters/rollback/kubernetes-revisions.ts';
import { createWebhookExecutor } from '../adapters/rollback/webhook.ts';
import type { Service } from '../config/config.ts';
import { failed, type Outcome, ok } from '../errors.ts';
import type { RollbackExecutor } from '../mitigation/executor.ts';
import { type Environment, rollbackEnvironment } from './environment.ts';

/** A Failure: nothing is configured, or a secret is missing. */
export async function chooseExecutor(
  { name, rollback: { via } }: Pick<Service, 'name' | 'rollback'>,
  { rollbackSecret }: Pick<Environment, 'rollbackSecret'>,
  kubernetesContext: string | null,
): Promise<Outcome<RollbackExecutor>> {
  const open = () => openKubernetes(kubernetesContext);
  switch (via?.kind) {
    case 'command':
      return ok(createCommandExecutor({ argv: via.argv, environment: rollbackEnvironment() }));
    case 'webhook':
      if (rollbackSecret !== null) return ok(createWebhookExecutor({ url: via.url, secret: rollbackSecret.reveal() }));
      return failed(
        'operator',
        'MEMTRIAGE_ROLLBACK_SECRET is not set for the collector',
        'Set it: orders are signed with it',
      );
    case 'kubernetes': {
      const { namespace, workload } = via;
      const place = { namespace, name: workload.name };
      if (workload.kind === 'Deployment') return ok(createDeploymentExecutor(place, open));
      return ok(createRevisionExecutor({ ...place, kind: workload.kind }, open));
    }
    case 'argoRollouts':
      return ok(createArgoRolloutsExecutor({ namespace: via.namespace, name: via.rollout }, open));
    case 'helm': {
      const { namespace, release } = via;
      const context = kubernetesContext;
      return ok(createHelmExecutor({ namespace, release, context, environment: rollbackEnvironment() }));
    }
    case undefined:
      return failed('operator', `${name} has no rollback.via`, `Say in the configuration how ${name} is rolled back`);
  }
}
