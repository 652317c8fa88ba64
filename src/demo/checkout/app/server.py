"""HTTP, on loopback unless HOST says otherwise: POST /orders. Release v1 drops refused orders, release v2 keeps them for a retry that never comes."""

import itertools
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from app import catalogue, payments, retries

RELEASE = os.environ.get("MEMTRIAGE_RELEASE", "v1")
NUMBERS = itertools.count(1)


class Orders(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        payload = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        number = next(NUMBERS)
        try:
            answer = payments.charge(number, catalogue.price(number))
        except payments.Refused:
            if RELEASE != "v1":
                retries.keep_for_retry(number, payload)
            answer = {"order": number, "state": "refused"}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    server = ThreadingHTTPServer((os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "0"))), Orders)
    # The parent waits for this line; nothing else is ever printed.
    print(server.server_address[1], flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
