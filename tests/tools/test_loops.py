#!/usr/bin/env python3
# Loops over events, written plainly, are vectorized.
# SPDX-License-Identifier: Apache-2.0
"""
Goal: the loops over events that README, guide and examples show are vectorized by gcc -O3
and by clang -O2 as they are written there, for any x86-64 and for one with AVX2; and so is
one of each other kind (loops.c): no function of the library makes what a loop tests
something that a store might change.
Method: the compilers report what they vectorized, once with these flags and nothing else,
as users say them, and once with wider vectors. A loop is over events when its head tests
a `.count`; those that call functions are left out (they print, or emit), and those of ELSE,
which says why. Loops that README and guide teach must be there: SHOWN. A program is
spoiled, as by a function that takes its count's address, and must not pass.
"""
import os
import pathlib
import platform
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs/examples"

COMPILERS = {
    "gcc": (["-O3", "-fopt-info-vec-optimized"], r"optimized: loop vectorized"),
    "clang": (["-O2", "-Rpass=loop-vectorize"], r"remark: vectorized loop"),
}
# What is said besides: nothing, and the vectors of newer machines. (Those that any x86-64 has
# add, shift and compare words of 64 bits; to multiply them takes so many steps that compilers
# often leave the loop as it is. So the loops that are taught do something else.)
VECTORS = {"any": [], "AVX2": ["-march=x86-64-v3"]}
SHOWN = {("counter.c", "count"), ("counter.c", "multiply"), ("guide_ten.c", "twice"),
         ("guide_genstage.c", "multiply"), ("guide_signal.c", "odd"),
         ("guide_test.c", "square"), ("guide_test.c", "add"), ("guide_emit.c", "to_fahrenheit"),
         ("readme_loops.c", "count"), ("readme_loops.c", "multiply")}
ELSE = {
    ("stream.c", "count"): "what it counts is where the event says",
    ("guide_port.c", "add"): "where it adds to is what the event says",
    ("guide_lanes.c", "sum_up"): "each sum is made of the one before",
    ("guide_emit.c", "keep_warm"): "where it writes to is what the events before say",
    ("windowed_counts.c", "next"): "it takes remainders of 64-bit words, which no vectors have",
    ("windowed_counts.c", "collect"): "what it adds lies 24 bytes apart: one word of each three",
}
NOT_CALLS = {"if", "for", "while", "switch", "sizeof"}


class Loop:
    """A for statement: where it is, its head, and all of it."""

    def __init__(self, path, text, start):
        opens = text.index("(", start)
        closes = end_of(text, opens, "()")
        self.head = text[opens:closes]
        body = closes + len(text[closes:]) - len(text[closes:].lstrip())
        end = end_of(text, body, "{}") if text[body] == "{" else end_of_line(text, body)
        self.body = text[closes:end]
        self.lines = range(text.count("\n", 0, start) + 1, text.count("\n", 0, end) + 2)
        functions = re.findall(r"(?m)^[a-z][^;={}()#]*?(\w+)\([^;{}]*\)\s*\{$", text[:start])
        self.name = (path.name, functions[-1])

    def is_over_events(self):
        return re.search(r"\.count\b", self.head) is not None

    def calls(self):
        return bool(set(re.findall(r"\b(\w+)\(", self.head + self.body)) - NOT_CALLS)


def end_of(text, start, pair):
    """Behind the bracket that closes the one at start."""
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] == pair[0]) - (text[at] == pair[1])
        if depth == 0:
            return at + 1
    raise ValueError("a bracket that is not closed")


def end_of_line(text, start):
    """Behind the statement without braces that begins at start."""
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] == "(") - (text[at] == ")")
        if text[at] == ";" and depth == 0:
            return at + 1
    raise ValueError("a statement without an end")


def blank_out(text):
    """Comments and strings become blanks; every line stays where it is."""
    return re.sub(r"/\*.*?\*/|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'",
                  lambda found: re.sub(r"[^\n]", " ", found.group()), text, flags=re.DOTALL)


def loops_of(path, text):
    text = blank_out(text)
    found = (Loop(path, text, at.start()) for at in re.finditer(r"\bfor \(", text))
    return [loop for loop in found if loop.is_over_events()]


