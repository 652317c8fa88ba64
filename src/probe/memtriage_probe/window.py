"""A short tracing window: which lines allocated what survived it, and the newest entries of the growing containers.

tracemalloc for a second or so; then only frees are seen (the drain), until what requests in flight had allocated is
gone; then the few survivors are read. Measured on a heap of 5M live blocks: at most 0.9 ms of stop, 1.5 MB, requests
4 to 9 times slower in the window and 2 to 4 times in the drain. It never outlives its deadline: whatever happens, the
hooks are taken out in `finally`, in a forked child too.
"""

import _tracemalloc
import gc
import os
import sys
import time

from . import allocator_hooks as hooks
from . import evidence, headroom, shapes, source_lines, stored_looks
from .refused import Refused

LONGEST_SECONDS = 3.0
LONGEST_DRAIN_SECONDS = 5.0
STEP_SECONDS = 0.05
# Tables and reading of one traced block: 130 + 168 bytes.
BYTES_A_BLOCK = 300
MOST_BLOCKS = 300_000
FEWEST_BLOCKS = 20_000
# So many live blocks name every line that matters; then the window ends early, to spare the service.
ENOUGH_BLOCKS = 6_000
SHORTEST_SECONDS = 0.1
# Survivors are read in one piece under the GIL: 10k take 3 to 10 ms. Of more, those of the growing containers are told.
MOST_SURVIVORS = 10_000
# get_tracemalloc_memory() over this is about the number of traced blocks (half of the true 110 to 130 bytes is shown).
SHOWN_BYTES_A_BLOCK = 60
BUSY = 0.9
SITES = 10
# Of a long entry so many are looked at.
MOST_HELD = 200


def take(token, seconds, drain_seconds):
    """Steps towards the sites of the survivors. Refused when it could hurt, or when the application traces itself."""
    look = stored_looks.find(token)
    grown = look.grown if look is not None else []
    most_blocks = _allowed_blocks()
    originals = {domain: hooks.current(domain) for domain in hooks.DOMAINS}
    if any(original.ctx for original in originals.values()):
        raise Refused("hooked", "another tool has hooked the allocator (PYTHONMALLOC=debug, a profiler)")
    seconds = min(seconds, LONGEST_SECONDS)
    frames, seconds, slowdown = yield from _plan(seconds)
    began = time.monotonic()
    _tracemalloc.start(frames)
    full = {domain: hooks.current(domain) for domain in hooks.DOMAINS}
    try:
        ended_by = yield from _trace(began, seconds, most_blocks)
        traced_seconds = time.monotonic() - began
        # Now: the newest entries of later are not traced any more.
        by_container = [(found.path, _lines_of(found)) for found in grown]
        _install({domain: hooks.frees_only(full[domain], originals[domain]) for domain in full})
        yield from _wait(min(drain_seconds, LONGEST_DRAIN_SECONDS))
        result = _read(by_container)
    finally:
        _install(full)
        _tracemalloc.stop()
    # Sources are read when nothing is traced any more: a disk may be slow.
    for site in result["sites"]:
        site["frames"] = source_lines.describe(site["frames"])
    result.update(tracedSeconds=traced_seconds, frames=frames, endedBy=ended_by, predictedCpuRatio=slowdown)
    return result


def _install(by_domain):
    """Unless the application has stopped tracemalloc meanwhile: then its hooks are out, and must stay out."""
    if _tracemalloc.is_tracing():
        for domain in hooks.DOMAINS:
            hooks.install(domain, by_domain[domain])


