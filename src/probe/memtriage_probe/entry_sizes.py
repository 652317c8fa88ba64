"""How much memory the entries of a container hold, from a sample of them. Sizes in bytes, rounded as the allocators do."""

import itertools
import sys
import time
import types

from . import shapes
from .layers import SMALL_BYTES
from .shapes import shape_of
from .walk import REST_SECONDS, SLICE_SECONDS

# Objects that one entry, and that all entries of the sample together are followed to.
MOST_OF_ONE = 400
MOST_OBJECTS = 6_000
# Entries that are looked at besides the newest where blocks above 512 bytes were found: they differ in size more than
# small ones do. 400 of 600 to 6,000 bytes give their mean within 2.3 %.
SPREAD = 400
# Entries that are passed over in one go for that: 0.5 ms.
REACH = 20_000
# Twice the standard error of the mean: below it, further entries tell nothing more.
PRECISE_RATIO = 0.02
# More references than this: shared with the rest of the program, not owned by the entry.
SHARED_REFERENCES = 40

_SHARED = (type, types.ModuleType, types.FunctionType, types.CodeType, types.BuiltinFunctionType)


class Sizes:
    """Of the entries added so far. Each object counts once: what entries share is spread over them."""

    def __init__(self, container):
        self.entries = 0
        self.small = 0
        self.large = 0
        self.large_blocks = 0
        self._large_squares = 0
        self._seen = {id(container)}

    def is_full(self):
        return len(self._seen) > MOST_OBJECTS

    def add(self, key, value):
        open_ends = [thing for thing in (key, value) if thing is not None]
        large = 0
        for _ in range(MOST_OF_ONE):
            if not open_ends:
                break
            thing = open_ends.pop()
            shape = shape_of(thing)
            if id(thing) in self._seen or _is_shared(thing, shape):
                continue
            self._seen.add(id(thing))
            size = shapes.size_of(thing, shape)
            if size > SMALL_BYTES:
                large += size
                self.large_blocks += 1
            else:
                self.small += size
            if shape.has_gc:
                open_ends.extend(shapes.some_referents(thing, MOST_OF_ONE))
        self.entries += 1
        self.large += large
        self._large_squares += large * large

    def large_error(self, grown=None):
        """Standard error of the mean large bytes of `grown` entries, of which those added are a sample; None below two."""
        if self.entries < 2:
            return None
        mean = self.large / self.entries
        variance = max(0.0, self._large_squares / self.entries - mean * mean) * self.entries / (self.entries - 1)
        unseen = max(0.0, 1.0 - self.entries / grown) if grown else 1.0
        return (variance / self.entries * unseen) ** 0.5

    def is_precise(self):
        error = self.large_error()
        return error is not None and 2 * error * self.entries <= PRECISE_RATIO * self.large


def measure(container, newest, grown, store, base):
    """Steps towards the Sizes of the newest entries, and where they hold large blocks of others that came since `grown`."""
    sizes = Sizes(container)
    yield from _add(sizes, newest)
    if sizes.large and grown and grown > len(newest) and not sizes.is_precise():
        yield from _add(sizes, _spread(store, base, len(newest), grown))
    return sizes


def _add(sizes, entries):
    began = time.perf_counter()
    for key, value in entries:
        if sizes.is_full():
            return
        sizes.add(key, value)
        if time.perf_counter() - began >= SLICE_SECONDS:
            yield REST_SECONDS
            if sizes.entries > SPREAD // 4 and sizes.is_precise():
                return
            began = time.perf_counter()


def _spread(store, base, skipped, grown):
    """Evenly spaced entries of the newest `grown`, without the `skipped` newest."""
    try:
        if base is list:
            length = list.__len__(store)
            oldest, newest = max(0, length - grown), length - skipped
            step = max(1, (newest - oldest) // SPREAD)
            return [(None, list.__getitem__(store, at)) for at in range(oldest, newest, step)]
        span = min(grown, REACH)
        chosen = itertools.islice(shapes.newest_first(store, base), skipped, span, max(1, span // SPREAD))
        return list(chosen) if base is dict else [(None, item) for item in chosen]
    except (RuntimeError, IndexError):  # it changed meanwhile
        return []


def _is_shared(thing, shape):
    if shape.is_class or thing is None or any(shape.type is shared for shared in _SHARED):
        # A closure or a lambda made for this entry is its own; a function of a module is not.
        return not (shape.type is types.FunctionType and sys.getrefcount(thing) <= SHARED_REFERENCES // 4)
    return sys.getrefcount(thing) > SHARED_REFERENCES
