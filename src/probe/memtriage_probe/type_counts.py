"""How many objects of each type the garbage collector tracks, where counting them stops the process only shortly."""

import collections
import gc
import sys
import time

from .shapes import is_ours, qualified_name

# gc.get_objects() holds the GIL: 41 ms at 1M objects. A process has more blocks than tracked objects, so this many
# blocks keep list and count together under about 10 ms.
MOST_BLOCKS = 250_000

MOST_TYPES = 40


def count():
    """The commonest types, or why they were not counted. `stopSeconds`: how long the GIL was held."""
    blocks = sys.getallocatedblocks()
    if blocks > MOST_BLOCKS:
        why = "a heap of %d blocks is too large to stop for (at most %d)" % (blocks, MOST_BLOCKS)
        return {"types": None, "why": why, "stopSeconds": 0.0}
    began = time.perf_counter()
    objects = gc.get_objects()
    # By id: the hash of a class belongs to its metaclass, which is the service's code.
    counts = collections.Counter(map(id, map(type, objects)))
    types = dict(zip(map(id, map(type, objects)), map(type, objects)))
    objects.clear()
    stop = time.perf_counter() - began
    named = ((qualified_name(types[i]), n) for i, n in counts.most_common(2 * MOST_TYPES))
    rows = [{"type": name, "count": n} for name, n in named if not is_ours(name)][:MOST_TYPES]
    return {"types": rows, "why": None, "stopSeconds": stop}
