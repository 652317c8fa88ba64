"""What the garbage collector did, counted by its own callbacks: about 1 us a collection."""

import gc
import time

_figures = {"collections": [0, 0, 0], "pause_sum": [0.0, 0.0, 0.0], "pause_max": [0.0, 0.0, 0.0], "freed": [0, 0, 0]}
_longest_since_asked = [0.0]
# While a look holds collections off: whether the service had them on.
_held = [None]


def _on_collection(phase, info, now=time.perf_counter, began=[0.0], figures=_figures, longest=_longest_since_asked):
    # Defaults, not globals: at the interpreter's end the module may be empty before the last collection.
    # Whatever is raised here would be printed, so nothing may be.
    try:
        if phase == "start":
            began[0] = now()
            return
        pause = now() - began[0]
        generation = info["generation"]
        figures["collections"][generation] += 1
        figures["pause_sum"][generation] += pause
        figures["freed"][generation] += info["collected"]
        if pause > figures["pause_max"][generation]:
            figures["pause_max"][generation] = pause
        if pause > longest[0]:
            longest[0] = pause
    except Exception:
        pass


def start():
    """Begins to count; a forked child begins at zero."""
    for values in _figures.values():
        values[:] = [type(value)() for value in values]
    _longest_since_asked[0] = 0.0
    if not any(known is _on_collection for known in gc.callbacks):  # `in` would ask those of the service
        gc.callbacks.append(_on_collection)


def hold():
    """Before a slice of a look: no collection of the service's heap may start on account of what the probe allocates.

    A full one takes 130 ms at a million objects. The slice ends before the interpreter would switch threads, so the
    service does not get to see it switched off.
    """
    _held[0] = gc.isenabled()
    gc.disable()


def let_go():
    """After the slice; in a forked child too, where the slice may have been cut off."""
    if _held[0]:
        gc.enable()
    _held[0] = None


def figures():
    """Totals since start() by generation, and the longest pause since the last call. Seconds."""
    longest, _longest_since_asked[0] = _longest_since_asked[0], 0.0
    return {
        "enabled": gc.isenabled() if _held[0] is None else _held[0],
        "thresholds": list(gc.get_threshold()),
        "counts": list(gc.get_count()),
        "collections": list(_figures["collections"]),
        "pauseSumSeconds": list(_figures["pause_sum"]),
        "pauseMaxSeconds": list(_figures["pause_max"]),
        "freed": list(_figures["freed"]),
        "longestPauseSeconds": longest,
        "uncollectable": list.__len__(gc.garbage) if type(gc.garbage) is list else 0,
        "frozen": gc.get_freeze_count(),
    }
