"""`python -I -S -B src/probe/attach PID START_TICKS PROBE_DIR SOCKET_DIR RELEASE SECONDS`: one JSON object on stdout.

{"ok": true, "path": …, "why": …, "stoppedSeconds": …, "longestStopSeconds": …, "moment": …} or
{"ok": false, "code": …, "why": …}. RELEASE may be empty. Linux, CPython 3.8 and later on both sides.
"""

import json
import sys


def main(arguments):
    if sys.version_info < (3, 8):
        return {"ok": False, "code": "python", "why": "this Python is older than 3.8"}
    from refusal import Refused
    from ways import attach

    pid, start_ticks, probe_directory, socket_directory, release, seconds = arguments
    try:
        found = attach(int(pid), int(start_ticks), probe_directory, socket_directory, release or None, float(seconds))
        return {"ok": True, **found}
    except Refused as refused:
        return {"ok": False, "code": refused.code, "why": str(refused)}


print(json.dumps(main(sys.argv[1:])))
