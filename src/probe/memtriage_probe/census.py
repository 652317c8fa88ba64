"""Two walks and what grew between them. The first is remembered here, so that no identity ever leaves the process."""

import time

from . import evidence, stored_looks
from .walk import SHORTEST, Walk

# Held from the first look to the second, so that they are certainly the same objects.
HELD = 256
# Rows of a reply: those that grew most, then the longest.
GROWN_ROWS = 24
LONGEST_ROWS = 24
TRACED = 5

_AMBIGUOUS = object()


class _Look:
    """What is remembered: the longest containers themselves, and of all the length by path and type."""

    def __init__(self, walk, grown):
        longest = sorted(walk.found.values(), key=lambda found: -found.length)
        self.held = {id(found.thing): (found, evidence.oldest_ids(found)) for found in longest[:HELD]}
        self.by_path = {}
        for found in longest:
            key = (found.path, found.shape.name)
            known = key in self.by_path
            self.by_path[key] = _AMBIGUOUS if known else (found.length, evidence.oldest_ids(found))
        self.is_complete = walk.is_complete
        self.taken_at = time.monotonic()
        # Those that grew since the look before: a tracing window asks where their newest entries came from.
        self.grown = grown


def take(since):
    """Steps towards a census; with the token of an earlier one, also what grew since. `since: null` in the reply: it has expired."""
    began, cpu_began = time.perf_counter(), time.thread_time()
    walk = Walk()
    yield from walk.run()
    earlier = stored_looks.find(since) if since else None
    grown = []
    if earlier:
        rows, grown = yield from _grown_rows(walk, earlier)
    else:
        rows = [row(found) for found in _longest(walk)]
    token = stored_looks.keep(_Look(walk, grown))
    return {
        "token": token,
        "since": since if earlier else None,
        "sinceSeconds": time.monotonic() - earlier.taken_at if earlier else None,
        "containers": rows,
        "containersSeen": len(walk.found),
        "isComplete": walk.is_complete,
        "nodes": walk.nodes,
        "longestSliceSeconds": walk.longest_slice,
        "cpuSeconds": time.thread_time() - cpu_began,
        "wallSeconds": time.perf_counter() - began,
    }


def _longest(walk):
    return sorted(walk.found.values(), key=lambda found: -found.length)[:LONGEST_ROWS]


def row(found, length_diff=None, oldest_kept=None):
    """What a reply tells of a container, without evidence."""
    kind = "lru_cache" if found.shape.base is None else found.shape.name
    return {
        "path": found.path,
        "type": kind,
        "length": found.length,
        "lengthDiff": length_diff,
        "oldestKept": oldest_kept,
        "maxLength": found.max_length,
    }


def _grown_rows(walk, earlier):
    compared = [(found,) + _compare(found, earlier) for found in walk.found.values()]
    grown = sorted((entry for entry in compared if (entry[1] or 0) > 0), key=lambda entry: -entry[1])[:GROWN_ROWS]
    listed = {id(entry[0]) for entry in grown}
    longest = {id(found) for found in _longest(walk)} - listed
    rows = []
    for found, diff, kept in grown + [entry for entry in compared if id(entry[0]) in longest]:
        described = row(found, diff, kept)
        described.update((yield from evidence.describe(found, diff)))
        rows.append(described)
    return rows, [found for found, _, _ in grown[:TRACED]]


def _compare(found, earlier):
    """(growth in entries or None when it can't be told, whether the oldest entries are still the same)."""
    held = earlier.held.get(id(found.thing))
    if held is not None:
        before, oldest = held
        return found.length - before.length, _same(oldest, found)
    by_path = earlier.by_path.get((found.path, found.shape.name))
    if by_path is _AMBIGUOUS:
        return None, None
    if by_path is not None:
        return found.length - by_path[0], _same(by_path[1], found)
    # Not there before: it was shorter than a row is worth. What was only sampled may just not have been looked at.
    if earlier.is_complete and not found.is_sampled:
        return found.length - SHORTEST, None
    return None, None


def _same(oldest, found):
    now = evidence.oldest_ids(found)
    return None if oldest is None or now is None else oldest == now
