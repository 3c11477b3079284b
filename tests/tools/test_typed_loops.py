#!/usr/bin/env python3
# A loop over events costs in C++ what it costs in C.
# SPDX-License-Identifier: Apache-2.0
"""
Goal: what compilers make of loops over events in stages of weir.hpp (typed_loops.cc) is what they
make of the same loops in C (typed_loops.c): spans, the object that is the stage's state, and the
containment of exceptions cost nothing for an event.
Method: both are compiled with -O2 and taken apart; a loop is what lies between a backward jump and
where it leads, without ways out but the last one, or, where it calls weir_emit, one more.  Of each
of the three loops the main one, which is the longest where there are vectors, is compared: the
instructions, in order, without registers; of the one that calls how many there are: one more, by
clang, which keeps the status for what is thrown.
"""
import pathlib
import platform
import re
import shutil
import subprocess
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = HERE.parents[1] / "include"
OTHER = {"cmpq": "cmp", "addq": "add", "movq": "mov", "shlq": "shl"}


def functions(source, compiler, standard):
    """Of each the instructions, and where it calls weir_emit."""
    with tempfile.TemporaryDirectory() as folder:
        made = pathlib.Path(folder) / "a.o"
        subprocess.run([compiler, standard, "-O2", "-c", f"-I{INCLUDE}", source, "-o", made,
                        "-Wno-missing-field-initializers"], check=True)
        text = subprocess.run(["objdump", "-dr", "--no-show-raw-insn", made], check=True,
                              capture_output=True, text=True).stdout
    for body in text.split("\n\n"):
        rows = re.findall(r"(?m)^ +([0-9a-f]+):\t(\w+) *(.*)$", body)
        emits = re.findall(r"(?m)^\s+([0-9a-f]+): R_X86_64_PLT32\s+weir_emit\b", body)
        yield ([(int(at, 16), OTHER.get(what, what), rest) for at, what, rest in rows],
               [int(at, 16) for at in emits])


def main_loops(source, compiler, standard):
    """Of each kind the longest: instructions."""
    found = {}
    for rows, emits in functions(source, compiler, standard):
        for at, what, rest in rows:
            to = re.match(r"([0-9a-f]+) <", rest)
            if not what.startswith("j") or to is None or int(to[1], 16) >= at:
                continue
            first = int(to[1], 16)
            inside = [row[1] for row in rows if first <= row[0] <= at and row[1][:3] != "nop"]
            calls = sum(one.startswith("call") for one in inside)
            jumps = sum(one.startswith("j") for one in inside)
            if calls == 1 and jumps == 2 and any(first <= emit <= at for emit in emits):
                kind = "emit"
            elif calls > 0 or jumps > 1 or "ret" in inside:
                continue
            else:
                kind = "shift" if {"shl", "psllq"} & set(inside) else "add"
            found[kind] = max(found.get(kind, []), inside, key=len)
    return found


@unittest.skipUnless(platform.machine() == "x86_64" and shutil.which("objdump"), "x86-64 alone")
class Loops(unittest.TestCase):
    def compare(self, c, cxx):
        if not shutil.which(c) or not shutil.which(cxx):
            self.skipTest(f"there is no {cxx}")
        plain = main_loops(HERE / "typed_loops.c", c, "-std=c11")
        typed = main_loops(HERE / "typed_loops.cc", cxx, "-std=c++20")
        print(f"{cxx}, in C:   {plain}\n{cxx}, in C++: {typed}")
        self.assertEqual(set(plain), {"add", "shift", "emit"})
        self.assertEqual(typed["add"], plain["add"])
        self.assertEqual(typed["shift"], plain["shift"])
        self.assertLessEqual(len(typed["emit"]), len(plain["emit"]) + 1)

    def test_by_gcc(self):
        self.compare("gcc", "g++")

    def test_by_clang(self):
        self.compare("clang", "clang++")


if __name__ == "__main__":
    unittest.main()
