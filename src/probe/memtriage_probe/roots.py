"""Where a census begins: the globals of every module, the service's own apart from those of libraries."""

import os
import sys
import types

from . import shapes

_module_namespace = types.ModuleType.__dict__["__dict__"].__get__


def module_namespaces():
    """(name, namespace, rank): the service's modules are 0, libraries 1. Later imports first: a module that defines a
    container was imported by those that use it, so its own name for it wins."""
    library = tuple(os.path.join(folder, "") for folder in _library_folders())
    for name, module in reversed(list(dict.items(sys.modules))):
        if type(name) is not str or name.partition(".")[0] in ("memtriage_probe", "sitecustomize"):
            continue
        if not any(base is types.ModuleType for base in shapes.bases_of(type(module))):
            continue
        namespace = _module_namespace(module)
        if type(namespace) is dict:
            yield shapes.bounded(name), namespace, _rank(name, namespace.get("__file__"), library)


def _rank(name, file, library):
    if name == "__main__" or name == "__mp_main__":
        return 0
    if type(file) is not str:  # built in or frozen
        return 1
    if "site-packages" in file or "dist-packages" in file or file.startswith(library):
        return 1
    return 0


def _library_folders():
    return {os.path.dirname(os.__file__), os.path.join(sys.base_prefix, "lib")}
