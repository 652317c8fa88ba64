"""One of seven ways to spend a life, by name. Prints `ready` from the main thread, then `beat` every 20 ms from another.

Lives that wait do so for 2 s, and print how long it was: the wait that was under way, not one that began again.
"""

import asyncio
import mmap
import os
import select
import socket
import sys
import threading
import time


SECONDS = 2
began = time.monotonic()


def tell():
    print("waited %.1f" % (time.monotonic() - began), flush=True)


def sleep():
    time.sleep(SECONDS)
    tell()


def accept():
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()
    print("port", server.getsockname()[1], flush=True)
    while True:
        server.accept()[0].sendall(b"served")


def lock():
    held = threading.Lock()
    held.acquire()
    threading.Timer(SECONDS, held.release).start()
    held.acquire()
    tell()


def event_loop():
    async def serve():
        await asyncio.sleep(SECONDS)
        tell()

    asyncio.run(serve())


def compute():
    values = [1.5, 2.25]
    while True:
        values = [values[0] * 0.999 + 0.0015, values[1] * 0.999 + 0.00225]
        if abs(values[0] - 1.5) > 0.01 or abs(values[1] - 2.25) > 0.01:  # a register that was not put back
            print("wrong", values, flush=True)
            os._exit(9)


def allocate():
    while True:
        held = [bytes(1000 + n) for n in range(1000)]
        if len(held[999]) != 1999:
            os._exit(9)


def map_memory():
    while True:
        mmap.mmap(-1, 1 << 20).close()


def spin_in_threads():
    for _ in range(2):
        threading.Thread(target=compute, daemon=True).start()
    select.select([], [], [], SECONDS)
    tell()
    threading.Event().wait()


def beat():
    while True:
        time.sleep(0.02)
        print("beat", flush=True)


threading.Thread(target=beat, daemon=True).start()
print("ready", flush=True)
globals()[sys.argv[1]]()
threading.Event().wait()
