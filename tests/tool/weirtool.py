"""For the tests of the tool `weir`: programs to look at, and a terminal to show it on.

SPDX-License-Identifier: Apache-2.0
"""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

WEIR, BOTTLENECKS = sys.argv[1:3]


class Program:
    """A graph of bottlenecks.c that runs; path: its counters file, "1" for one in /dev/shm."""

    def __init__(self, graph, path, seconds=60):
        self.popen = subprocess.Popen([BOTTLENECKS, graph, str(seconds)],
                                      stdout=subprocess.PIPE, text=True,
                                      stderr=subprocess.DEVNULL,
                                      env=dict(os.environ, WEIR_COUNTERS=path))
        assert self.popen.stdout.readline() == "ready\n"
        self.pid = self.popen.pid
        self.path = path if path != "1" else f"/dev/shm/weir-{os.getuid()}-{self.pid}-1"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        if os.path.exists(self.path):
            os.unlink(self.path)

    def kill(self):
        if self.popen.returncode is None:
            self.popen.kill()
            self.popen.wait()
            self.popen.stdout.close()


def weir(*words, columns=None):
    """Runs the tool; returns what it printed, if it said that all is well."""
    said = weir_fails(*words, columns=columns)
    assert said.returncode == 0, said
    return said.stdout


def weir_fails(*words, columns=None):
    environment = dict(os.environ) if columns is None else dict(os.environ, COLUMNS=str(columns))
    return subprocess.run([WEIR, *map(str, words)], capture_output=True, text=True, check=False,
                          env=environment, timeout=60)


class Terminal:
    """The tool on a terminal, of which the screen can be read: a VT100, as far as is needed."""

    def __init__(self, *words, rows=24, columns=132, kind="vt100"):
        self.cells = [[" "] * columns for _ in range(rows)]
        self.rows, self.columns = rows, columns
        self.row = self.column = 0
        self.top, self.bottom = 0, rows  # what scrolls
        self.rest = b""
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM=kind, LC_ALL="C.UTF-8")
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execv(WEIR, [WEIR, *map(str, words)])

    def text(self):
        return "\n".join("".join(row).rstrip() for row in self.cells)

    def press(self, keys):
        os.write(self.file, keys.encode())

    def wait_for(self, pattern, seconds=20):
        """Until the screen shows it; returns the match."""
        end = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.text())
            if found:
                return found
            assert time.monotonic() < end, f"{pattern} is not on the screen:\n{self.text()}"
            self.read(0.05)

    def read(self, seconds):
        if select.select([self.file], [], [], seconds)[0]:
            try:
                self.rest += os.read(self.file, 65536)
            except OSError:  # it has ended
                time.sleep(seconds)
        self.take()

    def end(self):
        """Waits for its end; returns its exit status."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid != 0:
                os.close(self.file)
                return os.waitstatus_to_exitcode(status)
            self.read(0.05)
        raise AssertionError("it does not end:\n" + self.text())

    SEQUENCE = re.compile(rb"\x1b\[([?0-9;]*)([A-Za-z])|\x1b[()][A-Z0-9]|\x1b[=>78DM]")

    def take(self):
        """Takes in what has come whole."""
        while self.rest:
            if self.rest[0] == 0x1b:
                found = self.SEQUENCE.match(self.rest)
                if not found:
                    return
                if found.group(2):
                    self.control(found.group(1).decode(), found.group(2).decode())
                elif found.group() in (b"\x1bD", b"\x1bM"):
                    self.move(1 if found.group() == b"\x1bD" else -1)
                self.rest = self.rest[found.end():]
                continue
            first = self.rest[0]
            size = 1 if first < 0x80 else 2 if first < 0xe0 else 3 if first < 0xf0 else 4
            if len(self.rest) < size:
                return
            self.put(self.rest[:size].decode(errors="replace"))
            self.rest = self.rest[size:]

    def put(self, character):
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.move(1)
        elif character == "\b":
            self.column = max(self.column - 1, 0)
        elif character >= " ":
            self.cells[self.row][min(self.column, self.columns - 1)] = character
            self.column += 1

    def move(self, rows):
        """A row down or up; at the end of what scrolls that does."""
        if self.row == (self.bottom - 1 if rows > 0 else self.top):
            del self.cells[self.top if rows > 0 else self.bottom - 1]
            self.cells.insert(self.row, [" "] * self.columns)
        else:
            self.row = max(0, min(self.row + rows, self.rows - 1))

    def control(self, words, letter):
        numbers = [int(word) for word in re.findall(r"\d+", words)]
        count = numbers[0] if numbers else 0
        if letter == "H":
            self.row, self.column = [n - 1 for n in numbers] if numbers else [0, 0]
        elif letter in "ABCD":
            steps = max(count, 1) * (-1 if letter in "AD" else 1)
            if letter in "AB":
                self.row += steps
            else:
                self.column += steps
        elif letter == "r":
            self.top, self.bottom = (numbers[0] - 1, numbers[1]) if numbers else (0, self.rows)
            self.row = self.column = 0
        elif letter == "J":
            self.erase(self.row, self.column, self.rows)
        elif letter == "K":
            first, last = (0, self.column + 1) if count == 1 else (self.column, self.columns)
            self.cells[self.row][first:last] = [" "] * (last - first)

    def erase(self, row, column, end):
        self.cells[row][column:] = [" "] * (self.columns - column)
        for each in range(row + 1, end):
            self.cells[each] = [" "] * self.columns
