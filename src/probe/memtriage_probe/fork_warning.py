"""CPython 3.13 and later count threads only after the hooks of a fork, so the probe's new thread would bring a warning
upon a service that has no other. That one message is silenced for that moment; with threads of its own it is still told.
"""

import contextlib
import sys

from .originals import sleep

# The fork ends within microseconds after its hooks; the warning is then told or not.
MOMENT_SECONDS = 0.05

_filters = []


def silence():
    """Before a fork of a process without other threads."""
    if sys.version_info >= (3, 13) and not _filters:
        import warnings

        warnings.filterwarnings("ignore", r"This process \(pid=\d+\) is multi-threaded, use of fork", DeprecationWarning)
        _filters.append(warnings.filters[0])


def speak_again():
    """In the probe's new thread, or in the child: takes the filter out again."""
    while _filters:
        sleep(MOMENT_SECONDS)
        import warnings

        silenced = _filters.pop()
        if silenced in warnings.filters:
            warnings.filters.remove(silenced)


@contextlib.contextmanager
def silenced():
    """Around a fork of the probe's own: whatever threads the service has, the fork is not its."""
    if sys.version_info < (3, 12):
        yield
        return
    import warnings

    # Another text than above, so that the filter is another one.
    warnings.filterwarnings("ignore", r"This process \(pid=[0-9]+\) is multi-threaded", DeprecationWarning)
    own = warnings.filters[0]
    try:
        yield
    finally:
        if own in warnings.filters:
            warnings.filters.remove(own)
