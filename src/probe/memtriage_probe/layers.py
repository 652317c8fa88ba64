"""The layers of memory that only the process itself can tell apart. Bytes. No tracing, no walk over objects.

The mappings (/proc/<pid>/smaps) are read by the collector, outside the GIL; both together make the ledger.
"""

import _tracemalloc
import ctypes
import gc
import re
import sys

from . import allocator_hooks as hooks
from . import shapes

_libc = ctypes.CDLL(None)

# Blocks above this bypass pymalloc and come from malloc (SMALL_REQUEST_THRESHOLD of CPython).
SMALL_BYTES = 512
# Where more are young the collector is off, and listing them would take long.
MOST_YOUNG = 5_000
YOUNG_SAMPLE = 100
# Of an object with more referents these are not read: a large container of small things would take milliseconds.
MOST_REFERENTS = 16

_PYMALLOC_ROWS = {
    "usedBytes": r"# bytes in allocated blocks\s*=\s*([\d,]+)",
    "freeBlockBytes": r"# bytes in available blocks\s*=\s*([\d,]+)",
    "freePoolBytes": r"\d+ unused pools \* \d+ bytes\s*=\s*([\d,]+)",
    "headerBytes": r"# bytes lost to pool headers\s*=\s*([\d,]+)",
    "quantizationBytes": r"# bytes lost to quantization\s*=\s*([\d,]+)",
    "alignmentBytes": r"# bytes lost to arena alignment\s*=\s*([\d,]+)",
}


def _malloc_info(field_type):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    return type("MallocInfo", (ctypes.Structure,), {"_fields_": [(name, field_type) for name in names]})


def read():
    """What pymalloc and the C library's malloc hold. `null` where the interpreter or the library can't tell."""
    pymalloc = _pymalloc()
    return {
        "pymalloc": pymalloc,
        "malloc": _malloc(),
        "allocator": _allocator_name(),
        "largeBlocks": None if pymalloc is None else max(0, sys.getallocatedblocks() - pymalloc["usedBlocks"]),
        "youngLargeMeanBytes": _young_large_mean(),
        "tracingBytes": _tracing_bytes(),
        "isTracing": _is_tracing(),
    }


def _malloc():
    """glibc's own account: mallinfo2 from 2.33 on; the older mallinfo wraps at 4 GiB, which is said."""
    for name, field_type in (("mallinfo2", ctypes.c_size_t), ("mallinfo", ctypes.c_uint)):
        function = getattr(_libc, name, None)
        if function is None:
            continue
        function.restype = _malloc_info(field_type)
        info = function()
        used, free = info.uordblks + info.hblkhd, info.fordblks
        return {"usedBytes": used, "freeBytes": free, "wraps": name == "mallinfo"}
    return None


def _allocator_name():
    """`unknown` when something was put before the C library's malloc: its figures are then not the whole."""
    for name, symbol in (("jemalloc", "mallctl"), ("tcmalloc", "MallocExtension_ReleaseFreeMemory")):
        if getattr(_libc, symbol, None) is not None:
            return name
    return "glibc" if getattr(_libc, "gnu_get_libc_version", None) is not None else "unknown"


def _pymalloc():
    """pymalloc's statistics, parsed from the text that the interpreter can print; None when pymalloc is off.

    0.3 to 1.7 ms under the GIL at 165 MB of objects (CPython 3.8 to 3.13).
    """
    text = _debug_malloc_stats()
    arenas = re.search(r"(\d+) arenas \* (\d+) bytes/arena\s*=\s*([\d,]+)", text)
    if arenas is None:
        return None
    rows = {"arenaBytes": _number(arenas.group(3))}
    for name, pattern in _PYMALLOC_ROWS.items():
        found = re.search(pattern, text)
        rows[name] = _number(found.group(1)) if found else 0
    classes = (line.split() for line in text.splitlines())
    rows["usedBlocks"] = sum(int(row[3]) for row in classes if len(row) == 5 and row[0].isdigit())
    return rows


def _young_large_mean():
    """Mean size of the blocks above 512 bytes that young objects hold, or None when too many or none are there.

    The interpreter counts its large blocks, but not their bytes: the young ones tell what size is being added. Those of
    the middle generation have outlived a collection, so they are asked first; the youngest may be of a passing request.
    """
    if gc.get_count()[0] > MOST_YOUNG or gc.get_count()[1] * gc.get_threshold()[0] > MOST_YOUNG * 4:
        return None
    # From 3.14 on the second generation is the whole heap.
    middle = None if sys.version_info >= (3, 14) else _large_mean(gc.get_objects(generation=1))
    return middle or _large_mean(gc.get_objects(generation=0))


def _large_mean(things):
    sizes, seen = [], set()
    for thing in things[:: len(things) // YOUNG_SAMPLE + 1]:
        for held in [thing] + _few_referents(thing):
            if id(held) not in seen and type(held) is not type and (held is thing or not gc.is_tracked(held)):
                seen.add(id(held))
                size = shapes.size_of(held, shapes.shape_of(held))
                if size > SMALL_BYTES:
                    sizes.append(size)
    return sum(sizes) / len(sizes) if sizes else None


def _few_referents(thing):
    shape = shapes.shape_of(thing)
    if shape.base is not None and shapes.length_of(thing, shape.base) > MOST_REFERENTS:
        return []
    return shapes.referents(thing)


def _number(text):
    return int(text.replace(",", ""))


def _debug_malloc_stats():
    """The text of _PyObject_DebugMallocStats(), written to a stream in memory instead of to stderr."""
    write_stats = getattr(ctypes.pythonapi, "_PyObject_DebugMallocStats", None)
    if write_stats is None or getattr(_libc, "open_memstream", None) is None:
        return ""
    write_stats.argtypes, write_stats.restype = [ctypes.c_void_p], ctypes.c_int
    _libc.open_memstream.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    _libc.open_memstream.restype = ctypes.c_void_p
    _libc.fclose.argtypes = _libc.free.argtypes = [ctypes.c_void_p]
    buffer, size = ctypes.c_void_p(), ctypes.c_size_t()
    stream = _libc.open_memstream(ctypes.byref(buffer), ctypes.byref(size))
    if not stream:
        return ""
    try:
        _with_own_allocator(write_stats, stream)
    finally:
        _libc.fclose(stream)
    text = ctypes.string_at(buffer, size.value) if buffer.value else b""
    _libc.free(buffer)
    return text.decode("ascii", "replace")


def _with_own_allocator(write_stats, stream):
    """While tracemalloc traces, its hooks hide pymalloc and nothing is printed: the hidden one is put back for the call.

    Only these few instructions run with it, under the GIL; `ctx` of tracemalloc's hook points at the hidden allocator.
    """
    if not _is_tracing():
        write_stats(stream)
        return
    hook = hooks.current(hooks.OBJ)
    hooks.install(hooks.OBJ, hooks.behind(hook))
    try:
        write_stats(stream)
    finally:
        hooks.install(hooks.OBJ, hook)


def _is_tracing():
    return _tracemalloc.is_tracing()


def _tracing_bytes():
    return _tracemalloc.get_tracemalloc_memory() if _is_tracing() else 0
