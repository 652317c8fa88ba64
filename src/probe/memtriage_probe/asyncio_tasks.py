"""asyncio's tasks, counted by the coroutine that they run. A task of a class of its own is asked as asyncio's."""

import sys
import time
import types
import weakref

from . import shapes
from .walk import REST_SECONDS, SLICE_SECONDS

MOST_TASKS = 50_000
MOST_ROWS = 10

_name_of_coroutine = types.CoroutineType.__dict__["__qualname__"].__get__
_code_of = types.CoroutineType.__dict__["cr_code"].__get__


def count():
    """Steps towards {"pending", "byCoroutine": [{"name", "count"}]}; None where asyncio is not in use."""
    tasks = pending_tasks()
    if tasks is None:
        return None
    names, pending, began = {}, 0, time.perf_counter()
    for task in tasks:
        coroutine = coroutine_of(task)
        if coroutine is not None:
            pending += 1
            name = _shown_name(coroutine)
            names[name] = names.get(name, 0) + 1
        if time.perf_counter() - began >= SLICE_SECONDS:
            yield REST_SECONDS
            began = time.perf_counter()
    rows = sorted(names.items(), key=lambda pair: -pair[1])[:MOST_ROWS]
    return {"pending": pending, "byCoroutine": [{"name": name, "count": count} for name, count in rows]}


def pending_tasks():
    """Tasks that asyncio knows, at most MOST_TASKS; None where it is not in use. Done ones may be among them."""
    module = sys.modules.get("asyncio.tasks")
    if type(module) is not types.ModuleType or "_asyncio" not in sys.modules:
        return None
    if sys.version_info >= (3, 14):
        return _tasks_of_loops()
    found = []
    for name in ("_scheduled_tasks", "_eager_tasks", "_all_tasks"):
        known = module.__dict__.get(name)
        if type(known) is weakref.WeakSet:
            known = known.__dict__.get("data")
        if type(known) is set:
            found.extend(list(known)[: MOST_TASKS - len(found)])
    return [task for task in map(_alive, found) if task is not None]


def _tasks_of_loops():
    """From 3.14 on the tasks of a loop are known to C code only. None: no loop runs in Python (uvloop's does not)."""
    events = sys.modules.get("asyncio.base_events")
    loop_type = events.__dict__.get("BaseEventLoop") if type(events) is types.ModuleType else None
    running = loop_type.__dict__.get("run_forever") if type(loop_type) is type else None
    if type(running) is not types.FunctionType:
        return None
    loops = [loop for frame in sys._current_frames().values() for loop in _loops_below(frame, running.__code__)]
    if not loops:
        return None
    tasks = [task for loop in loops for task in sys.modules["_asyncio"].all_tasks(loop)]
    return tasks[:MOST_TASKS]


def _loops_below(frame, code):
    while frame is not None:
        if frame.f_code is code:
            yield frame.f_locals["self"]
        frame = frame.f_back


def _alive(held):
    return held() if type(held) is weakref.ref else held


def coroutine_of(task):
    """The coroutine of a task that is not done, or None."""
    task_type = sys.modules["_asyncio"].Task
    if not any(base is task_type for base in shapes.bases_of(type(task))):
        return None
    try:
        if sys.modules["_asyncio"].Future.done(task):
            return None
        coroutine = task_type.get_coro(task)
    except Exception:
        return None
    return coroutine if type(coroutine) is types.CoroutineType else None


def _shown_name(coroutine):
    file = _code_of(coroutine).co_filename.rpartition("/")[2]
    return "%s (%s)" % (shapes.bounded(_name_of_coroutine(coroutine)), shapes.bounded(file))
