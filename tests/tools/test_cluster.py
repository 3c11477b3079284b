#!/usr/bin/env python3
"""The cluster demo in small heals, sees what is missing, and leaves nothing behind.
SPDX-License-Identifier: Apache-2.0

Goal: tools/cluster-demo ends with OK when servers and workers were killed; its ledger finds a
message that is not there; no process and no folder stays; it builds what it runs.
Method: one round with few messages; the ledger by itself on files with known faults.
"""
import importlib.machinery
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import types

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "cluster-demo"


def load_tool():
    loader = importlib.machinery.SourceFileLoader("cluster_demo", str(TOOL))
    spec = importlib.util.spec_from_loader("cluster_demo", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def ledger_of(tool, text):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "stored"
        path.write_text(text)
        ledger = tool.Ledger([path])
        ledger.read()
        return ledger


def test_ledger(tool):
    options = types.SimpleNamespace(messages=2)
    whole = "0 ann-0 0\n0 ann-1 1\n0 bob-0 0\n0 bob-1 1\n"
    assert tool.missing(ledger_of(tool, whole), options) == []
    assert ledger_of(tool, whole).twice() == 0
    assert tool.missing(ledger_of(tool, whole.replace("0 bob-1 1\n", "")), options) == [("bob", 1)]
    again = ledger_of(tool, whole + "1 ann-0 0\n")
    assert again.twice() == 1 and again.disorder == 0
    assert ledger_of(tool, "0 ann-0 2\n0 ann-0 0\n").disorder == 1
    torn = ledger_of(tool, "0 ann\n" + whole + "0 ann-0")
    assert torn.torn == 1 and tool.missing(torn, options) == []


def test_build_steps(tool):
    """A build that is there, of a library without examples, is configured anew."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for generator in ["-G", "Ninja"], []:
            configure, build = tool.build_steps(folder)
            assert configure[5:] == ["-DWEIR_EXAMPLES=ON", "-DWEIR_NATS=ON"] + generator
            assert build[:3] == ["cmake", "--build", folder]
            (folder / "CMakeCache.txt").touch()


def test_demo():
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([TOOL, "--messages", "3000", "--kills", "1"], capture_output=True,
                              text=True, timeout=150, env={**os.environ, "TMPDIR": folder})
        print(done.stdout[-3000:], done.stderr[-2000:])
        assert done.returncode == 0 and done.stdout.rstrip().endswith("OK")
        assert os.listdir(folder) == []
        for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                assert folder.encode() not in entry.read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                pass  # it has ended meanwhile


def main():
    test_ledger(load_tool())
    test_build_steps(load_tool())
    if shutil.which("nats-server", path=os.environ.get("PATH", "") + ":/usr/sbin") is None:
        print("skipped: there is no nats-server")
        return 77
    test_demo()
    return 0


if __name__ == "__main__":
    sys.exit(main())
