"""Which way into a process: CPython's own from 3.14 on, where it comes by; else the injector."""

import time

import inject
import remote
from interpreter import find_interpreter, read_mappings
from process import refuse_unfit, refuse_unwilling, why_denied
from refusal import Refused


def attach(pid, start_ticks, probe_directory, socket_directory, release, seconds):
    """Returns {"path", "why", "stoppedSeconds", "longestStopSeconds", "moment"}. Raises Refused."""
    refuse_unfit(pid, start_ticks)
    order = (probe_directory, socket_directory, release)
    end = time.monotonic() + seconds
    try:
        interpreter = find_interpreter(pid, read_mappings(pid))
        if (interpreter.version or (0, 0)) < remote.OLDEST:
            return inject.attach(pid, interpreter, *order, seconds)
        refuse_unwilling(pid)
        try:
            return remote.attach(pid, interpreter.version, *order, seconds)
        except remote.Unsuited as unsuited:
            if interpreter.version > inject.NEWEST:
                raise Refused(unsuited.code, str(unsuited))
            return inject.attach(pid, interpreter, *order, end - time.monotonic())
    except PermissionError:
        raise Refused("denied", why_denied(pid))
    except ProcessLookupError:
        raise Refused("gone", "it ended meanwhile")
