#!/usr/bin/env python3
# The public headers as Rust declarations, where there is no bindgen.
# SPDX-License-Identifier: Apache-2.0
"""
usage: rust.py INCLUDE > bindings.rs      (needs pycparser)
       rust.py --layout INCLUDE > layout.c

--layout prints a C program, which prints a Rust program that fails where a struct is not as C has
it: its size, and where its members are.

As bindgen would with --no-prepend-enum-name: #[repr(C)] structs, constants for enumerators,
Option<unsafe extern "C" fn> for pointers to functions.
"""
import pathlib
import sys

from pycparser import c_ast, c_parser

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from declarations import declarations  # noqa: E402  # beside the folder of this script

NAMES = {"void": "c_void", "char": "c_char", "int": "c_int", "unsigned": "c_uint", "bool": "bool",
         "unsigned int": "c_uint", "long": "c_long", "unsigned char": "u8", "size_t": "usize",
         "double": "f64", "unsigned long": "c_ulong", "uintptr_t": "usize", "intptr_t": "isize"}
NAMES.update({f"{sign}int{bits}_t": f"{letter}{bits}" for bits in (8, 16, 32, 64)
              for sign, letter in (("", "i"), ("u", "u"))})
WORDS = {"type", "where", "in", "ref", "move", "match", "loop", "use", "fn", "mod", "final", "box"}


def name_of(name):
    return "self_" if name == "self" else f"r#{name}" if name in WORDS else name


def function(node):
    arguments, rest = [], ""
    for i, argument in enumerate(node.args.params if node.args else []):
        if isinstance(argument, c_ast.EllipsisParam):
            rest = ", ..."
        elif type_of(argument.type) != "c_void":
            arguments.append(f"{name_of(argument.name or f'a{i}')}: "
                             f"{type_of(argument.type, as_argument=True)}")
    result = type_of(node.type)
    return f"({', '.join(arguments)}{rest})" + ("" if result == "c_void" else f" -> {result}")


def type_of(node, as_argument=False):
    if isinstance(node, c_ast.PtrDecl):
        if isinstance(node.type, c_ast.FuncDecl):
            return f'Option<unsafe extern "C" fn{function(node.type)}>'
        of = type_of(node.type)
        if of.startswith("Option<unsafe"):  # a pointer to a function's type
            return of
        return f"*{'const' if 'const' in getattr(node.type, 'quals', []) else 'mut'} {of}"
    if isinstance(node, c_ast.ArrayDecl):
        of = type_of(node.type)
        const = "const" in getattr(node.type, "quals", [])
        return f"*{'const' if const else 'mut'} {of}" if as_argument else \
            f"[{of}; {number(node.dim)}]"
    inner = node.type
    if isinstance(inner, c_ast.IdentifierType):
        name = " ".join(inner.names)
        return NAMES.get(name, name)
    return inner.name


def number(node):
    if isinstance(node, c_ast.Constant):
        return int(node.value.rstrip("uUlL"), 0)
    if isinstance(node, c_ast.UnaryOp):
        return -number(node.expr)
    operators = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__, "<<": int.__lshift__}
    return operators[node.op](number(node.left), number(node.right))


def struct(node, done):
    if node.name in done:
        return
    done.add(node.name)
    yield "#[repr(C)]\n#[derive(Clone, Copy)]\npub struct %s {" % node.name
    for field in node.decls:
        yield f"    pub {name_of(field.name)}: {type_of(field.type)},"
    yield "}"
    yield (f"impl Default for {node.name} {{\n    fn default() -> Self {{\n"
           "        unsafe { core::mem::zeroed() }\n    }\n}")


def enum(name, node):
    value, low = -1, 0
    rows = []
    for one in node.values.enumerators:
        value = number(one.value) if one.value is not None else value + 1
        low = min(low, value)
        rows.append(f"pub const {one.name}: {name} = {value};")
    yield f"pub type {name} = {'i32' if low < 0 else 'u32'};"
    yield from rows


def parsed(include):
    text, known = declarations(include)
    stubs = "".join(f"typedef int {name};\n" for name in NAMES
                    if name.endswith("_t") or name == "bool")
    return c_parser.CParser().parse(stubs + text), known


def whole(include):
    tree, known = parsed(include)
    yield "use core::ffi::*;"
    yield from (f"pub const {name}: u64 = {value};" for name, value in known.items())
    done, functions, opaque = set(), [], []
    for node in tree.ext:
        kind = node.type if isinstance(node, c_ast.Decl) else getattr(node.type, "type", None)
        if isinstance(node, c_ast.Typedef) and isinstance(node.type, c_ast.FuncDecl):
            yield f'pub type {node.name} = Option<unsafe extern "C" fn{function(node.type)}>;'
        elif isinstance(kind, c_ast.Enum):
            yield from enum(node.name, kind)
        elif isinstance(kind, c_ast.Struct) and kind.decls:
            yield from struct(kind, done)
        elif isinstance(kind, c_ast.Struct):
            opaque.append(kind.name)
        elif isinstance(node, c_ast.Decl) and isinstance(node.type, c_ast.FuncDecl):
            functions.append(f"    pub fn {node.name}{function(node.type)};")
    for name in dict.fromkeys(opaque):
        if name not in done:
            yield f"#[repr(C)]\npub struct {name} {{\n    _private: [u8; 0],\n}}"
    yield 'unsafe extern "C" {'
    yield from functions
    yield "}"


def layout(include):
    yield "#include <stddef.h>\n#include <stdio.h>\n#include <weir/weir.h>\nint main(void) {"
    yield 'puts("use std::mem::{offset_of, size_of};\\nfn main() {");'
    tree = parsed(include)[0]
    for node in tree.ext:
        kind = getattr(node.type, "type", None) if isinstance(node, c_ast.Typedef) else None
        if isinstance(kind, c_ast.Struct) and kind.decls:
            of = kind.name
            yield (f'printf("assert_eq!(size_of::<weir_sys::{of}>(), %zu, \\"{of}\\");\\n", '
                   f"sizeof({of}));")
            for field in kind.decls:
                yield (f'printf("assert_eq!(offset_of!(weir_sys::{of}, {name_of(field.name)}), '
                       f'%zu, \\"{of}.{field.name}\\");\\n", offsetof({of}, {field.name}));')
    yield 'puts("}");\nreturn 0;\n}'


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 3 or sys.argv[1] == "--layout" and len(sys.argv) == 2:
        sys.exit(__doc__.strip())
    print("\n".join((whole if len(sys.argv) == 2 else layout)(pathlib.Path(sys.argv[-1]))))
