"""Opens a URL in headless Chromium, waits until the page says that the run has ended, and prints
what a person and a network would have seen, as JSON."""

import asyncio
import json
import sys
import time

import chromium

SEEN = """JSON.stringify({
  title: document.title,
  notice: document.getElementById('notice').textContent,
  verdict: document.getElementById('verdict').textContent,
  rows: document.querySelectorAll('tbody tr').length,
  conditions: document.querySelectorAll('#thresholds li').length,
  messages: document.querySelectorAll('#log li').length,
  lines: [...document.querySelectorAll('.chart path.line')].filter(one => one.getAttribute('d').includes('L')).length,
  charts: [...document.querySelectorAll('.chart:not([hidden]) strong')].map(one => one.textContent),
  cells: document.querySelectorAll('.chart path[opacity]').length,
  text: document.body.innerText,
  foreign: document.querySelectorAll('body img, body iframe, body svg[onload], main script').length,
  wide: document.documentElement.scrollWidth > innerWidth,
})"""


async def main(url, seconds):
    async with chromium.page() as socket:
        print(json.dumps(await follow(socket, url, seconds)))


async def follow(socket, url, seconds):
    events, number = [], 0

    async def call(method, **arguments):
        nonlocal number
        number += 1
        await socket.send(json.dumps({"id": number, "method": method, "params": arguments}))
        while True:
            message = json.loads(await socket.recv())
            if message.get("id") == number:
                return message["result"]
            events.append(message)

    for domain in ("Page", "Runtime", "Network", "Log"):
        await call(f"{domain}.enable")
    await call("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=True)
    await call("Page.navigate", url=url)
    seen, since = {}, time.monotonic()
    while time.monotonic() - since < seconds and "has ended" not in seen.get("notice", ""):
        await asyncio.sleep(0.25)
        answer = await call("Runtime.evaluate", expression=SEEN)
        if "value" in answer["result"]:
            seen = json.loads(answer["result"]["value"])
    bad = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded", "Page.javascriptDialogOpening")
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return {
        **seen,
        "complaints": [event["params"] for event in events if event["method"] in bad],
        "requests": sorted({one.split("?")[0] for one in asked}),
    }


asyncio.run(main(sys.argv[1], float(sys.argv[2])))
