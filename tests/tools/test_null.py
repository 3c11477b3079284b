#!/usr/bin/env python3
# The table of NULL arguments is complete.
# SPDX-License-Identifier: Apache-2.0
"""
Goal: every pointer argument of every function in include/weir/ has a row in one of
tests/unit/*/test_null*.c, and every row there is of one.  The connectors' functions are tried where
their libraries are, in tests/connect.
Method: headers and tables are read as text; a small header shows how they are read.
"""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONNECTORS = {"nats.h", "redis.h", "kafka.h"}
TABLES = sorted((ROOT / "tests/unit").glob("*/test_null*.c"))


def declarations(text):
    """Each function's name and arguments; types, macros and comments are taken out."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL)
    text = re.sub(r"(?m)^[ \t]*#(?:.*\\\n)*.*$", " ", text)
    text = re.sub(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)", " ", text)
    text = re.sub(r"\)\s+;", ");", text)
    text = text.replace('extern "C" {', " ")
    before = None
    while before != text:
        before, text = text, re.sub(r"\{[^{}]*\}", " ", text)
    text = re.sub(r"\btypedef\b[^;]*;", " ", text)
    for found in re.finditer(r"\b(weir_\w+)\(([^();]*)\)\s*;", text):
        yield found.group(1), found.group(2)


def pointers(arguments):
    for argument in arguments.split(","):
        if "*" in argument:
            yield re.search(r"(\w+)\s*$", argument).group(1)


def wanted(headers):
    return {(function, argument)
            for header in headers
            for function, arguments in declarations(header.read_text(encoding="utf-8"))
            for argument in pointers(arguments)}


def rows(text):
    return {(found.group(2), found.group(3)): found.group(1) for found in
            re.finditer(r"\b(REFUSED|HARMLESS|ALLOWED)\(\s*(weir_\w+),\s*(\w+),", text)}


class Null(unittest.TestCase):
    def test_reads_declarations(self):
        text = """/* weir_not(void *x); */
            #define WEIR_MACRO(a) \\
                weir_no(a)
            typedef struct weir_s { int (*f)(void *c); struct { void *p; } q; } weir_s;
            typedef void weir_heard(void *context);
            int *weir_one(weir_s *first, const void *const second,
                          int third); weir_s weir_two(void)
            #ifdef __GNUC__
                __attribute__((format(printf, 1, 2)))
            #endif
                ;"""
        self.assertEqual(list(declarations(text)),
                         [("weir_one", "weir_s *first, const void *const second,\n"
                                       "                          int third"),
                          ("weir_two", "void")])
        self.assertEqual(list(pointers("weir_s *first, const void *const second, int third")),
                         ["first", "second"])

    def test_table_is_complete(self):
        headers = [header for header in sorted((ROOT / "include/weir").glob("*.h"))
                   if header.name not in CONNECTORS]
        expected = wanted(headers)
        found = set().union(*(rows(table.read_text(encoding="utf-8")) for table in TABLES))
        self.assertGreater(len(expected), 150)
        self.assertEqual(sorted(expected - found), [], "without a row")
        self.assertEqual(sorted(found - expected), [], "of nothing")


if __name__ == "__main__":
    unittest.main()
