"""Starts the probe in every Python process that has this directory on PYTHONPATH and MEMTRIAGE_SOCKET_DIR set.

Python imports one `sitecustomize` only, the first on the path. The one that this file shadows (the distribution's, an
APM agent's) still runs, and what it raises is its own affair: the probe itself never raises and never prints.
"""


def _start_probe():
    try:
        import os

        if os.environ.get("MEMTRIAGE_SOCKET_DIR"):
            import memtriage_probe

            memtriage_probe.start()
    except Exception:  # an interpreter too old for the probe, a broken installation: the service starts all the same
        pass


def _shadowed():
    """The spec of the next `sitecustomize` on the path, or None."""
    try:
        import os
        import sys
        from importlib.machinery import PathFinder

        here = os.path.realpath(os.path.dirname(__file__))
        return PathFinder.find_spec("sitecustomize", [p for p in sys.path if os.path.realpath(p) != here])
    except Exception:
        return None


def _run_shadowed():
    spec = _shadowed()
    if spec is None or spec.loader is None:
        return
    import sys
    from importlib.util import module_from_spec

    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


_start_probe()
_run_shadowed()
