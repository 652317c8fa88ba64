"""Forks a child on SIGUSR1 and prints its pid."""

import os
import signal
import time


def fork(*_):
    child = os.fork()
    if child:
        print("child", child, flush=True)


signal.signal(signal.SIGUSR1, fork)
print("ready", flush=True)
while True:
    time.sleep(60)
