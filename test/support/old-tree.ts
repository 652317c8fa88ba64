import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export type OldTree = { cli: string; close: () => Promise<void> };

/** An older commit of this repository, built beside it with today's packages. */
export async function buildOldTree(commit: string): Promise<OldTree> {
  const dir = await mkdtemp(join(tmpdir(), 'mt-old-'));
  const tree = join(dir, 'tree');
  await run('git', ['worktree', 'add', '--detach', tree, commit]);
  const close = async (): Promise<void> => {
    await run('git', ['worktree', 'remove', '--force', tree]);
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await symlink(resolve('node_modules'), join(tree, 'node_modules'));
    await run(resolve('node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json'], { cwd: tree });
  } catch (error) {
    await close();
    throw error;
  }
  return { cli: join(tree, 'dist/main/cli.js'), close };
}
