"""Objects whose every method tells on stdout that it was called. A look must call none of them."""

import importlib.util
import sys
import threading
import time
import types

QUIET = [True]


def tell(what):
    if not QUIET[0]:
        sys.stdout.write("called %s\n" % what)
        sys.stdout.flush()


class Meta(type):
    def __hash__(cls):
        tell("Meta.__hash__")
        return 1

    def __eq__(cls, other):
        tell("Meta.__eq__")
        return cls is other

    def __instancecheck__(cls, instance):
        tell("Meta.__instancecheck__")
        return False

    def __subclasscheck__(cls, other):
        tell("Meta.__subclasscheck__")
        return False

    def __getattribute__(cls, name):
        tell("Meta.__getattribute__ " + name)
        return type.__getattribute__(cls, name)

    @property
    def __name__(cls):
        tell("Meta.__name__")
        return "x"


def hostile(name):
    def method(self, *args, **kwargs):
        tell(name)
        raise RuntimeError(name)

    return method


METHODS = "len iter next getattr getattribute eq hash sizeof bool repr str contains getitem reversed dir index call enter"
BODY = {"__%s__" % name: hostile("__%s__" % name) for name in METHODS.split()}
BODY["keys"] = BODY["items"] = BODY["values"] = hostile("items")


def prop(name):
    return property(hostile("property " + name))


plain = dict(BODY, __class__=prop("__class__"), lazy=prop("lazy"))
Hostile = Meta("Hostile", (), plain)
HidesDict = type("HidesDict", (), dict(plain, __dict__=prop("__dict__")))
Slotted = type("Slotted", (), dict(BODY, __slots__=("held", "unset")))
BadDict, BadList, BadSet = (type(n, (b,), dict(plain)) for n, b in (("BadDict", dict), ("BadList", list), ("BadSet", set)))


class Key:
    def __init__(self, number):
        self.number = number

    def __hash__(self):
        tell("Key.__hash__")
        return self.number

    def __eq__(self, other):
        tell("Key.__eq__")
        return self is other


class LazyModule(types.ModuleType):
    def __getattribute__(self, name):
        tell("LazyModule.__getattribute__ " + name)
        return types.ModuleType.__getattribute__(self, name)

    def __getattr__(self, name):
        tell("LazyModule.__getattr__ " + name)
        raise AttributeError(name)


class Local(threading.local):
    def __init__(self):
        tell("Local.__init__")


LAZY = sys.modules["lazy_module"] = LazyModule("lazy_module")
spec = importlib.util.find_spec("colorsys")
loader = importlib.util.LazyLoader(spec.loader)
spec.loader = loader
DEFERRED = importlib.util.module_from_spec(spec)
sys.modules["colorsys"] = DEFERRED
loader.exec_module(DEFERRED)


def __getattr__(name):
    tell("module __getattr__ " + name)
    raise AttributeError(name)


class Odd(dict):
    def __missing__(self, key):
        tell("__missing__")


LOCAL = Local()
KEYED = {Key(number): number for number in range(100)}
SUBCLASSES = [BadDict((number, number) for number in range(50)), BadList(), BadSet(range(50)), Odd(a=1)]
list.extend(SUBCLASSES[1], range(50))
SLOT = Slotted()
SLOT.held = [1] * 50
HIDDEN = HidesDict()
CLASSES = [Hostile, Slotted]
Foreign = type("Foreign", (), {})
Foreign.__module__ = object.__new__(Hostile)
GROWING = []


def keep():
    thing = object.__new__(Hostile)
    object.__setattr__(thing, "payload", [number for number in range(10)])
    GROWING.append(thing)


def keep_odd():
    for kind in (HidesDict, Slotted):
        GROWING.append(object.__new__(kind))


for _ in range(100):
    keep()
print("ready", flush=True)
QUIET[0] = False
while True:
    time.sleep(0.002)
    keep()
    keep_odd()
    dict.__setitem__(SUBCLASSES[0], len(GROWING), 1)
