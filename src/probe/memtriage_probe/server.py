"""One thread, one poll loop: requests are answered one at a time, and whoever asks meanwhile hears `busy` at once."""

import os
import time

from . import gc_watch, stored_looks
from .door import Door, peer_is_allowed
from .originals import poll

LONGEST_REQUEST = 64 * 1024
READ_SECONDS = 5.0
SEND_SECONDS = 5.0
MOST_CLIENTS = 8
POLLIN = 1
# After this many failures in a row the thread gives up instead of spinning.
MOST_FAILURES = 20


class _Client:
    def __init__(self, connection):
        self.connection = connection
        self.received = b""
        self.deadline = time.monotonic() + READ_SECONDS
        self._inode = os.fstat(connection.fileno()).st_ino
        connection.setblocking(False)

    def receive(self):
        """What has come; empty when the client or its descriptor is gone."""
        try:
            return self.connection.recv(LONGEST_REQUEST + 1) if self._is_ours() else b""
        except OSError:
            return b""

    def send(self, reply):
        try:
            if self._is_ours():
                self.connection.settimeout(SEND_SECONDS)
                self.connection.sendall(reply)
        except OSError:  # the client hung up, or does not read
            pass
        finally:
            self.close()

    def close(self):
        """Closes the descriptor, unless the service has closed it before and it is another's now."""
        if self._is_ours():
            self.connection.close()
        else:
            self.connection.detach()

    def _is_ours(self):
        try:
            return os.fstat(self.connection.fileno()).st_ino == self._inode
        except OSError:
            return False


class Server:
    """A look is a generator that gives way with `yield seconds` after each slice: so its thread can be parked for a fork
    and another one go on with it, and others can be told `busy` meanwhile."""

    def __init__(self, life):
        self._life = life
        self._clients = {}
        self._job = None
        self._rest = 0.0

    def serve(self):
        """Answers until the process forks or the door can't be kept open."""
        failures = 0
        while failures < MOST_FAILURES and not self._life.leaves():
            try:
                self._turn(self._idle_seconds() if self._job is None else self._rest)
                if self._job is not None and not self._life.forking:
                    self._go_on()
                failures = 0
            except Exception:
                failures += 1
                self.abandon()
        if failures >= MOST_FAILURES:  # else it left for a fork, and another one may be at work by now
            self._life.give_up()

    def is_asleep(self):
        """Nobody is connected: the thread waits in accept(), with no lock of Python's and nothing half done."""
        return self._job is None and not self._clients

    def abandon(self):
        """Lets go of all clients and of a look that is under way: in a forked child they are the parent's."""
        job, self._job = self._job, None
        clients, self._clients = self._clients, {}
        if job is not None:
            _end(job[1])
            job[0].close()
        for client in clients.values():
            client.close()

    def _idle_seconds(self):
        waits = [client.deadline - time.monotonic() for client in self._clients.values()]
        waits.extend(stored_looks.waits())
        return max(0.0, min(waits)) if waits else None

    def _turn(self, seconds):
        door = self._life.door
        if not door.is_ours():
            door = self._reopen(door)
        if not self._clients and self._job is None:
            connection = door.wait(seconds)
            if not door.is_ours():
                self._reopen(door)
            if connection is not None:
                self._let_in(connection)
            return
        waiting = poll()
        waiting.register(door.socket.fileno(), POLLIN)
        for descriptor in self._clients:
            waiting.register(descriptor, POLLIN)
        ready = waiting.poll(None if seconds is None else int(seconds * 1000 + 0.999))
        for descriptor, _ in ready:
            if descriptor in self._clients:
                self._read(descriptor, self._clients[descriptor])
            elif door.is_ours():
                connection = door.wait(0.001)
                if connection is not None:
                    self._let_in(connection)
        self._end_the_slow()

    def _reopen(self, door):
        door.close()
        self.abandon()
        self._life.door = Door(self._life.directory)
        return self._life.door

    def _let_in(self, connection):
        client = _Client(connection)
        if not peer_is_allowed(connection):
            self._refuse(client, "forbidden", "only the process's own user and root may ask")
        elif len(self._clients) >= MOST_CLIENTS:
            self._refuse(client, "busy", "%d clients are connected" % MOST_CLIENTS)
        else:
            self._clients[connection.fileno()] = client

    def _read(self, descriptor, client):
        received = client.receive()
        client.received += received
        line, newline, _ = client.received.partition(b"\n")
        if newline and len(line) <= LONGEST_REQUEST:
            del self._clients[descriptor]
            self._answer(client, line)
        elif len(line) > LONGEST_REQUEST:
            del self._clients[descriptor]
            self._refuse(client, "too-large", "a request has at most %d bytes" % LONGEST_REQUEST)
        elif not received:
            del self._clients[descriptor]
            if client.received:
                self._refuse(client, "bad-request", "the request ended before its newline")
            else:
                client.close()

    def _answer(self, client, line):
        from . import protocol

        if self._job is not None:
            self._refuse(client, "busy", "another look is under way")
            return
        self._job = (client, protocol.answer(line, self._life))
        self._rest = 0.0

    def _go_on(self):
        client, steps = self._job
        reply = None
        gc_watch.hold()
        try:
            self._rest = next(steps)
        except StopIteration as end:
            reply = end.value
        finally:
            gc_watch.let_go()
        if reply is not None:
            self._job = None
            client.send(reply)

    def _refuse(self, client, code, why):
        from . import protocol

        client.send(protocol.refusal(code, why))

    def _end_the_slow(self):
        now = time.monotonic()
        for descriptor, client in list(self._clients.items()):
            if client.deadline < now:
                del self._clients[descriptor]
                self._refuse(client, "too-slow", "no complete request within %d s" % READ_SECONDS)


def _end(steps):
    try:
        steps.close()
    except ValueError:  # the service forked in the middle of a step: it runs for ever in this child, and nowhere
        pass
