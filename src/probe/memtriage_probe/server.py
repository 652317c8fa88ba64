"""One thread, one poll loop: requests are answered one at a time, and whoever asks meanwhile hears `busy` at once."""

import os
import time

from . import stored_looks
from .door import Door, peer_is_allowed
from .originals import poll

LONGEST_REQUEST = 64 * 1024
READ_SECONDS = 5.0
SEND_SECONDS = 5.0
MOST_CLIENTS = 8
POLLIN = 1
# After this many failures in a row the thread gives up instead of spinning.
MOST_FAILURES = 20


class Interrupted(Exception):
    """The look must end now: the process is about to fork."""


class _Client:
    def __init__(self, connection):
        self.connection = connection
        self.received = b""
        self.deadline = time.monotonic() + READ_SECONDS
        connection.setblocking(False)


class Server:
    def __init__(self, life):
        self._life = life
        self._clients = {}
        self._running = False

    def serve(self):
        """Answers until the process forks or the door can't be kept open."""
        failures = 0
        while failures < MOST_FAILURES and not self._life.leaves():
            try:
                self._turn(self._idle_seconds())
                failures = 0
            except Exception:
                failures += 1
                self._drop_all()
        if failures:
            self._life.alive = False

    def pause(self, seconds=0.0):
        """Called by a long look after each slice: gives way to the service, tells others `busy`, or ends the look."""
        if self._life.forking:
            raise Interrupted
        self._turn(seconds)
        if self._life.forking:
            raise Interrupted

    def abandon(self):
        """In a forked child: lets go of the parent's clients."""
        self._drop_all()

    def _idle_seconds(self):
        waits = [client.deadline - time.monotonic() for client in self._clients.values()]
        waits.extend(stored_looks.waits())
        return max(0.0, min(waits)) if waits else None

    def _turn(self, seconds):
        door = self._life.door
        if not door.is_ours():
            door = self._reopen(door)
        waiting = poll()
        waiting.register(door.socket.fileno(), POLLIN)
        for descriptor in self._clients:
            waiting.register(descriptor, POLLIN)
        ready = waiting.poll(None if seconds is None else int(seconds * 1000 + 0.999))
        if not door.is_ours():
            return
        for descriptor, _ in ready:
            if descriptor == door.socket.fileno():
                self._let_in(door)
            elif descriptor in self._clients:
                self._read(descriptor, self._clients[descriptor])
        self._end_the_slow()

    def _reopen(self, door):
        door.close()
        self._drop_all()
        self._life.door = Door(self._life.directory)
        return self._life.door

    def _let_in(self, door):
        connection = door.accept()
        if connection is None:
            return
        client = _Client(connection)
        if not peer_is_allowed(connection):
            self._refuse(client, "forbidden", "only the process's own user and root may ask")
        elif len(self._clients) >= MOST_CLIENTS:
            self._refuse(client, "busy", "%d clients are connected" % MOST_CLIENTS)
        else:
            self._clients[connection.fileno()] = client

    def _read(self, descriptor, client):
        try:
            received = client.connection.recv(LONGEST_REQUEST + 1)
        except BlockingIOError:
            return
        except OSError:
            received = b""
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
            client.connection.close()

    def _answer(self, client, line):
        from . import protocol

        if self._running:
            self._refuse(client, "busy", "another look is under way")
            return
        self._running = True
        try:
            reply = protocol.answer(line, self._life, self.pause)
        except Interrupted:
            reply = protocol.refusal("interrupted", "the process forked during the look: ask again")
        finally:
            self._running = False
        self._send(client, reply)

    def _refuse(self, client, code, why):
        from . import protocol

        self._send(client, protocol.refusal(code, why))

    def _send(self, client, reply):
        try:
            client.connection.settimeout(SEND_SECONDS)
            client.connection.sendall(reply)
        except OSError:  # the client hung up, or does not read
            pass
        finally:
            client.connection.close()

    def _end_the_slow(self):
        now = time.monotonic()
        for descriptor, client in list(self._clients.items()):
            if client.deadline < now:
                del self._clients[descriptor]
                self._refuse(client, "too-slow", "no complete request within %d s" % READ_SECONDS)

    def _drop_all(self):
        clients, self._clients = self._clients, {}
        for client in clients.values():
            try:
                client.connection.close()
            except OSError:
                pass


