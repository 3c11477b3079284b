"""weir(1): what the tool says of itself when it is asked (tools/weir/help.c), as a page.
SPDX-License-Identifier: Apache-2.0
"""
import re

import roff

LINK = "link to "  # instead of a page's text: the page that it is found on
STRING = re.compile(r'"((?:\\.|[^"\\])*)"|\b([A-Z]+)\b')
FILES = [".TP", ".I /dev/shm/weir\\-*", "Counters files of programs that were started with",
         ".B WEIR_COUNTERS=1", "in their environment."]


def joined(text, macros):
    """The string that literals and macros side by side make."""
    return "".join(macros[macro] if macro else literal.replace("\\n", "\n").replace('\\"', '"')
                   for literal, macro in STRING.findall(text))


def commands(source):
    """(name, summary, help) of each command, in their order."""
    source = re.sub(r"/\*.*?\*/", "", source, flags=re.S)
    macros, helps = {}, {}
    for name, text in re.findall(r"^#define (\w+)((?:.*\\\n)*.*)$", source, flags=re.M):
        macros[name] = joined(text, macros)
    for name, text in re.findall(r"char (\w+_help)\[\] =(.*?);\n", source, flags=re.S):
        helps[name] = joined(text, macros)
    for name, summary, text in re.findall(r'\{"(\w+)", command_\w+,[^"]*"([^"]*)",\s*(\w+_help)\}',
                                          source):
        yield name, summary, helps[text]


def pages(folder, version, date):
    """(name, text): the page, and a link to it for each command, weir-top."""
    all_commands = list(commands((folder / "help.c").read_text(encoding="utf-8")))
    page = roff.Page("weir", 1, version, date)
    page.section("NAME", ["weir \\- look at running pipelines: what each stage does, and who holds "
                          "the others up"])
    page.section("SYNOPSIS", [".B weir", ".I COMMAND", "[\\fIWHICH\\fP] [\\fIOPTION\\fP...]"])
    page.section("DESCRIPTION", [
        ".B weir", "looks at programs that use the library weir, from outside: while they run,",
        "while they hang, and after they have crashed.", "A program lets others look when it is",
        "started with", ".B WEIR_COUNTERS=1", "in its environment.",
        "Nothing is stopped or locked for that.", ".PP", ".I WHICH",
        "is a process's number, that and a runtime's (1234.2), or a counters file;",
        "it may be left out when there is only one."])
    listed = [".TP", ".B weir \\-\\-version", "prints the version."]
    for name, summary, _ in all_commands:
        listed += [".TP", f".B weir {name}", roff.plain(summary)]
    page.section("COMMANDS", listed)
    for name, _, text in all_commands:
        usage, _, rest = text.partition("\n\n")
        page.lines += [f".SS weir {name}", ".nf", *body(usage.removeprefix("usage: ")), "",
                       *body(rest.rstrip("\n")), ".fi"]
    page.section("EXIT STATUS", [".TP", ".B 0", "It was done.", ".TP", ".B 1",
                                 "It could not be done, and the reason is told.", ".TP", ".B 2",
                                 "The command line is wrong."])
    page.section("FILES", FILES)
    page.section("SEE ALSO", [".BR weir (7),", ".BR weir_counters.h (3)"])
    yield "weir", page.text()
    for name, _, _ in all_commands:
        yield f"weir-{name}", LINK + "weir"


def body(text):
    return [roff.line(roff.plain(each).replace("-", "\\-")) for each in text.split("\n")]
