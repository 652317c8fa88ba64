"""The allocators behind CPython's memory functions: read and set, under the GIL (PyMem_GetAllocator, PyMem_SetAllocator)."""

import ctypes

RAW, MEM, OBJ = 0, 1, 2
DOMAINS = (MEM, OBJ, RAW)


class Allocator(ctypes.Structure):
    """PyMemAllocatorEx."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("ctx", "malloc", "calloc", "realloc", "free")]


_get, _set = ctypes.pythonapi.PyMem_GetAllocator, ctypes.pythonapi.PyMem_SetAllocator
for _function in (_get, _set):
    _function.argtypes, _function.restype = [ctypes.c_int, ctypes.c_void_p], None


def current(domain):
    allocator = Allocator()
    _get(domain, ctypes.byref(allocator))
    return allocator


def install(domain, allocator):
    _set(domain, ctypes.byref(allocator))


def behind(hook):
    """The allocator that a hook of tracemalloc hides: its context points there."""
    return Allocator.from_address(hook.ctx)


def frees_only(hook, original):
    """tracemalloc's hook that still sees frees and moves, but no new block: the original ignores the context."""
    return Allocator(hook.ctx, original.malloc, original.calloc, hook.realloc, hook.free)
