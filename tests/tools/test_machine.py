#!/usr/bin/env python3
"""A build for a processor that weir is not for, or with another ck_md.h, stops with one line.
SPDX-License-Identifier: Apache-2.0
"""
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HEADER = ROOT / "src/base/machine.h"
STRONG = "#define CK_MD_TSO\n"
WEAK = "#define CK_MD_RMO\n"


def errors(target, md, *options):
    """What clang says to the header when it compiles for the target with that ck_md.h."""
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "ck_md.h").write_text(md)
        done = subprocess.run(["clang", f"--target={target}", "-E", "-I", folder, *options,
                               HEADER], capture_output=True, text=True)
    return [line for line in done.stderr.splitlines() if "error:" in line]


class Machine(unittest.TestCase):
    def test_its_own(self):
        self.assertEqual(errors("x86_64-linux-gnu", STRONG), [])
        self.assertEqual(errors("aarch64-linux-gnu", WEAK), [])

    def test_another_processors(self):
        for target, md in (("aarch64-linux-gnu", STRONG), ("x86_64-linux-gnu", WEAK)):
            said = errors(target, md)
            self.assertEqual(len(said), 1, said)
            self.assertIn("is for another processor", said[0])

    def test_no_pointers_of_64_bits(self):
        for target, md in (("i686-linux-gnu", STRONG), ("x86_64-linux-gnux32", STRONG),
                           ("armv7-linux-gnueabihf", WEAK), ("riscv32-linux-gnu", WEAK)):
            said = errors(target, md)
            self.assertEqual(len(said), 1, said)
            self.assertIn("no pointers of 64 bits", said[0])

    def test_others(self):
        for target in ("powerpc64le-linux-gnu", "s390x-linux-gnu"):
            said = errors(target, WEAK)
            self.assertEqual(len(said), 1, said)
            self.assertIn("none of x86-64, AArch64 and RISC-V 64", said[0])
            self.assertEqual(errors(target, WEAK, "-DWEIR_OTHER_PROCESSOR"), [])
        self.assertEqual(errors("riscv64-linux-gnu", WEAK), [])


if __name__ == "__main__":
    unittest.main()
