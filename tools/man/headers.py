"""Reads the public headers, for the manual and for the site: what is declared, and its comments.
SPDX-License-Identifier: Apache-2.0

A comment is of all declarations that follow it, up to the next one; what stands in the braces
of a type is that type's, and what stands behind a declaration on its line is that one's.  A
comment after which nothing is declared, or which only parts the page (----), is nobody's.
"""
import pathlib
import re

NAME = re.compile(r"\b(weir_[a-z]\w*)\(")
REMARK = re.compile(r"(?:[ \t]*/\*.*?\*/)?", re.S)  # a comment that stands on its line


class Group:
    """What one comment is of: functions, and whatever else is declared behind it."""

    def __init__(self, header, comment):
        self.header, self.comment = header, comment
        self.names, self.declarations = [], []  # of functions
        self.all = []  # (function | type | constant, name, declaration), in their order

    def add(self, kind, name, declaration):
        self.all.append((kind, name, declaration))
        if kind == "function":
            self.names.append(name)
            self.declarations.append(declaration)


class Header:
    """One header: its first comment, its groups, and what its types look like."""

    def __init__(self, path):
        self.name = path.name
        text = path.read_text(encoding="utf-8")
        parts = list(pieces(text))
        self.head = parts[0][1] if parts and parts[0][0] == "comment" else ""
        self.order = []  # all groups, and the titles (str) that part the page
        self._read(parts[1:])
        self.groups = [each for each in self.order if isinstance(each, Group) and each.names]
        self.types, self.constants = {}, []
        for kind, name, text in self.declared():
            if kind == "type" and "{" in text:
                self.types[name] = text
            elif kind == "constant":
                self.constants.append(text)

    def declared(self):
        for group in self.order:
            yield from group.all if isinstance(group, Group) else ()

    def _read(self, parts):
        group = Group(self, "")
        for kind, text in parts:
            if kind == "comment" and text.startswith("----"):
                self.order.append(text.strip("- \n"))
            elif kind == "comment":
                group = Group(self, text)
                self.order.append(group)
            elif what(kind, text):
                if group not in self.order:
                    self.order.append(group)
                group.add(*what(kind, text))


def what(kind, text):
    """(kind, name, declaration) of what declares something that a program uses."""
    if kind == "macro":
        function = re.match(r"#define (weir_[a-z]\w*)\(", text)
        if function:
            return "function", function[1], text.split(")")[0] + ")"
        constant = re.match(r"#define (WEIR_\w+)[( ]", text)
        if constant and "_ENUM(" not in text:
            return "constant", constant[1], text.rstrip()
    elif text.startswith("typedef"):
        name = re.match(r"typedef (?:struct|enum|union) (weir_\w+) \{", text) or \
            re.search(r"\b(weir_\w+)(?:\)?\([^{;]*)?;", text)
        return ("type", name[1], text) if name else None
    elif NAME.search(text):
        return "function", NAME.search(text)[1], text
    return None


def bare(comment):
    """A comment's text, without its stars; the licence's line is not part of it."""
    lines = re.sub(r"^/\*+|\*/$", "", comment).split("\n")
    lines = [re.sub(r"^\s*\* ?", "", line).rstrip() for line in lines]
    lines = [line for line in lines if not line.startswith("SPDX-License")]
    lines[0] = lines[0].strip()
    return "\n".join(lines).strip("\n")


def pieces(text):
    """(comment | macro | declaration, text) in their order, each whole; with a remark behind it."""
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
            end = re.compile(r"(?:/\*.*?\*/|\\\n|[^\n])*", re.S).match(text, at).end()
            yield "macro", text[at:end]
            at = end
        else:
            end = REMARK.match(text, end_of(text, at)).end()
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
