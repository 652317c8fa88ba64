"""What only running code holds grows: a list in a thread's variable, a dict in each of three coroutines.

`hidden_growth.py OBJECTS [reaps|ignores]`: a heap of so many dicts; what is done about SIGCHLD. Another thread has a
thread-local connection that tells when it is destroyed, as a database's would.
"""

import asyncio
import os
import signal
import sys
import threading

OBJECTS, HANDLING = int(sys.argv[1]), sys.argv[2]
HEAP = [{"id": number, "row": [number]} for number in range(OBJECTS)]
SERVICE = os.getpid()
reaped = []


class Connection:
    def __del__(self):
        os.write(1, b"connection closed in %s\n" % (b"the service" if os.getpid() == SERVICE else b"a child"))


mine = threading.local()


def keep_connection():
    mine.connection = Connection()
    threading.Event().wait()


def work():
    results = []
    while True:
        results.append({"number": len(results), "body": os.urandom(700)})
        pause.wait(0.002)


async def consume():
    backlog = {}
    while True:
        backlog[len(backlog)] = "order %d" % len(backlog)
        await asyncio.sleep(0.005)


def reap(*_):
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            reaped.append(status)
    except ChildProcessError:
        pass


async def main():
    tasks = [asyncio.ensure_future(consume()) for _ in range(3)]
    print("ready", flush=True)
    while True:
        await asyncio.sleep(0.2)
        os.write(1, b"beat %s\n" % str(reaped).encode())
    print(tasks)


pause = threading.Event()
if HANDLING == "reaps":
    signal.signal(signal.SIGCHLD, reap)
elif HANDLING == "ignores":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for function in (keep_connection, work):
    threading.Thread(target=function, daemon=True).start()
asyncio.run(main())
