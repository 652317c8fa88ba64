import type { LeakPatternName } from '../snapshot.ts';

/** What mends each pattern, for the person who has the code before them. `owner`: the container, where one is known. */
export function fixFor(name: LeakPatternName, owner: string | null): string | null {
  const it = owner ?? 'the container';
  switch (name) {
    case 'unbounded-cache':
      return `Bound ${it}: an LRU or TTL cache with a maximum of entries (functools.lru_cache(maxsize=…), cachetools.TTLCache). Choose the size by hit rate against bytes, and export both as metrics.`;
    case 'accumulated-results':
      return `Do not keep everything in ${it}: stream results out, or put them on disk or into an object store and keep a rolling window. For retries: cap the number of attempts and the length of the queue, truncate payloads, and drop or park what failed too often.`;
    case 'callback-cycle':
      return `Unregister from ${it} when the owner ends (a context manager, weakref.WeakMethod or weakref.WeakSet), break cycles between callback and owner, and audit every registry that only grows.`;
    case 'reference-cycle':
      return 'Break the cycles (weakref for the way back to the parent), and leave the garbage collector on: with gc.disable() or very high thresholds cycles are never freed.';
    case 'native':
      return 'Look at extension libraries: buffers of compression, crypto, image codecs and database drivers. Close them explicitly, and compare library versions of the two releases; memray with --native shows the allocating C code.';
    case 'fragmentation':
      return 'Expected behaviour of the allocators after a peak, not a leak: set MALLOC_ARENA_MAX=2, call malloc_trim(0) after peaks, recycle workers after a number of requests, or handle the peak in a short-lived process.';
    case 'warm-up':
      return 'Nothing to mend while it levels off: raise the limit or the warm-up time of the policy if the level is intended.';
    case 'load-driven':
      return 'Memory follows the load: limit concurrency or scale out; raise the limit if the peak is intended.';
    case 'none':
    case 'inconclusive':
      return null;
  }
}
