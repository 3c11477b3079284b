#!/usr/bin/env python3
"""What the examples write C++20 can write, too.
SPDX-License-Identifier: Apache-2.0

Goal: designated initializers of weir's structs are in the order in which the headers declare
the members, and name no member of a member (.on.init), in every example, so that what the
guide shows is an initializer of C++20 as well.
Method: the structs are read from the headers; each initializer in the C files of a folder, by
declaration or as a compound literal, is walked through with them.

Usage: check_designators.py ROOT FILE...; --self-test instead tries it on what is wrong.
"""
import pathlib
import re
import sys


def blank_out(text):
    """C without comments, strings and character constants, of the same length."""
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'',
                  lambda found: re.sub(r"[^\n]", " ", found[0]), text, flags=re.S)


def structs_of(text):
    """{struct: {member: its type}} of the typedefs in a header, in the members' order."""
    structs = {}
    pattern = r"typedef struct (weir_\w+) \{(.*?)\n\} \1;"
    for name, body in re.findall(pattern, blank_out(text), flags=re.S):
        structs[name] = {}
        for declaration in body.split(";"):
            member = (re.search(r"\(\*(\w+)\)\s*\(", declaration)
                      or re.search(r"(\w+)\s*(?:\[[^\]]*\])?\s*$", declaration))
            if member:
                kind = re.match(r"\s*(?:const )?(weir_\w+) \w+\s*(?:\[|$)", declaration)
                structs[name][member[1]] = kind[1] if kind else None
    return structs


class Walk:
    """One file's initializers."""

    def __init__(self, structs, text):
        self.structs, self.text, self.problems = structs, blank_out(text), []

    def problem(self, at, message):
        self.problems.append((self.text.count("\n", 0, at) + 1, message))

    def skip(self, at):
        """Behind an expression: the place of the comma or brace that ends it."""
        depth = 0
        while depth > 0 or self.text[at] not in ",}":
            depth += self.text[at] in "([{"
            depth -= self.text[at] in ")]}"
            at += 1
        return at

    def braces(self, at, struct):
        """From a brace on; behind the brace that closes it."""
        order, last = list(self.structs[struct]), -1
        at += 1
        while True:
            at = re.compile(r"[\s,]*").match(self.text, at).end()
            if self.text[at] == "}":
                return at + 1
            found = re.compile(r"\.(\w+)\s*([.\[=])\s*").match(self.text, at)
            if self.text[at] == "{":  # an element of an array
                at = self.braces(at, struct)
                continue
            if found is None:
                at = self.skip(at)
                continue
            last = self.member(at, struct, found, order, last)
            kind = self.structs[struct].get(found[1])
            at = found.end()
            at = (self.braces(at, kind) if self.text[at] == "{" and kind in self.structs
                  else self.skip(at))

    def member(self, at, struct, found, order, last):
        """Checks one designator; its place in the struct."""
        name = found[1]
        if found[2] != "=":
            self.problem(at, f".{name}{found[2]} is no designator of C++: .{name} = {{...}}")
        if name not in order:
            self.problem(at, f"{struct} has no member {name}")
            return last
        place = order.index(name)
        if place < last:
            self.problem(at, f"{struct} declares {name} before {order[last]}")
        return max(place, last)

    def all(self):
        names = "|".join(self.structs)
        begin = re.compile(rf"\b({names})(?:\s+\w+)?\s*(?:\[[^\]]*\])?(?:\s*=|\))\s*(?=\{{)")
        for found in begin.finditer(self.text):
            self.braces(found.end(), found[1])
        return self.problems


def self_test():
    structs = structs_of("""
typedef struct weir_inner {
    int one; /* ; */
} weir_inner;
typedef struct weir_outer {
    const char *name;
    int (*call)(int a, int b);
    weir_inner in;
    weir_inner *others;
    unsigned rest[4];
} weir_outer;
""")
    assert structs["weir_outer"] == {"name": None, "call": None, "in": "weir_inner",
                                     "others": None, "rest": None}, structs
    for text, count in [
            ("weir_outer o = {.name = f(\"}\", 1), .call = NULL, .in = {.one = 1}};", 0),
            ("f(&(weir_outer){.in = {1}, .others = &(weir_inner){.one = 2}});", 0),
            ("weir_outer o[2] = {{.name = 0}, {.in = {0}}, {.name = 0}};", 0),
            ("weir_outer o = {.call = NULL, .name = NULL};", 1),
            ("f((weir_outer[]){{.rest = {0}, .in = {0}}, {.in = {0}, .call = f}});", 2),
            ("const weir_outer o = {.in.one = 1};", 1),
            ("weir_outer o = {.in = {.two = 1}};", 1),
            ("struct { weir_outer o; } s = {.o = {0}};", 0)]:
        found = Walk(structs, text).all()
        assert len(found) == count, (text, found)


def main():
    if sys.argv[1:] == ["--self-test"]:
        self_test()
        return 0
    root = pathlib.Path(sys.argv[1])
    structs = {}
    for header in sorted(root.glob("include/weir/*.h")):
        structs.update(structs_of(header.read_text()))
    count = 0
    for name in sys.argv[2:]:
        for line, message in Walk(structs, pathlib.Path(name).read_text()).all():
            count += 1
            print(f"{name}:{line}: {message}")
    print(f"{len(sys.argv) - 2} files, {len(structs)} structs, {count} problems")
    return 1 if count or not structs else 0


if __name__ == "__main__":
    sys.exit(main())
