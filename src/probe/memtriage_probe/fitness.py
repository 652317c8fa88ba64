"""In which interpreters the probe does not start: where it could not see, or would do harm."""

import sys


def why_unfit():
    """The reason as a sentence without its end, or None."""
    if sys.implementation.name != "cpython":
        return "%s is not CPython: its memory can be seen from outside only" % sys.implementation.name
    if "t" in getattr(sys, "abiflags", ""):  # PEP 703; also with PYTHON_GIL=1: objects and states are laid out otherwise
        return "it is a free-threaded build of CPython: its memory can be seen from outside only"
    if not _is_main_interpreter():
        return "it is a sub-interpreter: only the main one of a process has a probe"
    return None


def _is_main_interpreter():
    """The end of another one aborts the process while a thread is left in it: "Py_EndInterpreter: not the last thread"."""
    for name in ("_interpreters", "_xxsubinterpreters"):  # 3.13 and later, and before
        try:
            module = __import__(name)
        except ImportError:
            continue
        return module.get_current() == module.get_main()
    from ctypes import c_void_p, pythonapi

    current = getattr(pythonapi, "PyInterpreterState_Get", None) or pythonapi._PyInterpreterState_Get
    main = pythonapi.PyInterpreterState_Main
    current.restype = main.restype = c_void_p
    return current() == main()
