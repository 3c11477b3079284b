# The C library, and what its headers declare.
# SPDX-License-Identifier: Apache-2.0
"""
Declarations: `declarations.h`, which was made when the package was built; in a checkout they are
made from the headers there.  The library: what WEIR_LIBRARY in the environment names, else
libweir.so of the headers' interface, as the system's loader finds it.
"""
import importlib.util
import os
import pathlib
import re

import cffi

HERE = pathlib.Path(__file__).resolve().parent


def _text():
    made = HERE / "declarations.h"
    if made.exists():
        return made.read_text(encoding="utf-8")
    script = HERE.parents[1] / "declarations.py"
    spec = importlib.util.spec_from_file_location("weir_declarations", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text, known = module.declarations(HERE.parents[3] / "include")
    return "".join(f"#define {name} {value}\n" for name, value in known.items()) + text


def _load(text):
    ffi = cffi.FFI()
    known = {name: int(value) for name, value in re.findall(r"(?m)^#define (\w+) (-?\d+)$", text)}
    ffi.cdef(re.sub(r"(?m)^#.*$", "", text))
    interface = f"{known['WEIR_VERSION_MAJOR']}.{known['WEIR_VERSION_MINOR']}"
    name = os.environ.get("WEIR_LIBRARY") or f"libweir.so.{interface}"
    library = ffi.dlopen(name)
    runs, made = library.weir_version() // 100, known["WEIR_VERSION"] // 100
    if runs != made:
        said = ffi.string(library.weir_version_text()).decode()
        raise ImportError(f"{name} is weir {said}, and this package is for {interface}")
    return ffi, library, known


ffi, lib, constants = _load(_text())
NULL = ffi.NULL


class Error(Exception):
    """What weir refused: `status`, and its sentence."""

    def __init__(self, status):
        self.status = status
        name = ffi.string(lib.weir_status_name(status)).decode()
        super().__init__(f"{name}: {ffi.string(lib.weir_refusal()).decode()}")


def check(status):
    """Raises Error for what is refused; what is "not now" (FULL, TIMEOUT, END) is returned."""
    if status < 0:
        raise Error(status)
    return status


def nanoseconds(seconds):
    """Of a timeout: None is for ever."""
    return constants["WEIR_FOREVER"] if seconds is None else int(seconds * 1e9)
