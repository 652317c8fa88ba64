"""Puts the probe into CPython 3.14 and later by its own means (PEP 768, `sys.remote_exec`): no stop, no machine code.

A file that only its user may read waits for the process's main thread to come by; it starts a thread that loads the probe
and answers into the same file. One that waits in the kernel does not come by before it wakes.
"""

import json
import os
import secrets
import sys
import time

import payload
from process import effective_user, why_denied
from refusal import Refused

OLDEST = (3, 14)
_ANSWER_BYTES = 1024
# A main thread that runs Python comes by within milliseconds; on an overloaded machine it waits for its turn.
_COMES_BY_SECONDS = 2.0
_RETRY_SECONDS = 0.002
# What is left for a thread that did not come by: it takes the file away when it does.
_TOO_LATE = "__import__('os').unlink(%r)\n"
_PLACES = ("/tmp", "/dev/shm", "/var/tmp")


class Unsuited(Refused):
    """This way leads nowhere, but another may: asked by another version, or a main thread that does not come by."""


def attach(pid, version, probe_directory, socket_directory, release, seconds):
    """As inject.attach; nothing is stopped. Raises Refused; Unsuited where another way may lead in."""
    if sys.version_info[:2] != version:
        why = "only CPython %d.%d can ask it (sys.remote_exec), and none that we may run is here" % version
        raise Unsuited("python", why)
    text = payload.Text(probe_directory, socket_directory, release, _ANSWER_BYTES)
    with _File(pid) as file:
        file.write(text.in_file(file.path_there))
        _ask(pid, file)
        answer = file.wait_for_answer(min(seconds, _COMES_BY_SECONDS), seconds)
    return {**answer, "stoppedSeconds": 0.0, "longestStopSeconds": 0.0, "moment": "remote-exec"}


def _ask(pid, file):
    try:
        with file.seen_here():
            sys.remote_exec(pid, file.path_there)
    except PermissionError:
        raise Refused("denied", why_denied(pid))
    except (ProcessLookupError, FileNotFoundError):
        raise Refused("gone", "it ended meanwhile")
    except (RuntimeError, NotImplementedError) as error:
        raise Refused("disabled", "its remote debugging is switched off (%s)" % error)


class _File:
    """A file that the process may read, and only its user; gone at the end."""

    def __init__(self, pid):
        self._pid = pid
        self._name = "memtriage-%d-%s.py" % (pid, secrets.token_hex(8))
        self._directory, place = _open_place(pid)
        self.path_there = "%s/%s" % (place, self._name)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(self._name, flags, 0o600, dir_fd=self._directory)
        self._length = 0
        self._is_asked = False
        self._is_done = False

    def __enter__(self):
        _give(self._file, self._pid)
        return self

    def __exit__(self, *_):
        if self._is_asked and not self._is_done:
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, (_TOO_LATE % self.path_there).encode(), 0)
        else:
            os.unlink(self._name, dir_fd=self._directory)
        os.close(self._file)
        os.close(self._directory)

    def write(self, text):
        self._length = os.pwrite(self._file, text, 0)

    def seen_here(self):
        """The interpreter that asks wants to see the file too: where our /tmp is another one, an empty file stands there."""
        return _StandIn(self.path_there, self)

    def asked(self):
        self._is_asked = True

    def wait_for_answer(self, comes_by, seconds):
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            answer = os.pread(self._file, _ANSWER_BYTES + 1, self._length)
            if b"\0" in answer[1:]:
                self._is_done = True
                return json.loads(answer[1 : answer.index(b"\0", 1)])
            # The first byte after the text tells that the thread was started.
            if not answer and time.monotonic() - began > comes_by:
                raise Unsuited("asleep", "its main thread waits in the kernel and did not come by within %.0f s" % comes_by)
            time.sleep(_RETRY_SECONDS)
        raise Refused("silent", "the probe did not answer within %.0f s" % seconds)


class _StandIn:
    def __init__(self, path, file):
        self._path = path
        self._file = file
        self._is_made = False

    def __enter__(self):
        if not os.path.exists(self._path):
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
            self._is_made = True

    def __exit__(self, kind, *_):
        if self._is_made:
            os.unlink(self._path)
        if kind is None:
            self._file.asked()


def _open_place(pid):
    """A directory of the process, never by a link: its file system may be somebody else's."""
    for place in _PLACES:
        try:
            directory = os.open("/proc/%d/root" % pid, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            for part in place.strip("/").split("/"):
                below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
                os.close(directory)
                directory = below
        except OSError:
            continue
        if os.access("/proc/self/fd/%d" % directory, os.W_OK):
            return directory, place
        os.close(directory)
    raise Unsuited("no-place", "none of %s can be written, where it could read the probe from" % ", ".join(_PLACES))


def _give(file, pid):
    """To the process's user: as root we made it ours."""
    if os.geteuid() == 0:
        os.fchown(file, *effective_user(pid))
