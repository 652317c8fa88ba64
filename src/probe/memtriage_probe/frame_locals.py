"""What running code holds in its local variables: in the forked child only, where reading them disturbs nobody."""

import os
import sys
import types

from . import asyncio_tasks

MOST_FRAMES = 2_000
DEEPEST_STACK = 200

_OWN = os.path.dirname(os.path.abspath(__file__))


class Frames:
    """Frames of all threads and of coroutines that wait, taken in the parent: the fork ends the other threads."""

    def __init__(self):
        self.of_threads = list(sys._current_frames().values())
        self.tasks = asyncio_tasks.pending_tasks() or []

    def variables(self):
        """(path, value) of every local variable that is no temporary: `app.worker.run.<local results>`."""
        for frame in self._all():
            module = frame.f_globals.get("__name__")
            if frame.f_code.co_name == "<module>" or type(module) is not str:
                continue
            home = "%s.%s" % (module, function_name(frame.f_code))
            for name, value in _locals_of(frame):
                yield "%s.<local %s>" % (home, name), value

    def _all(self):
        left = MOST_FRAMES
        for frame in self._starts():
            depth = 0
            while frame is not None and depth < DEEPEST_STACK and left > 0:
                if not frame.f_code.co_filename.startswith(_OWN):
                    left -= 1
                    yield frame
                frame, depth = frame.f_back, depth + 1

    def _starts(self):
        yield from self.of_threads
        for task in self.tasks:
            coroutine = asyncio_tasks.coroutine_of(task)
            while type(coroutine) is types.CoroutineType:
                if coroutine.cr_frame is not None:
                    yield coroutine.cr_frame
                coroutine = coroutine.cr_await


def function_name(code):
    """`Worker.run` where the version has it (3.11 and later), else `run`."""
    return getattr(code, "co_qualname", code.co_name).replace(".<locals>", "")


def _locals_of(frame):
    try:
        found = frame.f_locals
        # A class body may have a mapping of its own, whose methods are the service's.
        names = list(frame.f_code.co_varnames + frame.f_code.co_cellvars + frame.f_code.co_freevars)
        if type(found) is not dict:  # 3.13 and later: a view of the frame
            if type(found).__name__ != "FrameLocalsProxy":
                return []
            found = dict(found)
        return [(name, found[name]) for name in names if name in found and not name.startswith(".")]
    except Exception:
        return []
