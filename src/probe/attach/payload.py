"""What is put into the process: a line for its main thread, and a text for the thread which that line starts."""

import os

# Programs of their own, which no process needs inside.
_COMMANDS = ("__main__.py", "relay.py")

_HERE = os.path.dirname(os.path.abspath(__file__))

# Its own memory, which a process that is not dumpable (as after setuid()) may not open: then ctypes reads and writes there.
_MEMORY = "/proc/self/mem"

# The new thread reads the text from its own memory, so that the main thread has only a line to compile. Nothing is raised:
# the interpreter would print it.
_READER = """try:
 import os
 if os.access(%r, os.R_OK):
  file = os.open(%r, os.O_RDONLY | os.O_CLOEXEC)
  text = os.pread(file, %d, %d)
  os.close(file)
 else:
  import ctypes
  text = ctypes.string_at(%d, %d)
 exec(text)
except BaseException:
 pass
"""


def _in_thread(source):
    """One expression: no name is left in __main__. gevent replaces start_new_thread, but not its old synonym."""
    return (
        "(lambda t: (t.start_new_thread if type(t.start_new_thread) is type(len) else t.start_new)"
        "(exec, (%r, {'__name__': 'memtriage_boot'})))(__import__('_thread'))" % source
    )


_STARTED = b"import os\nplace = os.open(%a, os.O_WRONLY | os.O_CLOEXEC)\nos.pwrite(place, b'+', %20d)\nos.close(place)\n"


def _place(path, offset):
    return b"ANSWER_IN = %a\nANSWER_AT = %20d\n" % (path, offset)


def line(address, length):
    """The line that the interpreter runs in the main thread."""
    return _in_thread(_READER % (_MEMORY, _MEMORY, length, address, address, length)).encode() + b"\0"


class Text:
    """The Python that loads the probe and answers. Built before the process is stopped; its length is fixed."""

    def __init__(self, probe_directory, socket_directory, release, answer_bytes):
        with open(os.path.join(_HERE, "boot.py"), encoding="utf-8") as file:
            boot = file.read()
        values = {
            "SOURCES": _sources(os.path.join(probe_directory, "memtriage_probe")),
            "DIRECTORY": socket_directory,
            "RELEASE": release,
            "ANSWER_BYTES": answer_bytes,
        }
        self._rest = "".join("%s = %r\n" % pair for pair in values.items()).encode() + boot.encode()

    def answering_at(self, address):
        return _place(_MEMORY, address) + self._rest

    def in_file(self, path):
        """The whole file, for sys.remote_exec; the answer comes after its end, behind one byte that tells of the start."""
        length = len(self._in_file(path, 0))
        return self._in_file(path, length)

    def _in_file(self, path, length):
        text = _STARTED % (path, length) + _place(path, length + 1) + self._rest
        return _in_thread(text.decode()).encode() + b"\n"


def _sources(package):
    names = sorted(name[:-3] for name in os.listdir(package) if name.endswith(".py") and name not in _COMMANDS)
    sources = {}
    for name in names:
        with open(os.path.join(package, name + ".py"), encoding="utf-8") as file:
            sources["memtriage_probe" if name == "__init__" else "memtriage_probe." + name] = file.read()
    return sources
