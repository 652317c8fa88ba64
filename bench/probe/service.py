"""A service under load with a heap of its own: `probe_service.py OBJECTS MODULES`. Each line on stdin ends a phase; the
answer is one JSON line with the latencies of the phase's requests (1 ms of JSON work each) and its RSS."""

import json
import os
import resource
import sys
import threading
import time
import tracemalloc
import types

OBJECTS, MODULES = int(sys.argv[1]), int(sys.argv[2])
app = sys.modules["app"] = types.ModuleType("app")
app.__file__ = "/srv/app/__init__.py"
app.HEAP = [{"id": number} for number in range(OBJECTS)]
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

latencies, DOCUMENT = [], {"rows": [{"id": i, "name": "row %d" % i, "tags": ["a", "b"]} for i in range(55)]}
naive = []


def serve():
    number = 0
    while True:
        # From when the request was due: a stop of the whole process between two requests counts too.
        began = time.perf_counter() + 0.004
        time.sleep(0.004)
        json.loads(json.dumps(DOCUMENT))
        number += 1
        if number % 4 == 0:
            app.SESSIONS[number] = {"token": "%040d" % number}
        latencies.append(time.perf_counter() - began)

def take_naively():
    """What people do: two snapshots with tracemalloc and their difference."""
    tracemalloc.start(25)
    first = tracemalloc.take_snapshot()
    time.sleep(1)
    naive.append(len(tracemalloc.take_snapshot().compare_to(first, "lineno")))
    tracemalloc.stop()


threading.Thread(target=serve, daemon=True).start()
print("ready", flush=True)
for line in sys.stdin:
    if line.strip() == "naive":
        tracemalloc.start(25)
        app.MORE = [{"id": number} for number in range(OBJECTS)]
        tracemalloc.stop()
        threading.Thread(target=take_naively, daemon=True).start()
        continue
    phase, latencies[:] = sorted(latencies), []
    at = lambda share: round(phase[min(len(phase) - 1, int(len(phase) * share))] * 1000, 2) if phase else None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"requests": len(phase), "p50": at(0.5), "p99": at(0.99), "max": at(1), "peakMiB": peak}), flush=True)
os._exit(0)
