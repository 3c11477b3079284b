#!/usr/bin/env python3
"""The service (docs/examples/service) loses nothing that it has answered, whatever its clients do.
SPDX-License-Identifier: Apache-2.0

    service_client.py SERVICE

Goal: each record that was answered stands in the file exactly once, in order by key, with the
right totals; each malformed one that was answered, in the dead letters exactly once; nothing else
stands there.  So with half-closes, resets and closes amid a record, with clients that send ten
times what the sink takes, with one that never reads, and with SIGTERM at any of these.  Its memory
stays bounded, and no connection leaves a descriptor.
Method: records say whose they are, and clients keep what they sent and which answers came.
"""
import collections
import concurrent.futures
import os
import pathlib
import random
import selectors
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

PATIENCE_S = 30
MEMORY_MOST = 200 << 20  # bytes, of the service; overload sends it more than that
KEYS = 40


def until(what, why):
    end = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < end, why
        time.sleep(0.01)


# ---- clients ---------------------------------------------------------------------------------

class Client:
    """What it has sent, record by record, and what was said of them."""
    count = 0

    def __init__(self, service, receive_bytes=None):
        Client.count += 1
        self.name, self.sent, self.answers, self.rest = Client.count, [], {}, b""
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.connect(("127.0.0.1", service.port))
        self.socket.settimeout(PATIENCE_S)
        service.clients.append(self)

    def record(self, draw=random.Random(7)):
        """A new one, which it has sent from now on; one in 20 is malformed."""
        key, number = draw.randrange(KEYS), len(self.sent)
        who = f"{self.name}.{number}"
        text = f"key-{key} {draw.randrange(-500, 500)} {who} "
        text = text.ljust(draw.choice((20, 30, 80, 300)), ".")
        if draw.randrange(20) == 0:
            text = draw.choice((
                who, f"key-{key} one {who} {'.' * 20}", f" 1 {who} {'.' * 20}",
                f"{'k' * 33} 1 {who}", f"key 5 {who} {'.' * draw.choice((2000, 9000))}",
                f"key-with-no-value-{who}"))
        self.sent.append(text)
        return text.encode() + b"\n"

    def hear(self):
        """Takes what has come.  False: it is the end."""
        try:
            got = self.socket.recv(65536)
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        *lines, self.rest = (self.rest + got).split(b"\n")
        for line in lines:
            number, word = line.split()
            assert int(number) not in self.answers, f"{self.name}: answered twice: {line}"
            assert 1 <= int(number) <= len(self.sent), f"{self.name}: it was not sent: {line}"
            self.answers[int(number)] = word.decode()
        return got != b""

    def hear_all(self):
        while self.hear():
            pass
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


# ---- the service -----------------------------------------------------------------------------

