"""`python -m memtriage_probe install|uninstall`: starts the probe in every process of this Python's environment.

Run it with the environment's own Python: `PYTHONPATH=$(memtriage probe-path) venv/bin/python -m memtriage_probe install`.
It writes one file, memtriage_probe.pth, into site-packages; where MEMTRIAGE_SOCKET_DIR is not set it does nothing there.
Works with -E and -I too, where PYTHONPATH does not; not with -S. Safe to repeat.
"""

import os
import sys
import sysconfig

NAME = "memtriage_probe.pth"

# site prints what a line of a .pth raises, and goes on: nothing may be raised. The path stays only for the import.
_CODE = """
try:
    import os
    if os.environ.get("MEMTRIAGE_SOCKET_DIR"):
        import sys
        sys.path.append({directory!r})
        try:
            import memtriage_probe
        finally:
            sys.path.remove({directory!r})
        memtriage_probe.start()
except Exception:
    pass
"""


def pth_line(directory):
    """One line, since site runs lines that begin with `import`."""
    return "import sys; exec(%r)\n" % _CODE.format(directory=directory)


def install(folder, directory):
    """Writes the file at once or not at all; returns what there is to tell."""
    path, line = os.path.join(folder, NAME), pth_line(directory)
    if _read(path) == line:
        return "%s is there already" % path
    draft = "%s.%d" % (path, os.getpid())
    try:
        with open(draft, "w", encoding="utf-8") as file:
            file.write(line)
        os.replace(draft, path)
    finally:
        if os.path.exists(draft):
            os.unlink(draft)
    return "wrote %s: Python processes that start from now on with MEMTRIAGE_SOCKET_DIR set have a probe" % path


def uninstall(folder):
    path = os.path.join(folder, NAME)
    if _read(path) is None:
        return "%s is not there" % path
    os.unlink(path)
    return "removed %s: processes that run keep their probe until they end" % path


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def main(arguments):
    folder = sysconfig.get_path("purelib")
    directory = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    try:
        if arguments == ["install"]:
            print(install(folder, directory))
        elif arguments == ["uninstall"]:
            print(uninstall(folder))
        else:
            print("use: python -m memtriage_probe install|uninstall", file=sys.stderr)
            return 64
    except OSError as error:
        print("%s can't be written: %s. Run it as the user who owns it." % (folder, error.strerror), file=sys.stderr)
        return 73
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