def _allowed_blocks():
    if _tracemalloc.is_tracing():
        raise Refused("tracing", "the application traces its memory itself")
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        raise Refused("unsupported", "this interpreter has no global lock: its allocators can't be hooked safely")
    room, kills_group = headroom.available()
    blocks = MOST_BLOCKS
    if room is not None:
        blocks = min(blocks, int((room // 2 if kills_group else room) * 0.1 / BYTES_A_BLOCK))
    if blocks < FEWEST_BLOCKS:
        needed = FEWEST_BLOCKS * BYTES_A_BLOCK * 10 * (2 if kills_group else 1)
        raise Refused("headroom", "%d bytes are left before the limit, a window needs %d" % (room, needed))
    return blocks


def _plan(seconds):
    """(frames, seconds, predicted share of a core): less is traced where the process computes much already."""
    began, cpu_began = time.monotonic(), time.process_time()
    yield from _wait(0.2)
    busy = (time.process_time() - cpu_began) / (time.monotonic() - began)
    one_frame = busy * (8 if sys.version_info >= (3, 11) else 4)
    if one_frame * 2 <= BUSY:
        return 5, seconds, one_frame * 2
    return 1, seconds if one_frame <= BUSY else min(seconds, 0.5), one_frame


def _trace(began, seconds, most_blocks):
    """Steps through the window; returns what ended it."""
    checked, cpu_checked = began, time.process_time()
    while time.monotonic() - began < seconds:
        yield STEP_SECONDS
        blocks = _tracemalloc.get_tracemalloc_memory() // SHOWN_BYTES_A_BLOCK
        now = time.monotonic()
        if blocks > most_blocks:
            return "blocks"
        if blocks > ENOUGH_BLOCKS and now - began >= SHORTEST_SECONDS:
            return "enough"
        if now - checked >= 1.0:
            cpu = time.process_time()
            if (cpu - cpu_checked) / (now - checked) > BUSY:
                return "cpu"
            checked, cpu_checked = now, cpu
    return "time"


def _wait(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield min(STEP_SECONDS, max(0.001, end - time.monotonic()))


def _read(by_container):
    began = time.perf_counter()
    survivors = _tracemalloc.get_tracemalloc_memory() // SHOWN_BYTES_A_BLOCK
    traces = _tracemalloc._get_traces() if survivors <= MOST_SURVIVORS else None
    stop = time.perf_counter() - began
    groups = _group(traces or [])
    sites = []
    for path, lines in by_container:
        for traceback, items in lines[:1]:
            size, count = groups.get(traceback, (0, items))
            sites.append(_site(traceback, size, count, path))
    named = {traceback for _, lines in by_container for traceback, _ in lines[:1]}
    for traceback, (size, count) in sorted(groups.items(), key=lambda group: -group[1][0])[: SITES + len(named)]:
        if traceback not in named and len(sites) < SITES + len(named):
            sites.append(_site(traceback, size, count, None))
    return {"sites": sites[: SITES + len(named)], "survivors": survivors, "stopSeconds": stop}


def _lines_of(found):
    """[(traceback, entries)] of a container's newest entries, the commonest first."""
    counts = {}
    for key, value in evidence.newest_entries(found):
        traceback = _tracemalloc._get_object_traceback(value)
        # A dict, list or tuple may come from the interpreter's free list, with memory from before the window: then
        # the largest thing that it holds tells where the memory went.
        held = [] if traceback is not None else shapes.some_referents(value, MOST_HELD) + [key]
        for thing in sorted(held, key=_size, reverse=True):
            traceback = _tracemalloc._get_object_traceback(thing)
            if traceback is not None:
                break
        if traceback is not None:
            counts[traceback] = counts.get(traceback, 0) + 1
    return sorted(counts.items(), key=lambda pair: -pair[1])


def _size(thing):
    return shapes.size_of(thing, shapes.shape_of(thing))


_OWN = os.path.dirname(os.path.abspath(__file__))


def _group(traces):
    """traceback -> (bytes, blocks). The probe's own are left out."""
    groups = {}
    for trace in traces:
        size, traceback = trace[1], trace[2]
        if traceback[0][0].startswith(_OWN):
            continue
        known = groups.get(traceback, (0, 0))
        groups[traceback] = (known[0] + size, known[1] + 1)
    return groups


def _site(traceback, size, count, container):
    return {"bytes": size, "blocks": count, "frames": traceback, "container": container}


