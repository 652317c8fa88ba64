"""Forks and waits, again and again, while it is looked at. Prints the slowest fork in milliseconds when it gets SIGTERM."""

import os
import signal
import time

stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
slowest = forks = 0
print("ready", flush=True)
KEPT = []
while not stop:
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        os._exit(0)
    slowest = max(slowest, time.perf_counter() - began)
    os.waitpid(child, 0)
    forks += 1
    KEPT.append(str(forks))
    time.sleep(0.05)
print("forks %d slowest %.1f" % (forks, slowest * 1000), flush=True)
