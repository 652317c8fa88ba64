"""From the globals of every module to the containers they hold: owner paths and lengths, in short slices of time.

Breadth first, the service's own modules before libraries, so that a container gets its shortest name and a walk that
is cut short has seen what matters. Keys are never part of a path: `[*]` stands for an entry.
"""

import itertools
import time
import types
from collections import deque
from functools import partial

from . import shapes
from .roots import module_namespaces
from .shapes import LRU_CACHE, shape_of

# Shorter containers are not worth a row; one that was shorter at the first look has grown from here at least.
SHORTEST = 32
# A container up to this long is entered whole, a longer one by a few samples.
ENTERED_WHOLE = 64
SAMPLES = 4
DEEPEST = 6
# 2,078 modules come to 110k nodes (facts of the prototype): beyond it is a graph, not a namespace.
MOST_NODES = 250_000
SLICE_SECONDS = 0.001
REST_SECONDS = 0.002

_lru_info = LRU_CACHE.cache_info


class Found:
    """One container: held, so that its identity stays its own while it is compared."""

    __slots__ = ("thing", "path", "shape", "length", "is_sampled", "max_length")

    def __init__(self, thing, path, shape, length, is_sampled, max_length=None):
        self.thing = thing
        self.path = path
        self.shape = shape
        self.length = length
        self.is_sampled = is_sampled
        self.max_length = max_length


