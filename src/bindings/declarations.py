#!/usr/bin/env python3
# The public headers as plain C declarations, for bindings of other languages.
# SPDX-License-Identifier: Apache-2.0
"""
usage: declarations.py INCLUDE     (prints what INCLUDE/weir/*.h declare)

No compiler is needed: weir's headers have few directives.  Comments, conditions for C++ and
attributes go; the X lists of statuses and reasons become enumerators; constants stay where
they are integers.  Connectors' headers are left out.
"""
import pathlib
import re
import sys

CONNECTORS = {"nats.h", "redis.h", "kafka.h"}
NUMBERS = {"SIZE_MAX": 2**64 - 1, "UINT64_MAX": 2**64 - 1, "INT32_MAX": 2**31 - 1}


def without_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.DOTALL).replace("\\\n", " ")


def without_conditions(text):
    """What is for C++ or for attributes goes; of an #ifdef with #else the C half stays."""
    lines, keeping = [], [True]
    for line in text.splitlines():
        word = line.strip().lstrip("#").strip() if line.lstrip().startswith("#") else ""
        if re.match(r"if(def|ndef)?\b", word):
            keeping.append(keeping[-1] and not re.search(r"__cplusplus|__GNUC__", word))
        elif word.startswith("else"):
            keeping[-1] = keeping[-2] and not keeping[-1]
        elif word.startswith("endif"):
            keeping.pop()
        elif keeping[-1]:
            lines.append(line)
    return "\n".join(lines)


def expand_lists(text):
    """enum { #define M(name, value, text) W_##name = (value), LIST(M) #undef M }"""
    lists = {name: re.findall(r"X\((\w+), (-?\d+),", body) for name, body in
             re.findall(r"(?m)^#define (WEIR_\w+_LIST)\(X\)(.*)$", text)}
    used = re.compile(r"#define (\w+)\(name, value, text\) (\w+)##name = \(value\),\s*"
                      r"(\w+_LIST)\(\1\)\s*#undef \1")
    return used.sub(lambda found: "".join(f"{found[2]}{name} = {value},\n"
                                          for name, value in lists[found[3]]), text)


def number_of(text, known):
    text = re.sub(r"UINT64_C\((\d+)\)", r"\1", text).strip()
    text = re.sub(r"\b(0x[0-9a-fA-F]+|\d+)u\b", r"\1", text)
    try:
        return int(eval(text, {"__builtins__": {}}, known))  # of our own headers: no more than sums
    except Exception:  # noqa: BLE001  # a macro that is no number
        return None


def constants(text, known):
    for name, value in re.findall(r"(?m)^[ \t]*#define (WEIR_\w+) +(\S.*)$", text):
        number = number_of(value, known)
        if number is not None and not name.endswith("_H"):
            known[name] = number


def declarations(include):
    """Everything that C sees, in an order in which it can be read, and the constants."""
    known, done, parts = dict(NUMBERS), set(), []

    def read(name):
        if name in done:
            return
        done.add(name)
        text = without_conditions(without_comments((include / "weir" / name).read_text()))
        for other in re.findall(r"#include <weir/(\w+\.h)>", text):
            read(other)
        constants(text, known)
        text = expand_lists(text)
        text = re.sub(r"(?m)^[ \t]*#.*$", "", text)
        text = re.sub(r"static inline [^;{]*\{.*?\n\}", "", text, flags=re.DOTALL)
        parts.append(text)

    for path in sorted((include / "weir").glob("*.h")):
        if path.name not in CONNECTORS:
            read(path.name)
    text = "\n".join(parts)
    for name in sorted(known, key=len, reverse=True):  # sizes of arrays, values of enumerators
        text = re.sub(rf"\b{name}\b", str(known[name]), text)
    text = re.sub(r"(?m)[ \t]+$", "", re.sub(r"\n\s*\n+", "\n", text))
    return text.strip() + "\n", {name: value for name, value in known.items()
                                 if name.startswith("WEIR_")}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    text, known = declarations(pathlib.Path(sys.argv[1]))
    for name, value in known.items():
        print(f"#define {name} {value}")
    print(text, end="")


if __name__ == "__main__":
    main()
