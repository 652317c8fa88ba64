"""One leak (or none) with known truth, by name, growing slowly for as long as it runs. Prints `ready` when it is warm."""

import collections
import ctypes
import functools
import gc
import os
import queue
import random
import sys
import time
import types

# Ends with whoever started it, even by SIGKILL: a leak must not outlive its test (PR_SET_PDEATHSIG is 1).
ctypes.CDLL(None).prctl(1, 9)

app = types.ModuleType("app")
app.__file__ = "/srv/app/__init__.py"
sys.modules["app"] = app
random.seed(7)
numbers = iter(range(10**9))


def payload(size=60):
    return os.urandom(size).hex()


def dict_cache():
    app.SESSIONS = {}

    def step():
        number = next(numbers)
        app.SESSIONS["session:%d" % number] = {"user": number, "token": payload()}

    return step


def cache_in_instance():
    class Sessions:
        def __init__(self):
            self.by_user = collections.defaultdict(dict)

    app.manager = Sessions()
    app.manager.__class__.__module__ = "app"

    def step():
        app.manager.by_user[next(numbers)]["token"] = payload()

    return step


def memoized():
    @functools.lru_cache(maxsize=None)
    def rate(number):
        return payload()

    app.rate = rate
    return lambda: rate(next(numbers))


def seen_ids():
    app.SEEN = set()
    return lambda: app.SEEN.add(payload())


def results_list():
    app.RESULTS = []
    return lambda: app.RESULTS.append((next(numbers), os.urandom(random.randrange(600, 3000))))


def backlog():
    app.JOBS = queue.Queue()
    return lambda: app.JOBS.put({"job": next(numbers), "body": payload()})


def closure_history():
    def make():
        history = []
        return lambda: history.append(payload(200))

    app.record = make()
    app.record.__globals__["__name__"] = "__main__"
    return app.record


def class_attribute():
    class Audit:
        entries = []

    Audit.__module__ = "app"
    app.Audit = Audit
    return lambda: Audit.entries.append({"at": time.time(), "what": payload()})


def callbacks():
    class Bus:
        def __init__(self):
            self.handlers = {"order.created": []}

    class Handler:
        def __init__(self, bus):
            self.buffer = bytearray(500)
            bus.handlers["order.created"].append(lambda event: self.buffer)

    app.BUS = Bus()
    return lambda: Handler(app.BUS)


def bound_methods():
    app.listeners = []

    class View:
        def __init__(self):
            self.state = payload(200)
            app.listeners.append(self.on_change)

        def on_change(self):
            return self.state

    return View


def native():
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p

    def step():
        ctypes.memset(libc.malloc(3000), 1, 3000)

    return step


def cycles_without_gc():
    gc.disable()

    class Node:
        pass

    def step():
        node = Node()
        node.itself, node.data = node, payload(300)

    return step


def bounded_lru():
    app.LRU = collections.OrderedDict()

    def step():
        app.LRU[next(numbers)] = {"v": payload()}
        if len(app.LRU) > 5000:
            app.LRU.popitem(last=False)

    return step


def bounded_memo():
    @functools.lru_cache(maxsize=4000)
    def rate(number):
        return payload()

    app.rate = rate
    return lambda: rate(next(numbers))


def recent():
    app.RECENT = collections.deque(maxlen=4000)
    return lambda: app.RECENT.append(payload(200))


def high_water():
    objects = [("key %d" % i, [i], payload(40)) for i in range(300_000)]
    app.KEPT = objects[::400]
    del objects
    gc.collect()
    return lambda: payload(200)


step = globals()[sys.argv[1]]()
for _ in range(6000):
    step()
print("ready", flush=True)
while True:
    for _ in range(20):
        step()
    time.sleep(0.002)