class Walk:
    """One walk. `found`: id -> Found. `run()` yields the seconds to rest after each slice."""

    def __init__(self):
        self.found = {}
        self.nodes = 0
        self.is_complete = True
        self.longest_slice = 0.0
        self._queue = deque()
        self._began = time.perf_counter()
        self.seen = set()

    def run(self):
        own = [(name, namespace) for name, namespace, rank in module_namespaces() if rank == 0]
        libraries = [(name, namespace) for name, namespace, rank in module_namespaces() if rank > 0]
        # Libraries one by one: a queue of all their names would grow old and bring a full garbage collection nearer.
        for group in [own] + [[library] for library in libraries]:
            for name, namespace in group:
                self.seen.add(id(namespace))
                self._queue.append((name, namespace, 0, False, namespace))
            yield from self._drain()

    def run_from(self, values):
        """After run(): goes on from (path, value) pairs of another origin."""
        for path, value in values:
            self._push(path, value, 1, False)
        yield from self._drain()

    def _drain(self):
        began = self._began
        while self._queue:
            self.nodes += 1
            if self.nodes & 15 == 0:
                now = time.perf_counter()
                if now - began >= SLICE_SECONDS:
                    self.longest_slice = max(self.longest_slice, now - began)
                    yield REST_SECONDS
                    began = self._began = time.perf_counter()
                if self.nodes > MOST_NODES:
                    self.is_complete = False
                    self._queue.clear()
                    break
            path, thing, depth, is_sampled, namespace = self._queue.popleft()
            try:
                if namespace is not None:
                    self._enter_names(path, thing, depth, is_sampled, namespace)
                else:
                    self._enter(path, thing, depth, is_sampled)
            except (RuntimeError, AttributeError, TypeError, ValueError):
                continue  # it changed under the walk, or is not what it seems: the next look sees it

    def _push(self, path, thing, depth, is_sampled, home=None):
        """Queues a value once. `home`: the module namespace it was found in, to leave out what is only imported."""
        shape = shape_of(thing)
        if shape.is_closed or depth > DEEPEST or id(thing) in self.seen:
            return
        if home is not None and _is_imported(thing, shape, home):
            return
        self.seen.add(id(thing))
        self._queue.append((path, thing, depth, is_sampled, None))

    def _enter_names(self, path, names, depth, is_sampled, home):
        """The attributes of a module, a class or an instance."""
        module = home if depth == 0 else None
        for name, value in list(names.items()):
            if type(name) is str and not name.startswith("__"):
                shown = name if name.isidentifier() and len(name) <= 60 else "*"
                self._push(path + "." + shown, value, depth + 1, is_sampled, module)

    def _enter(self, path, thing, depth, is_sampled):
        shape = shape_of(thing)
        if shape.base is not None:
            self._enter_container(path, thing, shape, depth, is_sampled)
        elif shape.type is types.FunctionType:
            self._enter_function(path, thing, depth, is_sampled)
        elif shape.type is LRU_CACHE:
            self._enter_lru_cache(path, thing, shape, depth, is_sampled)
        elif shape.type is types.MethodType:
            self._push(path + ".__self__", thing.__self__, depth + 1, is_sampled)
        elif shape.type is partial:
            self._push(path + ".args", thing.args, depth + 1, is_sampled)
            self._push(path + ".func", thing.func, depth + 1, is_sampled)
        elif shape.type is staticmethod or shape.type is classmethod:
            self._push(path, thing.__func__, depth, is_sampled)
        elif shape.is_class:
            self._enter_names(path, shapes.class_namespace(thing), depth, is_sampled, None)
            return
        self._enter_instance(path, thing, shape, depth, is_sampled)

    def _enter_instance(self, path, thing, shape, depth, is_sampled):
        if shape.dict_of is not None:
            names = shape.dict_of(thing)
            if type(names) is dict and id(names) not in self.seen:
                self.seen.add(id(names))
                length = len(names)
                if length > ENTERED_WHOLE:  # used as a store: its names are data
                    self._enter_container(path + ".__dict__", names, shape_of(names), depth, is_sampled)
                elif length:
                    self._enter_names(path, names, max(depth, 1), is_sampled, None)
        for name, member in shape.slots:
            try:
                self._push(path + "." + name, member(thing), depth + 1, is_sampled)
            except AttributeError:  # not set
                pass

    def _enter_container(self, path, thing, shape, depth, is_sampled):
        base = shape.base
        length = shapes.length_of(thing, base)
        if length >= SHORTEST and base in shapes.GROWING:
            limit = deque.maxlen.__get__(thing) if base is deque else None
            self.found[id(thing)] = Found(thing, path, shape, length, is_sampled, limit)
        if base is bytearray or depth >= DEEPEST:
            return
        is_whole = length <= ENTERED_WHOLE
        entries = dict.values(thing) if base is dict else base.__iter__(thing)
        for value in list(itertools.islice(entries, None if is_whole else SAMPLES)):
            self._push(path + "[*]", value, depth + 1, is_sampled or not is_whole)

    def _enter_function(self, path, function, depth, is_sampled):
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
            try:
                self._push("%s.<closure %s>" % (path, name), cell.cell_contents, depth + 1, is_sampled)
            except ValueError:  # an empty cell
                pass
        code, defaults = function.__code__, function.__defaults__ or ()
        names = code.co_varnames[: code.co_argcount]
        for name, value in zip(names[len(names) - len(defaults) :], defaults):
            self._push("%s.<default %s>" % (path, name), value, depth + 1, is_sampled)
        for name, value in list((function.__kwdefaults__ or {}).items()):
            self._push("%s.<default %s>" % (path, name), value, depth + 1, is_sampled)

    def _enter_lru_cache(self, path, thing, shape, depth, is_sampled):
        info = _lru_info(thing)
        if info.currsize >= SHORTEST:
            self.found[id(thing)] = Found(thing, path, shape, info.currsize, is_sampled, info.maxsize)


def _is_imported(thing, shape, home):
    """A function or class that another module defines is named after that module.

    Not a function with a closure: a decorator's wrapper belongs to where it is used, and may hold a cache there.
    """
    if shape.type is types.FunctionType:
        return thing.__globals__ is not home and not thing.__closure__
    if shape.is_class:
        defined, here = shapes.class_namespace(thing).get("__module__"), home.get("__name__")
        return type(defined) is not str or type(here) is not str or defined != here
    return False
