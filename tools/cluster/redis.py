"""Redis Streams: one server, which syncs its append-only file before it answers.
SPDX-License-Identifier: Apache-2.0
"""
import socket

from cluster.processes import Process, answers, find_server, free_ports, until

GROUP = "keepers"


class Redis:
    name, title, server = "redis", "Redis", "redis-server"
    programs = ("redis_feeder", "redis_keeper")

    def __init__(self, folder, programs):
        self.feeder, self.keeper = programs
        self.port = free_ports(1)[0]
        self.address = f"127.0.0.1:{self.port}"
        files = folder / "server-0"
        files.mkdir()
        self.servers = [Process(folder, "server-0", [
            find_server(self.server), "--port", self.port, "--bind", "127.0.0.1", "--dir", files,
            "--save", "", "--appendonly", "yes", "--appendfsync", "always"])]

    def start(self):
        self.servers[0].start()
        until(lambda: answers(self.port), "starting the server")

    def producer(self, name, messages, keys, partitions, rate):
        return [self.feeder, self.address, name, messages, keys, partitions, rate]

    def worker(self, i, stored):
        return [self.keeper, self.address, f"jobs.{i}", GROUP, f"worker-{i}", stored]

    def unsettled(self, partitions):
        """What nobody has acknowledged, in words; "": nothing."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=10) as link:
                states = [state_of(link, f"jobs.{i}") for i in range(partitions)]
        except (OSError, ValueError) as error:
            return f"nobody knows: {error}"
        if not all(read for _, read in states):
            return "not all was even read"
        pending = sum(pending for pending, _ in states)
        return f"{pending} entries" if pending else ""


# --- what the server says ---------------------------------------------------------------------


def ask(link, command):
    link.sendall(command.encode() + b"\r\n")
    with link.makefile("rb") as answer:
        return read_answer(answer)


def state_of(link, stream):
    """How many entries of a stream are pending, and whether its group has come to its end."""
    last = pairs(ask(link, f"XINFO STREAM {stream}"))["last-generated-id"]
    for group in map(pairs, ask(link, f"XINFO GROUPS {stream}")):
        if group["name"] == GROUP:
            return group["pending"], group["last-delivered-id"] == last
    return 0, False


def read_answer(answer):
    line = answer.readline().rstrip(b"\r\n").decode(errors="replace")
    kind, rest = line[:1], line[1:]
    if kind == "*":
        return [read_answer(answer) for _ in range(int(rest))]
    if kind == "$" and int(rest) >= 0:
        return answer.read(int(rest) + 2)[:-2].decode(errors="replace")
    if kind == "$":
        return None
    if kind == ":":
        return int(rest)
    if kind == "+":
        return rest
    raise ValueError(f"the server says {line or 'nothing'}")


def pairs(flat):
    return dict(zip(flat[::2], flat[1::2]))
