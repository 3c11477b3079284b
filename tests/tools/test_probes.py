#!/usr/bin/env python3
# The probes are there for tracers.
# SPDX-License-Identifier: Apache-2.0
"""
Goal: each probe that src/base/probe.h tells of is in a program that is linked with the library,
with as many arguments as told, and is one instruction that does nothing; the scripts in
tools/trace/ use no others.
Method: the notes of a test program, as readelf prints them, and its bytes.  Without <sys/sdt.h>
there are none, and nothing is tested.
"""
import os
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ["WEIR_PROBED"])
NOP = 0x90
NOTE = re.compile(r"Name: (\w+)\s+Location: 0x([0-9a-f]+).*?Arguments: ([^\n]*)", re.DOTALL)
SECTION = re.compile(r"\.text\s+PROGBITS\s+([0-9a-f]+)\s+([0-9a-f]+)\s+([0-9a-f]+)")


def readelf(*options):
    return subprocess.run(["readelf", *options, PROGRAM], capture_output=True, text=True,
                          check=True).stdout


def told():
    """name -> how many arguments, as the header's comment has it"""
    text = (ROOT / "src/base/probe.h").read_text(encoding="utf-8").split("*/")[0]
    return {name: len(arguments.split(","))
            for name, arguments in re.findall(r"\* {3}(\w+)\(([^)]*)\)", text)}


def found():
    """(name, address, how many arguments) of each place"""
    return [(name, int(where, 16), len(arguments.split()))
            for name, where, arguments in NOTE.findall(readelf("--notes", "--wide"))]


class Probes(unittest.TestCase):
    def test_all_are_there(self):
        self.assertEqual({name: count for name, _, count in found()}, told())

    def test_each_does_nothing(self):
        begin, at, size = (int(x, 16) for x in
                           SECTION.search(readelf("--sections", "--wide")).groups())
        code = PROGRAM.read_bytes()[at:at + size]
        for name, where, _ in found():
            with self.subTest(name):
                self.assertEqual(code[where - begin], NOP)

    def test_scripts_use_these(self):
        for script in (ROOT / "tools/trace").glob("*.bt"):
            used = set(re.findall(r"usdt:\*:weir:(\w+)", script.read_text(encoding="utf-8")))
            self.assertTrue(used)
            self.assertLessEqual(used, set(told()))


if __name__ == "__main__":
    if "stapsdt" not in readelf("--notes", "--wide"):
        print("SKIPPED: the library was built without <sys/sdt.h>")
        sys.exit(77)
    unittest.main()
