"""May a forked child read the heap, and how much of it? Every page that parent or child writes to is copied."""

import sys

from . import headroom
from .refused import Refused

# What the child allocates itself: interpreter, JSON, and for a walk over the heap the list of its objects.
OWN_BYTES = 32 << 20
OWN_BYTES_A_BLOCK = 24
# Share of the anonymous memory that is copied while the service runs on for a second or two: measured 0.2 to 0.5 when
# the child reads names only. A walk over the heap writes to the header of every object: at most all of it.
COPIED_BY_NAMES = 0.5
COPIED_BY_HEAP = 1.0
# Of the memory limit, at least FLOOR_BYTES: what must be left.
FLOOR_RATIO = 0.05


class Plan:
    """`reads_heap`: else only names and frames. `floor`: below half of it the child is killed. Bytes."""

    def __init__(self, reads_heap, need, room, floor, own):
        self.reads_heap = reads_heap
        self.need = need
        self.room = room
        self.floor = floor
        self.own = own


def plan():
    """The most that memory allows. Raises Refused with what the least would have needed."""
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        raise Refused("unsupported", "this interpreter has no global lock: it can't be forked safely")
    anonymous, tables = _sizes()
    own = OWN_BYTES + OWN_BYTES_A_BLOCK * sys.getallocatedblocks()
    room, kills_group = headroom.available()
    if room is None:
        raise Refused("headroom", "how much memory is left can't be read")
    floor = max(headroom.FLOOR_BYTES, int(FLOOR_RATIO * (room + anonymous)))
    most = tables + int(COPIED_BY_HEAP * anonymous) + own
    least = tables + int(COPIED_BY_NAMES * anonymous) + OWN_BYTES
    factor = 2 if kills_group else 1
    if room - factor * most >= factor * floor:
        return Plan(True, most, room, floor, own)
    if room - factor * least >= factor * floor:
        return Plan(False, least, room, floor, OWN_BYTES)
    why = "%d bytes are left before the limit; a forked child may add %d and must leave %d free%s"
    doubled = " (doubled: a kill would take the whole group)" if kills_group else ""
    raise Refused("headroom", why % (room, factor * least, factor * floor, doubled))


def _sizes():
    anonymous = tables = 0
    for line in headroom.lines("/proc/self/status"):
        if line.startswith("RssAnon:"):
            anonymous = int(line.split()[1]) * 1024
        elif line.startswith("VmPTE:"):
            tables = int(line.split()[1]) * 1024
    return anonymous, tables


def is_short(floor):
    """Half of what must be left is gone: the child is no longer affordable."""
    room, _ = headroom.available()
    return room is not None and room < floor // 2
