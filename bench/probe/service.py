"""A service under load with a heap and a leak: `service.py OBJECTS MODULES [TRACED_BLOCKS PAD_MIB]`.

Each request (1 ms of JSON work, every 5 ms or so) leaves one session in `app.SESSIONS`, and nothing else grows. A line on
stdin is an order, answered by one line of JSON: `phase` (latencies since the last one), `fork` (how long a bare fork()
of this process takes), `naive` (tracemalloc over as many blocks, two snapshots and their difference)."""

import array
import ctypes
import gc
import json
import operator
import os
import resource
import signal
import sys
import threading
import time
import tracemalloc
import types

OBJECTS, MODULES, TRACED, PAD_MIB = (int(argument) for argument in (sys.argv[1:] + ["0", "0"])[:4])
# Ends with whoever started it (PR_SET_PDEATHSIG is 1).
ctypes.CDLL(None).prctl(1, 9)
app = sys.modules["app"] = types.ModuleType("app")
app.__file__ = "/srv/app/__init__.py"
gc.disable()
app.HEAP = [{"id": number} for number in range(OBJECTS)]
if TRACED:
    tracemalloc.start(1)
    app.TRACED = [number * 1.5 for number in range(TRACED)]
app.PAD = bytearray(b"x") * (PAD_MIB << 20)
app.SESSIONS = {}
for number in range(MODULES):
    name = "library%d" % number
    module = sys.modules[name] = types.ModuleType(name)
    module.__dict__.update(
        {"table%d" % i: {"%d" % j: [j] for j in range(12)} for i in range(3)},
        __file__="/usr/lib/python3/site-packages/%s.py" % name,
    )
    for i in range(5):
        exec("class C%d:\n  limits = [1, 2]\n  def method(self): pass\ndef f%d(a=[1]): pass\n" % (i, i), module.__dict__)
# As after hours of service: what is there is old.
gc.collect()
gc.enable()

DOCUMENT = {"rows": [{"id": i, "name": "row %d" % i, "tags": ["a", "b"]} for i in range(55)]}
# No container of the benchmark grows while it is measured.
LATENCIES, COUNT = array.array("d", bytes(8 * 100_000)), [0]


def serve():
    number = 0
    while True:
        # From when the request was due: a stop of the whole process between two requests counts too.
        began = time.perf_counter() + 0.004
        time.sleep(0.004)
        json.loads(json.dumps(DOCUMENT))
        number += 1
        app.SESSIONS[number] = {"token": "%040d" % number}  # the leak
        LATENCIES[COUNT[0]] = time.perf_counter() - began
        COUNT[0] += 1


def phase():
    seen, COUNT[0] = sorted(LATENCIES[: COUNT[0]]), 0
    at = lambda share: seen[min(len(seen) - 1, int(len(seen) * share))] * 1000 if seen else 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"requests": len(seen), "p50": at(0.5), "p99": at(0.99), "max": at(1), "peakMib": peak}


def fork():
    """fork() of the C library, without the hooks of any library: what no forked child can do without. Milliseconds."""
    raw = ctypes.PyDLL(None).fork
    # In one call of C: between two lines the serving thread may take the GIL.
    clocks = [time.perf_counter, time.thread_time]
    began, cpu_began, child, took, cpu = map(operator.methodcaller("__call__"), [*clocks, raw, *clocks])
    if child == 0:
        os._exit(0)
    took, cpu = took - began, cpu - cpu_began
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return {"milliseconds": took * 1000, "cpuMilliseconds": cpu * 1000}


def naive():
    """What people do: two snapshots with tracemalloc and their difference, of as many blocks as the heap has objects."""
    tracemalloc.start(1)
    app.MORE = [number * 1.5 for number in range(OBJECTS)]
    phase()
    began = time.perf_counter()
    first = tracemalloc.take_snapshot()
    second = tracemalloc.take_snapshot()
    second.compare_to(first, "lineno")
    tracemalloc.stop()
    return dict(phase(), seconds=time.perf_counter() - began)


threading.Thread(target=serve, daemon=True).start()
print("ready", flush=True)
for line in sys.stdin:
    print(json.dumps({"phase": phase, "fork": fork, "naive": naive}[line.strip()]()), flush=True)
os._exit(0)