def wanted(path, text):
    """The loops that are to be vectorized."""
    return [loop for loop in loops_of(path, text) if not loop.calls() and loop.name not in ELSE]


def vectorized(compiler, vectors, path, text):
    """The lines of loops that it reports."""
    options, sign = COMPILERS[compiler]
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / path.name
        source.write_text(text, encoding="utf-8")
        command = [compiler, "-std=c11", "-D_GNU_SOURCE", *VECTORS[vectors], *options,
                   f"-I{ROOT / 'include'}", f"-I{path.parent}", "-S", "-o", os.devnull, str(source)]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
    if told.returncode != 0:
        raise AssertionError(told.stderr)
    return {int(line) for line in
            re.findall(rf"(?m)^{re.escape(str(source))}:(\d+):\d+: {sign}", told.stderr)}


def missed(compiler, vectors, path, text):
    """Those of the loops wanted that are not vectorized."""
    loops = wanted(path, text)
    lines = vectorized(compiler, vectors, path, text) if loops else set()
    return [f"{path.relative_to(ROOT)}:{loop.lines[0]} in {loop.name[1]}, by {compiler} ({vectors})"
            for loop in loops if not lines.intersection(loop.lines)]


SOURCES = {path: path.read_text(encoding="utf-8") for path in
           [*sorted(EXAMPLES.rglob("*.c")), ROOT / "bench/readme_loops.c",
            ROOT / "tests/tools/loops.c"]}


class Reading(unittest.TestCase):
    text = """int f(int a) {
    for (int i = 0; i < a; i++) g();
}

static int h(weir_batch batch,
             int b) {
    /* for (; i < batch.count;) */
    for (size_t i = 0; i < batch.count; i++) {
        if (b) c = 1;
    }
    for (size_t i = 0; i < batch.count; i++)
        for (int k = 0; k < 3; k++)
            printf("%d", d);
}
"""

    def test_finds_loops_over_events(self):
        loops = loops_of(pathlib.Path("x.c"), self.text)
        self.assertEqual([loop.name for loop in loops], [("x.c", "h")] * 2)
        self.assertEqual([list(loop.lines) for loop in loops], [[8, 9, 10], [11, 12, 13]])
        self.assertEqual([loop.calls() for loop in loops], [False, True])

    def test_what_is_shown_is_there(self):
        found = {loop.name for path, text in SOURCES.items() for loop in wanted(path, text)}
        self.assertEqual(SHOWN - found, set())

    def test_what_is_left_out_is_there(self):
        found = {loop.name for path, text in SOURCES.items() for loop in loops_of(path, text)}
        self.assertEqual(set(ELSE) - found, set())

    def test_the_benchmark_runs_what_readme_shows(self):
        def function(path, name):
            return re.search(rf"(?ms)^static weir_verdict {name}\(.*?^}}$", SOURCES[path]).group()
        for name in ("count", "multiply"):
            self.assertEqual(function(ROOT / "bench/readme_loops.c", name),
                             function(EXAMPLES / "counter.c", name))


@unittest.skipUnless(platform.machine() == "x86_64", "other machines have other vectors")
class Vectorized(unittest.TestCase):
    def check(self, compiler, vectors):
        if shutil.which(compiler) is None:
            self.skipTest(f"there is no {compiler}")
        self.assertEqual([loop for path, text in SOURCES.items()
                          for loop in missed(compiler, vectors, path, text)], [])

    def test_by_gcc(self):
        self.check("gcc", "any")

    def test_by_gcc_for_wider_vectors(self):
        self.check("gcc", "AVX2")

    def test_by_clang(self):
        self.check("clang", "any")

    def test_by_clang_for_wider_vectors(self):
        self.check("clang", "AVX2")

    def test_a_spoiled_loop_is_noticed(self):
        path = EXAMPLES / "counter.c"
        text = SOURCES[path]
        plain = "        uint64_t *out = room.events;\n"
        self.assertEqual(text.count(plain), 1)
        spoiled = "void spoil(void *count);\n" + text.replace(
            plain, plain + "        spoil(&room);\n")
        for compiler in COMPILERS:
            if shutil.which(compiler) is not None:
                for vectors in VECTORS:
                    self.assertEqual(len(missed(compiler, vectors, path, spoiled)), 1, compiler)


if __name__ == "__main__":
    unittest.main()
