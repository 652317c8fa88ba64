"""What the forked child reads and tells: large containers that no module names, types, and Python's large blocks."""

import time

from . import census, evidence, headroom, heap, shapes
from .referrers import Holders
from .shapes import shape_of
from .walk import Found, Walk

# Of containers without a name: a search for the holders of one costs up to 24 readings of the heap.
SEARCHED = 8
REMEMBERED = 200
ROWS = 16
TYPES = 40
NO_OWNER = "<no owner found>"


def read_all(tell, plan, earlier, frames, deadline):
    """`tell(**parts)` as soon as each is there."""
    named, local = _walk(frames)
    unnamed, types, notes = [], [], []
    if plan.reads_heap:
        whole = heap.Heap(named)
        types, note = _read_heap(whole, deadline)
        if note is None:
            tell(types=_type_rows(types, earlier), largeBytes=whole.large_bytes)
        notes = [note] if note else []
        unnamed = [_found(thing) for thing in whole.unnamed]
    tell(containers=_container_rows(local, unnamed, earlier, deadline), notes=notes)
    containers = [[id(found.thing), found.length, evidence.oldest_ids(found)] for found in (local + unnamed)[:REMEMBERED]]
    tell(remembered={"containers": containers, "types": types})
    tell(cpuSeconds=time.process_time(), privateBytes=_private_bytes(), done=True)


def _read_heap(whole, deadline):
    """(rows of types, why there are none)."""
    try:
        whole.read(deadline)
        return whole.rows(), None
    except heap.OutOfTime:
        return [], "the heap was not read to its end: the time of the child was up"
    except MemoryError:
        return [], "the heap was not read to its end: the memory that the child may take was used up"


def _walk(frames):
    """(ids of all that modules or frames led to, and the containers that only frames led to)."""
    walk = Walk()
    _finish(walk.run())
    of_modules = set(walk.found)
    _finish(walk.run_from(frames.variables()))
    local = [found for key, found in walk.found.items() if key not in of_modules]
    # What a walk keeps is no leak of the service.
    walk.seen.update((id(walk.seen), id(walk.found)))
    return walk.seen, sorted(local, key=lambda found: -found.length)


def _finish(steps):
    """Runs to the end without a rest: nobody waits for the lock of this process. Returns what the generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def _found(thing):
    shape = shape_of(thing)
    return Found(thing, None, shape, shapes.length_of(thing, shape.base), False)


def _type_rows(types, earlier):
    before = None if earlier is None else earlier.types
    return [
        {"type": name, "count": count, "bytes": size, "countDiff": None if before is None else count - before.get(name, 0)}
        for name, count, size in types[:TYPES]
    ]


def _container_rows(local, unnamed, earlier, deadline):
    compared = [(found,) + _compare(found, earlier) for found in local + unnamed]
    compared.sort(key=lambda entry: (-(entry[1] or 0), -entry[0].length))
    holders, searched, rows = Holders(unnamed, deadline), 0, []
    for found, diff, kept in [entry for entry in compared if entry[1] != 0][:ROWS]:
        if found.path is None:
            searched += 1
            found.path = (holders.path_of(found.thing) if searched <= SEARCHED else None) or NO_OWNER
        if found.path.startswith("memtriage_probe."):
            continue
        row = census.row(found, diff, kept)
        row.update(_finish(evidence.describe(found)))
        rows.append(row)
    return _merged(rows)


def _merged(rows):
    """The same variable of many tasks or threads is one row: lengths and growth are sums."""
    merged = {}
    for row in rows:
        same = merged.setdefault((row["path"], row["type"]), row)
        if same is not row and row["path"] != NO_OWNER:
            same["length"] += row["length"]
            same["lengthDiff"] = None if None in (same["lengthDiff"], row["lengthDiff"]) else same["lengthDiff"] + row["lengthDiff"]
    return list(merged.values())


def _compare(found, earlier):
    """(growth in entries, whether the oldest are the same); None where it can't be told."""
    before = None if earlier is None else earlier.containers.get(id(found.thing))
    if before is None:
        return None, None
    length, oldest = before
    now = evidence.oldest_ids(found)
    kept = None if oldest is None or now is None else list(now) == oldest
    return found.length - length, kept


def _private_bytes():
    """What is the child's alone: pages that it wrote to, and its own."""
    for line in headroom.lines("/proc/self/smaps_rollup"):
        if line.startswith("Private_Dirty:"):
            return int(line.split()[1]) * 1024
    return None
