"""At which moments a thread may be made to run Python at once: seen from its registers.

At any other moment, within malloc too, it may be made to call Py_AddPendingCall, which takes neither memory nor the
interpreter's lock: the interpreter then runs the line between two of its instructions.
"""

# System calls that CPython makes with its lock released: none of them is made by malloc.
_WAITING = {
    "read": 0, "write": 1, "poll": 7, "select": 23, "pause": 34, "nanosleep": 35, "connect": 42, "accept": 43,
    "sendto": 44, "recvfrom": 45, "sendmsg": 46, "recvmsg": 47, "wait4": 61, "flock": 73, "rt_sigtimedwait": 128,
    "restart_syscall": 219, "clock_nanosleep": 230, "epoll_wait": 232, "waitid": 247, "pselect6": 270, "ppoll": 271,
    "epoll_pwait": 281, "accept4": 288, "recvmmsg": 299, "epoll_pwait2": 441,
}  # fmt: skip
_NUMBERS = set(_WAITING.values())
_FUTEX = 202
# Semaphores and conditions of CPython's locks wait with this operation, malloc's own lock with FUTEX_WAIT (0).
_FUTEX_WAIT_BITSET = 9
_FUTEX_OPERATION = 0x7F

# EINTR, ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_RESTARTBLOCK: it was waiting when it was stopped.
_INTERRUPTED = {-4, -512, -513, -514, -516}


def waits(registers, interpreter_state):
    """True in a system call that waits, which CPython makes without its lock and malloc does not make.

    A wait for the interpreter's lock itself is none of them: its condition is in use, and taking the lock from within the
    wait would hang (measured: 3.8 and 3.10).
    """
    result = registers.rax - (1 << 64) if registers.rax >> 63 else registers.rax
    if registers.orig_rax >> 63 or result not in _INTERRUPTED:
        return False
    if registers.orig_rax == _FUTEX:
        return registers.rsi & _FUTEX_OPERATION == _FUTEX_WAIT_BITSET and registers.rdi not in interpreter_state
    return registers.orig_rax in _NUMBERS
