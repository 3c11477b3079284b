#!/usr/bin/env python3
"""What programs of a version were compiled with is still so.
SPDX-License-Identifier: Apache-2.0

Goal: within a minor version nothing moves: every struct keeps its size, every member but
`reserved` its place, every constant its value, every function its type.  And each struct can
grow, or is one of those that stay as they are.
Method: both sets of headers are read by the preprocessor; a program made from what is in the
old ones is compiled with each, and prints places and values.  Functions are compared as text.

Usage: check_interface.py OLD NEW, two folders with weir/weir.h; CC is the compiler.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

CC = os.environ.get("CC", "cc")
# Values to copy and keep, and what only weir makes: a peer is shown, and may grow at its end.
FIXED = {"weir_ref", "weir_subscription", "weir_from", "weir_timer", "weir_token", "weir_monitor",
         "weir_child", "weir_batch", "weir_room", "weir_made", "weir_asked",
         "weir_peer", "weir_answer", "weir_mark", "weir_place",
         # Events, which lie side by side.
         "weir_message",
         # What lies in a file that has a version of its own, in slots of one size.
         "weir_counters_slot", "weir_counters_subscription", "weir_counters_times"}


def preprocessed(folder):
    """The declarations, one space for each gap."""
    done = subprocess.run([CC, "-std=c11", "-E", "-P", f"-I{folder}", "-include", "weir/weir.h",
                           "-x", "c", os.devnull], capture_output=True, text=True, check=True)
    return re.sub(r"\s+", " ", done.stdout)


def tight(declaration):
    return re.sub(r" ?([*(),]) ?", r"\1", declaration.strip())


def structs_of(text):
    """{struct: {member: its declaration}}."""
    structs = {}
    for name, body in re.findall(r"typedef struct (weir_\w+) \{(.*?)\} \1;", text):
        parts = [tight(part) for part in body.split(";") if part.strip()]
        structs[name] = {(re.search(r"\(\*(\w+)(?:\[\w+\])?\)\(", part)
                          or re.search(r"(\w+)(?:\[[^\]]*\])?$", part))[1]: part for part in parts}
    return structs


def types_of(text):
    """{function or member: its declaration}."""
    types = {f"{struct}.{member}": declaration for struct, members in structs_of(text).items()
             for member, declaration in members.items() if member != "reserved"}
    found = re.findall(r"(?<=[;}] )((?:const )?\w+ \*?(weir_\w+)\([^;{]*\));", text)
    types.update({name: tight(declaration) for declaration, name in found})
    return types


def constants_of(folder, text):
    """Enumerators, and macros that are numbers."""
    names = [word for body in re.findall(r"typedef enum weir_\w+ \{(.*?)\} weir_", text)
             for word in re.findall(r"\bWEIR_\w+(?=\s*=)", body)]
    for header in sorted(pathlib.Path(folder).glob("weir/*.h")):
        names += re.findall(r"^#define (WEIR_\w+) +(?:[\d(]|UINT64_|SIZE_|INT32_)",
                            header.read_text(), flags=re.M)
    return [name for name in names if not name.startswith("WEIR_VERSION")]


def places(folder, structs, constants):
    """What a program compiled with the headers in folder prints: {what: where or how much}."""
    lines = ['#include <stdio.h>', '#include <weir/weir.h>', 'int main(void) {']
    for struct, members in structs.items():
        lines.append(f'printf("{struct}=%zu bytes\\n", sizeof({struct}));')
        lines += [f'printf("{struct}.{member}=%zu, %zu bytes\\n", offsetof({struct}, {member}), '
                  f'sizeof((({struct} *)0)->{member}));' for member in members
                  if member != "reserved"]
    lines += [f'printf("{name}=%lld\\n", (long long){name});' for name in constants]
    with tempfile.TemporaryDirectory() as scratch:
        source = pathlib.Path(scratch) / "places.c"
        source.write_text("\n".join([*lines, "return 0;", "}"]))
        subprocess.run([CC, "-std=c11", "-w", f"-I{folder}", source, "-o", f"{scratch}/places"],
                       check=True)
        said = subprocess.run([f"{scratch}/places"], capture_output=True, text=True, check=True)
    return dict(line.split("=", 1) for line in said.stdout.splitlines())


def moved(old, new):
    """What is not as it was."""
    for what, was in old.items():
        now = new.get(what, "nothing")
        if now != was:
            yield f"{what} was {was}, and is {now}"


def main():
    old, new = sys.argv[1:]
    text, now = preprocessed(old), preprocessed(new)
    structs, types = structs_of(text), types_of(text)
    if len(structs) < 30 or len(types) < 300:
        print(f"only {len(structs)} structs and {len(types)} declarations were found in {old}")
        return 1
    problems = list(moved(types, types_of(now)))
    constants = constants_of(old, text)
    try:
        problems += moved(places(old, structs, constants), places(new, structs, constants))
    except subprocess.CalledProcessError:
        problems.append("what there was is not there any more")
    problems += [f"{name} cannot grow: it has no reserved room"
                 for name, members in structs_of(now).items()
                 if name not in FIXED and list(members)[-1] != "reserved"]
    print("\n".join(problems) if problems else
          f"{len(structs)} structs, {len(types)} declarations, {len(constants)} constants: as ever")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
