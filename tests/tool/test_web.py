#!/usr/bin/env python3
"""Goal: the page of `weir web` shows what a program does, to whoever is on this machine.

SPDX-License-Identifier: Apache-2.0

Method: a program of bottlenecks.c that is held up at a known stage runs; `weir web` serves it; what
it sends is read as a client would, and the page is opened in a browser without a window, asked what
it says, and looked at: pixels of the culprit, of the bars and of the time lines must have their
colours.  Without Chromium the tests of the page are skipped, and say so.

usage: test_web.py WEIR BOTTLENECKS [--picture FILE]
--picture     no tests: two minutes of a graph, as the picture in the documentation
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import browser
from weirtool import WEIR, Program, weir, weir_fails

PATIENCE_S = 20
BROWSER = browser.find()

# Colours of the page (page.css).
RED, DARK_RED = (0xd3, 0x2f, 0x2f), (0xff, 0x5a, 0x52)
BUSY, BLOCKED, STARVED = (0xe8, 0x83, 0x2a), (0x3b, 0x82, 0xd6), (0xb9, 0xc6, 0xd3)


class Server:
    """`weir web`, at a port that is free."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([WEIR, "web", "--port", "0", *arguments],
                                        stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip()
        self.port = int(self.address.rstrip("/").rsplit(":", 1)[1])

    def stop(self):
        """Ends it as ctrl-C does; its exit status."""
        self.process.send_signal(signal.SIGINT)
        self.process.stdout.close()
        return self.process.wait()

    def get(self, path, method="GET", host=None):
        """The answer's status, its type and its text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        connection.request(method, path, headers={"Host": host} if host else {})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.getheader("Content-Type"), text

    def listen(self, path="/events"):
        """The messages, as they come."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        connection.request("GET", path)
        answer = connection.getresponse()
        try:
            while True:
                line = answer.readline().decode()
                if line.startswith("data: "):
                    assert answer.readline() == b"\n"
                    yield json.loads(line.removeprefix("data: "))
        finally:
            connection.close()

    def ask_only(self):
        """A client that has asked for messages, and does not read them."""
        client = socket.create_connection(("127.0.0.1", self.port))
        client.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return client

    def files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def wait_until(true):
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, "it has not come"
        time.sleep(0.05)


