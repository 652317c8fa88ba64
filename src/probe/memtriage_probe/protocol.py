"""Requests and replies: one JSON object a line each way. docs/probe.md describes every field."""

import json
import os
import sys
import time
import types

from . import gc_watch
from .door import start_ticks
from .meter import Meter
from .refused import Refused

PROTOCOL = 1


def refusal(code, why):
    return _line({"protocol": PROTOCOL, "ok": False, "code": code, "why": why})


def answer(line, life):
    """Steps towards the reply to one request line: yields seconds to rest, returns the reply. Never raises."""
    began = time.perf_counter()
    try:
        verb, arguments = _parse(line)
        told = verb(arguments, life)
        if type(told) is types.GeneratorType:
            told = yield from Meter(life).run(told)
        else:
            told = {"result": told}
        return _line(dict(told, protocol=PROTOCOL, ok=True, seconds=time.perf_counter() - began))
    except Refused as refused:
        return refusal(refused.code, refused.why)
    except Exception as error:  # the type only: a message may hold a value of the service
        return refusal("failed", "the probe failed: %s" % type(error).__name__)


def _parse(line):
    try:
        request = json.loads(line.decode("utf-8"), parse_int=_bounded_int)
    except (ValueError, RecursionError):
        raise Refused("bad-request", "not a line of JSON")
    if type(request) is not dict:
        raise Refused("bad-request", "a request is a JSON object")
    if request.get("protocol") != PROTOCOL:
        raise Refused("protocol", "this probe speaks protocol %d" % PROTOCOL)
    verb = VERBS.get(request.get("verb")) if type(request.get("verb")) is str else None
    if verb is None:
        raise Refused("unknown-verb", "known verbs: %s" % ", ".join(sorted(VERBS)))
    return verb, request


def _bounded_int(digits):
    if len(digits) > 18:  # longer ones cost quadratic time, under the GIL
        raise ValueError
    return int(digits)


def _line(reply):
    return json.dumps(reply, separators=(",", ":")).encode("ascii") + b"\n"


def _ping(_arguments, life):
    return {
        "pid": os.getpid(),
        "startTicks": start_ticks(),
        "python": "%d.%d.%d" % sys.version_info[:3],
        "implementation": sys.implementation.name,
        "machine": os.uname().machine,
        "release": life.release,
    }


def _layers(_arguments, _life):
    yield from _load()
    from . import layers

    return layers.read()


def _load():
    """Steps through the import of all that looks need: between two of them it would be growth. One module a step: the
    service may fork in between."""
    for name in ("layers", "census", "heap", "referrers", "child", "type_counts", "window"):
        __import__("memtriage_probe." + name)
        yield 0.0


def _runtime(_arguments, _life):
    from . import asyncio_tasks

    tasks = yield from asyncio_tasks.count()
    return {
        "tasks": tasks,
        "gc": gc_watch.figures(),
        "allocatedBlocks": sys.getallocatedblocks(),
        "pythonThreads": len(sys._current_frames()),
    }


def _census(arguments, _life):
    from . import headroom

    since = arguments.get("since")
    if since is not None and type(since) is not str:
        raise Refused("bad-request", "`since` is the token of an earlier census")
    room, _ = headroom.available()
    if room is not None and room < headroom.FLOOR_BYTES:
        why = "%d bytes are left before the limit, a census may take 16 MB and leaves %d free"
        raise Refused("headroom", why % (room, headroom.FLOOR_BYTES))
    return _census_steps(since)


def _census_steps(since):
    yield from _load()
    from . import census

    return (yield from census.take(since))


def _types(_arguments, _life):
    yield from _load()
    from . import type_counts

    return type_counts.count()


def _window(arguments, _life):
    from . import window

    token, seconds, drain = (arguments.get(name) for name in ("token", "seconds", "drainSeconds"))
    if type(token) is not str or not all(type(n) in (int, float) and 0 <= n <= 60 for n in (seconds, drain)):
        raise Refused("bad-request", "`token` of a census, `seconds` and `drainSeconds` from 0 to 60")
    return window.take(token, seconds, drain)


def _child(arguments, _life):
    from . import child

    since, seconds = arguments.get("since"), arguments.get("seconds")
    if since is not None and type(since) is not str or type(seconds) not in (int, float) or not 0 < seconds <= 60:
        raise Refused("bad-request", "`since` is the token of an earlier child or null, `seconds` up to 60")
    return child.take(since, seconds)


VERBS = {
    "ping": _ping,
    "layers": _layers,
    "runtime": _runtime,
    "census": _census,
    "types": _types,
    "window": _window,
    "child": _child,
}
