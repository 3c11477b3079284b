"""What stands in the braces of a type: its members or values, each with its words.
SPDX-License-Identifier: Apache-2.0
"""
import dataclasses
import re

import headers


@dataclasses.dataclass
class Member:
    """One member of a struct or value of an enum."""
    name: str
    text: str  # as it is declared
    words: str = ""


@dataclasses.dataclass
class Block:
    """Members that follow one comment."""
    words: str
    members: list


def name_of(text):
    found = re.search(r"\(\*(\w+)(?:\[\w+\])?\)", text) or \
        re.match(r"(WEIR_\w+)", text) or re.search(r"(\w+)(?:\[[^]]*\])*$", text)
    return found[1] if found else text


def pieces(body, end):
    """(comment | member, column, is it alone on its line?, text), in their order."""
    at, depth, begin = 0, 0, 0
    while at < len(body):
        line = body.rfind("\n", 0, at) + 1
        if body.startswith("/*", at):
            close = body.index("*/", at) + 2
            if not body[begin:at].strip():
                yield "comment", at - line, not body[line:at].strip(), body[at:close]
                begin = close
            at = close
            continue
        depth += (body[at] in "{(") - (body[at] in "})")
        at += 1
        if (body[at - 1] == end and depth == 0) or (at == len(body) and end == ","):
            text = re.sub(r"/\*.*?\*/", "", body[begin:at], flags=re.S).strip().rstrip(end)
            if text.strip():
                start = len(body[:begin]) + len(body[begin:at]) - len(body[begin:at].lstrip())
                yield "member", start - body.rfind("\n", 0, start) - 1, True, text.strip()
            begin = at


def blocks(declaration):
    """The blocks of a type's declaration; none where it has no members that can be read."""
    body = re.match(r"typedef (struct|enum|union) \w+ \{(.*)\} \w+;", declaration, flags=re.S)
    if body is None or re.search(r"^\s*#", body[2], flags=re.M):
        return []
    found, margin = [Block("", [])], None
    for kind, column, alone, text in pieces(body[2], "," if body[1] == "enum" else ";"):
        if margin is None:
            margin = column
        if kind == "member":
            found[-1].members.append(Member(name_of(text), " ".join(text.split())))
        elif found[-1].members and not (alone and column <= margin):
            member = found[-1].members[-1]
            words = re.sub(r"\n\s+", "\n", headers.bare(text))
            member.words = (member.words + "\n" + words).strip()
        else:
            found.append(Block(headers.bare(text), []))
    return [each for each in found if each.members or each.words]


def listed(macro):
    """[(name, value, text)] of a list in a macro: X(NAME, VALUE, "TEXT")."""
    return re.findall(r'X\((\w+), (-?\d+), "((?:[^"\\]|\\.)*)"\)', macro)
