"""`hard_places.py CASE`: puts its own probe into a place where it could harm, and prints what came of it."""

import gc
import os
import resource
import signal
import socket
import sys
import time

from asks_itself import DIRECTORY, ask, own_socket


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


globals()[sys.argv[1]]()
