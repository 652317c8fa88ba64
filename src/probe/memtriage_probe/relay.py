"""`python -m memtriage_probe.relay DIRECTORY PID`: one request line from stdin to the probe of that process, its reply to stdout.

The far end of `docker exec`, `kubectl exec` and ssh. It reads one line, connects to one socket in one directory, and
ends; PID 0 stands for the only process that listens there. Without an answer: a refusal in the probe's own form.
"""

import json
import os
import re
import socket
import sys

_NAME = re.compile(r"([1-9]\d{0,9})\.(\d{1,19})\.sock\Z")
_LONGEST_REQUEST = 64 * 1024
_LONGEST_REPLY = 1024 * 1024
_CONNECT_SECONDS = 5
# The longest look takes 25 s; whoever asked has its own deadline.
_REPLY_SECONDS = 60


class Unreachable(Exception):
    pass


def relay(directory, pid, request):
    """The reply line. Raises Unreachable."""
    path = _socket_of(directory, pid)
    if len(request) > _LONGEST_REQUEST or not request.endswith(b"\n"):
        raise Unreachable("the request is no line of at most %d bytes" % _LONGEST_REQUEST)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(_CONNECT_SECONDS)
        connection.connect(path)
        connection.sendall(request)
        connection.settimeout(_REPLY_SECONDS)
        reply = b""
        while not reply.endswith(b"\n"):
            data = connection.recv(65536)
            if not data or len(reply) > _LONGEST_REPLY:
                raise Unreachable("%s hung up in the middle of a reply" % path)
            reply += data
        return reply
    except OSError as error:
        raise Unreachable("%s: %s" % (path, error))
    finally:
        connection.close()


def _socket_of(directory, pid):
    try:
        names = [name for name in os.listdir(directory) if _NAME.match(name)]
    except OSError as error:
        raise Unreachable("%s: %s" % (directory, error.strerror))
    names = [name for name in names if _lives(name) and (pid == 0 or int(name.split(".")[0]) == pid)]
    if len(names) != 1:
        found = "nobody listens" if not names else "%d processes listen" % len(names)
        raise Unreachable("%s in %s; processes: %s" % (found, directory, ", ".join(sorted(names)) or "none"))
    return os.path.join(directory, names[0])


def _lives(name):
    """Whether the process of that number is still the one that made the socket."""
    pid, ticks, _ = name.split(".")
    try:
        with open("/proc/%s/stat" % pid, "rb") as file:
            return file.read().rpartition(b")")[2].split()[19] == ticks.encode()
    except OSError:
        return False


def main(arguments):
    try:
        directory, pid = arguments
        request = sys.stdin.buffer.readline(_LONGEST_REQUEST + 2)
        reply = relay(directory, int(pid), request)
    except Unreachable as unreachable:
        refusal = {"protocol": 1, "ok": False, "code": "unreachable", "why": str(unreachable)}
        reply = json.dumps(refusal).encode("ascii") + b"\n"
    sys.stdout.buffer.write(reply)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
