#!/usr/bin/env python3
"""Writes weir's manual: weir(1), weir(7), and pages of all functions and headers, weir_emit(3) say.
SPDX-License-Identifier: Apache-2.0

usage: tools/man/pages.py OUT

OUT gets a folder for each component of the installation: dev, tools, and nats-dev and the like,
with man1, man3 and man7 in them.  What the pages say is in include/weir/*.h (headers.py reads it),
in tools/weir/help.c (tool.py), and in weir.7.in beside this file.  Their date is SOURCE_DATE_EPOCH,
or that of the newest header.
"""
import datetime
import os
import pathlib
import re
import sys

import headers
import roff
import tool

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = ROOT / "include" / "weir"
CONNECTORS = ("nats", "redis", "kafka")
# How a comment names what it goes on to say, and the section that becomes of it.
SECTIONS = {"Arguments": "ARGUMENTS", "Returns": "RETURN VALUE", "Errors": "ERRORS",
            "Ownership": "OWNERSHIP", "Owns": "OWNERSHIP", "Lifetime": "LIFETIME", "Cost": "COST",
            "Memory": "MEMORY", "Waiting": "WAITING", "Order": "ORDER", "Selectors": "SELECTORS",
            "Threads": "THREADS", "Source": "IN GENSTAGE"}
ORDER = list(dict.fromkeys(SECTIONS.values()))
LINK = tool.LINK
WORD = "|".join(SECTIONS)
LABEL = re.compile(rf"({WORD})((?:, (?:{WORD}))*)(?:  +|:  ?| (?=\w+: )| (?=as )|$)",
                   re.IGNORECASE)


def split(comment):
    """{section: its lines}; "" is the description.  What is not indented ends a label's."""
    parts, at = {"": []}, ""
    for line in comment.split("\n"):
        label = LABEL.match(line) if line[:1].isupper() else None
        if label:
            words = re.findall(r"\w+", label[1] + label[2])
            at = ", ".join(SECTIONS[word.capitalize()] for word in words)
            parts.setdefault(at, []).append(line[label.end():])
        elif at and line.startswith("   "):
            parts[at].append(line.strip())
        else:
            if at and line:
                parts[""].append("")
            at = ""
            parts[""].append(line)
    return parts


def paragraphs(lines, prose, own=()):
    """Paragraphs are filled, what is indented stays as it stands."""
    done, text, block = [], [], []

    def flush():
        nonlocal text, block
        if text:
            done.extend([".PP", *prose.fill(" ".join(text), own)])
        if block:
            done.extend(roff.code(block))
        text, block = [], []

    for line in lines + [""]:
        indented = line.startswith("  ")
        if not line.strip() or indented != bool(block):
            flush()
        if line.strip():
            (block if indented else text).append(line[2:] if indented else line)
    return done


def listing(texts):
    return [line for text in texts for line in roff.code(text.split("\n"))]


def tags(names):
    """What a paragraph is about, one to a line: together they would not fit."""
    return [f".BR {names[0]} (3)"] + [line for name in names[1:]
                                      for line in (".TQ", f".BR {name} (3)")]


def first_sentence(text):
    text = " ".join(text.split())
    ends = re.search(r"(?<!i\.e)(?<!say)[.](?: |$)|[;:] |, (?:so|and so|but|which|who) ", text)
    text = text[:ends.start()] if ends else text
    text = text.replace("`", "")
    return text[:1].lower() + text[1:] if not re.match(r"[A-Z][A-Z]|GenStage", text) else text


