"""Forks children that live on, as a prefork server does. Prints the warnings of the forks, then `ready`."""

import os
import sys
import time
import warnings

warnings.simplefilter("always")
held = []
warnings.showwarning = lambda message, *_: held.append(str(message))
children = 0
for number in range(int(sys.argv[1])):
    if os.fork() == 0:
        break
    children += 1
else:
    for message in held:
        print("warning:", message)
    time.sleep(0.1)
    print("ready", flush=True)
STORE = {}
while True:
    STORE[len(STORE)] = "%d" % os.getpid()
    time.sleep(0.002)
