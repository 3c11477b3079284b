#!/usr/bin/env python3
"""Servers of numbers (docs/examples/tcp.h) lose none, and stop reading when their pipeline is slow.
SPDX-License-Identifier: Apache-2.0

    tcp_client.py FOLDER SERVER...        (FOLDER has the programs; all of them at a time)

Goal: each number that a connection has sent before its half-close is written once, in its order; of
one that is reset, the first ones at most; while the pipeline is slow, what a client can write without
waiting is bounded, and when it is not, all of that is written; each connection leaves no descriptor
behind; SIGTERM loses nothing.
Method: numbers say whose they are.  The server's descriptors are counted in /proc.  A server that
exits with 77 before it has said its port is skipped: the system has none of what it needs.
"""
import concurrent.futures
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

CONNECTIONS, EACH, RESETS = 20, 2000, 5
LIMIT = 48 << 20  # bytes: no system buffers as much of one connection
PATIENCE_S = 30


def numbers(who, first, count):
    return struct.pack(f"={count}Q", *(who << 32 | i for i in range(first, first + count)))


def until(what, why):
    end = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < end, why
        time.sleep(0.01)


def by_half_close(port):
    """All of them write, in pieces that end amid numbers, and wait to be closed."""
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
    for start in range(0, EACH * 8, 4099):
        for who, client in enumerate(clients):
            client.sendall(numbers(who, 0, EACH)[start:start + 4099])
    for client in clients:
        client.shutdown(socket.SHUT_WR)
    for client in clients:
        client.settimeout(PATIENCE_S)
        assert client.recv(1) == b"", "a server of numbers has answered"
        client.close()


def by_reset(port):
    for who in range(100, 100 + RESETS):
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(numbers(who, 0, 10) + b"abc")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()


def while_slow(port, hold):
    """Writes as much as it can, then all is let go.  Returns how many numbers, and bytes at first."""
    hold.touch()
    client = socket.create_connection(("127.0.0.1", port))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    client.setblocking(False)
    sent, still = 0, 0
    while still < 30:  # nothing could be written for 0.3 s, but a little as the slow pipeline goes on
        before = sent
        try:
            at = sent % 8
            data = numbers(200, sent // 8, 4096)[at:]
            sent += client.send(data)
        except BlockingIOError:
            time.sleep(0.01)
        still = 0 if sent - before > 65536 else still + (sent == before)
        assert sent < LIMIT, f"{sent} bytes were taken, and the pipeline is slow"
    hold.unlink()
    client.setblocking(True)
    client.settimeout(PATIENCE_S)
    count = sent // 8 + 1000
    client.sendall(numbers(200, sent // 8, count - sent // 8)[sent % 8:])
    client.shutdown(socket.SHUT_WR)
    assert client.recv(1) == b"", "a server of numbers has answered"
    client.close()
    return count, sent


def check(path, slow):
    data = path.read_bytes()
    assert len(data) % 8 == 0
    found = {}
    for (number,) in struct.iter_unpack("=Q", data):
        found.setdefault(number >> 32, []).append(number & 0xFFFFFFFF)
    for who in range(CONNECTIONS):
        assert found.pop(who) == list(range(EACH)), f"numbers of connection {who}"
    assert found.pop(200) == list(range(slow)), "numbers of the one that was held up"
    last = found.pop(300)
    assert last == list(range(len(last))), "numbers that came with the end"
    for who, got in found.items():
        assert 100 <= who < 100 + RESETS and got == list(range(len(got))), f"numbers of {who}"
    return len(data) // 8


def play(folder, name):
    with tempfile.TemporaryDirectory() as scratch:
        hold, path = pathlib.Path(scratch, "hold"), pathlib.Path(scratch, "numbers")
        with path.open("wb") as out:
            server = subprocess.Popen([folder / name], stdout=out, stderr=subprocess.PIPE,
                                      env=os.environ | {"HOLD": str(hold)})
        try:
            line = server.stderr.readline().split()
            if line[:1] != [b"port"]:
                assert server.wait(PATIENCE_S) == 77, f"no port: {line}"
                return f"skipped {name}: {b' '.join(line).decode()}"
            return talk(server, int(line[1]), hold, path, name)
        finally:
            if server.poll() is None:
                server.kill()
            server.wait()


def talk(server, port, hold, path, name):
    descriptors = lambda: len(os.listdir(f"/proc/{server.pid}/fd"))
    by_half_close(port)
    base = descriptors()  # a loop may have opened some of its own with the first connection
    by_reset(port)
    by_half_close_again = socket.create_connection(("127.0.0.1", port))
    by_half_close_again.close()
    until(lambda: descriptors() <= base, f"{descriptors()} descriptors, {base} before the resets")
    slow, at_once = while_slow(port, hold)
    until(lambda: descriptors() <= base, f"{descriptors()} descriptors, {base} before")
    last = socket.create_connection(("127.0.0.1", port))
    last.sendall(numbers(300, 0, 500))
    until(lambda: descriptors() > base, "the last connection was not accepted")
    server.send_signal(signal.SIGTERM)
    assert server.wait(PATIENCE_S) == 0, f"exit code {server.returncode}"
    last.close()
    return f"ok      {name}: {check(path, slow)} numbers, {at_once} bytes taken while it was slow"


def main():
    folder, names = pathlib.Path(sys.argv[1]), sys.argv[2:]
    failed = False
    if not names:
        return False
    with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
        for name, playing in [(name, pool.submit(play, folder, name)) for name in names]:
            try:
                print(playing.result())
            except (AssertionError, OSError, KeyError) as error:
                failed = True
                print(f"FAILED  {name}: {error!r}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
