"""What the newest entries of a grown container say about why it grows. Sizes in bytes, shares 0..1."""

import gc
import itertools
import sys
import time
import types
from functools import partial

from . import shapes
from .layers import SMALL_BYTES
from .shapes import CALLABLES, LRU_CACHE, shape_of
from .walk import REST_SECONDS, SLICE_SECONDS

NEWEST = 32
OLDEST = 8
# Bounds of the walk over what the newest entries hold together.
MOST_OBJECTS = 6_000
MOST_OF_ONE = 400
CYCLE_HOPS = 4
CYCLE_OBJECTS = 80
# More references than this: shared with the rest of the program, not owned by the entry.
SHARED_REFERENCES = 40

_SHARED = (type, types.ModuleType, types.FunctionType, types.CodeType, types.BuiltinFunctionType)


def oldest_ids(found):
    """The identities of the oldest entries, or None where there is no order. Never looked up again, only compared."""
    base = found.shape.base
    if base is None or base is set or base is bytearray:
        return None
    try:
        return tuple(map(id, itertools.islice(shapes.oldest_first(found.thing, base), OLDEST)))
    except RuntimeError:
        return None


def newest_entries(found):
    """Up to NEWEST entries: (key, value) of a dict or lru_cache, (None, item) of the others."""
    try:
        if found.shape.type is LRU_CACHE:
            store = _lru_store(found)
            return [] if store is None else _newest_of(store, dict)
        base = found.shape.base
        return [] if base is None or base is bytearray else _newest_of(found.thing, base)
    except RuntimeError:
        return []


def describe(found):
    """Steps towards the row of evidence of one container."""
    entries = newest_entries(found)
    if not entries:
        own = 1.0 if found.shape.base is bytearray else None
        return {"bytesPerEntry": own, "largeBytesPerEntry": own, "callableRatio": None, "cyclicRatio": None}
    small, large = yield from _bytes_of(entries, found)
    table = _table_bytes(found) / found.length if found.length else 0.0
    values = [value for _, value in entries]
    cyclic = [_reaches_itself(value, found.thing) for value in values[:OLDEST]]
    return {
        "bytesPerEntry": (small + large) / len(entries) + table,
        "largeBytesPerEntry": large / len(entries) + table,
        "callableRatio": sum(map(_is_callable, values)) / len(values),
        "cyclicRatio": sum(cyclic) / len(cyclic),
    }


def _newest_of(thing, base):
    newest = itertools.islice(shapes.newest_first(thing, base), NEWEST)
    return list(newest) if base is dict else [(None, item) for item in newest]


def _lru_store(found):
    """The dict inside an lru_cache: of those that it holds the one with the results. It may have grown since the walk."""
    held = [thing for thing in gc.get_referents(found.thing) if type(thing) is dict]
    return max(held, key=len, default=None)


def _table_bytes(found):
    if found.shape.type is LRU_CACHE:
        store = _lru_store(found)
        return 0 if store is None else dict.__sizeof__(store)
    return shapes.size_of(found.thing, found.shape)


def _bytes_of(entries, found):
    """(small, large) bytes of all that the entries hold, each object counted once: what they share is spread over them."""
    seen = {id(found.thing)}
    small = large = 0
    began = time.perf_counter()
    for key, value in entries:
        open_ends = [thing for thing in (key, value) if thing is not None]
        for _ in range(MOST_OF_ONE):
            if not open_ends or len(seen) > MOST_OBJECTS:
                break
            thing = open_ends.pop()
            shape = shape_of(thing)
            if id(thing) in seen or _is_shared(thing, shape):
                continue
            seen.add(id(thing))
            size = shapes.size_of(thing, shape)
            if size > SMALL_BYTES:
                large += size
            else:
                small += size
            if shape.has_gc:
                open_ends.extend(shapes.referents(thing))
        if time.perf_counter() - began >= SLICE_SECONDS:
            yield REST_SECONDS
            began = time.perf_counter()
    return small, large


def _is_shared(thing, shape):
    if shape.is_class or thing is None or any(shape.type is shared for shared in _SHARED):
        # A closure or a lambda made for this entry is its own; a function of a module is not.
        return not (shape.type is types.FunctionType and sys.getrefcount(thing) <= SHARED_REFERENCES // 4)
    return sys.getrefcount(thing) > SHARED_REFERENCES


def _is_callable(value):
    if any(type(value) is kind for kind in CALLABLES):
        return True
    if type(value) is tuple or type(value) is list:
        return len(value) <= 4 and any(type(part) is kind for part in value for kind in CALLABLES)
    return False


def _reaches_itself(value, container):
    """True when following references from what the entry is bound to leads back to it, not by way of the container."""
    target = value.__self__ if type(value) is types.MethodType else value
    if not gc.is_tracked(target):
        return False
    seen = {id(container)}
    open_ends = [(held, 1) for held in _referents(target)]
    while open_ends and len(seen) < CYCLE_OBJECTS:
        thing, hops = open_ends.pop()
        if thing is target:
            return True
        shape = shape_of(thing)
        if id(thing) in seen or shape.is_class or shape.type is types.ModuleType:
            continue
        seen.add(id(thing))
        if shape.base is not None and shapes.length_of(thing, shape.base) > 200:
            continue
        if hops < CYCLE_HOPS and shape.has_gc:
            open_ends.extend((held, hops + 1) for held in _referents(thing))
    return False


def _referents(thing):
    """shapes.referents, but of a function only what it was made with: its globals lead everywhere."""
    if type(thing) is types.FunctionType:
        return [thing.__closure__, thing.__defaults__, thing.__kwdefaults__, thing.__dict__]
    if type(thing) is partial:
        return [thing.func, thing.args, thing.keywords]
    return shapes.referents(thing)
