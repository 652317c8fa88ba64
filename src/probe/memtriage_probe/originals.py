"""The interpreter's own functions, also where gevent or eventlet has put its own in their place.

With theirs the probe would be a greenlet: silent while the service computes, and in the way of its event loop.
"""

import _thread
import select
import sys
import time


def _original(module, name):
    found = getattr(module, name, None)
    if type(found) is type(len):  # a function of the interpreter
        return found
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None:
        return monkey.get_original(module.__name__, name)
    patcher = sys.modules.get("eventlet.patcher")
    if patcher is not None:
        return getattr(patcher.original(module.__name__), name)
    raise RuntimeError("%s.%s was replaced by something unknown" % (module.__name__, name))


start_new_thread = _original(_thread, "start_new_thread")
allocate_lock = _original(_thread, "allocate_lock")
get_ident = _original(_thread, "get_ident")
poll = _original(select, "poll")
sleep = _original(time, "sleep")