class Manual:
    """All pages, by component, section and name."""

    def __init__(self, all_headers, version, date):
        self.headers, self.version, self.date = all_headers, version, date
        self.names = {name for header in all_headers for group in header.groups
                      for name in group.names}
        self.prose = roff.Prose(self.names)
        self.types = {name: text for header in all_headers for name, text in header.types.items()}
        self.pages = {}

    def component(self, header):
        stem = header.name.removesuffix(".h")
        return f"{stem}-dev" if stem in CONNECTORS else "dev"

    def page(self, name, section):
        return roff.Page(name, section, self.version, self.date)

    def add(self, component, name, section, text):
        self.pages[component, section, name] = text

    def about(self, group, before):
        """A group's comment; where it begins "The same", the same as which is said."""
        like = f"The same as {before}," if before else "The same"
        return re.sub(r"^The same\b,?", like, group.comment)

    def function(self, group, before, around):
        name = group.names[0]
        page = self.page(name, 3)
        parts = split(self.about(group, before))
        short = first_sentence(" ".join(parts[""])) or f"a function of weir/{group.header.name}"
        page.section("NAME", [", ".join(group.names) + " \\- " + roff.plain(short)])
        page.section("SYNOPSIS", [".nf", f"\\fB#include <weir/{group.header.name}>\\fP", ".PP",
                                  *self.synopsis(group.declarations), ".fi"])
        page.section("DESCRIPTION", paragraphs(parts[""], self.prose, group.names))
        for title in sorted(parts, key=lambda title: ORDER.index(title.split(",")[0] or ORDER[0])):
            if title:
                page.section(title, paragraphs(parts[title], self.prose, group.names))
        types = [self.types[each] for each in
                 dict.fromkeys(re.findall(r"\bweir_\w+", " ".join(group.declarations)))
                 if each in self.types and each != "weir_status"]  # which is in every one
        page.section("TYPES", listing(types))
        page.section("SEE ALSO", self.see_also(group, around))
        component = self.component(group.header)
        self.add(component, name, 3, page.text())
        for other in group.names[1:]:
            self.add(component, other, 3, LINK + name)

    @staticmethod
    def synopsis(declarations):
        return [roff.line(roff.plain(line)) for text in declarations for line in text.split("\n")]

    def see_also(self, group, around):
        told = re.findall(r"\bweir_[a-z]\w*", group.comment)
        near = [each.names[0] for each in around]
        names = [name for name in dict.fromkeys(told + near)
                 if name in self.names and name not in group.names]
        names = names[:8] + [title_of(group.header)]
        if any(text.startswith("weir_status ") for text in group.declarations):
            names.append("weir_status.h")
        return self.list_of([(name, 3) for name in dict.fromkeys(names)] + [("weir", 7)])

    @staticmethod
    def list_of(pages):
        return [f".BR {name} ({section})," for name, section in pages[:-1]] + \
               [f".BR {name} ({section})" for name, section in pages[-1:]]

    def header(self, header):
        name = title_of(header)
        title, _, rest = header.head.partition("\n\n")
        short = re.sub(r"^[^:]*: ", "", " ".join(title.split())).rstrip(".")
        page = self.page(name, 3)
        page.section("NAME", [f"{name} \\- " + roff.plain(short)])
        page.section("SYNOPSIS", [f".B #include <weir/{header.name}>"])
        page.section("DESCRIPTION", paragraphs((rest or title).split("\n"), self.prose))
        listed = [line for group in header.groups for line in
                  [".TP", *tags(group.names), *self.prose.fill(
                      first_sentence(" ".join(split(self.about(group, None))[""])) or "-")]]
        page.section("FUNCTIONS", listed)
        page.section("TYPES", listing(header.types.values()))
        if header.constants:
            page.section("CONSTANTS", listing(["\n".join(header.constants)]))
        page.section("SEE ALSO", self.list_of([("weir", 7)]))
        self.add(self.component(header), name, 3, page.text())

    def overview(self):
        listed = []
        for header in self.headers:
            title = re.sub(r"^[^:]*: ", "", " ".join(header.head.split("\n\n")[0].split()))
            listed += [".TP", f".BR {title_of(header)} (3)", *self.prose.fill(title)]
        text = (pathlib.Path(__file__).parent / "weir.7.in").read_text(encoding="utf-8")
        for word, value in (("@DATE@", self.date), ("@VERSION@", self.version),
                            ("@HEADERS@", "\n".join(listed))):
            text = text.replace(word, value)
        self.add("dev", "weir", 7, text)

    def make(self):
        for header in self.headers:
            for i, group in enumerate(header.groups):
                before = header.groups[i - 1].names[0] if i else None
                self.function(group, before, header.groups[max(0, i - 1):i + 2])
            self.header(header)
        self.overview()
        for name, text in tool.pages(ROOT / "tools" / "weir", self.version, self.date):
            self.add("tools", name, 1, text)


def title_of(header):
    stem = header.name.removesuffix(".h")
    return "weir.h" if stem == "weir" else f"weir_{stem}.h"


def date_of(paths):
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or
                max(path.stat().st_mtime for path in paths))
    return datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc).strftime("%Y-%m-%d")


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__.strip())
    version = ".".join(re.findall(r"^#define WEIR_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)$",
                                  (INCLUDE / "version.h").read_text(encoding="utf-8"), flags=re.M))
    manual = Manual(headers.read(INCLUDE), version, date_of(INCLUDE.glob("*.h")))
    manual.make()
    for (component, section, name), text in manual.pages.items():
        path = pathlib.Path(sys.argv[1], component, f"man{section}", f"{name}.{section}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        if text.startswith(LINK):
            path.symlink_to(f"{text.removeprefix(LINK)}.{section}")
        else:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
