"""What the forked child does: it cuts every tie to the service, reads, tells, and ends. It never returns.

Each part of the answer is written as soon as it is there, so that what was found stays found if the child is killed.
"""

import _signal
import ctypes
import gc
import json
import os
import resource
import time

from . import child_read, headroom

_PR_SET_PDEATHSIG = 1
_NICE = 10
_SECONDS_OF_CPU = 15

_prctl = ctypes.CDLL(None).prctl


def run(writer, plan, earlier, frames, seconds, parent):
    """Ends the process with 0, whatever happens: other codes mean something to masters (gunicorn: 3 and 4)."""
    try:
        _cut_ties(writer, parent, seconds, plan.own)
        child_read.read_all(_Pipe(writer).tell, plan, earlier, frames, time.monotonic() + seconds * 0.9)
    except BaseException:
        pass
    finally:
        os._exit(0)


class _Pipe:
    def __init__(self, descriptor):
        self._descriptor = descriptor

    def tell(self, **parts):
        rest = memoryview(json.dumps(parts, separators=(",", ":")).encode("ascii") + b"\n")
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]


def _cut_ties(writer, parent, seconds, own_bytes):
    gc.disable()
    os.nice(_NICE)  # before all else: the service has just been woken too
    _prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the line above
        os._exit(0)
    _signal.set_wakeup_fd(-1)
    for number in set(_signal.valid_signals()) - {_signal.SIGKILL, _signal.SIGSTOP}:
        _signal.signal(number, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, [])
    _signal.setitimer(_signal.ITIMER_REAL, seconds)  # SIGALRM ends it
    _close_descriptors(writer)
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS_OF_CPU, _SECONDS_OF_CPU))
    pages = int(headroom.lines("/proc/self/statm")[0].split()[0])
    limit = pages * resource.getpagesize() + own_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _close_descriptors(writer):
    """A peer of the service must see the end of a connection that the service closes."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) != writer:
            try:
                os.close(int(name))
            except OSError:
                pass
