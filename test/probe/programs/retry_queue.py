"""A package `app` whose module `app.retries` keeps every failed payload; a bounded LRU, a deque with maxlen and an
lru_cache beside it stay healthy. Prints `ready` when it runs; grows until it is ended."""

import collections
import functools
import sys
import time
import types


def module(name, **attributes):
    made = types.ModuleType(name)
    made.__dict__.update(attributes, __file__="/srv/app/" + name.replace(".", "/") + ".py")
    sys.modules[name] = made
    return made


app = module("app")
app.retries = module("app.retries", QUEUE=[])
app.cache = module("app.cache", LRU=collections.OrderedDict(), RECENT=collections.deque(maxlen=500))
app.main = module("app.main", QUEUE=app.retries.QUEUE)
# The one that uses the queue was imported first, as an application's main module is.
sys.modules["app.retries"] = sys.modules.pop("app.retries")


@functools.lru_cache(maxsize=300)
def rate(number):
    return "rate %d" % number


app.cache.rate = rate


def request(number):
    app.retries.QUEUE.append({"id": number, "payload": ("%06d" % number) * 150, "attempts": [number]})
    app.cache.LRU[number] = str(number) * 10
    if len(app.cache.LRU) > 400:
        app.cache.LRU.popitem(last=False)
    app.cache.RECENT.append(number)
    rate(number)


for number in range(2000):
    request(number)
print("ready", flush=True)
number = 2000
while True:
    for _ in range(5):
        request(number)
        number += 1
    time.sleep(0.002)
