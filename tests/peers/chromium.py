"""A headless Chromium and its first page, for as long as a block takes."""

import contextlib
import json
import shutil
import subprocess
import tempfile
import urllib.request

import websockets


@contextlib.asynccontextmanager
async def page():
    """Yields the WebSocket of the page, which takes commands of the DevTools protocol."""
    profile = tempfile.mkdtemp()
    browser = subprocess.Popen(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
         f"--user-data-dir={profile}", "about:blank"],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )
    try:
        for line in browser.stderr:
            if "DevTools listening on" in line:
                port = line.split("127.0.0.1:")[1].split("/")[0]
                break
        tabs = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json"))
        tab = next(tab for tab in tabs if tab["type"] == "page")
        async with websockets.connect(tab["webSocketDebuggerUrl"], max_size=1 << 28) as socket:
            yield socket
    finally:
        browser.kill()
        browser.wait()
        shutil.rmtree(profile, ignore_errors=True)
