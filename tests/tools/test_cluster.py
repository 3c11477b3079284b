#!/usr/bin/env python3
"""The cluster demo in small heals, sees what is missing, and leaves nothing behind.
SPDX-License-Identifier: Apache-2.0

Goal: tools/cluster-demo ends with OK when servers and workers were killed, with each engine that is
there; its ledger finds a message that is not there; whoever ends unasked is named; no process and
no folder stays, also when it is told to end; it builds what it runs.
Method: one round with few messages, all engines at once, and a redis-server that keeps nothing, of
which the ledger must say so; the ledger and the processes by themselves; a server that says what
Redis would.
"""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
TOOL = TOOLS / "cluster-demo"
sys.dont_write_bytecode = True
sys.path.insert(0, str(TOOLS))
from cluster import processes, show  # noqa: E402
from cluster.ledger import Ledger  # noqa: E402
from cluster.nats import Nats  # noqa: E402
from cluster.redis import Redis  # noqa: E402

ENGINES = Nats, Redis


# --- by themselves ----------------------------------------------------------------------------


def ledger_of(text):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "stored"
        path.write_text(text)
        ledger = Ledger([path])
        ledger.read()
        return ledger


def missing(ledger):
    return ledger.missing(["ann", "bob"], 2)


WHOLE = "0 ann-0 0\n0 ann-1 1\n0 bob-0 0\n0 bob-1 1\n"


def test_ledger():
    whole = ledger_of(WHOLE)
    assert missing(whole) == [] and whole.stored() == 4 and whole.doubles() == 0
    assert missing(ledger_of(WHOLE.replace("0 bob-1 1\n", ""))) == [("bob", 1)]
    assert whole.strangers(["ann"], 2) == [("bob", 0), ("bob", 1)]
    assert whole.strangers(["ann", "bob"], 1) == [("ann", 1), ("bob", 1)]
    torn = ledger_of("0 ann\n" + WHOLE + "0 ann-0")
    assert torn.torn == 1 and missing(torn) == []


def test_doubles_and_order():
    again = ledger_of(WHOLE + "1 ann-0 0\n0 bob-0 0\n0 bob-1 1\n")
    assert (again.redelivered, again.unaware, again.disorder) == (1, 2, 0)
    assert again.doubles() == 3 and again.stored() == 4
    # One that comes late for the first time, and was not delivered before.
    assert ledger_of("0 ann-0 2\n0 ann-0 0\n").disorder == 1
    # One whose first delivery was lost with its worker says nothing of the order.
    late = ledger_of("0 ann-0 2\n1 ann-0 0\n")
    assert late.disorder == 0 and late.doubles() == 0


def test_it_grows():
    with tempfile.TemporaryDirectory() as folder:
        paths = [pathlib.Path(folder) / f"stored-{i}" for i in range(2)]
        ledger = Ledger(paths)
        ledger.read()
        for text in "0 ann-0 0\n0 an", "n-1 1\n", "":
            with paths[1].open("a") as file:
                file.write(text)
            ledger.read()
        assert ledger.stored() == 2 and ledger.torn == 0


def test_build_steps():
    """A build that is there, of a library without examples, is configured anew."""
    for engine, wanted in (Nats, "-DWEIR_NATS=ON"), (Redis, "-DWEIR_REDIS=ON"):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            for generator in ["-G", "Ninja"], []:
                configure, build = processes.build_steps(engine, folder)
                assert configure[5:] == ["-DWEIR_EXAMPLES=ON", wanted] + generator
                assert build[:4] == ["cmake", "--build", folder, "--target"]
                assert build[4:6] == [f"example_{name}" for name in engine.programs]
                (folder / "CMakeCache.txt").touch()


def test_ports():
    """None that somebody has, none twice, and none that the kernel gives to who connects."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", processes.free_ports(1)[0]))
    ports = processes.free_ports(200)
    assert len(set(ports)) == 200 and taken.getsockname()[1] not in ports
    assert processes.bound(taken.getsockname()[1]) is None
    if processes.first_ephemeral() > 11000:
        assert max(ports) < processes.first_ephemeral()
    taken.close()


def cluster_of(folder, command):
    """One whose only worker is a command of the shell's."""
    cluster = show.Cluster.__new__(show.Cluster)
    cluster.servers = cluster.producers = []
    cluster.workers = [processes.Process(pathlib.Path(folder), "worker-0", ["sh", "-c", command])]
    cluster.workers[0].start()
    return cluster


def test_who_ends_unasked_is_named():
    with tempfile.TemporaryDirectory() as folder:
        fallen = cluster_of(folder, "echo no such stream; exit 3")
        fallen.workers[0].running.wait()
        try:
            fallen.check()
        except SystemExit as said:
            assert "worker-0 has ended by itself, with 3: no such stream" in str(said)
        else:
            raise AssertionError("nobody says that the worker has ended")
        killed = cluster_of(folder, "exec sleep 60")
        killed.check()
        assert killed.workers[0].end(signal.SIGKILL) == -signal.SIGKILL
        killed.check()


