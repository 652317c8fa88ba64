"""`hard_looks.py CASE`: has its own probe look at what could make a look long or large, and prints what came of it."""

import gc
import json
import os
import resource
import sys
import time
import weakref

from asks_itself import DIRECTORY, ask

KEPT = []


def address_space():
    with open("/proc/self/statm") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + (40 << 20), resource.RLIM_INFINITY))
    print(*(ask(verb=verb, since=None, seconds=5).get("code") for verb in ("census", "child", "ping")))


def short_lived_class():
    from memtriage_probe import stored_looks

    stored_looks.KEEP_SECONDS = 0.2
    kind = type("Passing", (), {"data": bytearray(1000)})
    KEPT.append(kind())
    alive = weakref.ref(kind)
    ask(verb="census", since=None)
    KEPT.clear()
    del kind
    for _ in range(100):
        gc.collect()
        if alive() is None:
            break
        time.sleep(0.05)
    print("dead" if alive() is None else "alive")


def long_names():
    for number in range(45):
        kind = type("N" * 30_000 + str(number), (), {})
        KEPT.extend(kind() for _ in range(300))
    print(len(json.dumps(ask(verb="types"))) < 100_000, ask(verb="types")["ok"])


def _window():
    first = ask(verb="census", since=None)["result"]["token"]
    yield
    second = ask(verb="census", since=first)["result"]["token"]
    reply = ask(verb="window", token=second, seconds=0.3, drainSeconds=0.1)
    print("answered", reply["ok"], "in time" if reply["seconds"] < 3 else reply["seconds"])
    print("traced", ask(verb="layers")["result"]["isTracing"])


def long_entries():
    numbers = list(range(1000, 301_000))
    add = lambda: KEPT.extend([list(numbers), tuple(numbers)])
    for _ in range(18):
        add()
    window = _window()
    next(window)
    for _ in range(3):
        add()
    next(window, None)


def bounded_caches():
    """Of a long one the entries are not looked at: it would list all of its links for that."""
    import functools

    for length in (1_000, 60_000):
        cached = functools.lru_cache(maxsize=100_000)(lambda number: [number])
        for number in range(length):
            cached(number)
        KEPT.append(cached)
    first = ask(verb="census", since=None)["result"]["token"]
    for cached in KEPT:
        for number in range(-100, 0):
            cached(number)
    rows = ask(verb="census", since=first)["result"]["containers"]
    found = {row["length"]: (row["lengthDiff"], row["bytesPerEntry"] is None) for row in rows if row["type"] == "lru_cache"}
    print(found[1_100], found[60_100])


def piped_source():
    import _thread

    pipe = os.path.join(DIRECTORY, "pipe.py")
    os.mkfifo(pipe)
    names = {"KEPT": KEPT}
    exec(compile("def add():\n KEPT.append('%d' % len(KEPT) * 40)\n", pipe, "exec"), names)

    def work():
        while True:
            names["add"]()
            time.sleep(0.001)

    _thread.start_new_thread(work, ())
    window = _window()
    next(window)
    time.sleep(0.3)
    next(window, None)


globals()[sys.argv[1]]()
