"""How many bytes may still be charged before something is killed for it. Every dear look asks first."""

import os
import resource

# The least that must stay free after a look, whatever the limit is.
FLOOR_BYTES = 64 << 20

_V1 = ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_V2 = ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file")
_UNLIMITED = 1 << 60


def available():
    """(bytes, whether a kill would take the whole group): the tightest of all ancestor cgroups, the machine and RLIMIT_AS.

    Page cache that the kernel drops before it kills counts as free. None when nothing can be read.
    """
    rooms, kills_group = [], False
    for line in lines("/proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            scheme = _V2
        elif "memory" in controllers.split(","):
            scheme = _V1
        else:
            continue
        while True:
            folder = scheme[0] + path.rstrip("/")
            rooms.append(_room(folder, *scheme[1:]))
            kills_group = kills_group or lines(folder + "/memory.oom.group") == ["1"]
            if path in ("", "/"):
                break
            path = os.path.dirname(path)
    rooms.append(_available_on_machine())
    rooms.append(_address_space_left())
    rooms.append(_number(os.environ.get("MEMTRIAGE_TEST_HEADROOM")))  # for tests: it can only make the room smaller
    known = [room for room in rooms if room is not None]
    return (min(known) if known else None), kills_group


def _room(folder, limit_file, usage_file, cache_field):
    limit = _number("".join(lines(folder + "/" + limit_file)))
    usage = _number("".join(lines(folder + "/" + usage_file)))
    if limit is None or usage is None or limit >= _UNLIMITED:
        return None
    fields = dict(line.split()[:2] for line in lines(folder + "/memory.stat"))
    return limit - usage + int(fields.get(cache_field, 0))


def _available_on_machine():
    for line in lines("/proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _address_space_left():
    """Beyond RLIMIT_AS nobody is killed, but the service's own requests for memory fail."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    for line in lines("/proc/self/statm") if limit != resource.RLIM_INFINITY else ():
        return max(0, limit - int(line.split()[0]) * resource.getpagesize())
    return None


def _number(text):
    return int(text) if text and text.strip().isdigit() else None


def lines(path):
    """Of a small file of the kernel; none where it can't be read."""
    try:
        with open(path) as file:
            return file.read().splitlines()
    except OSError:
        return []
