"""What the first of two looks leaves in the process for the second: kept for a while, then let go by itself."""

import os
import time

KEEP_SECONDS = 300.0
# Two looks of a census and of a forked child each, and those of somebody else.
MOST_LOOKS = 6

_looks = {}
_counter = [0]
_when_none = []


def keep(look):
    """Stores a look and returns its token; of more than MOST_LOOKS the oldest goes."""
    _counter[0] += 1
    token = "%d.%d" % (os.getpid(), _counter[0])
    while len(_looks) >= MOST_LOOKS:
        del _looks[next(iter(_looks))]
    _looks[token] = (time.monotonic() + KEEP_SECONDS, look)
    return token


def find(token):
    """The look with this token, or None when it was never there or has expired."""
    entry = _looks.get(token)
    return None if entry is None else entry[1]


def waits():
    """Seconds until each look expires; lets go of those that have."""
    now = time.monotonic()
    for token in [token for token, (expiry, _) in _looks.items() if expiry <= now]:
        del _looks[token]
    if not _looks:
        for forget in _when_none:
            forget()
    return [expiry - now for expiry, _ in _looks.values()]


def when_none_is_kept(forget):
    """`forget()` is called whenever the thread comes to rest and no look is kept."""
    _when_none.append(forget)


def forget_all():
    _looks.clear()
