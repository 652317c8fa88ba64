import type { NoteRollback } from '../adapters/metrics/rollback-metrics.ts';
import type { RollbackBook } from '../adapters/redis/rollback-book.ts';
import type { Rollback } from '../incident/rollback.ts';

/** The same book; each change that it writes is noted, once, with the record before it. */
export function measureRollbacks(book: RollbackBook, note: NoteRollback): RollbackBook {
  return {
    ...book,
    async change(incidentId, decide) {
      let seen: Rollback | null = null;
      let isWritten = false;
      // Asked again when somebody else was faster: the last answer is the one that counts.
      const after = await book.change(incidentId, (before) => {
        const change = decide(before);
        seen = before;
        isWritten = change !== null;
        return change;
      });
      if (isWritten && after !== null) note(seen, after);
      return after;
    },
  };
}
