"""What one command costs the process it is answered in: CPU, memory, and how long another thread had to wait."""

import os
import time

from . import headroom
from .originals import sleep, start_new_thread

# A beat takes some 20 us: 1 % of a core while a command runs.
BEAT_SECONDS = 0.002
# The longest commands end by themselves within 25 s; whatever happens, the heartbeat ends after these.
MOST_BEATS = 30_000

_now = time.perf_counter
_cpu = time.thread_time


class Meter:
    """Runs the steps of one command, with a heartbeat beside them that lives as long as they do."""

    def __init__(self, life):
        self._life = life
        self._ended = False
        self._due = None
        self._longest = 0.0
        self._cpu = self._cpu_of_beats = 0.0

    def run(self, steps):
        """Steps of the command and its result with `cost`."""
        began, before = _now(), _resident_bytes()
        try:
            has_heartbeat = self._begin()
            # Its first beat is under way before anything is measured.
            yield 0.0
            result = yield from self._measured(steps)
            longest = self._longest_delay() if has_heartbeat else None
        finally:
            self._ended = True
            steps.close()
        return {
            "result": result,
            "cost": {
                "seconds": _now() - began,
                "cpuSeconds": self._cpu + self._cpu_of_beats,
                "longestStallSeconds": longest,
                "rssBeforeBytes": before,
                "rssAfterBytes": _resident_bytes(),
            },
        }

    def _measured(self, steps):
        """Of each step the CPU of the thread that it runs in: after a fork of the service that is another one."""
        while True:
            began = _cpu()
            try:
                rest = next(steps)
            except StopIteration as end:
                return end.value
            finally:
                self._cpu += _cpu() - began
            yield rest

    def _begin(self):
        """False where no thread can be started: then the delay is not known."""
        # Of the same life at its end: a forked child begins another.
        self._beats = self._life.heartbeats
        self._beats.append(None)
        if self._life.forking:
            self._beats.pop()
            return False
        self._due = _now()
        try:
            start_new_thread(self._beat, ())
            return True
        except RuntimeError:
            self._end_beats()
            return False

    def _beat(self):
        """Sleeps and looks how much later than due it woke: so long another thread would have waited. Ends before a fork."""
        try:
            for _ in range(MOST_BEATS):
                self._longest = self._longest_delay()
                if self._ended or self._life.forking:
                    break
                self._due = _now() + BEAT_SECONDS
                sleep(BEAT_SECONDS)
            self._cpu_of_beats = _cpu()
        except BaseException:  # nobody would catch it: the interpreter would print it
            pass
        finally:
            self._end_beats()

    def _end_beats(self):
        self._due = None
        self._beats.pop()

    def _longest_delay(self):
        """With that of a beat that is still due: the step before may have held it up."""
        due = self._due
        return self._longest if due is None else max(self._longest, _now() - due)


def _resident_bytes():
    for line in headroom.lines("/proc/self/statm"):
        return int(line.split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return None
