"""A chat over WebSockets, served by Python's `websockets`: `join NAME`, then `say WORDS`. Prints what it counted, as JSON, when its standard input ends."""

import asyncio
import collections
import json
import sys

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

counts = collections.Counter()
names = set()


async def handle(ws):
    name = None
    counts["opened"] += 1
    try:
        await ws.send("welcome to " + ws.request.path)
        async for message in ws:
            word, _, rest = message.partition(" ")
            counts[word] += 1
            if word == "join":
                name = rest
                names.add(name)
                counts["names"] = max(counts["names"], len(names))
                await ws.send(f"joined {name}, one of {len(names)}")
            elif word == "say":
                await ws.send(f"{name}: {rest}")
            else:
                await ws.close(1003, "join or say")
    except ConnectionClosed:
        pass
    names.discard(name)
    await ws.wait_closed()
    counts[f"closed_{ws.close_code}"] += 1


async def main():
    async with serve(handle, "127.0.0.1", int(sys.argv[1]), ping_interval=None) as server:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, sys.stdin.read)
        server.close()
        await server.wait_closed()
    print(json.dumps(counts), flush=True)


asyncio.run(main())
