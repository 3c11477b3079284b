#!/usr/bin/env python3
"""What the documentation shows is what there is.
SPDX-License-Identifier: Apache-2.0

Goal: no page shows code that does not compile, output that no program prints,
a file that does not exist or a name that the library does not have.
Method: in README.md and docs/*.md
  - each block of C follows a line <!-- code: FILE -->; its text is in FILE, line
    for line; a line of only "..." parts pieces that come in that order;
  - a block after <!-- output: PROGRAM --> is what PROGRAM prints, exactly; after
    <!-- output like: PROGRAM --> each of its lines is printed, whatever the
    numbers are, by a program that this script does not run again for each block;
  - paths and weir names in code quotes exist, and other names, `like_this`, are in the
    sources;
  - <!-- includes: FILE PREFIX... -->: FILE includes nothing but what begins so.

Usage: check_docs.py [--write] ROOT FOLDER, where FOLDER holds the examples'
executables.  --write first puts what the programs print now into the blocks.
"""
import functools
import pathlib
import re
import subprocess
import sys

ROOT, PROGRAMS = (pathlib.Path(argument).resolve() for argument in sys.argv[-2:])
FOLDERS = "src|include|docs|tests|tools|bench|build"
problems = []


def problem(page, line, text):
    problems.append(f"{page.relative_to(ROOT)}:{line}: {text}")


@functools.lru_cache(maxsize=None)
def output(program):
    """What a program prints on both streams, as lines."""
    done = subprocess.run([str(PROGRAMS / program)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120)
    if done.returncode != 0:
        return [f"(exit code {done.returncode})"] + done.stdout.splitlines()
    return done.stdout.splitlines()


@functools.lru_cache(maxsize=None)
def library_text():
    patterns = ["include/**/*.h", "src/**/*.[ch]", "docs/examples/**/*.[ch]", "CMakeLists.txt"]
    return "\n".join(file.read_text() for pattern in patterns for file in ROOT.glob(pattern))


@functools.lru_cache(maxsize=None)
def library_names():
    return set(re.findall(r"\b(?:weir|WEIR)_\w+", library_text()))


@functools.lru_cache(maxsize=None)
def all_names():
    """Whatever a page may mean by a name: also of tests, models and scripts."""
    folders = [folder for folder in FOLDERS.split("|") if folder not in ("build", "docs")]
    files = [file for folder in folders for file in ROOT.glob(f"{folder}/**/*") if file.is_file()]
    texts = [file.read_text(errors="ignore") for file in files] + [library_text()]
    return {name for text in texts for name in re.findall(r"\w+", text)}


def contains(lines, piece, begin):
    """Where piece ends in lines, searched from begin on; None."""
    for at in range(begin, len(lines) - len(piece) + 1):
        if lines[at:at + len(piece)] == piece:
            return at + len(piece)
    return None


def pieces(block):
    """The block's parts between lines of only "..."."""
    part = []
    for line in block:
        if line.strip() == "...":
            if part:
                yield part
            part = []
        else:
            part.append(line)
    if part:
        yield part


def unindented(lines):
    return [line.strip() for line in lines]


def check_code(page, number, name, block):
    file = ROOT / name
    if not file.is_file():
        problem(page, number, f"{name} does not exist")
        return
    lines, place = unindented(file.read_text().splitlines()), 0
    for piece in pieces(block):
        place = contains(lines, unindented(piece), place)
        if place is None:
            problem(page, number, f"not in {name}, or not in this order: {piece[0].strip()}")
            return


def shape(line):
    """The line with each number as 0 and each run of spaces as one."""
    return re.sub(r" +", " ", re.sub(r"\d+(\.\d+)?", "0", line)).strip()


def check_output(page, number, kind, program, block):
    if not (PROGRAMS / program).is_file():
        problem(page, number, f"there is no program {program}")
        return
    printed = output(program)
    if kind == "output":
        if printed != block:
            problem(page, number, f"{program} prints:\n" + "\n".join(printed))
        return
    shapes = {shape(line) for line in printed}
    for line in block:
        if line.strip() not in ("", "...") and shape(line) not in shapes:
            problem(page, number, f"{program} prints no such line: {line}")


def check_names(page, number, line):
    for quoted in re.findall(r"`([^`]+)`", line):
        path = re.fullmatch(rf"((?:{FOLDERS})/[\w./-]+)(?::\d+)?", quoted)
        if path and not path[1].startswith("build/") and not (ROOT / path[1]).exists():
            problem(page, number, f"{quoted} does not exist")
        for name in re.findall(r"\b(?:weir|WEIR)_\w+", quoted):
            if name not in library_names() and not name.endswith("_"):
                problem(page, number, f"the library has no {name}")
        if re.fullmatch(r"[a-z]+(_[a-z0-9]+)+(\(\))?", quoted):
            if quoted.removesuffix("()") not in all_names():
                problem(page, number, f"nothing is named {quoted}")


def check_includes(page, number, name, prefixes):
    """What a page says about the includes of a file."""
    file = ROOT / name
    if not file.is_file():
        problem(page, number, f"{name} does not exist")
        return
    for include in re.findall(r'^#include [<"]([^>"]+)', file.read_text(), re.MULTILINE):
        if not include.startswith(prefixes):
            problem(page, number, f"{name} includes {include}")


def check_page(page):
    marker, block, begin, language = None, None, 0, ""
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if block is not None:
            if line.startswith("```"):
                finish(page, begin, language, marker, block)
                marker, block = None, None
            else:
                block.append(line)
            continue
        if line.startswith("```"):
            block, begin, language = [], number, line[3:].strip()
            continue
        found = re.fullmatch(r"<!-- (code|output|output like): (\S+) -->", line)
        if found:
            marker = (found[1], found[2])
            continue
        claim = re.fullmatch(r"<!-- includes: (\S+) (.+) -->", line)
        if claim:
            check_includes(page, number, claim[1], tuple(claim[2].split()))
        check_names(page, number, line)
    if block is not None:
        problem(page, begin, "the block has no end")


def finish(page, number, language, marker, block):
    if marker is None:
        if language == "c":
            problem(page, number, "a block of C says nothing about its file")
    elif marker[0] == "code":
        check_code(page, number, marker[1], block)
    else:
        check_output(page, number, marker[0], marker[1], block)


def write_outputs(page):
    def block(found):
        return f"{found[1]}{chr(10).join(output(found[2]))}\n```"
    text = page.read_text()
    page.write_text(re.sub(r"(<!-- output: (\S+) -->\n```text\n).*?\n```", block, text, flags=re.S))


def main():
    pages = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
    for page in pages:
        if "--write" in sys.argv:
            write_outputs(page)
        check_page(page)
    print("\n".join(problems) if problems else f"{len(pages)} pages: all of it is true")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
