"""Every object that the garbage collector tracks, and what these hold: types, bytes, large blocks, large containers.

For the forked child only: it reads the header of every object, and the kernel copies the page of each.
"""

import collections
import gc
import time

from . import shapes
from .layers import SMALL_BYTES
from .shapes import shape_of

# Objects read between two looks at the clock.
BATCH = 5_000
MOST_TYPES = 400
# Shorter ones without a name are not worth a search for their holder.
SHORTEST_UNNAMED = 200
MOST_UNNAMED = 64
# A container's head lies in a small block of its own, its table in another.
HEAD_BYTES = 64
DEEPEST_UNTRACKED = 4

_TABLES = (list, dict, set, collections.deque)
# A str or bytes below this is a small block, whatever its characters are; so are the other leaves, but for huge numbers.
_SHORT = 110


class OutOfTime(Exception):
    """The deadline came before the heap was read."""


class _Counts:
    """Of one type. `size_of`: the interpreter's own function, never one of the service."""

    __slots__ = ("shape", "size_of", "count", "bytes")

    def __init__(self, shape):
        self.shape = shape
        self.size_of = shape.size_of
        self.count = self.bytes = 0


class Heap:
    """Filled by read(). `large_bytes`: Python's blocks above 512 bytes; `unnamed`: large containers not among `named` ids."""

    def __init__(self, named):
        self.large_bytes = 0
        self.objects = 0
        self.unnamed = []
        self._named = named
        self._types = {}
        self._module_types = set()
        self._large = set()

    def read(self, deadline):
        objects = gc.get_objects()
        self.objects = len(objects)
        for at in range(0, len(objects), BATCH):
            if time.monotonic() > deadline:
                raise OutOfTime()
            batch = objects[at : at + BATCH]
            self._add_tracked(batch)
            # By no means modules: see shapes.referents().
            modules = self._module_types
            self._add_held(gc.get_referents(*[thing for thing in batch if id(type(thing)) not in modules]))
        objects.clear()
        self.unnamed = [thing for _, _, thing in sorted(self.unnamed, key=lambda entry: -entry[0])]

    def rows(self):
        """[(type, count, bytes)], those with most bytes first."""
        rows = [(shapes.qualified_name(of.shape.type), of.count, of.bytes) for of in self._types.values()]
        return sorted((row for row in rows if not shapes.is_ours(row[0])), key=lambda row: -row[2])[:MOST_TYPES]

    def _counts_of(self, thing):
        shape = shape_of(thing)
        counts = self._types[id(shape.type)] = _Counts(shape)
        if shape.is_module:
            self._module_types.add(id(shape.type))
        return counts

    def _add_tracked(self, things):
        known = self._types.get
        for thing in things:
            counts = known(id(type(thing))) or self._counts_of(thing)
            size = counts.size_of(thing)
            counts.count += 1
            counts.bytes += size
            if size > SMALL_BYTES:
                self._add_large(thing, counts.shape, size)

    def _add_large(self, thing, shape, size):
        self.large_bytes += size - HEAD_BYTES if shape.base in _TABLES else size
        if shape.base in _TABLES and id(thing) not in self._named:
            self._note_unnamed(thing, shape)

    def _add_held(self, held):
        """Objects that the collector does not track: leaves, and tuples and dicts that hold nothing but leaves."""
        for _ in range(DEEPEST_UNTRACKED):
            # In one expression: it runs for every reference of the heap.
            rest = [
                thing
                for thing in held
                if (kind := type(thing)) is not int
                and kind is not float
                and kind is not bool
                and thing is not None
                and (kind is not str and kind is not bytes or len(thing) >= _SHORT)
            ]
            held = self._add_untracked(rest)
            if not held:
                return

    def _add_untracked(self, things):
        """Returns what the containers among them hold."""
        known, inner = self._types.get, []
        for thing in things:
            if gc.is_tracked(thing):
                continue
            counts = known(id(type(thing))) or self._counts_of(thing)
            if counts.shape.is_class:
                continue
            if counts.shape.has_gc:
                inner.append(thing)
            size = counts.size_of(thing)
            if size > SMALL_BYTES and id(thing) not in self._large:
                self._large.add(id(thing))
                counts.count += 1
                counts.bytes += size
                self._add_large(thing, counts.shape, size)
        return gc.get_referents(*inner) if inner else []

    def _note_unnamed(self, thing, shape):
        length = shapes.length_of(thing, shape.base)
        if length >= SHORTEST_UNNAMED:
            self.unnamed.append((length, id(thing), thing))
            if len(self.unnamed) > 4 * MOST_UNNAMED:
                self.unnamed.sort(key=lambda entry: -entry[0])
                del self.unnamed[MOST_UNNAMED:]

