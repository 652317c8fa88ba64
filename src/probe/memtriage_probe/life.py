"""The probe's life in its process: start, one thread, forks, end.

No thread of the probe lives while the process forks: the thread is parked before and started again after. So a child
can't inherit a lock that the probe held, CPython 3.12 and later has no cause to warn of a fork with threads, and the
child opens a socket of its own.
"""

import _signal
import os

from . import fork_clock, fork_warning, gc_watch
from .door import Closed, Door
from .fitness import why_unfit
from .originals import allocate_lock, get_ident, sleep, start_new_thread

# How long a fork waits for the probe's thread, which notices within one slice of 2 ms.
PARK_SECONDS = 0.25

# A thread that has left Python is gone from the kernel's count some 50 us later.
EXIT_SECONDS = 0.005

# Left unblocked in the probe's thread: they report a fault of the thread itself.
FAULTS = {_signal.SIGSEGV, _signal.SIGBUS, _signal.SIGFPE, _signal.SIGILL, _signal.SIGABRT}


class _Life:
    def __init__(self):
        self.door = None
        self.directory = None
        self.release = None
        self.owner = 0
        self.thread = 0
        self.why_not = "not started"
        self.hooked = False
        self.server = None
        self.begin_anew()

    def begin_anew(self):
        """One entry for each fork under way, and for each thread that measures a command (meter.py). No lock guards them:
        a signal's handler may fork within the hooks of a fork, and would wait for ever. Each step is one call of C."""
        self.forking = []
        self.heartbeats = []
        self._claim = allocate_lock()

    def is_alive(self):
        return self._claim.locked()

    def claim(self):
        """True for one caller only: the thread is now its own to start, or to go on as."""
        return self._claim.acquire(False)

    def give_up(self):
        if self._claim.locked():
            self._claim.release()

    def leaves(self):
        """Asked by the thread at every turn; True when it must end. A fork that ended meanwhile may not see it go."""
        if not self.forking:
            return False
        self.give_up()
        return bool(self.forking) or not self.claim()


_life = _Life()


def start(directory=None, release=None):
    """Listens on a socket in `directory` (default: MEMTRIAGE_SOCKET_DIR). Returns its path, or None; status() says why.

    Safe to call again: a process has one socket. `release` names the deployed version (default: MEMTRIAGE_RELEASE).
    """
    try:
        if _life.owner == os.getpid() and _life.door is not None:
            return _life.door.path
        unfit = why_unfit()
        if unfit is not None:
            _life.why_not = unfit
            return None
        _life.directory = directory or os.environ.get("MEMTRIAGE_SOCKET_DIR")
        _life.release = release or os.environ.get("MEMTRIAGE_RELEASE") or None
        if not _life.directory:
            _life.why_not = "MEMTRIAGE_SOCKET_DIR is not set"
            return None
        _open()
        return _life.door.path
    except Closed as closed:
        _life.why_not = str(closed)
    except Exception as error:
        _life.why_not = "%s: %s" % (type(error).__name__, error)
    return None


def status():
    """`{"listening": bool, "path": str or None, "why": str or None}`: what start() came to."""
    listening = _life.door is not None and _life.owner == os.getpid()
    return {
        "listening": listening,
        "path": _life.door.path if listening else None,
        "why": None if listening else _life.why_not,
    }


def _open():
    _life.door = Door(_life.directory)
    _life.owner = os.getpid()
    if not _life.hooked:
        import atexit

        fork_clock.start()
        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)
        atexit.register(_at_exit)
        _life.hooked = True
    gc_watch.start()
    try:
        if _life.claim():
            _spawn()
    except BaseException:  # nobody would answer there
        door, _life.door = _life.door, None
        door.close()
        door.remove()
        raise


def _spawn():
    """Starts the claimed thread with every signal blocked: signals are for the threads of the service."""
    before = _signal.pthread_sigmask(_signal.SIG_BLOCK, set(_signal.valid_signals()) - FAULTS)
    try:
        start_new_thread(_run, (_life,))
    except BaseException:
        _life.give_up()
        raise
    finally:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, before)


def _run(life):
    try:
        from .server import Server

        life.thread = get_ident()
        fork_warning.speak_again()
        if life.server is None:
            life.server = Server(life)
        life.server.serve()
    except BaseException:  # nobody would catch it: the interpreter would print it
        life.give_up()


def _before_fork():
    try:
        if get_ident() == _life.thread:
            return
        _life.forking.append(None)
        if _life.is_alive() and _life.door is not None:
            others = _thread_count() - 1 - len(_life.heartbeats)
            if _life.door.knock() or _life.server is not None and not _life.server.is_asleep():
                _wait_until(lambda: not _life.is_alive() and not _life.heartbeats, PARK_SECONDS)
                _wait_until(lambda: _thread_count() <= others, EXIT_SECONDS)
            if _thread_count() == 1:
                fork_warning.silence()
    except Exception:
        pass


def _after_fork():
    try:
        if get_ident() == _life.thread and _life.is_alive():
            return
        if _life.forking:
            _life.forking.pop()
        # Claimed: a second fork that ends now must not start another.
        if not _life.forking and _life.door is not None and _life.claim():
            _spawn()
    except Exception:
        pass


def _in_child():
    try:
        if get_ident() == _life.thread:  # a child of the probe's own: it closes all descriptors, and never serves
            return
        gc_watch.let_go()
        _life.begin_anew()
        _life.thread = 0
        server, _life.server = _life.server, None
        if server is not None:
            server.abandon()
        door, _life.door = _life.door, None
        if door is not None:
            door.close()
            _open()
    except Closed as closed:
        _life.why_not = str(closed)
    except Exception as error:
        _life.why_not = "%s: %s" % (type(error).__name__, error)


def _at_exit():
    if _life.door is not None and _life.owner == os.getpid():
        _life.door.remove()


def _wait_until(is_so, seconds):
    for _ in range(int(seconds / 0.0001)):
        if is_so():
            return
        sleep(0.0001)


def _thread_count():
    """Threads of this process as the kernel counts them: one that has left Python may still be ending."""
    return len(os.listdir("/proc/self/task"))
