"""What is put into the process: a line for its main thread, and a text for the thread which that line starts."""

import os

# Programs of their own, which no process needs inside.
_COMMANDS = ("__main__.py", "relay.py")

_HERE = os.path.dirname(os.path.abspath(__file__))

# One expression: no name is left in __main__. gevent replaces start_new_thread, but not its old synonym. The new thread
# reads the text from its own memory, so that the main thread has only this line to compile.
_LINE = (
    "(lambda t: (t.start_new_thread if type(t.start_new_thread) is type(len) else t.start_new)"
    "(lambda o: (lambda f: exec(__import__('os').pread(f, %d, %d), {'__name__': 'memtriage_boot', 'mem': f}))"
    "(o.open('/proc/self/mem', o.O_RDONLY | o.O_CLOEXEC)), (__import__('os'),)))(__import__('_thread'))"
)

# The same for a file that is run in the main thread.
_IN_THREAD = (
    "(lambda t: (t.start_new_thread if type(t.start_new_thread) is type(len) else t.start_new)"
    "(lambda text: exec(text, {'__name__': 'memtriage_boot'}), ("
)
_END = ",)))(__import__('_thread'))"
_STARTED = b"import os\nplace = os.open(%a, os.O_WRONLY | os.O_CLOEXEC)\nos.pwrite(place, b'+', %20d)\nos.close(place)\n"


def _place(path, offset):
    return b"ANSWER_IN = %a\nANSWER_AT = %20d\n" % (path, offset)


def line(address, length):
    """The line that the interpreter runs in the main thread."""
    return (_LINE % (length, address)).encode() + b"\0"


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
        # The mapping of our memory is closed first: the thread needs it no more.
        return b"__import__('os').close(mem)\n" + _place("/proc/self/mem", address) + self._rest

    def in_file(self, path):
        """The whole file, for sys.remote_exec; the answer comes after its end, behind one byte that tells of the start."""
        length = len(self._in_file(path, 0))
        return self._in_file(path, length)

    def _in_file(self, path, length):
        text = _STARTED % (path, length) + _place(path, length + 1) + self._rest
        return ("%s%r%s\n" % (_IN_THREAD, text.decode(), _END)).encode()


def _sources(package):
    names = sorted(name[:-3] for name in os.listdir(package) if name.endswith(".py") and name not in _COMMANDS)
    sources = {}
    for name in names:
        with open(os.path.join(package, name + ".py"), encoding="utf-8") as file:
            sources["memtriage_probe" if name == "__init__" else "memtriage_probe." + name] = file.read()
    return sources
