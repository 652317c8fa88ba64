"""ptrace of one thread: the other threads of the process run on. Everything here is undone by detach()."""

import ctypes
import errno
import os
import resource
import signal
import time

from refusal import Refused

_SEIZE, _INTERRUPT, _GETREGS, _SETREGS, _CONT, _STEP, _DETACH = 0x4206, 0x4207, 12, 13, 7, 9, 17
_GET_MASK, _SET_MASK = 0x420A, 0x420B
_WALL = 0x40000000
_ALL_SIGNALS = 0xFFFFFFFFFFFFFFFF
_FIELDS = "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs"

_ptrace = ctypes.CDLL(None, use_errno=True).ptrace
_ptrace.restype = ctypes.c_long
_ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


class Registers(ctypes.Structure):
    """struct user_regs_struct of x86-64."""

    _fields_ = [(name, ctypes.c_ulonglong) for name in _FIELDS.split()]

    def copy(self):
        return Registers.from_buffer_copy(self)


class Gone(Exception):
    """The process ended."""


class Tracer:
    """Holds the main thread of a process between stop() and go_on(). Use as a context manager: it detaches at the end."""

    def __init__(self, pid, deadline):
        self.pid = pid
        self._deadline = deadline
        self._stopped = False
        self._mask = None
        self.stopped_seconds = 0.0
        self.longest_stop_seconds = 0.0
        self._since = 0.0
        self._call(_SEIZE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.detach()
        except (OSError, Gone, Refused):  # it has ended, or our end will set it free
            pass

    def stop(self):
        """Stops the thread and returns its registers. Its signals wait meanwhile, with all that came with them."""
        self._since = time.perf_counter()
        self._call(_INTERRUPT)
        self._wait()
        self._stopped = True
        mask = ctypes.c_ulonglong()
        self._call(_GET_MASK, 8, ctypes.addressof(mask))
        self._mask = mask
        everything = ctypes.c_ulonglong(_ALL_SIGNALS)
        self._call(_SET_MASK, 8, ctypes.addressof(everything))
        return self.registers()

    def go_on(self):
        self._unblock()
        self._call(_CONT)
        self._runs_again()

    def detach(self):
        if not self._stopped:
            self.stop()
        self._unblock()
        self._call(_DETACH)
        self._runs_again()

    def registers(self):
        registers = Registers()
        self._call(_GETREGS, 0, ctypes.addressof(registers))
        return registers

    def set_registers(self, registers):
        self._call(_SETREGS, 0, ctypes.addressof(registers))

    def system_call(self, instruction, number, *arguments):
        """Lets the thread do one system call at an address that holds a `syscall` instruction; the result, signed."""
        saved = self.registers()
        registers = saved.copy()
        registers.rip, registers.rax, registers.orig_rax = instruction, number, _ALL_SIGNALS
        for name, value in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), arguments):
            setattr(registers, name, value & _ALL_SIGNALS)
        try:
            self.set_registers(registers)
            while self.registers().rip == instruction:
                self._call(_STEP)
                self._wait()
            return ctypes.c_longlong(self.registers().rax).value
        finally:
            self.set_registers(saved)

    def _unblock(self):
        self._call(_SET_MASK, 8, ctypes.addressof(self._mask))

    def _runs_again(self):
        self._stopped = False
        seconds = time.perf_counter() - self._since
        self.stopped_seconds += seconds
        self.longest_stop_seconds = max(self.longest_stop_seconds, seconds)

    def _wait(self):
        """Until the thread stops. Sleeps in the kernel, which lets a sleeper go first when the machine is busy."""
        signal.setitimer(signal.ITIMER_REAL, max(0.001, self._deadline - time.monotonic()))
        try:
            _, status = os.waitpid(self.pid, _WALL)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            raise Gone()

    def _call(self, request, address=0, data=0):
        ctypes.set_errno(0)
        if _ptrace(request, self.pid, address, data) == -1 and ctypes.get_errno():
            number = ctypes.get_errno()
            if number == errno.ESRCH:
                raise Gone()
            raise OSError(number, os.strerror(number))


def _too_late(*_):
    raise Refused("unresponsive", "the kernel did not stop its main thread in time")


def prepare():
    """While a process is in our hands nothing but SIGKILL ends us, and a wait for it has an end."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE})
    signal.signal(signal.SIGALRM, _too_late)
    _go_first()


# Longest it may compute without a pause while it goes before everybody else: the kernel ends it then, which lets go.
_REALTIME_CPU_MICROSECONDS = 1_000_000


def _go_first():
    """A held process waits for our turn on a busy machine. As root ours comes at once; others may not, and wait."""
    try:
        resource.setrlimit(resource.RLIMIT_RTTIME, (_REALTIME_CPU_MICROSECONDS, _REALTIME_CPU_MICROSECONDS))
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except (OSError, ValueError):
        pass
