"""Started by root, goes on as nobody, as the workers of a server do: the kernel then keeps its files in /proc for root."""

import os
import time

os.setgroups([])
os.setgid(65534)
os.setuid(65534)
print("ready", flush=True)
while True:
    time.sleep(0.05)
