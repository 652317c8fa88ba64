"""Keeps what other threads own alive across a fork, so that the child does not destroy it.

After os.fork() CPython clears the states of all threads but one in the child: the destructors of their thread-locals
would run there. A test connection of another thread sent QUIT on the parent's socket on every version from 3.8 on.
One reference to each such object prevents it. Where a thread's state keeps them is learned from a thread of our own,
so that no table of versions is needed, and nothing is taken for an object that is not of the expected type.
"""

import _contextvars
import _thread
import ctypes
import itertools
import operator
import os
import sys

from .originals import allocate_lock, start_new_thread
from .refused import Refused
from .shapes import type_name

_WORD = ctypes.sizeof(ctypes.c_void_p)
# Words of a thread's state that are searched: what we look for is among the first 31 up to 3.10, 38 up to 3.13. Not one
# beyond the end of the state: what lies behind it may match by chance, and is something else behind another state.
_WORDS = 34 if sys.version_info < (3, 11) else 40
# Dict and context; from 3.13 on the two keys of thread-locals too.
_PLACES = 2 if sys.version_info < (3, 13) else 4
_LEARN_SECONDS = 2.0

_api = ctypes.pythonapi
_places = []


def _function(name, *arguments):
    function = getattr(_api, name)
    function.restype, function.argtypes = ctypes.c_void_p, list(arguments)
    return function


_own_state = _function("PyThreadState_Get")
_first_state = _function("PyInterpreterState_ThreadHead", ctypes.c_void_p)
_next_state = _function("PyThreadState_Next", ctypes.c_void_p)
_state_dict = _function("PyThreadState_GetDict")
_interpreter = _function("PyInterpreterState_Get" if sys.version_info >= (3, 9) else "_PyInterpreterState_Get")


def take():
    """References to the dict, the context and the thread-local keys of every other thread. Drop them after the fork.

    The last line is one call of C, in which the interpreter switches no threads: no state can end under the walk.
    """
    places, kinds, own = _learned(), _kinds(), _own_state()
    first = map(_first_state, (_interpreter(),))
    # accumulate() calls next_state(state, 0); ctypes takes the argument too many.
    states = itertools.takewhile(bool, itertools.accumulate(itertools.chain(first, itertools.repeat(0)), _next_state))
    slots = itertools.starmap(operator.add, itertools.product(filter(own.__ne__, states), places))
    slots, same = itertools.tee(slots)
    slots = itertools.compress(slots, _words(same))
    slots, same = itertools.tee(slots)
    slots = itertools.compress(slots, map(kinds.__contains__, _words(map(_WORD.__add__, _words(same)))))
    return list(map(_value, map(ctypes.py_object.from_address, slots)))


_value = operator.attrgetter("value")


def _words(addresses):
    return map(_value, map(ctypes.c_void_p.from_address, addresses))


def _key_types():
    """3.13 has the keys of thread-locals in the state itself; before they are in its dict."""
    return {id(kind) for kind in type.__subclasses__(object) if type_name(kind) == "_localdummy"}


def _kinds():
    return {id(dict), id(_contextvars.Context)} | _key_types()


def _learned():
    """Offsets in bytes, found once in a state whose contents are known."""
    if not _places:
        done, found = allocate_lock(), []
        done.acquire()
        start_new_thread(_learn, (found, done))
        if not done.acquire(True, _LEARN_SECONDS) or len(found) != _PLACES:
            raise Refused("unsupported", "where this interpreter keeps the data of its threads was not found")
        _places.extend(found)
    return _places


def _learn(found, done):
    """In a thread of its own. Memory is read through the kernel, which says where there is none instead of crashing."""
    try:
        local = _thread._local()
        local.mark = True
        context = _contextvars.Context()
        found.extend(context.run(_search, {_state_dict(), id(context)}))
    except OSError:  # not dumpable: the process may not open its own memory
        pass
    finally:
        done.release()


def _search(known):
    keys, offsets = _key_types(), []
    memory = os.open("/proc/self/mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        state = _own_state()
        for at in range(0, _WORDS * _WORD, _WORD):
            word = _read(memory, state + at)
            if word in known or (word and keys and _read(memory, word + _WORD) in keys):
                offsets.append(at)
    finally:
        os.close(memory)
    return offsets


def _read(memory, address):
    try:
        return int.from_bytes(os.pread(memory, _WORD, address), sys.byteorder)
    except (OSError, OverflowError):
        return 0
