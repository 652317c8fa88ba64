"""Runs in a thread of its own inside the process: loads the probe's modules from this text, starts it, and answers.

`SOURCES`, `DIRECTORY`, `RELEASE`, `ANSWER_IN`, `ANSWER_AT` and `ANSWER_BYTES` stand before it. Nothing is read from files, so that
the process needs no right to read ours, and nothing stays but the modules of the probe.
"""


class _Modules:
    """Finds the modules of the probe while they are imported; is taken off the path at once."""

    def find_spec(self, name, path=None, target=None):
        from _frozen_importlib import ModuleSpec

        if name not in SOURCES:  # noqa: F821
            return None
        spec = ModuleSpec(name, self, origin=self._file(name), is_package=name == "memtriage_probe")
        spec.has_location = True
        return spec

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(compile(SOURCES[module.__name__], self._file(module.__name__), "exec"), module.__dict__)  # noqa: F821

    def _file(self, name):
        package, _, module = name.partition(".")
        return "/memtriage-attached/%s/%s.py" % (package, module or "__init__")


def _start():
    import sys

    modules = _Modules()
    sys.meta_path.insert(0, modules)
    try:
        import memtriage_probe

        for name in SOURCES:  # noqa: F821
            __import__(name)
    finally:
        sys.meta_path.remove(modules)
    path = memtriage_probe.start(DIRECTORY, RELEASE)  # noqa: F821
    return {"path": path, "why": memtriage_probe.status()["why"]}


def _answer():
    import json
    import os

    try:
        found = _start()
    except BaseException as error:  # nobody would catch it: the interpreter would print it
        found = {"path": None, "why": "%s: %s" % (type(error).__name__, error)}
    text = json.dumps(found).encode()[: ANSWER_BYTES - 1] + b"\0"  # noqa: F821
    if ANSWER_IN == "/proc/self/mem" and not os.access(ANSWER_IN, os.W_OK):  # noqa: F821
        import ctypes

        ctypes.memmove(ANSWER_AT, text, len(text))  # noqa: F821
        return
    place = os.open(ANSWER_IN, os.O_WRONLY | os.O_CLOEXEC)  # noqa: F821
    try:
        os.pwrite(place, text, ANSWER_AT)  # noqa: F821
    finally:
        os.close(place)


try:
    _answer()
except BaseException:
    pass
