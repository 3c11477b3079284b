"""A browser without a window, for tests: pages are opened, asked, and taken pictures of.

SPDX-License-Identifier: Apache-2.0

Chromium speaks its DevTools protocol over a pair of pipes: JSON, each message ended by a zero.
"""

import base64
import json
import os
import shutil
import struct
import subprocess
import tempfile
import time
import zlib

NAMES = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome")


def find():
    """The path of a browser, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page in a browser of its own, with nothing of earlier ones."""

    def __init__(self, path, width, height):
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.number = 0
        self.unread = b""
        command_in, self.commands = os.pipe()
        self.answers, answer_out = os.pipe()
        # It reads commands from 3 and writes answers to 4, whatever they are here.
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                   "--disable-dev-shm-usage", "--remote-debugging-pipe",
                   f"--user-data-dir={self.folder.name}"]
        move = f'exec "$0" "$@" 3<&{command_in} 4>&{answer_out}'
        self.process = subprocess.Popen(
            ["bash", "-c", move, path, *options],
            pass_fds=(command_in, answer_out), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(command_in)
        os.close(answer_out)
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target,
                                 flatten=True)["sessionId"]
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.commands)
        os.close(self.answers)
        self.folder.cleanup()

    def read(self):
        while b"\0" not in self.unread:
            more = os.read(self.answers, 1 << 20)
            assert more != b"", "the browser has ended"
            self.unread += more
        message, self.unread = self.unread.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **parameters):
        """Calls a method of the protocol, and returns its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session is not None:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while (answer := self.read()).get("id") != self.number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, address):
        self.call("Page.navigate", url=address)

    def ask(self, expression):
        """The value of an expression in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                           awaitPromise=True)
        assert "exceptionDetails" not in result, (expression, result)
        return result["result"].get("value")

    def wait_for(self, expression, seconds):
        """Waits until an expression is true; false: it was not in that time."""
        end = time.monotonic() + seconds
        while not (true := self.ask(expression)) and time.monotonic() < end:
            time.sleep(0.05)
        return bool(true)

    def colours(self, scheme):
        """The page in 'light' or 'dark'."""
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": scheme}])

    def png(self, place=None):
        """A picture of what is seen, or of a place [left, top, width, height] in it."""
        clip = {}
        if place is not None:
            clip = {"clip": dict(zip(("x", "y", "width", "height"), place), scale=1)}
        return base64.b64decode(self.call("Page.captureScreenshot", format="png", **clip)["data"])

    def picture(self, place=None):
        """The same, with its pixels where they lie on the page."""
        if place is None:
            return Picture(self.png())
        left, top = int(place[0]), int(place[1])
        return Picture(self.png([left, top, int(place[2]), int(place[3])]), left, top)


class Picture:
    """The pixels of a PNG with 8 bits a channel, red, green and blue, as browsers write them."""

    def __init__(self, png, left=0, top=0):
        assert png[:8] == b"\x89PNG\r\n\x1a\n"
        self.left, self.top = left, top
        at, data = 8, b""
        while at < len(png):
            length, kind = struct.unpack_from(">I4s", png, at)
            body = png[at + 8:at + 8 + length]
            if kind == b"IHDR":
                self.width, self.height, depth, colour = struct.unpack_from(">IIBB", body)
                assert depth == 8 and colour in (2, 6), "another kind of PNG"
                self.channels = 3 if colour == 2 else 4
            elif kind == b"IDAT":
                data += body
            at += length + 12
        self.rows = list(self.unfiltered(zlib.decompress(data)))

    def unfiltered(self, data):
        """Each row is written as differences to its neighbours, by one of five rules."""
        size, step = self.width * self.channels, self.channels
        above = bytearray(size)
        for at in range(0, len(data), size + 1):
            rule, row = data[at], bytearray(data[at + 1:at + 1 + size])
            for i in range(size) if rule > 0 else ():
                left = row[i - step] if i >= step else 0
                if rule == 1:
                    near = left
                elif rule == 2:
                    near = above[i]
                elif rule == 3:
                    near = (left + above[i]) // 2
                else:
                    corner = above[i - step] if i >= step else 0
                    near = min((left, above[i], corner),
                               key=lambda each: abs(left + above[i] - corner - each))
                row[i] = (row[i] + near) & 255
            yield row
            above = row

    def at(self, x, y):
        """(red, green, blue) of a pixel."""
        at = (int(x) - self.left) * self.channels
        return tuple(self.rows[int(y) - self.top][at:at + 3])
