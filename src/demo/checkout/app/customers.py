"""Orders without end for `docker compose up`: `python -m app.customers http://checkout:8000/orders`."""

import sys
import time
import urllib.request

ORDER = b"x" * 20_000


def main(url):
    while True:
        try:
            urllib.request.urlopen(url, data=ORDER, timeout=2).read()
        except OSError:
            time.sleep(1)
        time.sleep(0.05)


if __name__ == "__main__":
    main(sys.argv[1])
