"""Reads the public headers: each function with its comment, and the types that it names.
SPDX-License-Identifier: Apache-2.0

A comment is of all declarations that follow it, up to the next one; what stands in the braces
of a type is that type's.  A comment after which nothing is declared, or which only parts the page
(----), is nobody's.
"""
import pathlib
import re

NAME = re.compile(r"\b(weir_[a-z]\w*)\(")


class Group:
    """Functions that one comment is of."""

    def __init__(self, header, comment):
        self.header, self.comment = header, comment
        self.names, self.declarations = [], []

    def add(self, name, declaration):
        self.names.append(name)
        self.declarations.append(declaration)


class Header:
    """One header: its first comment, its groups, and what its types look like."""

    def __init__(self, path):
        self.name = path.name
        text = path.read_text(encoding="utf-8")
        parts = list(pieces(text))
        self.head = parts[0][1] if parts and parts[0][0] == "comment" else ""
        self.groups, self.types, self.constants = [], {}, []
        self._read(parts[1:])

    def _read(self, parts):
        group = Group(self, "")
        for kind, text in parts:
            if kind == "comment":
                if not text.startswith("----"):
                    group = Group(self, text)
                continue
            declared = re.match(r"typedef (?:struct|enum|union) (weir_\w+) \{", text)
            if declared:
                self.types[declared[1]] = text
            elif kind == "macro":
                named = re.match(r"#define (weir_[a-z]\w*)\(", text)
                if named:
                    self._put(group, named[1], text.split(")")[0] + ")")
                elif re.match(r"#define WEIR_\w+[( ]", text) and "_ENUM(" not in text:
                    self.constants.append(text.rstrip())
            elif not text.startswith("typedef") and NAME.search(text):
                self._put(group, NAME.search(text)[1], text)

    def _put(self, group, name, text):
        if not group.names:
            self.groups.append(group)
        group.add(name, text)


def bare(comment):
    """A comment's text, without its stars; the licence's line is not part of it."""
    lines = re.sub(r"^/\*+|\*/$", "", comment).split("\n")
    lines = [re.sub(r"^\s*\* ?", "", line).rstrip() for line in lines]
    lines = [line for line in lines if not line.startswith("SPDX-License")]
    lines[0] = lines[0].strip()
    return "\n".join(lines).strip("\n")


def pieces(text):
    """(comment | macro | declaration, text) in their order, each whole."""
    text = re.sub(r"#ifdef __cplusplus\n.*?#endif\n", "", text, flags=re.S)
    text = re.sub(r"#ifdef __GNUC__\n.*?#endif\n", "", text, flags=re.S)  # attributes
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
        elif text.startswith("/*", at):
            end = text.index("*/", at) + 2
            yield "comment", bare(text[at:end])
            at = end
        elif text[at] == "#":
            end = re.compile(r"(?:[^\n]*\\\n)*[^\n]*").match(text, at).end()
            yield "macro", re.sub(r"/\*.*", "", text[at:end], flags=re.S)
            at = end + (text[at:end].count("/*") and text.index("*/", at) + 2 - end)
        else:
            end = end_of(text, at)
            yield "declaration", re.sub(r"\s+;$", ";", text[at:end])
            at = end


def end_of(text, at):
    """Behind the semicolon of the declaration that begins there."""
    depth = 0
    while True:
        if text.startswith("/*", at):
            at = text.index("*/", at) + 2
            continue
        depth += (text[at] == "{") - (text[at] == "}")
        at += 1
        if text[at - 1] == ";" and depth == 0:
            return at


def read(folder):
    return [Header(path) for path in sorted(pathlib.Path(folder).glob("*.h"))]
