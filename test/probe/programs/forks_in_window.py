"""Forks again and again; each child tells whether it is traced, and ends."""

import _tracemalloc
import os
import sys
import time

KEPT = []
print("ready", flush=True)
while True:
    KEPT.append(bytes(1000))
    child = os.fork()
    if child == 0:
        os.write(1, b"child %s\n" % str(_tracemalloc.is_tracing()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    time.sleep(0.05)
