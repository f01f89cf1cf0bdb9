"""The long-connection server of the article: every so many seconds each connection gets an "ok", for as long as its client stays.

Usage: tcp_hold.py PORT SECONDS
"""

import sys

import gevent
from gevent.server import StreamServer


def hold(seconds):
    def each(connection, _address):
        while True:
            gevent.sleep(seconds)
            try:
                connection.sendall(b"ok")
            except OSError:
                return

    return each


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    StreamServer(("127.0.0.1", int(sys.argv[1])), hold(float(sys.argv[2])), backlog=4096).serve_forever()
