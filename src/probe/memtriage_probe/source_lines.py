"""Lines of source as a report names them: file, line and the function around it. Of the text only the name is kept."""

import os
import re
import stat

_DEFINITION = re.compile(r"(\s*)(?:async\s+)?(?:def|class)\s+(\w+)")
MOST_BYTES = 2_000_000


def describe(traceback):
    """[{file, line, function}], the allocating line first; `function` null where the source can't be read."""
    return [{"file": file, "line": line, "function": _function_at(file, line)} for file, line in traceback]


def _open_at_once(file, flags):
    return os.open(file, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _is_regular(source):
    return stat.S_ISREG(os.fstat(source.fileno()).st_mode)


def _function_at(file, line):
    if file.startswith("<"):
        return None
    try:
        # The name may be that of a pipe: an open() that waits for somebody to write there would wait for ever.
        with open(file, encoding="utf-8", errors="replace", opener=_open_at_once) as source:
            lines = source.read(MOST_BYTES).split("\n")[:line] if _is_regular(source) else []
    except (OSError, ValueError):
        return None
    if len(lines) < line:
        return None
    indent = len(lines[-1]) - len(lines[-1].lstrip())
    for text in reversed(lines[:-1]):
        if not text.strip() or text.lstrip().startswith(("#", ")", "]", "}")):
            continue
        width = len(text) - len(text.lstrip())
        if width >= indent:
            continue
        found = _DEFINITION.match(text)
        if found:
            return found.group(2)
        indent = width
    return None