class Service:
    def __init__(self, program, folder, *options):
        self.path, self.clients = pathlib.Path(folder, "store"), []
        self.process = subprocess.Popen([program, *options, "0", self.path], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def memory(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) << 10

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def end(self, code=0):
        """Waits for its end, and checks the ledger.  Returns what it has said."""
        out, err = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == code, f"exit code {self.process.returncode}: {out}{err}"
        stored, dead = self.check_stored(), self.check_dead()
        assert out == f"{stored} stored, {dead} dead\n", f"{out}, of {stored}, {dead}"
        return err

    def check_stored(self):
        texts = {f"{c.name}.{n}": (c, n) for c in self.clients for n in range(len(c.sent))}
        totals, last, found = collections.defaultdict(lambda: (0, 0)), {}, set()
        lines = self.path.read_text().splitlines()
        for line in lines:
            count, total, text = line.split(" ", 2)
            key, value, who = text.split(" ")[:3]
            client, number = texts[who]
            assert client.sent[number] == text, f"not what was sent: {line}"
            assert who not in found, f"twice: {line}"
            found.add(who)
            totals[key] = (totals[key][0] + 1, totals[key][1] + int(value))
            assert totals[key] == (int(count), int(total)), f"{line}: totals are {totals[key]}"
            assert last.get((client, key), -1) < number, f"not in order: {line}"
            last[client, key] = number
        for client in self.clients:
            for number, word in client.answers.items():
                if word == "ok":
                    who = f"{client.name}.{number - 1}"
                    assert who in found, f"answered, and lost: {who}"
        return len(lines)

    def check_dead(self):
        lines = pathlib.Path(f"{self.path}.dead").read_text().splitlines()
        left = collections.Counter(lines)
        possible = collections.Counter(text[:2001] for c in self.clients for text in c.sent)
        assert all(possible[line] >= count for line, count in left.items()), "it was not sent"
        for client in self.clients:
            left.subtract(client.sent[number - 1][:2001]
                          for number, word in client.answers.items() if word == "dead")
        assert min(left.values(), default=0) >= 0, f"lost dead letters: {left.most_common()[-3:]}"
        return len(lines)


# ---- what clients do -------------------------------------------------------------------------

def by_half_close(service):
    """They send in pieces that end amid records, and end; each is answered, and then closed."""
    clients = [Client(service) for _ in range(100)]
    data = [b"".join(client.record() for _ in range(200)) for client in clients]
    for start in range(0, max(map(len, data)), 7919):
        for client, text in zip(clients, data):
            client.socket.sendall(text[start:start + 7919])
    for client in clients:
        client.socket.shutdown(socket.SHUT_WR)
    for client in clients:
        client.hear_all()
        assert len(client.answers) == len(client.sent), f"{client.name}: answers are missing"


def amid_records(service):
    """Half of them reset, half close, without reading."""
    for turn in range(20):
        client = Client(service)
        records = b"".join(client.record() for _ in range(50))
        client.socket.sendall(records + b"key-1 5 no record, but the begin of one")
        if turn % 2:
            client.reset()
        else:
            client.socket.close()


def without_reading(service):
    """One sends as much as it can, and never reads; somebody else is served meanwhile."""
    client, sent, still = Client(service, receive_bytes=4096), 0, 0
    client.socket.setblocking(False)
    data = b""
    while still < 100:  # for a second nothing could be sent
        data = data or b"".join(client.record() for _ in range(100))
        try:
            count = client.socket.send(data)
            data, sent, still = data[count:], sent + count, 0
        except BlockingIOError:
            time.sleep(0.01)
            still += 1
        assert sent < MEMORY_MOST, "there is no end to what it takes of one that never reads"
    other = Client(service)
    other.socket.sendall(b"".join(other.record() for _ in range(100)))
    other.socket.shutdown(socket.SHUT_WR)
    other.hear_all()
    assert len(other.answers) == 100, "one that never reads holds up another"
    return client


def overload(service, seconds):
    """All send as fast as they can, and read; SIGTERM comes amid that.  How much was sent."""
    look, sent, ends = selectors.DefaultSelector(), 0, time.monotonic() + seconds
    data = {}
    for _ in range(50):
        client = Client(service)
        client.socket.setblocking(False)
        data[client] = b""
        look.register(client.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, client)
    told = False
    while look.get_map():
        if time.monotonic() > ends and not told:
            assert service.memory() < MEMORY_MOST, f"{service.memory()} bytes of memory"
            service.terminate()
            told = True
        assert time.monotonic() < ends + PATIENCE_S, "it does not end"
        for key, events in look.select(0.1):
            client = key.data
            if events & selectors.EVENT_WRITE:
                data[client] = data[client] or b"".join(client.record() for _ in range(50))
                try:
                    count = client.socket.send(data[client])
                    data[client], sent = data[client][count:], sent + count
                except BlockingIOError:
                    pass
                except ConnectionError:
                    look.modify(client.socket, selectors.EVENT_READ, client)
            if events & selectors.EVENT_READ and not client.hear():
                look.unregister(client.socket)
                client.socket.close()
    return sent


# ---- the plays -------------------------------------------------------------------------------

def play_clients(program):
    with tempfile.TemporaryDirectory() as folder, Service(program, folder) as service:
        by_half_close(service)
        base = service.descriptors()  # its files are opened with the first batches
        amid_records(service)
        silent = without_reading(service)
        silent.reset()
        until(lambda: service.descriptors() <= base, f"more than {base} descriptors")
        assert service.memory() < MEMORY_MOST, f"{service.memory()} bytes of memory"
        service.process.send_signal(signal.SIGUSR1)
        time.sleep(0.1)
        service.terminate()
        said = service.end()
        for stage in ("sockets", "records.processor.1", "records.batcher.store"):
            assert stage in said, f"SIGUSR1 does not show {stage}: {said}"
        return f"{sum(len(c.answers) for c in service.clients)} answers"


def play_overload(program):
    """A batch takes 0.1 s: there is room for 5,000 records a second."""
    with tempfile.TemporaryDirectory() as folder, Service(program, folder, "-s", "100") as service:
        sent = overload(service, 2)
        service.end()
        answers = sum(len(client.answers) for client in service.clients)
        records = sum(len(client.sent) for client in service.clients)
        return f"{answers} answers of {records} records, {sent} bytes, amid them SIGTERM"


def play_silence(program):
    """One never reads: the end does not wait for ever, and nothing is lost for the others."""
    with tempfile.TemporaryDirectory() as folder, Service(program, folder) as service:
        client = without_reading(service)
        service.terminate()
        service.process.wait(PATIENCE_S)
        said = service.end(code=service.process.returncode)
        client.socket.close()
        if service.process.returncode == 0:  # the system has taken all of his answers, so far
            return "an end, with all answers on their way"
        assert "time is up: sockets: writes" in said, said
        return "an end without one that never reads"


def main():
    failed = False
    plays = (play_clients, play_overload, play_silence)
    with concurrent.futures.ThreadPoolExecutor(len(plays)) as pool:
        for play, playing in [(play, pool.submit(play, sys.argv[1])) for play in plays]:
            try:
                print(f"ok      {play.__name__}: {playing.result()}")
            except Exception as error:  # whatever it is, the others are told, too
                failed = True
                print(f"FAILED  {play.__name__}: {error!r}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
