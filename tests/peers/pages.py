"""Opens pages in headless Chromium as a phone, a desktop and a printer show them, and prints what a
person and a network would have seen, as JSON: a list, in the order of the URLs. With a directory in
PAGES_PICTURES, pictures of the pages go there."""

import asyncio
import base64
import json
import os
import sys

import chromium

# Width, media and colours.
LOOKS = [(390, "", "dark"), (1180, "", "light"), (700, "print", "light")]

SEEN = """(() => {
  const box = one => one.getBoundingClientRect();
  const seen = one => box(one).width > 0 && box(one).height > 0;
  const name = one => `${one.closest('figure')?.querySelector('strong')?.textContent ?? ''}: ${one.textContent.trim()}`;
  const labels = [...document.querySelectorAll('svg')].map(svg => [...svg.querySelectorAll('text')].filter(seen));
  const overlap = [];
  for (const all of labels) {
    all.forEach((one, at) => all.slice(at + 1).forEach(other => {
      const [a, b] = [box(one), box(other)];
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 1 && down > 3) overlap.push(`${name(one)} and ${other.textContent.trim()}`);
    }));
  }
  const cut = labels.flat().filter(one => {
    const card = box(one.closest('figure'));
    return box(one).left < card.left || box(one).right > card.right || box(one).bottom > card.bottom;
  }).map(name);
  const drawn = 'polyline, polygon, path, circle';
  const empty = [...document.querySelectorAll('figure.chart svg')].filter(svg => ![...svg.querySelectorAll(drawn)].some(one => {
    const line = one.getBBox();
    return line.width > 0 || line.height > 0;
  })).map(svg => name(svg.querySelector('text') ?? svg));
  const beyond = [...document.querySelectorAll('main *')].filter(one => box(one).right > innerWidth + 1 && !one.closest('.wide, svg'));
  return JSON.stringify({
    charts: [...document.querySelectorAll('figure.chart strong')].map(one => one.textContent),
    wide: document.documentElement.scrollWidth > innerWidth,
    beyond: beyond.slice(0, 5).map(one => `${one.tagName} ${one.className} ${one.textContent.slice(0, 60)}`),
    overlap, cut, empty,
    smallest: Math.min(99, ...labels.flat().map(one => box(one).height)),
    scripts: document.querySelectorAll('script:not([type])').length,
  });
})()"""

BAD = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded", "Page.javascriptDialogOpening")


class Tab:
    def __init__(self, socket):
        self.socket, self.number, self.events = socket, 0, []

    async def call(self, method, **arguments):
        self.number += 1
        await self.socket.send(json.dumps({"id": self.number, "method": method, "params": arguments}))
        while True:
            message = json.loads(await self.socket.recv())
            if message.get("id") == self.number:
                return message.get("result", message)
            await self.hear(message)

    async def hear(self, message):
        self.events.append(message)
        if message["method"] == "Page.javascriptDialogOpening":
            self.number += 1
            await self.socket.send(json.dumps({"id": self.number, "method": "Page.handleJavaScriptDialog", "params": {"accept": True}}))

    async def open(self, url):
        self.events = []
        await self.call("Page.navigate", url=url)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            await self.hear(json.loads(await self.socket.recv()))

    async def look(self, url, number, folder):
        await self.open(url)
        looks = {}
        for width, media, colours in LOOKS:
            height = 844 if width == 390 else 900
            await self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width == 390)
            features = [{"name": "prefers-color-scheme", "value": colours}]
            await self.call("Emulation.setEmulatedMedia", media=media, features=features)
            seen = json.loads((await self.call("Runtime.evaluate", expression=SEEN))["result"]["value"])
            looks[media or ("phone" if width == 390 else "desktop")] = seen
            if folder:
                await self.picture(f"{folder}/{number}-{media or width}.png", width)
        if folder:
            paper = await self.call("Page.printToPDF", printBackground=True)
            with open(f"{folder}/{number}.pdf", "wb") as file:
                file.write(base64.b64decode(paper["data"]))
        # What runs later than the page is loaded.
        await asyncio.sleep(0.2)
        await self.call("Runtime.evaluate", expression="0")
        asked = [event["params"]["request"]["url"] for event in self.events if event["method"] == "Network.requestWillBeSent"]
        complaints = [event["params"] for event in self.events if event["method"] in BAD]
        return {"looks": looks, "requests": asked, "complaints": complaints}

    async def picture(self, path, width):
        size = await self.call("Runtime.evaluate", expression="document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": width, "height": min(size["result"]["value"], 9000), "scale": 1}
        picture = await self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        with open(path, "wb") as file:
            file.write(base64.b64decode(picture["data"]))


async def main(urls):
    async with chromium.page() as socket:
        tab = Tab(socket)
        for domain in ("Page", "Runtime", "Network", "Log"):
            await tab.call(f"{domain}.enable")
        folder = os.environ.get("PAGES_PICTURES")
        print(json.dumps([await tab.look(url, number, folder) for number, url in enumerate(urls)]))


asyncio.run(main(sys.argv[1:]))
