"""How long the fork that ended last held the interpreter: what the service stood still for.

Read in hooks of the fork itself, which are C throughout. A thread that computes takes the GIL within the next lines of
Python, and keeps it for 5 ms and more: that is the service at work, no stop (27 to 56 ms beside one instead of 7 to 33).
"""

import collections
import functools
import itertools
import operator
import os
import time

_call = operator.methodcaller("__call__")


def _reader():
    """A function without arguments, and the list of one reading that its last call left: (wall, CPU of its thread)."""
    kept = collections.deque(maxlen=1)
    clocks = (map(_call, itertools.repeat(clock)) for clock in (time.perf_counter, time.thread_time))
    return functools.partial(next, map(kept.append, zip(*clocks))), kept


_begin, _begun = _reader()
_end, _ended = _reader()


def start():
    """To be called once, before other hooks are registered: those run outside of the two readings."""
    os.register_at_fork(before=_begin, after_in_parent=_end)


def last():
    """Seconds on the clock and of CPU. Of the fork of the calling thread, if asked right after it."""
    (begun, cpu_begun), (ended, cpu_ended) = _begun[0], _ended[0]
    return ended - begun, cpu_ended - cpu_begun
