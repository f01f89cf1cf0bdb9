"""A WebSocket server of Python's `websockets`: what it does depends on the path. Prints what it counted, as JSON, when its standard input ends."""

import asyncio
import collections
import http
import json
import sys

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

counts = collections.Counter()


def refuse(connection, request):
    if request.path == "/denied":
        return connection.respond(http.HTTPStatus.UNAUTHORIZED, "who are you?\n")
    return None


def choose(connection, offered):
    return "chat" if "chat" in offered else None


async def handle(ws):
    path = ws.request.path
    counts["opened"] += 1
    counts["subprotocol_chat"] += ws.subprotocol == "chat"
    counts["authorized"] += ws.request.headers.get("Authorization") == "Bearer secret"
    try:
        # In three fragments, one of them empty.
        await ws.send(["o", "", "k"])
        if path == "/restart":
            await asyncio.sleep(0.3)
            await ws.close(1012, "back soon")
        elif path == "/pings":
            while True:
                await asyncio.sleep(0.5)
                await (await ws.ping())
                counts["pongs"] += 1
        async for message in ws:
            counts["binary" if isinstance(message, bytes) else "text"] += 1
            await ws.send(b"ok" if isinstance(message, bytes) else "ok")
    except ConnectionClosed:
        pass
    await ws.wait_closed()
    counts[f"closed_{ws.close_code}"] += 1


async def main():
    options = dict(select_subprotocol=choose, process_request=refuse, ping_interval=None)
    async with serve(handle, "127.0.0.1", int(sys.argv[1]), **options) as server:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, sys.stdin.read)
        server.close()
        await server.wait_closed()
    print(json.dumps(counts), flush=True)


asyncio.run(main())
