"""The dynamic symbols of a 64-bit ELF file: they are there in a stripped binary too."""

import struct

from refusal import Refused

X86_64 = 62
_MACHINES = {183: "aarch64", 243: "riscv64", 21: "ppc64le", 22: "s390x"}
SHARED_OBJECT = 3
_LOAD = 1
_DYNAMIC_SYMBOLS = 11


def dynamic_symbols(path):
    """{name: (address, bytes)}, is_absolute. The address counts from the file's lowest load address, or is absolute.

    Raises Refused: not x86-64, or without dynamic symbols.
    """
    with open(path, "rb") as file:
        head = file.read(64)
        machine = struct.unpack_from("<H", head, 18)[0] if head[:5] == b"\x7fELF\x02" else None
        if machine != X86_64:
            name = _MACHINES.get(machine, "another machine")
            raise Refused("architecture", "it is for %s, and attaching is for x86-64 only" % name)
        is_absolute = struct.unpack_from("<H", head, 16)[0] != SHARED_OBJECT
        sections = _table(file, head, 40, 58, "<IIQQQQIIQQ")
        base = 0 if is_absolute else min(s[3] for s in _table(file, head, 32, 54, "<IIQQQQQQ") if s[0] == _LOAD)
        for section in sections:
            if section[1] == _DYNAMIC_SYMBOLS:
                names = sections[section[6]]
                return _read_symbols(_slice(file, section), _slice(file, names), base), is_absolute
    raise Refused("no-symbols", "its interpreter has no dynamic symbols")


def _table(file, head, offset_at, size_at, layout):
    (offset,) = struct.unpack_from("<Q", head, offset_at)
    size, count = struct.unpack_from("<HH", head, size_at)
    file.seek(offset)
    rows = file.read(size * count)
    return [struct.unpack_from(layout, rows, size * row) for row in range(count)]


def _slice(file, section):
    file.seek(section[4])
    return file.read(section[5])


def _read_symbols(symbols, names, base):
    found = {}
    for name, _, _, section, value, size in struct.iter_unpack("<IBBHQQ", symbols):
        if section:  # 0: wanted from elsewhere
            found[names[name : names.index(b"\0", name)].decode("ascii", "replace")] = (value - base, size)
    return found
