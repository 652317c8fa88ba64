"""A thread calls C code that sleeps 9 s with the interpreter's lock held, while the main thread waits."""

import ctypes
import threading
import time


def hold():
    ctypes.PyDLL(None).sleep(9)
    print("free", flush=True)


print("ready", flush=True)
holder = threading.Thread(target=hold)
holder.start()
while True:
    time.sleep(0.1)
    print("still here", flush=True)
