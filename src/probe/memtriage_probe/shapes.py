"""What an object is and holds, found without running a line of the service's code.

isinstance() asks `__class__`, len() asks `__len__`, sys.getsizeof() asks `__sizeof__`, an attribute may be a property,
and even hashing a class asks its metaclass. So everything here goes through the types of the interpreter itself.
"""

import _thread
import collections
import functools
import gc
import itertools
import types
import weakref

from . import stored_looks

_of_type = type.__dict__
_mro = _of_type["__mro__"].__get__
_name = _of_type["__name__"].__get__
_namespace = _of_type["__dict__"].__get__
_flags = _of_type["__flags__"].__get__
_HAVE_GC = 1 << 14  # Py_TPFLAGS_HAVE_GC
_GC_HEADER_BYTES = 16

_LENGTHS = {
    dict: dict.__len__,
    list: list.__len__,
    set: set.__len__,
    collections.deque: collections.deque.__len__,
    bytearray: bytearray.__len__,
    tuple: tuple.__len__,
    frozenset: frozenset.__len__,
}
# Those that can grow; a tuple is entered but never reported.
GROWING = (dict, list, set, collections.deque, bytearray)
LRU_CACHE = type(functools.lru_cache(maxsize=1)(lambda: None))
CALLABLES = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, functools.partial)

# Never entered: they hold nothing of the service's, or asking them would run code.
_CLOSED = (
    *(int, float, complex, str, bytes, type(None), range, slice, types.CodeType, types.FrameType, types.ModuleType),
    *(types.BuiltinFunctionType, types.MappingProxyType, memoryview, weakref.ref, property),
    # A thread-local builds itself anew for every thread that asks: __init__ would run.
    _thread._local,
)


class Shape:
    """Facts about one type, by its own bases."""

    __slots__ = ("type", "name", "base", "is_closed", "is_class", "dict_of", "slots", "size_of", "has_gc", "is_module")

    def __init__(self, of):
        self.type = of
        self.name = type_name(of)
        # CPython 3.8 and 3.9 never finish the type of an lru_cache's links: no bases, nothing to see inside.
        bases = bases_of(of)
        self.base = next((base for base in bases if any(base is known for known in _LENGTHS)), None)
        self.is_closed = not bases or any(base is closed for base in bases for closed in _CLOSED)
        self.is_module = any(base is types.ModuleType for base in bases)
        self.is_class = any(base is type for base in bases)
        self.dict_of = None
        self.slots = []
        self.size_of = object.__sizeof__
        self.has_gc = bool(_flags(of) & _HAVE_GC)
        self._read_namespaces(bases)

    def _read_namespaces(self, bases):
        found_size = False
        for base in bases:
            namespace = _namespace(base)
            getter = namespace.get("__dict__")
            if self.dict_of is None and type(getter) is types.GetSetDescriptorType and base is not type:
                self.dict_of = getter.__get__
            size = namespace.get("__sizeof__")
            if not found_size and type(size) is types.MethodDescriptorType:
                self.size_of, found_size = size, True
            # An instance of C code may compute its members: only those of Python's __slots__ are read.
            if "__slots__" in namespace:
                for name, member in namespace.items():
                    if type(member) is types.MemberDescriptorType:
                        self.slots.append((name, member.__get__))


# Until no look is kept any more: a shape holds its type, and so all that a class of the service holds.
_shapes = {}
stored_looks.when_none_is_kept(_shapes.clear)


def shape_of(thing):
    """The shape of an object's type. By id, since hashing a class may run its metaclass; the shape keeps the type."""
    of = type(thing)
    shape = _shapes.get(id(of))
    if shape is None or shape.type is not of:
        if len(_shapes) > 20_000:  # a service that makes classes without end must not fill the probe
            _shapes.clear()
        shape = _shapes[id(of)] = Shape(of)
    return shape


# A class may bear any text as its name. So many characters of each are told: a reply has at most 1 MiB.
LONGEST_NAME = 200


def bounded(name):
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "\u2026"


def type_name(of):
    return bounded(_name(of))


def is_ours(name):
    """Whether a type of that qualified name is the probe's: what looks leave behind is not growth of the service."""
    return name.startswith("memtriage_probe.")


def qualified_name(of):
    """`module.Class`, `dict` for a builtin one."""
    module = (_namespace(of) or {}).get("__module__")  # None in types that 3.8 and 3.9 never finish
    name = type_name(of)
    return name if type(module) is not str or module == "builtins" else "%s.%s" % (bounded(module), name)


def bases_of(of):
    return _mro(of) or ()


def class_namespace(of):
    return _namespace(of)


def length_of(thing, base):
    return _LENGTHS[base](thing)


def size_of(thing, shape):
    """Bytes of this one object with its GC header, rounded up to 16 as the allocators do."""
    size = shape.size_of(thing) + (_GC_HEADER_BYTES if shape.has_gc else 0)
    return (size + 15) & ~15


def referents(thing):
    """What an object refers to; of a module nothing.

    CPython 3.12's _asyncio tells the collector of freed objects that it keeps for use again. A reference to one that is
    taken and dropped frees it a second time, and the next collection never ends (measured on 3.12.1).
    """
    return [] if shape_of(thing).is_module else gc.get_referents(thing)


def some_referents(thing, most):
    """referents(), but of a container with more than `most` entries only those of the newest: a list of all would take as
    much memory as its table, and the interpreter's lock as long."""
    base = shape_of(thing).base
    if base is None or length_of(thing, base) <= most:
        return referents(thing)
    if base is bytearray:
        return []
    newest = list(itertools.islice(newest_first(thing, base), most))
    return [held for pair in newest for held in pair] if base is dict else newest


def oldest_first(thing, base):
    """An iterator from the oldest entry (of a dict: its keys) on; sets have no order."""
    return base.__iter__(thing)


def newest_first(thing, base):
    """An iterator over the entries as (key, value) pairs of a dict or single values, the newest first."""
    if base is dict:
        return _reversed_items(thing)
    if base is list:
        return list.__reversed__(thing)
    if base is collections.deque:
        return collections.deque.__reversed__(thing)
    return base.__iter__(thing)


_dict_items_reversed = type({}.items()).__reversed__


def _reversed_items(thing):
    return _dict_items_reversed(dict.items(thing))
