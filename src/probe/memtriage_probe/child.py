"""T3: a forked child reads the whole heap while the service goes on, which stands still for the fork alone.

Measured: 3.5 ms at 200 MB of RSS, 10 at 500 MB, 20 at 1 GB. The child has a deadline that it keeps by itself, ends with
its parent, holds none of its descriptors, and is never left as a zombie.
"""

import json
import os
import posix
import time

from . import child_body, child_guard, fork_clock, stored_looks, thread_pins
from .fork_warning import silenced
from .frame_locals import Frames
from .refused import Refused

LONGEST_SECONDS = 20.0
STEP_SECONDS = 0.02
GUARD_SECONDS = 0.05
# After its deadline the child has ended itself; the kernel needs some time to take away its memory.
GRACE_SECONDS = 1.0
MOST_BYTES = 512 * 1024
_WNOHANG = os.WNOHANG


class _Look:
    """What the second look compares with, in the child: lengths and oldest entries by identity, counts by type."""

    def __init__(self, remembered):
        self.taken_at = time.monotonic()
        self.containers = {row[0]: row[1:] for row in remembered["containers"]}
        self.types = {name: count for name, count, _ in remembered["types"]}


def take(since, seconds):
    """Steps towards what the child found. Refused where memory or the interpreter do not allow it."""
    plan = child_guard.plan()
    seconds = min(seconds, LONGEST_SECONDS)
    earlier = stored_looks.find(since) if since else None
    thread_pins.take()  # learns, where it is the first time
    yield 0.0
    child = _Child(plan, earlier, seconds)
    try:
        yield from child.wait(seconds + GRACE_SECONDS)
    finally:
        child.end()
    found = child.parts
    remembered = found.pop("remembered", None)
    token = None
    if remembered is not None:
        token = stored_looks.keep(_Look(remembered))
    return {
        "token": token,
        "since": since if earlier else None,
        "sinceSeconds": time.monotonic() - earlier.taken_at if earlier else None,
        "endedBy": child.ended_by,
        "stopSeconds": child.stop_seconds,
        "stopCpuSeconds": child.stop_cpu_seconds,
        "seconds": child.seconds,
        "needBytes": plan.need,
        "types": found.get("types"),
        "largeBytes": found.get("largeBytes"),
        "containers": found.get("containers", []),
        "notes": found.get("notes", []) + ([] if plan.reads_heap else [_NAMES_ONLY % (plan.room, plan.need)]),
        "cpuSeconds": found.get("cpuSeconds"),
        "privateBytes": found.get("privateBytes"),
    }


_NAMES_ONLY = "the heap was not read, only what names and running code hold: %d bytes are left, and this took %d of them"


class _Child:
    def __init__(self, plan, earlier, seconds):
        self.parts = {}
        self.ended_by = None
        self.seconds = 0.0
        self._plan = plan
        self._owner = os.getpid()
        self._received = b""
        self._reader, writer = os.pipe()
        self._inode = os.fstat(self._reader).st_ino
        os.set_blocking(self._reader, False)
        frames = Frames()
        with silenced():
            self._began = time.perf_counter()
            pins = thread_pins.take()
            try:
                self.pid = posix.fork()
            except OSError as error:
                os.close(writer)
                os.close(self._reader)
                raise Refused("fork", "the kernel refused to fork: %s" % error.strerror)
            if self.pid == 0:
                child_body.run(writer, plan, earlier, frames, seconds, self._owner)
        self.stop_seconds, self.stop_cpu_seconds = fork_clock.last()
        os.close(writer)
        del pins, frames

    def wait(self, seconds):
        """Steps until the child has told everything, or is out of time or of memory."""
        deadline = time.monotonic() + seconds
        guarded = time.monotonic()
        while self.ended_by is None:
            yield STEP_SECONDS
            self._receive()
            now = time.monotonic()
            if self.ended_by is None and now > deadline:
                self.ended_by = "deadline"
            if self.ended_by is None and now - guarded > GUARD_SECONDS:
                guarded = now
                if child_guard.is_short(self._plan.floor):
                    self.ended_by = "headroom"
        self.seconds = time.perf_counter() - self._began

    def end(self):
        """Nothing of the child stays. In a child that the service forked meanwhile it is not ours."""
        if self._is_ours():
            os.close(self._reader)
        if os.getpid() != self._owner:
            return
        try:
            # A pid that is still our child can't be another process's: nobody else may reap it in between.
            if os.waitpid(self.pid, _WNOHANG)[0] == 0:
                os.kill(self.pid, 9)
                os.waitpid(self.pid, 0)
        except (ChildProcessError, ProcessLookupError):  # the service waits for any child, or ignores SIGCHLD
            pass

    def _is_ours(self):
        try:
            return os.fstat(self._reader).st_ino == self._inode
        except OSError:
            return False

    def _receive(self):
        if not self._is_ours():  # the service has closed all its descriptors
            self.ended_by = "closed"
            return
        while True:
            try:
                data = os.read(self._reader, 65536)
            except BlockingIOError:
                return
            self._received += data
            if len(self._received) > MOST_BYTES:
                self.ended_by = "garbage"
                return
            *lines, self._received = self._received.split(b"\n")
            for line in lines:
                self.parts.update(json.loads(line))
            if not data:
                self.ended_by = "done" if self.parts.get("done") else "died"
                return
