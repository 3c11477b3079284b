#!/usr/bin/env python3
# From C++ each function takes its options where they are written.
# SPDX-License-Identifier: Apache-2.0
"""
Goal: for every function in include/weir/ that takes a pointer to const options, weir.hpp has one
of the same name that takes them by reference, and tests/install/forms.cc calls it so.
Method: headers are read as text, as test_null.py does; a small header shows how they are read.
forms.cc is compiled with all headers, those of connectors that are not built here, too: where it
is built, tests/install/run also runs it.
"""
import pathlib
import re
import shutil
import subprocess
import unittest

from test_null import declarations

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADERS = ROOT / "include/weir"
FORMS = ROOT / "tests/install/forms.cc"


def takers(text):
    """Functions of a C header that take options, each with the options' type."""
    for function, arguments in declarations(text):
        found = re.search(r"\bconst (weir_\w+_options) \*", arguments)
        if found and not function.startswith("weir__"):
            yield function, found.group(1)


def overloads(text):
    """Those of weir.hpp, likewise."""
    return set(re.findall(r"\binline weir_status (weir_\w+)\([^()]*?"
                          r"(?:\bconst |\binitializer_list<)(weir_\w+_options)(?: &|>)", text))


class Overloads(unittest.TestCase):
    def test_reading(self):
        self.assertEqual(list(takers("weir_status weir_a(const weir_b_options *b, int c);\n"
                                     "weir_status weir_d(weir_b_options *out);")),
                         [("weir_a", "weir_b_options")])
        self.assertEqual(overloads("inline weir_status weir_a(const weir_b_options &b, int c) {\n"),
                         {("weir_a", "weir_b_options")})

    def test_all_are_there(self):
        wanted = {pair for header in HEADERS.glob("*.h") for pair in takers(header.read_text())}
        self.assertGreater(len(wanted), 20)
        self.assertEqual(wanted - overloads((HEADERS / "weir.hpp").read_text()), set())

    def test_all_are_tried(self):
        forms = FORMS.read_text()
        tried = {function for header in HEADERS.glob("*.h")
                 for function, _ in takers(header.read_text())
                 if re.search(rf"\b{function}\(", forms)}
        wanted = {function for function, _ in overloads((HEADERS / "weir.hpp").read_text())}
        self.assertEqual(wanted - tried, set())

    def test_forms_with_all_connectors(self):
        compilers = [name for name in ("g++", "clang++") if shutil.which(name)]
        for compiler in compilers:
            done = subprocess.run(
                [compiler, "-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                 "-Wno-missing-field-initializers", "-fsyntax-only", f"-I{ROOT}/include", FORMS],
                capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
