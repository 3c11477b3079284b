"""Processes that are killed and begun again, the ports they listen at, and what is built of them.
SPDX-License-Identifier: Apache-2.0
"""
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Process:
    """One that can be killed and begun again; what it says is in its log."""

    def __init__(self, folder, name, command):
        self.name, self.command = name, [str(word) for word in command]
        self.log = folder / f"{name}.log"
        self.running = None

    def start(self):
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(self.command, stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)

    def alive(self):
        return self.running is not None and self.running.poll() is None

    def ended(self):
        """By itself: its exit status, negative for a signal; None: it runs, or was ended."""
        return None if self.running is None else self.running.poll()

    def last_words(self):
        return self.log.read_text(errors="replace")[-500:].strip() if self.log.exists() else ""

    def end(self, how=signal.SIGTERM, patience=30):
        """Its exit status; None: it did not run."""
        if self.running is None:
            return None
        if self.alive():
            self.running.send_signal(how)
        try:
            self.running.wait(patience)
        except subprocess.TimeoutExpired:
            self.running.kill()
            self.running.wait()
        status, self.running = self.running.returncode, None
        return status


# --- ports ------------------------------------------------------------------------------------


def first_ephemeral():
    """From here on the kernel gives ports to whoever connects."""
    try:
        text = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text()
        return int(text.split()[0])
    except (OSError, ValueError, IndexError):
        return 32768


def bound(port):
    """A socket that has this port, or None."""
    one = socket.socket()
    try:
        one.bind(("127.0.0.1", port))
        return one
    except OSError:
        one.close()
        return None


def free_ports(count):
    """
    Ports that nobody listens at; all at once, so that they differ.  None of those that the kernel
    gives away: while a server is dead its port would be somebody's who connects, or a client's that
    tries again and again, and in the end connects to itself.
    """
    end = first_ephemeral()
    candidates = list(range(10000, end)) if end > 11000 else [0] * 1000
    random.shuffle(candidates)
    sockets = []
    while len(sockets) < count and candidates:
        one = bound(candidates.pop())
        if one is not None:
            sockets.append(one)
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    if len(ports) < count:
        raise SystemExit("cluster-demo: there are no free ports on loopback")
    return ports


def answers(port):
    with socket.socket() as one:
        one.settimeout(0.2)
        return one.connect_ex(("127.0.0.1", port)) == 0


def until(condition, what, patience=20):
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"cluster-demo: {what} took more than {patience} s")
        time.sleep(0.02)


# --- programs ---------------------------------------------------------------------------------


def find_server(name):
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    program = shutil.which(name, path=path)
    if program is None:
        raise SystemExit(f"cluster-demo: there is no {name}; run tools/setup, or install it")
    return program


def build_steps(engine, folder):
    """Configures, also where there is a build already, which may be one without examples."""
    configure = ["cmake", "-S", ROOT, "-B", folder, "-DWEIR_EXAMPLES=ON",
                 f"-DWEIR_{engine.name.upper()}=ON"]
    if not (folder / "CMakeCache.txt").exists():
        configure += ["-G", "Ninja"]
    targets = [f"example_{name}" for name in engine.programs]
    return [configure, ["cmake", "--build", folder, "--target", *targets,
                        "--parallel", os.cpu_count()]]


def build_programs(engine):
    """An engine's two programs; with WEIR_BUILD, a build's folder, they are there."""
    folder = pathlib.Path(os.environ.get("WEIR_BUILD", ROOT / "build"))
    programs = [folder / "examples" / name for name in engine.programs]
    if "WEIR_BUILD" in os.environ:
        return programs
    print("cluster-demo: building what it runs", flush=True)
    for command in build_steps(engine, folder):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        missing = [line for line in done.stdout.splitlines() if f"no weir::{engine.name}" in line]
        if missing:
            raise SystemExit(f"cluster-demo: it needs {engine.title}'s client library: "
                             f"{missing[0]}")
        if done.returncode != 0:
            raise SystemExit(f"cluster-demo: the examples could not be built in {folder}\n"
                             f"{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return programs