class OneRuntime(unittest.TestCase):
    """Tests with one program, at work, and one server."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = os.path.join(cls.folder.name, "counters")
        cls.program = Program("slow_middle", cls.path)
        cls.server = Server(cls.path)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.program.kill()
        cls.folder.cleanup()


class Served(OneRuntime):
    def test_messages_come_and_name_the_culprit(self):
        messages = self.server.listen()
        first = next(messages)
        self.assertEqual([len(each) % 5 for each in first["history"]], [0] * 4)
        self.assertEqual(first["runtime"], f"{self.program.pid}.1")
        self.assertEqual(first["runtimes"], [{"id": first["runtime"], "program": "bottlenecks",
                                              "ended": False}])
        moment = first["look"]["moment_ns"]
        for said in messages:
            self.assertNotIn("history", said)
            self.assertIsNone(said["ended"])
            self.assertGreater(said["look"]["moment_ns"], moment)
            moment = said["look"]["moment_ns"]
            if said["look"]["culprit"]["stage"] == "enrich":
                break
        self.assertEqual([each["name"] for each in said["look"]["stages"]],
                         ["source", "parse", "enrich", "store"])
        self.assertEqual(len(said["look"]["subscriptions"]), 3)

    def test_one_look_has_rates(self):
        status, kind, text = self.server.get(f"/look?runtime={self.program.pid}.1")
        said = json.loads(text)
        self.assertEqual((status, kind), (200, "application/json; charset=utf-8"))
        self.assertGreater(len(said["history"][0]), 0)
        self.assertGreater(said["look"]["stages"][3]["per_s"]["events_in"], 0)

    def test_what_is_not_there_is_refused(self):
        self.assertEqual(self.server.get("/")[0], 200)
        self.assertEqual(self.server.get("/nothing")[0], 404)
        self.assertEqual(self.server.get("/events?runtime=1.1"),
                         (404, "text/plain; charset=utf-8", "There is no such runtime.\n"))
        self.assertEqual(self.server.get("/look?runtime=1.1")[0], 404)
        self.assertEqual(self.server.get("/", method="POST")[0], 405)

    def test_only_this_machine_is_served(self):
        for host in (f"localhost:{self.server.port}", "LocalHost", "127.0.0.1:8000"):
            self.assertEqual(self.server.get("/", host=host)[0], 200, host)
        for host in ("weir.example", "localhost.example", f"127.0.0.1.example:{self.server.port}",
                     "localhost:80.example", "localhost:80:80", "localhostx", "localhos"):
            self.assertEqual(self.server.get("/look", host=host)[0], 403, host)
        with open("/proc/net/tcp", encoding="ascii") as table:
            places = [line.split()[1] for line in table if line.split()[3] == "0A"]
        port = f"{self.server.port:04X}"
        self.assertEqual([each for each in places if each.endswith(":" + port)],
                         ["0100007F:" + port])

    def test_slow_and_vanished_clients_hold_up_nobody(self):
        before = self.server.files()
        clients = [self.server.ask_only() for _ in range(30)]
        messages = self.server.listen()
        first, second = next(messages), next(messages)
        self.assertGreater(second["look"]["moment_ns"], first["look"]["moment_ns"])
        for client in clients:
            client.close()
        messages.close()
        wait_until(lambda: self.server.files() <= before)


class Ends(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "counters")

    def last_of(self, server):
        return next(each for each in server.listen() if each["ended"] is not None)

    def test_a_runtime_that_is_closed_stays_as_it_was(self):
        program = Program("slow_middle", self.path, seconds=1)
        server = Server(self.path)
        said = self.last_of(server)
        self.assertEqual(said["ended"], "The runtime has been closed.")
        self.assertEqual(len(said["look"]["stages"]), 4)
        self.assertEqual(server.stop(), 0)
        program.kill()

    def test_a_recording_goes_on_from_a_moment_and_ends(self):
        program = Program("slow_middle", self.path)
        recording = os.path.join(self.folder.name, "recording")
        weir("record", recording, self.path, "--for", 1.3)
        program.kill()
        server = Server("--replay", recording, "--at", "0.6")
        messages = server.listen()
        said = next(messages)
        self.assertGreaterEqual(len(said["history"][0]), 5)
        self.assertEqual(self.last_of(server)["ended"], "The recording ends here.")
        messages.close()
        self.assertEqual(server.stop(), 0)

    def test_all_programs_are_found_as_they_come(self):
        server = Server()
        messages = server.listen()
        next(messages)
        programs = [Program("slow_middle", "1"), Program("slow_consumer", "1")]
        ids = {f"{each.pid}.1" for each in programs}
        wait_until(lambda: ids <= {each["id"] for each in next(messages)["runtimes"]})
        one = f"{programs[1].pid}.1"
        self.assertEqual(next(server.listen(f"/events?runtime={one}"))["runtime"], one)
        for each in programs:
            each.kill()
        wait_until(lambda: ids <= {each["id"] for each in next(messages)["runtimes"]
                                   if each["ended"]})
        for each in programs:
            os.unlink(each.path)
        self.assertEqual(server.stop(), 0)  # while somebody listens


class BadInput(unittest.TestCase):
    def refusal(self, *words):
        said = weir_fails("web", *words)
        self.assertEqual(said.stdout, "")
        return said.returncode, said.stderr.splitlines()[0]

    def test_it_is_told(self):
        with tempfile.NamedTemporaryFile() as empty, socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.assertEqual(self.refusal("--port", str(port)),
                             (1, f"weir: port {port} is in use; --port names another, or with 0 "
                                 "any that is free"))
            self.assertEqual(self.refusal(empty.name)[0], 1)
        self.assertEqual(self.refusal("/nowhere"),
                         (1, "weir: /nowhere: No such file or directory"))
        self.assertEqual(self.refusal("4194304"),
                         (1, "weir: process 4194304 writes no counters; start it with "
                             "WEIR_COUNTERS=1 in its environment"))
        self.assertEqual(self.refusal("--replay", "/nowhere"),
                         (1, "weir: /nowhere: No such file or directory"))
        self.assertEqual(self.refusal("--port", "65536"),
                         (2, "weir: --port takes a number from 0 to 65535, and not '65536'"))
        self.assertEqual(self.refusal("--port", "1.5"),
                         (2, "weir: --port takes a whole number, and not '1.5'"))


# The page names the culprit, and shows the source as blocked; then it is stopped.
SHOWN = """
document.getElementById('culprit')?.textContent.startsWith('enrich is full') &&
document.querySelector('.node[data-stage=source] .state')?.textContent.startsWith('blocked') &&
document.querySelector('.node[data-stage=store] .state')?.textContent.startsWith('starved') &&
(document.getElementById('pause').click(), true)
"""
RATES = "[...document.querySelectorAll('.edge text, .node .rate')].map((each) => each.textContent)"


def place_of(page, selector):
    """Left, top, width and height of an element on the page."""
    return page.ask(f"(({{x, y, width, height}}) => [x, y, width, height])"
                    f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())")


@unittest.skipUnless(BROWSER, "skipped: there is no Chromium (tools/setup installs it)")
class Page(OneRuntime):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.page = browser.Browser(BROWSER, 1280, 800)

    @classmethod
    def tearDownClass(cls):
        cls.page.close()
        super().tearDownClass()

    def is_near(self, found, wanted):
        self.assertLess(max(abs(a - b) for a, b in zip(found, wanted)), 12, (found, wanted))

    def frame_of(self, picture, stage):
        left, top, _, height = place_of(self.page, f".node[data-stage={stage}] .box")
        return [picture.at(left + i, top + height * 0.8) for i in range(-3, 4)]

    def text(self):
        self.assertTrue(self.page.wait_for(SHOWN, PATIENCE_S))
        names = self.page.ask("[...document.querySelectorAll('.node .name')]"
                              ".map((each) => each.textContent)")
        self.assertEqual(names, ["source", "parse", "enrich", "store"])
        rates = self.page.ask(RATES)
        self.assertEqual(len(rates), 3 + 4)
        for rate in rates:
            self.assertRegex(rate, r"^[1-9][0-9.]*k?/s$")
        self.assertEqual(self.page.ask("document.querySelectorAll('.node.guilty').length"), 1)
        self.assertRegex(self.page.ask("document.querySelector('[data-stage=enrich] .p99')"
                                       ".textContent"), "^p99 [0-9.]+ [mµ]s$")
        self.assertEqual(self.page.ask("document.documentElement.scrollWidth"), 1280)

    def pixels(self):
        picture = self.page.picture(place_of(self.page, "#graph"))
        self.assertIn(RED, self.frame_of(picture, "enrich"))
        self.assertNotIn(RED, self.frame_of(picture, "parse"))
        for stage, colour in (("source", BLOCKED), ("enrich", BUSY), ("store", STARVED)):
            name = {BLOCKED: "blocked", BUSY: "busy", STARVED: "starved"}[colour]
            left, top, width, height = place_of(self.page, f"[data-stage={stage}] .{name}")
            self.is_near(picture.at(left + width / 2, top + height / 2), colour)
        left, top, width, height = line = place_of(self.page, ".row.guilty canvas")
        self.is_near(self.page.picture(line).at(left + width - 2, top + height - 6), BUSY)
        red, green, _ = picture.at(*self.page.ask(
            "(({x, y}, m) => [x * m.a + m.e, y * m.d + m.f])(...((path) => "
            "[path.getPointAtLength(4), path.getScreenCTM()])"
            "(document.querySelector('.edge[data-to=enrich] path')))"))
        self.assertGreater(red - green, 60)  # a full window

    def dark(self):
        self.page.colours("dark")
        dark = self.page.picture(place_of(self.page, ".node[data-stage=enrich] .halo"))
        self.assertIn(DARK_RED, self.frame_of(dark, "enrich"))
        self.assertLess(sum(self.page.picture([0, 0, 8, 8]).at(1, 1)), 150)
        self.page.colours("light")

    def a_stage_is_selected(self):
        self.page.ask("document.querySelector('[data-stage=store]')"
                      ".dispatchEvent(new MouseEvent('click'))")
        details = self.page.ask("document.getElementById('details').innerText")
        for each in ("store", "consumer", "events in", "p99.9", "takes from", "enrich"):
            self.assertIn(each, details)

    def it_stops_and_goes_on(self):
        """It was stopped above; what it shows stays, until it is told to go on."""
        self.page.ask("last_seen = 0; new EventSource('events').onmessage = () => last_seen++")
        shown = self.page.ask(RATES)
        self.assertTrue(self.page.wait_for("last_seen >= 3", PATIENCE_S))
        self.assertEqual(self.page.ask(RATES), shown)
        self.page.ask("document.getElementById('pause').click()")
        self.assertTrue(self.page.wait_for(f"JSON.stringify({RATES}) !== "
                                           f"{json.dumps(json.dumps(shown))}", PATIENCE_S))

    def the_end_is_told(self):
        self.program.kill()
        self.assertTrue(self.page.wait_for("!document.getElementById('ended').hidden", PATIENCE_S))
        self.assertIn("The process has ended",
                      self.page.ask("document.getElementById('ended').textContent"))
        self.assertIn("ended", self.page.ask("document.getElementById('runtimes').innerText"))
        self.assertEqual(self.page.ask("document.querySelectorAll('.node').length"), 4)

    def names(self):
        return self.page.ask("[...document.querySelectorAll('.node')]"
                             ".map((each) => each.dataset.stage).join()")

    def test_a_runtime_is_chosen(self):
        with Program("slow_middle", "1") as one, Program("starved_source", "1") as other:
            server = Server()
            self.page.open(f"{server.address}?runtime={one.pid}.1")
            self.page.wait_for("document.querySelector('.node') !== null", PATIENCE_S)
            self.assertEqual(self.names(), "source,parse,enrich,store")
            self.page.ask(f"document.getElementById('runtimes').value = '{other.pid}.1'; "
                          "document.getElementById('runtimes').dispatchEvent(new Event('change'))")
            self.page.wait_for("document.querySelector('[data-stage=inlet]') !== null", PATIENCE_S)
            self.assertEqual(self.names(), "inlet,parse,store")
            self.assertEqual(self.page.ask("location.search"), f"?runtime={other.pid}.1")
            self.page.open(f"{server.address}?runtime=1.1")
            self.assertTrue(self.page.wait_for("document.getElementById('link')?.textContent === "
                                               "'there is no runtime 1.1'", PATIENCE_S))
            server.stop()

    def test_it_shows_what_it_must(self):
        self.page.open(self.server.address)
        for step in (self.text, self.pixels, self.dark, self.a_stage_is_selected,
                     self.it_stops_and_goes_on, self.the_end_is_told):
            with self.subTest(step.__name__):
                step()


def take_picture(path):
    with tempfile.TemporaryDirectory() as folder:
        counters = os.path.join(folder, "counters")
        program, server = Program("unbalanced_partition", counters, seconds=150), Server(counters)
        page = browser.Browser(BROWSER, 1280, 800)
        page.open(server.address)
        time.sleep(122)
        with open(path, "wb") as file:
            file.write(page.png())
        page.close()
        server.stop()
        program.kill()


if __name__ == "__main__":
    if sys.argv[3:4] == ["--picture"]:
        take_picture(sys.argv[4])
    else:
        unittest.main(argv=sys.argv[:1], verbosity=2)
