import { setFlagsFromString } from 'node:v8';

/** Of what was live after the last full collection. */
const GROWTH_PERCENT = 50;

/**
 * On a machine with much memory V8 lets the old generation grow to four times what is live before it collects it: 204 MiB
 * for some 60 MiB in a storm of alerts (`bench:storm`), all of it garbage. With a container's memory limit in sight it takes
 * 1.3 to 2 times by itself. This does the same everywhere; it is read at the end of each full collection, so it may be set
 * while the program runs, and a V8 that does not know it goes on as usual.
 */
export function keepHeapSmall(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}
