"""The play: servers and workers are killed in turn, while a line shows how far all are.
SPDX-License-Identifier: Apache-2.0
"""
import shutil
import signal
import sys
import time

from cluster.ledger import Ledger
from cluster.processes import Process

WORKERS, PRODUCERS, KEYS = 4, ("ann", "bob"), 16
PAUSE_S = 1.5          # between kills
PATIENCE_S = 120       # for all that was sent to be stored


def feeding_rate(options):
    """So many a second that the producers are at work until the last is killed."""
    return max(1, int(options.messages / (PAUSE_S * (1 + 4 * options.kills))))


class Cluster:
    def __init__(self, folder, options, engine):
        self.engine = engine
        self.servers = engine.servers
        self.stored = [folder / f"stored-{i}" for i in range(WORKERS)]
        self.workers = [Process(folder, f"worker-{i}", engine.worker(i, self.stored[i]))
                        for i in range(WORKERS)]
        rate = feeding_rate(options)
        self.producers = [Process(folder, f"producer-{name}",
                                  engine.producer(name, options.messages, KEYS, WORKERS, rate))
                          for name in PRODUCERS]
        self.wanted = options.messages * len(PRODUCERS)

    def start(self):
        self.engine.start()
        for process in [*self.producers, *self.workers]:
            process.start()

    def end(self):
        for process in [*self.producers, *self.workers, *self.servers]:
            process.end(signal.SIGKILL)

    def check(self):
        """Nobody ends but who is killed, and producers, when all that they sent is confirmed."""
        for process in [*self.servers, *self.workers, *self.producers]:
            status = process.ended()
            if status is not None and (status != 0 or process not in self.producers):
                raise SystemExit(f"\ncluster-demo: {process.name} has ended by itself, with "
                                 f"{status}: {process.last_words()}")

    def feeding(self):
        return sum(process.alive() for process in self.producers)

    def state(self):
        def up(processes):
            return f"{sum(p.alive() for p in processes)}/{len(processes)}"
        return (f"servers {up(self.servers)}, workers {up(self.workers)}, "
                f"producers at work {self.feeding()}")


# --- what is seen -----------------------------------------------------------------------------


def show(ledger, cluster, what):
    ledger.read()
    cluster.check()
    done = ledger.stored()
    bar = "#" * (30 * done // cluster.wanted)
    line = (f"[{bar:<30}] {done} of {cluster.wanted} stored, {ledger.doubles()} again; "
            f"{cluster.state()}; {what}")
    if sys.stdout.isatty():
        print(f"\r\033[K{line[:shutil.get_terminal_size().columns - 1]}", end="", flush=True)
    else:
        print(line, flush=True)


def wait_and_show(ledger, cluster, what, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.5 if sys.stdout.isatty() else min(seconds, 1.5))
        show(ledger, cluster, what)


# --- what happens -----------------------------------------------------------------------------


def kill_in_turn(ledger, cluster, rounds):
    """
    A worker, then a server, while the worker is dead: so the server has confirmed what nobody has
    read yet, and must have it when it is back.
    """
    for i in range(rounds):
        worker = cluster.workers[i % len(cluster.workers)]
        server = cluster.servers[i % len(cluster.servers)]
        for process in worker, server:
            process.end(signal.SIGKILL)
            wait_and_show(ledger, cluster, f"{process.name} was killed", PAUSE_S)
        for process in server, worker:
            process.start()
            wait_and_show(ledger, cluster, f"{process.name} is back", PAUSE_S)


def wait_for_all(ledger, cluster):
    """Until all is stored, acknowledged, and confirmed to its producer; what of this is not."""
    end = time.monotonic() + PATIENCE_S
    while ((ledger.stored() < cluster.wanted or cluster.feeding()
            or cluster.engine.unsettled(WORKERS)) and time.monotonic() < end):
        wait_and_show(ledger, cluster, "nobody is killed any more", 0.5)
    unsettled = cluster.engine.unsettled(WORKERS)
    late = cluster.feeding()
    for process in [*cluster.producers, *cluster.workers]:
        process.end()
    ledger.read()
    return unsettled, late


def report(ledger, options, unsettled, late):
    lost = ledger.missing(PRODUCERS, options.messages)
    strange = ledger.strangers(PRODUCERS, options.messages)
    print(f"\n\nsent {options.messages * len(PRODUCERS)}, stored {ledger.stored()}; "
          f"missing {len(lost)}; stored again {ledger.doubles()} "
          f"({ledger.redelivered} of them said to be delivered again); "
          f"out of order within their key {ledger.disorder}; torn lines {ledger.torn}")
    for name, i in lost[:10]:
        print(f"missing: {name} {i}")
    for name, i in strange[:10]:
        print(f"nobody has sent: {name} {i}")
    if unsettled:
        print(f"not acknowledged: {unsettled}")
    if late:
        print(f"{late} producers do not know yet that all is stored")
    right = not (lost or strange or ledger.disorder or unsettled or late)
    print("OK" if right else "NOT RIGHT: see the folder with --keep")
    return 0 if right else 1


def heed_signals():
    """Who is told to end ends all that it has started."""
    for end in signal.SIGTERM, signal.SIGHUP:
        signal.signal(end, lambda number, _: sys.exit(128 + number))


def play(folder, options, engine):
    """The exit status."""
    cluster = Cluster(folder, options, engine)
    ledger = Ledger(cluster.stored)
    print(f"{len(cluster.servers)} x {engine.server}, {WORKERS} workers, {len(PRODUCERS)} "
          f"producers of {options.messages} messages each; {options.kills} workers and servers "
          f"will be killed; logs in {folder}", flush=True)
    try:
        cluster.start()
        wait_and_show(ledger, cluster, "all is well", PAUSE_S)
        kill_in_turn(ledger, cluster, options.kills)
        return report(ledger, options, *wait_for_all(ledger, cluster))
    finally:
        cluster.end()
