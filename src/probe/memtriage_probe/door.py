"""The socket of this process: `<directory>/<pid>.<start ticks>.sock`, for its own user and root only."""

import _socket
import errno
import os
import stat
import sys

from .originals import sleep

# sun_path of Linux, less the closing zero.
LONGEST_PATH = 107
# No descriptor or no memory is left for a client. Shorter than a fork waits for the thread.
EXHAUSTED_SECONDS = 0.1
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Closed(Exception):
    """The probe can't listen; the message says why."""


def start_ticks():
    """When this process started, in clock ticks after boot: with the pid, unique as long as the machine runs."""
    with open("/proc/self/stat", "rb") as stat_file:
        # The name in parentheses may hold anything: count the fields after its last parenthesis.
        return int(stat_file.read().rpartition(b")")[2].split()[19])


class Door:
    """A listening socket. It knows itself again: a service may close all its descriptors and open others in their place."""

    def __init__(self, directory):
        self.directory = os.path.abspath(directory)
        self.name = "%d.%d.sock" % (os.getpid(), start_ticks())
        self.path = os.path.join(self.directory, self.name)
        if len(os.fsencode(self.path)) > LONGEST_PATH:
            raise Closed("the socket's path is longer than %d bytes: %s" % (LONGEST_PATH, self.path))
        self.socket = _listen(self.directory, self.name)
        self._inode = os.fstat(self.socket.fileno()).st_ino

    def is_ours(self):
        """False after the service has closed the descriptor, whatever it holds now."""
        try:
            return os.fstat(self.socket.fileno()).st_ino == self._inode
        except OSError:
            return False

    def knock(self):
        """Wakes the thread that waits at the door; False where it can't be reached: the file was removed, or the process
        has changed its user or its root. A fresh connection can't hit a descriptor of the service."""
        try:
            caller = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        except OSError:
            return False
        try:
            caller.settimeout(0.1)
            caller.connect(self.path)
            return True
        except BlockingIOError:  # so many are waiting that it is not asleep
            return True
        except OSError:
            return False
        finally:
            caller.close()

    def wait(self, seconds):
        """The next client within `seconds` (None: however long it takes), or None.

        accept() holds on to the socket while it waits. poll() looks the descriptor up again and would wait on whatever
        the service has put in its place.
        """
        whole, rest = (0, 0) if seconds is None else divmod(int(max(seconds, 0.0001) * 1_000_000), 1_000_000)
        limit = b"".join(part.to_bytes(8, sys.byteorder) for part in (whole, rest))  # a struct timeval
        self.socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVTIMEO, limit)
        try:
            descriptor, _ = self.socket._accept()
        except OSError as error:  # the time is up, or the client has gone again
            if error.errno in _EXHAUSTED:  # at once, again and again: the service needs the core
                sleep(EXHAUSTED_SECONDS)
            return None
        return _socket.socket(fileno=descriptor)

    def close(self):
        """Closes the descriptor if it is still the door's; the file stays."""
        if self.is_ours():
            self.socket.close()
        else:
            self.socket.detach()

    def remove(self):
        try:
            os.unlink(self.path)
        except OSError:
            pass


def _listen(directory, name):
    try:
        os.mkdir(directory, 0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise Closed("%s can't be made: %s" % (directory, error.strerror))
    try:
        folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise Closed("%s is a link or no directory: %s" % (directory, error.strerror))
    try:
        _refuse_foreign(directory, os.fstat(folder))
        return _bind("/proc/self/fd/%d/%s" % (folder, name))
    except OSError as error:
        raise Closed("no socket in %s: %s" % (directory, error.strerror))
    finally:
        os.close(folder)


def _refuse_foreign(directory, found):
    if found.st_uid not in (os.geteuid(), 0):
        raise Closed("%s belongs to user %d, not to this process's %d" % (directory, found.st_uid, os.geteuid()))
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Closed("%s can be written by others (mode %o, must be 700)" % (directory, stat.S_IMODE(found.st_mode)))


def _bind(path):
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        listener.settimeout(None)  # whatever socket.setdefaulttimeout() says
        os.fchmod(listener.fileno(), 0o600)  # before bind: the file is never there with other rights
        try:
            os.unlink(path)  # of this very process before it called exec, or of one long gone
        except FileNotFoundError:
            pass
        listener.bind(path)
        listener.listen(8)
        return listener
    except BaseException:
        listener.close()
        raise


def peer_is_allowed(client):
    """Only the user of this process and root may ask."""
    credentials = client.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
    return int.from_bytes(credentials[4:8], sys.byteorder) in (os.geteuid(), 0)
