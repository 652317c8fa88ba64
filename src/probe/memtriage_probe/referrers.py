"""Who holds a container that no walk from the modules reached: back from it, holder by holder, to something with a name.

For the forked child only: each step asks every object of the heap (17 ms a million objects).
"""

import gc
import time
import types

from . import shapes
from .frame_locals import function_name
from .roots import module_namespaces
from .shapes import shape_of
from .walk import Found

MOST_HOPS = 8
# Holders of one object that are followed; what has more is shared.
MOST_HOLDERS = 6
MOST_STEPS = 24


class Holders:
    """`own`: the probe's own objects, which hold what they look at."""

    def __init__(self, own, deadline):
        self._own = {id(thing) for thing in own}
        self._deadline = deadline
        self._modules = {id(namespace): name for name, namespace, _ in module_namespaces()}

    def path_of(self, container):
        """`app.jobs.Worker.<object>.results[*]`, from the first holder with a name on; None when none was found."""
        open_ends, seen, steps = [(container, "", None, 0)], {id(container)}, 0
        while open_ends and steps < MOST_STEPS and time.monotonic() < self._deadline:
            thing, tail, name, hops = open_ends.pop(0)
            steps += 1
            for holder in self._holders(thing):
                if id(holder) in seen:
                    continue
                seen.add(id(holder))
                root, tail_there, key = self._name(holder, thing, tail, name)
                if root is not None:
                    return root + tail_there
                if hops < MOST_HOPS:
                    open_ends.append((holder, tail_there, key, hops + 1))
        return None

    def _holders(self, thing):
        own = self._own
        found = [holder for holder in gc.get_referrers(thing) if id(holder) not in own and not _is_of_the_probe(holder)]
        return found[:MOST_HOLDERS]

    def _name(self, holder, held, tail, name):
        """(root or None, the tail as seen from the holder, the key if that may be the name of an attribute)."""
        shape = shape_of(holder)
        if shape.base is dict:
            key = _key_of(holder, held)
            module = self._modules.get(id(holder))
            if module is not None:
                return module, ".%s%s" % (key or "*", tail), None
            return None, "[*]" + tail, key
        frame = _frame_of(holder, shape.type)
        if frame is not None:
            return "%s.%s" % (_global_name(frame.f_globals), function_name(frame.f_code)), ".<local>" + tail, None
        if shape.type is types.FunctionType:
            return "%s.%s" % (_global_name(holder.__globals__), holder.__qualname__), ".<closure>" + tail, None
        if shape.is_class:
            key = _key_of(shapes.class_namespace(holder), held)
            return shapes.qualified_name(holder), "." + (key or "*") + tail, None
        if shape.base is not None:
            return None, "[*]" + tail, None
        return None, _attribute(holder, held, shape, tail, name), None


def _attribute(holder, held, shape, tail, name):
    """`.<type>.name` of an instance; of what C code holds only the type is known."""
    shown = ".<%s>" % shapes.qualified_name(shape.type)
    names = None if shape.dict_of is None else shape.dict_of(holder)
    if names is held:  # up to 3.10, and later where it was asked for: an object's names are a dict that it holds
        return shown + "." + name + tail[len("[*]") :] if name else shown + tail
    key = _key_of(names, held) if type(names) is dict else None
    for slot, member in shape.slots:
        try:
            key = slot if member(holder) is held else key
        except AttributeError:
            continue
    return shown + "." + key + tail if key else shown + tail


def _frame_of(holder, kind):
    """The frame that holds it, itself or by a generator or coroutine that waits."""
    if kind is types.FrameType:
        return holder
    if kind is types.GeneratorType:
        return holder.gi_frame
    if kind is types.CoroutineType:
        return holder.cr_frame
    return holder.ag_frame if kind is types.AsyncGeneratorType else None


def _is_of_the_probe(holder):
    if type(holder) is Found:
        return True
    return type(holder) is types.FrameType and _global_name(holder.f_globals).startswith("memtriage_probe")


def _global_name(namespace):
    name = namespace.get("__name__")
    return name if type(name) is str else "?"


def _key_of(names, held):
    """The name of an attribute: identifiers only, other keys are data."""
    for key, value in list(names.items())[:10_000]:
        if value is held:
            return key if type(key) is str and key.isidentifier() and len(key) <= 60 else None
    return None
