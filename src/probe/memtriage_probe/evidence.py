"""What the newest entries of a grown container say about why it grows. Sizes in bytes, shares 0..1."""

import gc
import itertools
import types
from functools import partial

from . import entry_sizes, shapes
from .shapes import CALLABLES, LRU_CACHE, shape_of

NEWEST = 32
OLDEST = 8
CYCLE_HOPS = 4
CYCLE_OBJECTS = 80
LONGEST_ENTERED = 200
MOST_LINKS = 50_000


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
    store, base = _store(found)
    try:
        return [] if store is None else _newest_of(store, base)
    except RuntimeError:
        return []


def describe(found, grown=None):
    """Steps towards the row of evidence of one container, `grown`: the entries that came since an earlier look."""
    entries = newest_entries(found)
    if not entries:
        own = 1.0 if found.shape.base is bytearray else None
        return _row(own, own, None if own is None else 0.0, None, None, None)
    store, base = _store(found)
    sizes = yield from entry_sizes.measure(found.thing, entries, grown, store, base)
    table = _table_bytes(found) / found.length if found.length else 0.0
    large = sizes.large / sizes.entries + table
    values = [value for _, value in entries]
    cyclic = [_reaches_itself(value, found.thing) for value in values[:OLDEST]]
    return _row(
        sizes.small / sizes.entries + large,
        large,
        sizes.large_blocks / sizes.entries,
        sizes.large_error(grown),
        sum(map(_is_callable, values)) / len(values),
        sum(cyclic) / len(cyclic),
    )


def _row(entry, large, large_blocks, large_error, callable_ratio, cyclic_ratio):
    return {
        "bytesPerEntry": entry,
        "largeBytesPerEntry": large,
        "largeBlocksPerEntry": large_blocks,
        "largeBytesError": large_error,
        "callableRatio": callable_ratio,
        "cyclicRatio": cyclic_ratio,
    }


def _store(found):
    """(what holds the entries, its base type): the container itself, or the dict inside an lru_cache."""
    if found.shape.type is LRU_CACHE:
        return _lru_store(found), dict
    base = found.shape.base
    return (None if base is None or base is bytearray else found.thing), base


def _newest_of(thing, base):
    newest = itertools.islice(shapes.newest_first(thing, base), NEWEST)
    return list(newest) if base is dict else [(None, item) for item in newest]


def _lru_store(found):
    """The dict inside an lru_cache: of those that it holds the one with the results. It may have grown since the walk.

    None for a long one with a bound: it tells of each of its links, and a million take the lock for 0.1 s.
    """
    if found.max_length is not None and found.length > MOST_LINKS:
        return None
    held = [thing for thing in gc.get_referents(found.thing) if type(thing) is dict]
    return max(held, key=len, default=None)


def _table_bytes(found):
    if found.shape.type is LRU_CACHE:
        store = _lru_store(found)
        return 0 if store is None else dict.__sizeof__(store)
    return shapes.size_of(found.thing, found.shape)


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
        if shape.base is not None and shapes.length_of(thing, shape.base) > LONGEST_ENTERED:
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
    return shapes.some_referents(thing, LONGEST_ENTERED)
