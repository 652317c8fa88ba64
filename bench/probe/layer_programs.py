"""Ways for memory to grow whose layer is known: `layer_programs.py KIND`. After `ready` each line on stdin is a step:
`grow`; the answer is one JSON line with the bytes that were added, where the program can know them, and with the native
bytes besides, where there are both."""

import collections
import ctypes
import gc
import json
import mmap
import os
import queue
import random
import ssl
import sys
import threading
import zlib

random.seed(7)
size = sys.getsizeof
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
app = type(sys)("app")
app.__file__ = "/srv/app.py"
sys.modules["app"] = app
counter = iter(range(1000, 1 << 60))


def rounded(*things):
    """Bytes of the objects as an allocator hands them out."""
    return sum((size(thing) + 15) & ~15 for thing in things)


def dict_cache(count):
    before, added = size(app.CACHE), 0
    for number in (next(counter) for _ in range(count)):
        key, value = "session:%d" % number, {"user": number, "token": os.urandom(24).hex(), "at": number * 1.0}
        added += rounded(key, value, value["user"], value["token"], value["at"])
        app.CACHE[key] = value
    return added + size(app.CACHE) - before


def task_results(count):
    before, added = size(app.RESULTS), 0
    for number in (next(counter) for _ in range(count)):
        result = (number, os.urandom(random.randrange(600, 6000)))
        added += rounded(result, *result)
        app.RESULTS.append(result)
    return added + size(app.RESULTS) - before


class Handler:
    def __init__(self, number):
        self.buffer = bytearray(2000)
        self.number = number
        self.callback = lambda event, self=self: self.number


def callback_cycle(count):
    for number in (next(counter) for _ in range(count)):
        app.LISTENERS.append(Handler(number).callback)
    return None


def native_malloc(count):
    added = 0
    for _ in range(count):
        length = random.choice((200, 1500, 9000, 40000))
        block = libc.malloc(length)
        ctypes.memset(block, 1, length)
        app.BLOCKS.append(block)
        added += length
    return added


def native_ssl(count):
    app.CONTEXTS.extend(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) for _ in range(count))


def native_zlib(count):
    for _ in range(count):
        compressor = zlib.compressobj(6)
        compressor.compress(os.urandom(3000))
        app.STREAMS.append(compressor)


def high_water(count):
    burst = [("k%d" % number, number * 1.0, [number]) for number in range(count)]
    large = [bytes(random.randrange(600, 4000)) for _ in range(count // 20)]
    app.KEPT.extend(burst[::300] + large[::60])
    del burst, large
    gc.collect()


def healthy_lru(count):
    for number in (next(counter) for _ in range(count)):
        app.LRU[number] = {"value": os.urandom(50).hex()}
        if len(app.LRU) > 20_000:
            app.LRU.popitem(last=False)
    return 0


def shared_mapping(pages):
    mapping = mmap.mmap(-1, pages * 4096)
    mapping.write(b"x" * (pages * 4096))
    app.MAPPINGS.append(mapping)
    for _ in range(pages // 500):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    return pages * 4096


def results_and_native(count):
    """A named list and a native leak at the same time."""
    return {"addedBytes": task_results(count), "nativeBytes": native_malloc(count // 4)}


def buffers(count):
    """As arrays of numbers are held: few blocks, some so large that malloc maps each by itself."""
    added = 0
    for number in (next(counter) for _ in range(count)):
        app.FRAMES[number] = bytearray(random.choice((3_000, 30_000, 90_000, 400_000)))
        for at in range(0, len(app.FRAMES[number]), 4096):
            app.FRAMES[number][at] = 1
        added += rounded(number, app.FRAMES[number])
    return added


def ssl_beside_cache(count):
    """Native growth beside a large cache of large Python blocks that stands still, but for some that are replaced."""
    if not app.RESULTS:
        task_results(20_000)
    for at in range(0, 4_000):
        app.RESULTS[at] = (at, os.urandom(random.randrange(600, 6000)))
    return native_ssl(count)


def local_results(count):
    """In a local variable of a thread: a list of bytes that nothing leads to but a running frame."""
    app.ORDERS.put(count)
    return app.ANSWERS.get()


def keep_locally():
    kept = []
    while True:
        added = 0
        for _ in range(app.ORDERS.get()):
            kept.append(os.urandom(random.randrange(600, 6000)))
            added += rounded(kept[-1])
        app.ANSWERS.put(added)


# The step, how much of it before the first look, how much of it between the looks.
PROGRAMS = {
    "dict_cache": (dict_cache, 20_000, 100_000),
    "task_results": (task_results, 1_000, 20_000),
    "callback_cycle": (callback_cycle, 2_000, 20_000),
    "native_malloc": (native_malloc, 200, 6_000),
    "native_ssl": (native_ssl, 20, 1_500),
    "native_zlib": (native_zlib, 5, 300),
    "high_water": (high_water, 1_000, 600_000),
    "healthy_lru": (healthy_lru, 60_000, 200_000),
    "shared_mapping": (shared_mapping, 500, 10_000),
    "results_and_native": (results_and_native, 1_000, 10_000),
    "buffers": (buffers, 20, 600),
    "ssl_beside_cache": (ssl_beside_cache, 20, 1_500),
    "local_results": (local_results, 1_000, 15_000),
}
app.CACHE, app.LRU, app.FRAMES = {}, collections.OrderedDict(), {}
app.ORDERS, app.ANSWERS = queue.SimpleQueue(), queue.SimpleQueue()
threading.Thread(target=keep_locally, daemon=True).start()
app.RESULTS, app.LISTENERS, app.BLOCKS, app.CONTEXTS, app.STREAMS, app.KEPT, app.MAPPINGS = ([] for _ in range(7))
step, warm, grow = PROGRAMS[sys.argv[1]]
for number in range(2000):  # what every service has done before
    json.dumps(json.loads('{"a":[1,2,3],"b":{"c":"x%d"}}' % number))
step(warm)
gc.collect()
print("ready", flush=True)
for _ in sys.stdin:
    added = step(grow)
    print(json.dumps(added if isinstance(added, dict) else {"addedBytes": added}), flush=True)
