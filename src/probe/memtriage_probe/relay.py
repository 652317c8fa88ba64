"""`python3 relay.py DIRECTORY`: one request line from stdin to the probe of a process here, its reply to stdout.

The far end of `docker exec`, `kubectl exec` and ssh's forced command. It reads one line and ends. The line is a request
of the probe's protocol with `to`, a pid that has its socket in DIRECTORY, or one of two questions of its own:
`processes` (who listens there, with RSS) and `outside` (what /proc says of one of them). It reads, and changes nothing.
Without an answer: a refusal in the probe's own form. Standard library only, and no module of the probe.
"""

import json
import os
import re
import socket
import sys

_NAME = re.compile(r"([1-9]\d{0,9})\.(\d{1,19})\.sock\Z")
_HEADER = re.compile("[0-9a-f]+-[0-9a-f]+ ")
_LONGEST_REQUEST = 64 * 1024
_LONGEST_REPLY = 1024 * 1024
_CONNECT_SECONDS = 5
# The longest look takes 25 s; whoever asked has its own deadline.
_REPLY_SECONDS = 60


class Unreachable(Exception):
    pass


def answer(directory, request):
    """The reply line. Raises Unreachable."""
    if len(request) > _LONGEST_REQUEST or not request.endswith(b"\n"):
        raise Unreachable("the request is no line of at most %d bytes" % _LONGEST_REQUEST)
    try:
        asked = json.loads(request.decode("utf-8"))
        verb, to = asked.get("verb"), asked.get("to")
    except (ValueError, AttributeError, RecursionError):
        raise Unreachable("the request is no JSON object")
    found = _processes(directory)
    if verb == "processes":
        return _line({"processes": [{"pid": p, "startTicks": t, "rssBytes": _rss(p)} for p, t in sorted(found.items())]})
    if type(to) is not int or to not in found:
        raise Unreachable("no process %s with a probe in %s" % (to if type(to) is int else "", directory))
    if verb == "outside":
        return _line(_outside(to))
    return _forward(os.path.join(directory, "%d.%d.sock" % (to, found[to])), request)


def _forward(path, request):
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


def _processes(directory):
    """pid -> start ticks of the living processes that have a socket in the directory."""
    try:
        names = filter(None, map(_NAME.match, os.listdir(directory)))
    except OSError as error:
        raise Unreachable("%s: %s" % (directory, error.strerror))
    found = {int(name.group(1)): int(name.group(2)) for name in names}
    return {pid: ticks for pid, ticks in found.items() if _start_ticks(pid) == ticks}


def _start_ticks(pid):
    fields = _read("/proc/%d/stat" % pid).rpartition(")")[2].split()
    return int(fields[19]) if len(fields) > 19 and fields[0] != "Z" else None


def _rss(pid):
    fields = _read("/proc/%d/statm" % pid).split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 1 else 0


def _outside(pid):
    folder = "/proc/%d" % pid
    try:
        open_files = len(os.listdir(folder + "/fd"))
    except OSError:
        open_files = None
    return {
        "status": _read(folder + "/status"),
        "smaps": _smaps(folder + "/smaps"),
        "openFiles": open_files,
        # Last: it tells whether the process began to exit, and gave memory back, while the others were read.
        "stat": _read(folder + "/stat"),
    }


def _smaps(path):
    """Only the lines that are needed: headers, Rss and Swap. None where they can't be read or are too many."""
    kept = [line for line in _read(path).splitlines() if line.startswith(("Rss:", "Swap:")) or _HEADER.match(line)]
    text = "\n".join(kept)
    return text if 0 < len(text) < _LONGEST_REPLY - 65536 else None


def _read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _line(result):
    return json.dumps({"protocol": 1, "ok": True, "result": result}).encode("ascii") + b"\n"


def main(arguments):
    try:
        (directory,) = arguments
        reply = answer(directory, sys.stdin.buffer.readline(_LONGEST_REQUEST + 2))
    except Unreachable as unreachable:
        refusal = {"protocol": 1, "ok": False, "code": "unreachable", "why": str(unreachable)}
        reply = json.dumps(refusal).encode("ascii") + b"\n"
    sys.stdout.buffer.write(reply)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
