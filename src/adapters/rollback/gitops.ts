import { type Failure, failed } from '../../errors.ts';
import type { Metadata } from './kubernetes-objects.ts';

/** Who keeps an object as git has it, by the marks that they leave; null: nobody was seen. */
export function detectGitOps({
  labels,
  annotations,
}: Pick<Metadata, 'labels' | 'annotations'>): 'Argo CD' | 'Flux' | null {
  const keys = [...Object.keys(labels ?? {}), ...Object.keys(annotations ?? {})];
  // Argo CD marks by annotation (`argocd.argoproj.io/tracking-id`), or by a label whose name is configurable: with the
  // usual one, `app.kubernetes.io/instance`, it leaves no other mark, and so do Helm charts: that proves nothing.
  if (keys.some((key) => key.startsWith('argocd.argoproj.io/'))) return 'Argo CD';
  const isFlux = keys.some((key) => /^(?:kustomize|helm)\.toolkit\.fluxcd\.io\//.test(key));
  return isFlux ? 'Flux' : null;
}

/** It would bring the bad release back within minutes. */
export function revertInGit(what: string, managedBy: string, { from, to }: { from: string; to: string }): Failure {
  const cure = `Revert the commit that brought ${from} (back to ${to}) and let ${managedBy} sync`;
  return failed('user', `${what} is managed by ${managedBy}, which would bring ${from} back within minutes`, cure);
}
