import type { DeployBook } from '../adapters/redis/deploy-book.ts';
import { joinDeploys } from '../analysis/known-deploys.ts';
import { messageOf, ok } from '../errors.ts';
import type { MemorySource } from '../triage/ports.ts';

/** Recorded memory with the deploys that pipelines told of (`POST /deploys`): onsets are compared with them too. */
export function withToldDeploys(memory: MemorySource, book: Pick<DeployBook, 'list'>, now: () => number): MemorySource {
  return {
    async readMemory(service, sinceSeconds, signal) {
      const [read, told] = await Promise.all([
        memory.readMemory(service, sinceSeconds, signal),
        book.list(service, now() / 1000 - sinceSeconds).catch(messageOf),
      ]);
      if (read.outcome !== 'ok') return read;
      if (typeof told === 'string') {
        const notes = [read.value.sourceNote, `deploys that were told could not be read (${told})`];
        return ok({ ...read.value, sourceNote: notes.filter((note) => note !== undefined).join('; ') });
      }
      const known = told.map(({ release, at }) => ({ release, at: Date.parse(at) / 1000 }));
      return ok({ ...read.value, deploys: joinDeploys(read.value.deploys, known) });
    },
  };
}
