"""Calls C code that sleeps with the interpreter's lock held, when it gets SIGUSR1."""

import ctypes
import signal
import time

STORE = [str(number) for number in range(1000)]
signal.signal(signal.SIGUSR1, lambda *_: ctypes.PyDLL(None).sleep(8))
print("ready", flush=True)
while True:
    time.sleep(0.01)
