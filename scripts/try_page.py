"""Uses the page of `gcl serve` in a real browser, as a person does, and looks at what it shows.

    gcl serve INDEX --port 8000
    python scripts/try_page.py http://127.0.0.1:8000/ PICTURE OUT

It needs Chromium (Debian: `apt-get install chromium`), which it talks to through a pipe by the
DevTools protocol. A text is typed, PICTURE is dropped, its share is moved, a result is looked at
and searched by, "back" goes back, and keys move between the results. Pictures of the page at two
widths, light and dark, go to OUT. The exit code is 1 where something was not as it should be.
"""

import argparse
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BLANK = "about:blank"
WAIT = 20.0  # seconds for anything
WIDE, PHONE = (1280, 900), (390, 844)


class Browser:
    """Chromium without a window, with one page."""

    def __init__(self, profile: str) -> None:
        name = shutil.which("chromium") or shutil.which("google-chrome")
        if name is None:
            raise SystemExit("there is no Chromium; Debian: apt-get install chromium")
        here, there = os.pipe(), os.pipe()
        command = [name, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
                   "--remote-debugging-pipe", f"--user-data-dir={profile}", BLANK]  # fmt: skip
        # Chromium reads commands at file 3 and answers at file 4.
        shell = f'exec "$@" 3<&{here[0]} 4>&{there[1]}'
        self.process = subprocess.Popen(
            ["bash", "-c", shell, "bash", *command],
            pass_fds=(here[0], there[1]), stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(here[0])
        os.close(there[1])
        self._out, self._in = os.fdopen(here[1], "wb", 0), os.fdopen(there[0], "rb")
        self._count, self._session = 0, ""
        self.said: list[str] = []
        targets = self.call("Target.getTargets")["targetInfos"]
        target = next(x["targetId"] for x in targets if x["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> Any:
        """The result of a method of the protocol; events that come meanwhile are looked at."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer.get("result", {})

    def _read(self) -> dict[str, Any]:
        content = bytearray()
        while (byte := self._in.read(1)) != b"\0":
            if not byte:
                raise RuntimeError("the browser has ended")
            content += byte
        answer: dict[str, Any] = json.loads(content)
        if answer.get("method") == "Runtime.exceptionThrown":
            self.said.append(str(answer["params"]["exceptionDetails"].get("exception")))
        if answer.get("method") == "Log.entryAdded":
            entry = answer["params"]["entry"]
            self.said.append(f"{entry['level']}: {entry['text']} {entry.get('url', '')}")
        return answer

    def js(self, code: str) -> Any:
        """The value of an expression in the page."""
        answer = self.call(
            "Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{code}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def until(self, code: str, what: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + WAIT
        while not self.js(code):
            if time.monotonic() > end:
                raise SystemExit(f"FAILED: {what}: {self.js('document.body.innerText')[:600]}")
            time.sleep(0.05)
        print(f"seen: {what}")

    def key(self, name: str, text: str = "") -> None:
        """Press a key."""
        for kind in ("keyDown", "keyUp"):
            extra: dict[str, Any] = {"text": text} if text and kind == "keyDown" else {}
            if name == "Escape":  # what closes a dialog goes by this number
                extra["windowsVirtualKeyCode"] = 27
            self.call("Input.dispatchKeyEvent", type=kind, key=name, **extra)

    def size(self, width: int, height: int, *, dark: bool) -> None:
        """Make the window so large, and light or dark."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 500)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, path: Path) -> None:
        """A picture of what the window shows, once its pictures are there."""
        self.until(LOADED, "all pictures are loaded")
        time.sleep(0.3)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(10)


LOADED = "[...document.images].every(x => !x.checkVisibility() || x.complete)"
OTHERS = "document.querySelector('#results .badge:not(.image)')"
GIVEN = "document.getElementById('given')"
ASKED = "?text=a+red+heart"
CARDS = "document.querySelectorAll('#results .card').length"
STATUS = "document.getElementById('status')?.textContent"
FIRST = "document.querySelector('#results .open')?.getAttribute('aria-label')"


def typed(page: Browser, out: Path) -> None:
    """A search by a text, its filter, and the keys."""
    page.until(f"{CARDS} > 0", "some items before anything is asked")
    page.picture(out / "start.png")
    page.key("/", "/")
    page.until("document.activeElement.id == 'text'", "/ goes to the text")
    page.call("Input.insertText", text="a red heart")
    page.key("Enter", "\r")
    page.until(f"/result/.test({STATUS})", "a text is searched")
    page.until("location.search == '?text=a+red+heart'", "its address")
    page.picture(out / "text.png")
    page.js("document.querySelector('#modalities [data-name=\"image\"]').click()")
    page.until(f"{CARDS} > 0 && !{OTHERS}", "pictures alone")
    page.js("document.querySelector('#modalities [data-name=\"\"]').click()")
    page.until("!!document.querySelector('#results .badge:not(.image)')", "everything again")
    page.js("document.querySelector('#results .open').focus()")
    page.key("ArrowRight")
    page.until("[...document.querySelectorAll('.card .open')].indexOf(document.activeElement) == 1",
               "the right arrow goes to the second result")  # fmt: skip
    page.key("Enter", "\r")
    page.until("document.getElementById('closer').open", "Enter looks closer")
    page.picture(out / "closer.png")
    page.key("Escape")
    page.until("!document.getElementById('closer').open", "Esc closes it")


def dropped(page: Browser, picture: Path, out: Path) -> None:
    """A search by a picture that is dropped, then with a wish, then by a result; and back."""
    for kind in ("dragEnter", "dragOver", "drop"):
        data = {"items": [], "files": [str(picture.resolve())], "dragOperationsMask": 1}
        page.call("Input.dispatchDragEvent", type=kind, x=500, y=500, data=data)
    page.until("!document.getElementById('given').hidden", "the dropped picture is shown")
    page.until(f"/result/.test({STATUS}) && !document.getElementById('blend').hidden",
               "a picture and a text are searched")  # fmt: skip
    both = page.js(FIRST)
    page.picture(out / "both.png")
    page.js("document.getElementById('weight').value = 1")
    for kind in ("input", "change"):
        page.js(f"document.getElementById('weight').dispatchEvent(new Event('{kind}'))")
    page.until("document.getElementById('blended').textContent == '100 % picture'", "the share")
    page.until(f"/result/.test({STATUS})", "it is searched again")
    print(f"both: {both}; the picture alone: {page.js(FIRST)}")
    page.js("document.querySelector('#results .like').click()")
    page.until("location.search.startsWith('?like=')", "more like a result")
    page.until(f"/ like /.test({STATUS})", "it says of what")
    page.js("history.back()")
    page.until(
        f"!document.getElementById('given').hidden && !/ like /.test({STATUS})",
        "back, with the picture",
    )
    page.until("document.getElementById('blended').textContent == '100 % picture'", "and its share")
    for _ in range(2):
        page.js("history.back()")
    page.until("document.getElementById('given').hidden", "back to the text alone")
    page.until(
        f"/result/.test({STATUS}) && location.search == '?text=a+red+heart'", "it is searched again"
    )
    page.js("document.querySelector('#space summary').click()")
    page.until("document.querySelectorAll('#map circle.hit').length > 0", "hits on the map")
    page.picture(out / "map.png")
    page.js("document.querySelector('#map circle.hit').dispatchEvent(new MouseEvent('click'))")
    page.until("document.getElementById('closer').open", "a point of the map looks closer")
    page.js("document.getElementById('close').click()")
    page.key("Escape")
    page.until(
        "location.search == '' && document.getElementById('text').value == ''", "Esc starts again"
    )


def main() -> int:
    """Look at the page; print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address")
    parser.add_argument("picture", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        page = Browser(profile)
        try:
            page.size(*WIDE, dark=False)
            page.call("Page.navigate", url=args.address)
            typed(page, args.out)
            dropped(page, args.picture, args.out)
            for name, size, dark in (
                ("phone", PHONE, False),
                ("dark", WIDE, True),
                ("phone-dark", PHONE, True),
            ):
                page.size(*size, dark=dark)
                page.call("Page.navigate", url=f"{args.address}?text=a+red+heart")
                page.until(f"/result/.test({STATUS})", f"the page, {name}")
                wide = page.js("document.documentElement.scrollWidth - innerWidth")
                if wide > 0:
                    raise SystemExit(f"FAILED: {name}: the page is {wide} pixels too wide")
                page.picture(args.out / f"{name}.png")
        finally:
            page.close()
    for line in page.said:
        print(f"the browser said: {line}")
    return 1 if page.said else 0


if __name__ == "__main__":
    sys.exit(main())
