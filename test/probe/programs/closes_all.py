"""Closes every descriptor that it did not open, as daemons do, and opens its own in their place."""

import os
import socket
import time

os.closerange(3, 256)
SERVERS = [socket.socket() for _ in range(8)]
for server in SERVERS:
    server.bind(("127.0.0.1", 0))
    server.listen(1)
print("ports", *(server.getsockname()[1] for server in SERVERS))
print("ready", flush=True)
while True:
    time.sleep(0.02)
    for server in SERVERS:
        if server.fileno() < 0 or server.getsockname()[1] == 0:
            print("broken", flush=True)