# --- what Redis says of acknowledgements --------------------------------------------------------


def info(stream, last, delivered, pending):
    """What Redis says to XINFO, of the stream or of its groups."""
    if last == "":
        return "-ERR no such key\r\n"
    if stream:
        return f"*4\r\n$6\r\nlength\r\n:2\r\n$17\r\nlast-generated-id\r\n$3\r\n{last}\r\n"
    return (f"*2\r\n*2\r\n$4\r\nname\r\n$6\r\nothers\r\n*6\r\n$4\r\nname\r\n$7\r\nkeepers\r\n"
            f"$7\r\npending\r\n:{pending}\r\n$17\r\nlast-delivered-id\r\n$3\r\n{delivered}\r\n")


def answer_like_redis(listening, *says):
    link, _ = listening.accept()
    with link, link.makefile("rb") as asked:
        for line in asked:
            link.sendall(info(b"STREAM" in line, *says).encode())


def unsettled_of(*says):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = threading.Thread(target=answer_like_redis, args=(listening, *says))
        server.start()
        redis = types.SimpleNamespace(port=listening.getsockname()[1])
        try:
            return Redis.unsettled(redis, 2)
        finally:
            server.join()


def test_unsettled():
    assert unsettled_of("7-1", "7-1", 0) == ""
    assert unsettled_of("7-1", "7-1", 3) == "6 entries"
    assert unsettled_of("7-1", "7-0", 0) == "not all was even read"
    assert unsettled_of("", "", 0).startswith("nobody knows: the server says -ERR no such key")
    nobody = types.SimpleNamespace(port=processes.free_ports(1)[0])
    assert Redis.unsettled(nobody, 1).startswith("nobody knows")


# --- the whole --------------------------------------------------------------------------------


def why_not(engine):
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    if shutil.which(engine.server, path=path) is None:
        return f"there is no {engine.server}"
    examples = pathlib.Path(os.environ.get("WEIR_BUILD", "")) / "examples"
    if "WEIR_BUILD" in os.environ and not all((examples / p).exists() for p in engine.programs):
        return f"{' and '.join(engine.programs)} were not built"
    return ""


def nobody_mentions(folder):
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert folder.encode() not in entry.read_bytes(), entry
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has ended meanwhile


def start(engine, folder, *options):
    return subprocess.Popen([TOOL, "--engine", engine.name, *options], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True,
                            env={**os.environ, "TMPDIR": folder})


class Forgetful(Redis):
    """A server that keeps nothing."""

    def __init__(self, folder, programs):
        super().__init__(folder, programs)
        words = self.servers[0].command
        words[words.index("--appendonly") + 1] = "no"


def play_forgetful(folder):
    show.heed_signals()
    show.PATIENCE_S = 3
    options = types.SimpleNamespace(messages=3000, kills=1)
    programs = processes.build_programs(Forgetful)
    return show.play(pathlib.Path(folder), options, Forgetful(pathlib.Path(folder), programs))


def start_forgetful(folder):
    return subprocess.Popen([sys.executable, __file__, "forgetful", folder], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_demo(engines):
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as another:
        running = [start(engine, folder, "--messages", "3000", "--kills", "1")
                   for engine in engines]
        forgetful = start_forgetful(another) if Redis in engines else None
        try:
            for demo in running:
                said, _ = demo.communicate(timeout=150)
                print(said[-3000:])
                assert demo.returncode == 0 and said.rstrip().endswith("OK")
            if forgetful is not None:
                said, _ = forgetful.communicate(timeout=150)
                print(said[-1000:])
                assert forgetful.returncode == 1 and "\nmissing: " in said
        finally:
            for demo in running if forgetful is None else [*running, forgetful]:
                demo.terminate()
                demo.wait()
        assert os.listdir(folder) == []
        nobody_mentions(folder)


def test_told_to_end(engine):
    with tempfile.TemporaryDirectory() as folder:
        demo = start(engine, folder)
        while "all is well" not in demo.stdout.readline():
            assert demo.poll() is None
            time.sleep(0.01)
        demo.terminate()
        demo.communicate(timeout=60)
        assert demo.returncode == 128 + signal.SIGTERM
        assert os.listdir(folder) == []
        nobody_mentions(folder)


def main():
    if sys.argv[1:2] == ["forgetful"]:
        return play_forgetful(sys.argv[2])
    for test in (test_ledger, test_doubles_and_order, test_it_grows, test_build_steps, test_ports,
                 test_who_ends_unasked_is_named, test_unsettled):
        test()
    engines = []
    for engine in ENGINES:
        if why_not(engine):
            print(f"skipped: {engine.title}: {why_not(engine)}")
        else:
            engines.append(engine)
    if not engines:
        return 77
    test_demo(engines)
    test_told_to_end(engines[-1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
