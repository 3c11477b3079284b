# weir for Python: stages and pipelines that are Python functions, by cffi.
# SPDX-License-Identifier: Apache-2.0
"""Demand-driven stages; docs/python.md.  All of the C library is weir.lib, with weir.ffi."""
from ._library import Error, constants, ffi, lib
from .pipeline import DEAD, FAILED, NAK, OK, RETRY, SKIP, Message, Pipeline
from .runtime import CONTINUE, FINISH, STOP, Out, Runtime, Stage, Stream

__all__ = ["CONTINUE", "DEAD", "Error", "FAILED", "FINISH", "Message", "NAK", "OK", "Out",
           "Pipeline", "RETRY", "Runtime", "SKIP", "STOP", "Stage", "Stream", "constants", "ffi",
           "lib"]
