"""A stream of server-sent events, served by gevent: an event at once, and then one every so many seconds. Arguments: the port, the seconds."""

import sys

import gevent
from gevent.pywsgi import WSGIServer

every = float(sys.argv[2])


def stream():
    number = 0
    while True:
        number += 1
        yield f"data: {number}\n\n".encode()
        gevent.sleep(every)


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/event-stream")])
    return stream()


WSGIServer(("127.0.0.1", int(sys.argv[1])), application, log=None, error_log=None).serve_forever()
