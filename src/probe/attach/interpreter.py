"""The CPython of a process: which file it is, which version, and where its functions are."""

import os
import re
import struct

from elf import dynamic_symbols
from refusal import Refused

_FUNCTIONS = ("Py_IsInitialized", "Py_AddPendingCall", "PyGILState_Ensure", "PyRun_SimpleString", "PyGILState_Release")
_STATE = "_PyRuntime"


class Mapping:
    def __init__(self, line):
        span, self.permissions, offset, _, _, *path = line.split(None, 5)
        self.start, self.end = (int(end, 16) for end in span.split("-"))
        self.offset = int(offset, 16)
        self.path = path[0].rstrip("\n") if path else ""


def read_mappings(pid):
    with open("/proc/%d/maps" % pid) as maps:
        return [Mapping(line) for line in maps]


class Interpreter:
    """functions: {name: address in the process}; state: range of addresses of the interpreter's own state.

    version: (major, minor), None before 3.11.
    """

    def __init__(self, functions, state, version):
        self.functions = functions
        self.state = state
        self.version = version


def find_interpreter(pid, mappings):
    """Raises Refused: not CPython, a version or build that is not supported."""
    library = _library(pid, mappings)
    try:
        symbols, is_absolute = dynamic_symbols("/proc/%d/root%s" % (pid, library.path))
    except FileNotFoundError:  # upgraded on disk since it started
        symbols, is_absolute = dynamic_symbols("/proc/%d/map_files/%x-%x" % (pid, library.start, library.end))
    start = 0 if is_absolute else library.start - library.offset
    if any(name not in symbols for name in (*_FUNCTIONS, _STATE)):
        raise Refused("not-cpython", "%s has not the functions of CPython" % library.path)
    version = _version(pid, library.path, symbols, start)
    state, size = symbols[_STATE]
    functions = {name: start + symbols[name][0] for name in _FUNCTIONS}
    return Interpreter(functions, range(start + state, start + state + size), version)


def _library(pid, mappings):
    """The first mapping of libpython where it is a library of its own, else of the program."""
    program = os.readlink("/proc/%d/exe" % pid)
    files = [m for m in mappings if m.path.startswith("/")]
    for mapping in files:
        if re.search(r"/libpython\d[^/]*\.so", mapping.path):
            return mapping
    if any("/libpypy" in mapping.path for mapping in files):
        raise Refused("pypy", "it runs PyPy, not CPython")
    for mapping in files:
        if mapping.path == program:
            return mapping
    raise Refused("not-cpython", "its program %s can't be found among its mappings" % program)


def _version(pid, path, symbols, start):
    if "_Py_MergeZeroLocalRefcount" in symbols:
        raise Refused("unsupported", "it is a free-threaded build of CPython")
    if "Py_InitializeFromConfig" not in symbols:
        raise Refused("unsupported", "%s is older than CPython 3.8" % path)
    if "Py_Version" not in symbols:  # before 3.11
        return None
    with open("/proc/%d/mem" % pid, "rb", buffering=0) as memory:
        memory.seek(start + symbols["Py_Version"][0])
        (packed,) = struct.unpack("<I", memory.read(4))
    return packed >> 24, packed >> 16 & 0xFF
