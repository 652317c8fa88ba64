"""memtriage's probe: answers questions about the memory of this process on a Unix socket of its own.

`start()` is all that a service needs; `sitecustomize.py` beside this package calls it by itself. Standard library only,
CPython 3.8 and later, Linux. The probe reports names, types, counts and sizes, never values, runs no code that it is
sent, calls no method of the service's objects, and neither raises into the service nor prints from it.
docs/probe.md has the protocol. What a request needs is imported with the first one: start() itself stays cheap.
"""

from .life import start, status

__all__ = ["start", "status"]
