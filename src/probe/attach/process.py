"""The process that is attached to, as /proc tells it, and why it may not be."""

import os
import platform
import time

from refusal import Refused

_SYS_PTRACE = 1 << 19
# Reads from a slow disk take less.
_STUCK_SECONDS = 1.0


def refuse_unfit(pid, start_ticks):
    """Raises Refused: gone, stopped, traced by another, of a foreign architecture, in strict seccomp."""
    if platform.machine() != "x86_64":
        raise Refused("architecture", "attaching is not written for %s yet, only for x86-64" % platform.machine())
    state, ticks = _state(pid)
    if ticks != start_ticks or state in "ZX":
        raise Refused("gone", "it has ended")
    if state in "Tt":
        raise Refused("stopped", "it is stopped (state %s)" % state)
    status = _status(pid)
    if status.get("TracerPid", "0") != "0":
        raise Refused("traced", "process %s traces it already" % status["TracerPid"])
    if status.get("Seccomp") == "1":
        raise Refused("denied", "it runs under strict seccomp")
    _refuse_stuck(pid)


def _refuse_stuck(pid):
    """A thread in an uninterruptible wait can't be stopped. A wait for a disk is over soon, one for a vfork child may not be."""
    end = time.monotonic() + _STUCK_SECONDS
    while is_uninterruptible(pid):
        if time.monotonic() > end:
            raise Refused("unresponsive", "its main thread waits in the kernel and can't be stopped (state D)")
        time.sleep(0.02)


def refuse_unwilling(pid):
    """Raises Refused: whoever started it wants no debugger inside (CPython 3.14 and later)."""
    environment = _read("/proc/%d/environ" % pid).split("\0")
    words = _read("/proc/%d/cmdline" % pid).replace("-X\0", "-X").split("\0")
    named = [word for word in environment if word.startswith("PYTHON_DISABLE_REMOTE_DEBUG=") and word[-1] != "="]
    named += [word for word in words if word.startswith("-Xdisable-remote-debug")]
    if named:
        raise Refused("disabled", "it was started with %s" % named[0])


def effective_user(pid):
    """(uid, gid) with which it opens files."""
    status = _status(pid)
    return int(status["Uid"].split()[1]), int(status["Gid"].split()[1])


def is_closed_to_itself(pid):
    """Its files in /proc belong to another user than it is: it may not open its own memory there."""
    user = effective_user(pid)[0]
    return user != 0 and os.stat("/proc/%d" % pid).st_uid != user


def why_denied(pid):
    """The likeliest cause of a refused ptrace, as the end of a sentence."""
    status, own = _status(pid), _status(os.getpid())
    is_able = int(own.get("CapEff", "0"), 16) & _SYS_PTRACE
    scope = _read("/proc/sys/kernel/yama/ptrace_scope").strip() or "0"
    user = status.get("Uid", "?").split()[0]
    if scope == "3":
        return "ptrace is switched off on this machine (kernel.yama.ptrace_scope is 3)"
    if not is_able and user != str(os.geteuid()):
        return "it belongs to user %s and we are user %d without the capability SYS_PTRACE" % (user, os.geteuid())
    if not is_able and scope != "0":
        return "kernel.yama.ptrace_scope is %s and we have not the capability SYS_PTRACE" % scope
    if not is_able:
        return "it is not dumpable or has more capabilities, and we have not the capability SYS_PTRACE"
    return "a security profile (seccomp, AppArmor, SELinux) refuses ptrace"


def is_uninterruptible(pid):
    return _state(pid)[0] == "D"


def _state(pid):
    text = _read("/proc/%d/stat" % pid)
    if not text:
        raise Refused("gone", "it has ended")
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[19])


def _status(pid):
    lines = (line.partition(":") for line in _read("/proc/%d/status" % pid).splitlines())
    return {name: value.strip() for name, _, value in lines}


def _read(path):
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""
