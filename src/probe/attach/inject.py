"""Puts the probe into a running, unmodified CPython: facts and figures in docs/probe.md, "Attaching".

One stop of the main thread, well below a millisecond: a block of memory is mapped and filled, and the thread is sent
through the code of stub.py, which needs us no more. A second stop takes the block away again.
"""

import json
import os
import struct
import time

import moment
import payload
import stub
from interpreter import read_mappings
from process import is_closed_to_itself, is_uninterruptible
from refusal import Refused
from tracer import Gone, Tracer, prepare

_MMAP, _MUNMAP = 9, 11
_READ_WRITE_EXECUTE, _PRIVATE_ANONYMOUS = 7, 0x22
_SYSCALL = b"\x0f\x05"
_PAGE = 4096
# Between looks at a thread that is on its way out of our code.
_RETRY_SECONDS = 0.0005
# A line that was asked for between two instructions and did not run yet: the thread went to wait before.
_NUDGE_SECONDS = 0.05


# The newest that it was shown to work with.
NEWEST = (3, 14)


def attach(pid, interpreter, probe_directory, socket_directory, release, seconds):
    """Returns {"path", "why", "stoppedSeconds", "longestStopSeconds", "moment"}. Raises Refused."""
    if (interpreter.version or NEWEST) > NEWEST:
        raise Refused("unsupported", "CPython %d.%d is newer than %d.%d" % (interpreter.version + NEWEST))
    try:
        with _Attempt(pid, interpreter, time.monotonic() + seconds) as attempt:
            prepare()
            attempt.send(probe_directory, socket_directory, release)
            answer = attempt.wait_for_answer()
            attempt.take_away()
            return {**answer, **attempt.cost()}
    except Gone:
        raise Refused("gone", "it ended meanwhile")


class _Attempt:
    def __init__(self, pid, interpreter, deadline):
        self._pid = pid
        self._interpreter = interpreter
        self._deadline = deadline
        self._memory = os.open("/proc/%d/mem" % pid, os.O_RDWR | os.O_CLOEXEC)
        self._syscall = self._find_syscall(read_mappings(pid))
        self._block = 0
        self._size = 0
        self._stopped_seconds = 0.0
        self._longest_stop_seconds = 0.0
        self._moment = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._memory)

    def cost(self):
        return {
            "stoppedSeconds": self._stopped_seconds,
            "longestStopSeconds": self._longest_stop_seconds,
            "moment": self._moment,
        }

    def send(self, probe_directory, socket_directory, release):
        """Fills the block and sends the main thread through it."""
        text = payload.Text(probe_directory, socket_directory, release, stub.ANSWER_BYTES)
        length = len(text.answering_at(0))
        self._size = -(-(stub.PAYLOAD + length) // _PAGE) * _PAGE
        with self._tracer() as tracer:
            saved = tracer.stop()
            is_waiting = moment.waits(saved, self._interpreter.state)
            self._moment = "waits" if is_waiting else "computes"
            self._block = self._map(tracer)
            self._write(stub.PAYLOAD, text.answering_at(self._block + stub.ANSWER))
            self._write(stub.LINE, payload.line(self._block + stub.PAYLOAD, length))
            self._go_through(tracer, saved, stub.run_now() if is_waiting else stub.run_soon())

    def wait_for_answer(self):
        """The probe's own words: {"path", "why"}."""
        nudge_at = time.monotonic() + _NUDGE_SECONDS
        while time.monotonic() < self._deadline:
            answer = os.pread(self._memory, stub.ANSWER_BYTES, self._block + stub.ANSWER)
            if b"\0" in answer.lstrip(b"\0"):
                return json.loads(answer[: answer.index(b"\0")])
            if self._status() == stub.STATUS_NOT_INITIALISED:
                raise Refused("too-early", "its interpreter has not started yet")
            if self._moment == "computes" and time.monotonic() > nudge_at:
                self._nudge()
                nudge_at = time.monotonic() + _NUDGE_SECONDS
            time.sleep(0.001)
        if self._status() == stub.STATUS_DONE and is_closed_to_itself(self._pid):
            raise Refused("unsupported", "it changed its user or is not dumpable, and its Python has no ctypes to read with")
        raise Refused("silent", self._why_silent())

    def take_away(self):
        """Unmaps the block, unless the thread can't be met outside of it: then it stays, and does no harm."""
        while time.monotonic() < self._deadline:
            with self._tracer() as tracer:
                registers = tracer.stop()
                is_inside = self._block <= registers.rip < self._block + self._size
                if self._status() == stub.STATUS_DONE and not is_inside:
                    tracer.system_call(self._syscall, _MUNMAP, self._block, self._size)
                    return
            time.sleep(_RETRY_SECONDS)

    def _nudge(self):
        """A waiting thread is made to run one empty line: the interpreter runs what it was asked for before it."""
        if self._status() != stub.STATUS_DONE:
            return
        with self._tracer() as tracer:
            registers = tracer.stop()
            if moment.waits(registers, self._interpreter.state):
                self._write(stub.NUDGE, b"None\0")
                self._go_through(tracer, registers, stub.run_now(stub.NUDGE))

    def _map(self, tracer):
        block = tracer.system_call(
            self._syscall, _MMAP, 0, self._size, _READ_WRITE_EXECUTE, _PRIVATE_ANONYMOUS, -1, 0
        )
        if -_PAGE < block < 0:
            raise Refused("denied", "the kernel gave it no executable memory (%s)" % os.strerror(-block))
        return block

    def _go_through(self, tracer, saved, code):
        self._write(stub.STATUS, struct.pack("<I", 0))
        self._write(8, stub.head(self._interpreter.functions, saved)[8:])
        self._write(stub.CODE, stub.jump_back(code))
        tracer.set_registers(stub.entry_registers(saved, self._block))
        tracer.detach()

    def _find_syscall(self, mappings):
        """The address of a `syscall` instruction: the kernel's own page of code has one in every process."""
        for mapping in sorted(mappings, key=lambda m: m.path != "[vdso]"):
            if mapping.permissions[2] == "x" and mapping.path != "[vsyscall]":
                code = os.pread(self._memory, min(mapping.end - mapping.start, 1 << 20), mapping.start)
                if _SYSCALL in code:
                    return mapping.start + code.index(_SYSCALL)
        raise Refused("no-symbols", "no system call instruction was found in its code")

    def _tracer(self):
        return _Counted(self._pid, self._deadline, self)

    def add_stop(self, tracer):
        self._stopped_seconds += tracer.stopped_seconds
        self._longest_stop_seconds = max(self._longest_stop_seconds, tracer.longest_stop_seconds)

    def _status(self):
        return struct.unpack("<I", os.pread(self._memory, 4, self._block + stub.STATUS))[0]

    def _write(self, offset, data):
        os.pwrite(self._memory, data, self._block + offset)

    def _why_silent(self):
        if is_uninterruptible(self._pid):
            return "its main thread waits in the kernel without end (state D)"
        if self._status() == 0:
            return "its main thread did not run"
        return "its main thread came to run no Python: C code, or a thread that keeps the interpreter's lock, held it up"


class _Counted(Tracer):
    """Tells the attempt how long it held the thread."""

    def __init__(self, pid, deadline, attempt):
        self._attempt = attempt
        super().__init__(pid, deadline)

    def __exit__(self, *caught):
        super().__exit__(*caught)
        self._attempt.add_stop(self)
