#!/usr/bin/env python3
"""Goal: `weir top` shows what a program does, as text and on a terminal, and heeds its keys.

SPDX-License-Identifier: Apache-2.0

Method: a slow graph that runs; pictures as text, and a terminal of our own, whose screen is read.
usage: test_top.py WEIR BOTTLENECKS
"""

import os
import sys
import tempfile
import unittest
import xml.etree.ElementTree

from weirtool import Program, Terminal, weir, weir_fails


class Top(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.program = Program("slow_middle", os.path.join(cls.folder.name, "counters"))
        cls.path = cls.program.path
        cls.recording = os.path.join(cls.folder.name, "recording")
        weir("record", cls.recording, cls.path, "--for", "1.2", "--every", "50")

    @classmethod
    def tearDownClass(cls):
        cls.program.kill()
        cls.folder.cleanup()

    def check_picture(self, text):
        rows = text.splitlines()
        self.assertRegex(rows[0], r"^ bottlenecks  \d+\.1  live  4 workers  4 stages  over 0\.")
        # Each behind its producer, with a row of its own.
        self.assertRegex(text, r"(?s)\n. source .*\n.  parse .*\n.   enrich .*\n.    store .*\n"
                               r"WORKER  CORE ", text)

    def test_once(self):
        self.check_picture(weir("top", self.path, "--once", "--interval", "0.2"))

    def test_it_keeps_to_the_width(self):
        for columns in (40, 80, 132):
            text = weir("top", self.path, "--once", "--interval", "0.1", columns=columns)
            self.assertLessEqual(max(map(len, text.splitlines())), columns)
            self.assertIn("enrich", text)

    def test_so_many_times(self):
        text = weir("top", self.path, "-n", "3", "--interval", "0.1")
        self.assertEqual(text.count(" bottlenecks  "), 3)

    def test_as_a_picture(self):
        root = xml.etree.ElementTree.fromstring(
            weir("top", self.path, "--once", "--svg", "--interval", "0.1"))
        self.assertEqual(root.tag, "{http://www.w3.org/2000/svg}svg")
        self.assertIn("enrich", "".join(root.itertext()))
        style = root.find("{http://www.w3.org/2000/svg}style")  # or browsers collapse its blanks
        self.assertEqual(style.text.strip(), "text { white-space: pre }")

    def test_on_a_terminal(self):
        terminal = Terminal("top", self.path, "--interval", "0.2")
        terminal.wait_for(r"sort: flow")
        terminal.wait_for(r" over 0\.")  # the first one is since each stage began
        self.check_picture(terminal.text())
        terminal.press("s")
        terminal.wait_for(r"sort: busy")
        terminal.press(" ")
        terminal.wait_for(r"paused *\n")
        terminal.press(" q")
        self.assertEqual(terminal.end(), 0)

    def test_with_colours(self):
        terminal = Terminal("top", self.path, kind="xterm-256color")
        terminal.wait_for("bottlenecks")
        terminal.press("q")
        self.assertEqual(terminal.end(), 0)

    def test_on_a_small_one_it_scrolls(self):
        terminal = Terminal("top", self.path, "--interval", "0.2", rows=12)
        terminal.wait_for("source")
        terminal.press("\x1bOB" * 4)
        terminal.wait_for(r"(?s)^(?!.*  source  ).*STAGE.*store")
        terminal.press("q")
        self.assertEqual(terminal.end(), 0)

    def test_tab_goes_to_the_next_one(self):
        with Program("slow_consumer", "1") as one, Program("starved_source", "1") as other:
            terminal = Terminal("top", one.pid, "--interval", "0.2")
            terminal.wait_for(rf" {one.pid}\.1 ")
            for _ in range(20):
                terminal.press("\t")
                terminal.read(0.3)
                if f" {other.pid}.1 " in terminal.text():
                    break
            terminal.wait_for(rf" {other.pid}\.1 ")
            terminal.press("q")
            self.assertEqual(terminal.end(), 0)

    def test_one_that_dies_keeps_its_last_rates(self):
        with Program("slow_middle", os.path.join(self.folder.name, "dies")) as program:
            terminal = Terminal("top", program.path, "--interval", "0.2")
            terminal.wait_for(r" live .* over 0\.2")
            program.kill()
            terminal.wait_for(r" dead  4 workers  4 stages  over 0\.[1-9]")
            terminal.wait_for(r"the program died while ")
            terminal.wait_for(r"enrich +2 .*k")
            terminal.press("q")
            self.assertEqual(terminal.end(), 0)

    def test_replay(self):
        text = weir("replay", self.recording, "--once", "--interval", "0.5")
        self.check_picture(text)
        terminal = Terminal("replay", self.recording, "--interval", "0.3")
        terminal.wait_for(r"end  1\.\d s *\n")
        terminal.press("\x1bOD")  # back
        terminal.wait_for(r"paused  [01]\.\d s *\n")
        terminal.press("\x1bOC")  # and on
        terminal.wait_for(r"paused  1\.\d s *\n")
        terminal.press("q")
        self.assertEqual(terminal.end(), 0)

    def test_replay_from_a_moment(self):
        terminal = Terminal("replay", self.recording, "--at", "0.5", "--interval", "0.2")
        terminal.wait_for(r"[01]\.\d s *\n")
        terminal.press("\x1b")  # no key: it goes on
        terminal.wait_for(r"end  1\.\d s *\n")
        terminal.press("q")
        self.assertEqual(terminal.end(), 0)

    def test_without_a_terminal(self):
        said = weir_fails("top", self.path)
        self.assertEqual(said.returncode, 1)
        self.assertIn("--once", said.stderr)

    def test_what_does_not_go_together(self):
        for words, why in ((("top", self.path, "--svg"), "--once"),
                           (("top", self.path, "--interval", "0"), "--interval is at least"),
                           (("replay", self.recording, "--once", "--at", "9"),
                            "the recording is shorter: it ends 1."),
                           (("web", "--replay", self.recording, "--at", "9"), "is shorter"),
                           (("replay",), "name the recording")):
            said = weir_fails(*words)
            self.assertEqual((said.returncode, why in said.stderr), (1, True), said)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
