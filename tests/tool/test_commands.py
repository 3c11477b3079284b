#!/usr/bin/env python3
"""Goal: each command of the tool says what is so, of programs that run, have ended or crashed.

SPDX-License-Identifier: Apache-2.0

Method: graphs of bottlenecks.c; what is printed is read by its format's grammar, and by the
format's own tools where they are installed (dot, promtool).
usage: test_commands.py WEIR BOTTLENECKS
"""

import fcntl
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree

from weirtool import WEIR, Program, weir, weir_fails

NUMBER = r"[-+]?[0-9.]+(?:e[-+]?[0-9]+)?"
LABELS = r'\{(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*\}'
SAMPLE = re.compile(rf"^([a-z_:][a-z0-9_:]*)({LABELS})? ({NUMBER}|\+Inf|NaN)$")


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.live = Program("slow_consumer", cls.in_folder("live"))

    @classmethod
    def tearDownClass(cls):
        cls.live.kill()
        cls.folder.cleanup()

    @classmethod
    def in_folder(cls, name):
        return os.path.join(cls.folder.name, name)

    def test_stat(self):
        text = weir("stat", self.live.path, "--interval", "0.2")
        self.assertRegex(text, r"^bottlenecks, process \d+, runtime 1, weir [0-9.]+, live; over")
        self.assertRegex(text, r"\nSTAGE +WORKER +IN/s .*\nsource +0 .*\n")
        self.assertRegex(text, r"\nenrich  store +")
        self.assertRegex(text, r"\nSTAGE +CALLBACK: SAMPLES +p50 +p99 +p99.9 +max ")

    def test_stat_as_json(self):
        said = json.loads(weir("stat", self.live.path, "--json", "--interval", "0.2"))
        self.assertEqual(said["pid"], self.live.pid)
        self.assertEqual((said["life"], said["mode"]), ("live", "threads"))
        self.assertEqual([stage["name"] for stage in said["stages"]],
                         ["source", "parse", "enrich", "store"])
        self.assertEqual([(each["producer"], each["consumer"]) for each in said["subscriptions"]],
                         [("source", "parse"), ("parse", "enrich"), ("enrich", "store")])
        for stage in said["stages"]:
            self.assertAlmostEqual(sum(stage["share"].values()), 1, places=3)

    def test_since_it_began(self):
        first = json.loads(weir("stat", self.live.path, "--json", "--interval", "0"))
        self.assertGreater(first["stages"][3]["total"]["events_in"], 0)

    def test_graph(self):
        text = weir("graph", self.live.path, "--interval", "0.1")
        self.assertRegex(text, r"(?s)^digraph weir \{\n.*\n\}\n$")
        self.assertEqual(len(re.findall(r"^    s\d+ -> s\d+ \[label=\".*/s\"", text, re.M)), 3)
        self.assertEqual(len(re.findall(r"^    s\d+ \[label=\"", text, re.M)), 4)

    def test_graph_as_a_picture(self):
        said = weir_fails("graph", self.live.path, "--svg", "--interval", "0.1")
        if shutil.which("dot") is None:
            self.assertEqual(said.returncode, 1)
            self.assertIn("install graphviz", said.stderr)
            return
        root = xml.etree.ElementTree.fromstring(said.stdout)
        self.assertIn("enrich", "".join(root.itertext()))

    def test_prom(self):
        text = weir("prom", self.live.path)
        kinds = dict(re.findall(r"^# TYPE (\S+) (counter|gauge|histogram)$", text, re.M))
        helps = set(re.findall(r"^# HELP (\S+) .+$", text, re.M))
        self.assertEqual(set(kinds), helps)
        samples = [line for line in text.splitlines() if not line.startswith("#")]
        for line in samples:
            found = SAMPLE.match(line)
            self.assertTrue(found, line)
            name = re.sub("_(bucket|sum|count)$", "", found.group(1))
            self.assertTrue(found.group(1) in kinds or kinds.get(name) == "histogram", line)
        self.assertEqual(len(samples), len({line.rsplit(" ", 1)[0] for line in samples}))
        if shutil.which("promtool"):
            subprocess.run(["promtool", "check", "metrics"], input=text, text=True, check=True)

    def test_histograms_add_up(self):
        text = weir("prom", self.live.path)
        by_labels = {}
        for labels, bound, count in re.findall(
                r'^weir_stage_callback_seconds_bucket\{(.*?),?le="(.*?)"\} (\d+)$', text, re.M):
            by_labels.setdefault(labels, []).append((float(bound), int(count)))
        self.assertTrue(by_labels)
        for buckets in by_labels.values():
            self.assertEqual(buckets, sorted(buckets))
            self.assertEqual([count for _, count in buckets],
                             sorted(count for _, count in buckets))
            self.assertEqual(buckets[-1][0], float("inf"))

    def test_record(self):
        path = self.in_folder("recording")
        said = weir_fails("record", path, self.live.path, "--for", "0.5", "--every", "50")
        self.assertEqual(said.returncode, 0)
        moments = int(re.fullmatch(r"weir: (\d+) moments recorded\n", said.stderr).group(1))
        self.assertGreater(moments, 1)
        text = weir("stat", "--replay", path)
        self.assertRegex(text, r"^bottlenecks, process \d+, .* live; over 0\.\d+ s")
        weir("graph", "--replay", path, "--at", "0.3")
        for command in ("stat", "graph"):
            said = weir_fails(command, "--replay", path, "--at", "100")
            self.assertEqual((said.returncode, said.stdout), (1, ""))
            self.assertRegex(said.stderr, r"the recording is shorter: it ends 0\.\d s after its")
        with open(path, "r+b") as file:
            file.truncate(os.path.getsize(path) - 100)
        weir("stat", "--replay", path)  # of a recorder that was killed all but the last moment

    def test_record_replaces_only_recordings(self):
        """What is something else stays as it is: the very file that is recorded, before all."""
        path = self.in_folder("other_file")
        with open(path, "w") as file:
            file.write("int main(void) {}\n")
        for taken in (path, self.live.path, self.folder.name):
            said = weir_fails("record", taken, self.live.path, "--for", "0.1")
            self.assertEqual((said.returncode, said.stdout), (1, ""))
            self.assertRegex(said.stderr, "is not a recording, and it is not replaced|directory")
        with open(path) as file:
            self.assertEqual(file.read(), "int main(void) {}\n")
        self.assertIn("live; over", weir("stat", self.live.path, "--interval", "0.1"))
        path = self.in_folder("again")
        for _ in range(2):  # a recording is replaced
            weir("record", path, self.live.path, "--for", "0.1")
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
            self.assertIn("live; over", weir("stat", "--replay", path))

    def test_a_small_recording_takes_little_memory(self):
        """One that says of itself that it has as many slots as there may be."""
        path = self.in_folder("small")
        weir("record", path, self.live.path, "--for", "0.1")
        with open(path, "rb") as file:
            whole = bytearray(file.read(16 + 32 + 8 + 128))
        whole[32:40] = struct.pack("II", 1 << 22, 1)
        for slots, status in ((1 << 22, 0), ((1 << 22) + 1, 1)):
            whole[32:36] = struct.pack("I", slots)
            with open(path, "wb") as file:
                file.write(whole)
            tool = subprocess.Popen([WEIR, "stat", "--replay", path], stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL)
            _, said, used = os.wait4(tool.pid, 0)
            tool.returncode = os.waitstatus_to_exitcode(said)
            self.assertEqual(tool.returncode, status)
            self.assertLess(used.ru_maxrss, 100 << 10)  # KiB

    def test_list(self):
        with Program("starved_source", "1") as program:
            line = re.search(rf"^ *{program.pid} +1  live +3 +3 .* bottlenecks +(\S+)$",
                             weir("list"), re.M)
            self.assertEqual(line.group(1), program.path)
            self.assertIn("inlet", weir("stat", program.pid, "--interval", "0"))
            self.assertIn("inlet", weir("stat", f"{program.pid}.1", "--interval", "0"))
            self.assertIn("inlet", weir("prom"))
            said = weir_fails("stat", f"{program.pid}.2")
            self.assertIn("writes no counters of a runtime 2", said.stderr)

    def test_a_dead_one_is_looked_at_and_cleaned(self):
        folder = tempfile.mkdtemp(dir=self.folder.name)
        path = os.path.join(folder, f"weir-{os.getuid()}-1-1")
        with Program("full_worker", path) as program:
            self.assertIn("  live  ", weir("list", folder))
            self.assertEqual(weir("clean", folder), "")
            program.kill()
            self.assertIn("  dead  ", weir("list", folder))
            with open(path, "rb") as held:  # by whom this process has no number for
                fcntl.flock(held, fcntl.LOCK_EX)
                self.assertIn("  live  ", weir("list", folder))
                self.assertEqual(weir("clean", folder), "")
            seconds = [self.check_dead(weir("stat", path)),
                       self.check_dead(weir("top", path, "--once", "--interval", "0.1"))]
            self.assertEqual(seconds[0], seconds[1])  # since it began, both
            self.assertEqual(weir("clean", folder), f"removed {path} (bottlenecks)\n")
            self.assertEqual(os.listdir(folder), [])

    def check_dead(self, text):
        """Of how many seconds it tells."""
        self.assertIn("parse", text)
        text = " ".join(text.split())
        self.assertRegex(text, "the program died while (worker 1 was in (parse|enrich)'s callback"
                               "|no worker was in a callback|worker 0 was in source's)")
        self.assertNotIn("full", text)
        seconds = re.search(r" dead.* over (\d+\.\d+) s", text).group(1)
        self.assertGreater(float(seconds), 0)
        return seconds

    def test_one_that_ends_while_it_is_looked_at(self):
        for end, why in (("kill", "the program died while "), ("close", "has closed its runtime")):
            with Program("full_worker", self.in_folder(end), seconds=1) as program:
                look = subprocess.Popen([WEIR, "stat", program.path, "--interval", "2"],
                                        stdout=subprocess.PIPE, text=True)
                if end == "kill":
                    time.sleep(0.3)  # more or less: it has begun to look
                    program.kill()
                text = look.communicate()[0]
                self.assertRegex(text, r"\nenrich +1 .*\n")
                self.assertIn(why, text)

    def test_what_is_no_counters_file(self):
        path = self.in_folder("other")
        for content in (b"", b"x" * 100, bytes(4096)):
            with open(path, "wb") as file:
                file.write(content)
            for command in ("stat", "graph", "prom", "top"):
                said = weir_fails(command, path, *(["--once"] if command == "top" else []))
                self.assertEqual((said.returncode, said.stdout), (1, ""))
                self.assertIn("not a counters file", said.stderr)
        said = weir_fails("stat", self.in_folder("nothing"))
        self.assertIn("No such file", said.stderr)

    def test_a_damaged_file(self):
        """Whatever is in it, it is read: no crash, and it ends."""
        with open(self.live.path, "rb") as file:
            whole = file.read()
        path = self.in_folder("damaged")
        commands = (("stat", "--interval", 0), ("graph", "--interval", 0), ("prom",))
        chance = random.Random(1)
        for _ in range(60):
            damaged = bytearray(whole)
            for _ in range(chance.choice((1, 10, 200))):
                damaged[chance.randrange(64, len(damaged))] = chance.randrange(256)
            with open(path, "wb") as file:
                file.write(damaged[:chance.choice((len(damaged), chance.randrange(600, 6000)))])
            said = weir_fails(*chance.choice(commands), path)
            self.assertIn(said.returncode, (0, 1), said)

    def test_the_command_line(self):
        for words, why in (((), "usage"), (("tops",), "no command 'tops'"),
                           (("stat", "--svg"), "no option --svg"),
                           (("stat", "--interval", "x"), "takes a number from 0 to 86400"),
                           (("stat", "a", "b"), "what is 'b'?"),
                           (("graph", "--at", "1"), "--at is a moment of a recording")):
            said = weir_fails(*words)
            self.assertEqual((said.returncode, why in said.stderr), (2, True), said)

    def test_help(self):
        commands = re.findall(r"^  ([a-z]+) ", weir("--help"), re.M)
        self.assertEqual(sorted(commands), sorted(set(commands)))
        for command in commands:
            text = weir(command, "--help")
            self.assertTrue(text.startswith(f"usage: weir {command}"), text)
            self.assertLessEqual(max(map(len, text.splitlines())), 100)
        self.assertRegex(weir("--version"), r"^weir \d+\.\d+\.\d+\n$")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
