"""`hard_places.py CASE`: puts its own probe into a place where it could harm, and prints what came of it."""

import gc
import json
import os
import resource
import signal
import socket
import sys
import time
import weakref

DIRECTORY = os.environ["MEMTRIAGE_SOCKET_DIR"]
KEPT = []


def own_socket():
    return next(os.path.join(DIRECTORY, name) for name in os.listdir(DIRECTORY) if name.startswith("%d." % os.getpid()))


def connected():
    client = socket.socket(socket.AF_UNIX)
    client.connect(own_socket())
    return client


def ask(**request):
    with connected() as client:
        client.sendall(json.dumps(dict(request, protocol=1)).encode() + b"\n")
        reply = client.makefile("rb").read()
    return json.loads(reply)


def fork(in_child=lambda: None):
    pid = os.fork()
    if pid == 0:
        in_child()
        os._exit(0)
    os.waitpid(pid, 0)


def seconds_of(call):
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def cpu_of_a_while():
    began = time.process_time()
    time.sleep(0.4)
    return time.process_time() - began


def sub_interpreter():
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    other = interpreters.create()
    interpreters.run_string(other, "import memtriage_probe as p; print(p.start(), p.status()['why'], flush=True)")
    interpreters.destroy(other)
    print("answers", ask(verb="ping")["ok"])


def fork_in_handler():
    """A signal comes at each line of the probe's hooks that changes what is under way, and its handler forks."""
    from memtriage_probe import life

    with open(life.__file__) as file:
        lines = file.read().split("\n")
    seen = set()

    def trace(frame, event, _):
        place = frame.f_lineno
        if frame.f_code.co_name in ("_before_fork", "_after_fork") and event == "line" and place not in seen:
            if "forking" in lines[place - 1]:
                seen.add(place)
                os.kill(os.getpid(), signal.SIGUSR1)
        return trace

    signal.signal(signal.SIGUSR1, lambda *_: fork())
    sys.settrace(trace)
    fork()
    sys.settrace(None)
    print("handlers", len(seen) > 1, "answers", ask(verb="ping")["ok"])


def fork_without_socket():
    path = own_socket()
    fork()
    os.rename(path, path + ".away")
    usual = sorted(seconds_of(fork) for _ in range(5))[2]
    os.rename(path + ".away", path)
    print("fast" if usual < 0.2 else usual, "answers", ask(verb="ping")["ok"])


def no_descriptors():
    clients = [socket.socket(socket.AF_UNIX) for _ in range(2)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    path, taken = own_socket(), []
    try:
        while True:
            taken.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    for client in clients:
        client.connect(path)
    cpu = cpu_of_a_while()
    for descriptor in taken:
        os.close(descriptor)
    print("idle" if cpu < 0.1 else cpu, "answers", ask(verb="ping")["ok"])


def default_timeout():
    socket.setdefaulttimeout(0.0)

    def in_child():
        cpu = cpu_of_a_while()
        print("idle" if cpu < 0.1 else cpu, flush=True)

    fork(in_child)


def foreign_callback():
    class Callback:
        def __call__(self, *_):
            pass

        def __eq__(self, other):
            print("asked")
            raise RuntimeError

    gc.callbacks.insert(0, Callback())

    def in_child():
        import memtriage_probe

        print("listens", memtriage_probe.status()["listening"], ask(verb="ping")["ok"], flush=True)

    fork(in_child)


def address_space():
    with open("/proc/self/statm") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + (40 << 20), resource.RLIM_INFINITY))
    print(*(ask(verb=verb, since=None, seconds=5).get("code") for verb in ("census", "child", "ping")))


NO_THREAD = """
import os, resource, memtriage_probe
with open("/proc/self/statm") as file:
    taken = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + (4 << 20), resource.RLIM_INFINITY))
print(memtriage_probe.start(%r), memtriage_probe.status()["why"], os.listdir(%r))
"""


def no_thread():
    """In a process that never had one: the C library keeps the stack of a thread that ended for the next."""
    own = own_socket()
    os.unlink(own)
    del os.environ["MEMTRIAGE_SOCKET_DIR"]
    os.execv(sys.executable, [sys.executable, "-c", NO_THREAD % (DIRECTORY, DIRECTORY)])


def short_lived_class():
    from memtriage_probe import stored_looks

    stored_looks.KEEP_SECONDS = 0.2
    kind = type("Passing", (), {"data": bytearray(1000)})
    KEPT.append(kind())
    alive = weakref.ref(kind)
    ask(verb="census", since=None)
    KEPT.clear()
    del kind
    for _ in range(100):
        gc.collect()
        if alive() is None:
            break
        time.sleep(0.05)
    print("dead" if alive() is None else "alive")


def long_names():
    for number in range(45):
        kind = type("N" * 30_000 + str(number), (), {})
        KEPT.extend(kind() for _ in range(300))
    print(len(json.dumps(ask(verb="types"))) < 100_000, ask(verb="types")["ok"])


def _window():
    first = ask(verb="census", since=None)["result"]["token"]
    yield
    second = ask(verb="census", since=first)["result"]["token"]
    reply = ask(verb="window", token=second, seconds=0.3, drainSeconds=0.1)
    print("answered", reply["ok"], "in time" if reply["seconds"] < 3 else reply["seconds"])
    print("traced", ask(verb="layers")["result"]["isTracing"])


def long_entries():
    numbers = list(range(1000, 301_000))
    add = lambda: KEPT.extend([list(numbers), tuple(numbers)])
    for _ in range(18):
        add()
    window = _window()
    next(window)
    for _ in range(3):
        add()
    next(window, None)


def bounded_caches():
    """Of a long one the entries are not looked at: it would list all of its links for that."""
    import functools

    for length in (1_000, 60_000):
        cached = functools.lru_cache(maxsize=100_000)(lambda number: [number])
        for number in range(length):
            cached(number)
        KEPT.append(cached)
    first = ask(verb="census", since=None)["result"]["token"]
    for cached in KEPT:
        for number in range(-100, 0):
            cached(number)
    rows = ask(verb="census", since=first)["result"]["containers"]
    found = {row["length"]: (row["lengthDiff"], row["bytesPerEntry"] is None) for row in rows if row["type"] == "lru_cache"}
    print(found[1_100], found[60_100])


def piped_source():
    import _thread

    pipe = os.path.join(DIRECTORY, "pipe.py")
    os.mkfifo(pipe)
    names = {"KEPT": KEPT}
    exec(compile("def add():\n KEPT.append('%d' % len(KEPT) * 40)\n", pipe, "exec"), names)

    def work():
        while True:
            names["add"]()
            time.sleep(0.001)

    _thread.start_new_thread(work, ())
    window = _window()
    next(window)
    time.sleep(0.3)
    next(window, None)


globals()[sys.argv[1]]()
