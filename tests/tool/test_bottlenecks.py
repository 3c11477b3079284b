#!/usr/bin/env python3
"""Goal: of programs that run and are held up, the tool names who holds them up.

SPDX-License-Identifier: Apache-2.0

Method: each graph of bottlenecks.c on threads; `weir stat` looks at it from outside.  On a machine
where others have the cores, what a graph is held up by is them.  The tool says so, too: then there
is another try, and a test that has met nothing else is left out.
usage: test_bottlenecks.py WEIR BOTTLENECKS
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

WEIR, BOTTLENECKS = sys.argv[1:3]

WARM_S = 0.3
LOOK_S = 0.5
TRIES = 6
CORELESS = 0.1  # of its time: a worker was ready, and had no core

# What the culprit is, and of what kind.
EXPECTED = {
    "slow_consumer": ("stage", "store"),
    "slow_middle": ("stage", "enrich"),
    "unbalanced_partition": ("stage", "south"),
    "starved_source": ("source", "inlet"),
    "one_of_four": ("stage", "index"),
    "full_worker": ("worker", 1),
    "full_chain": ("worker", 0),
    "noisy_neighbour": ("neighbour", "noisy"),
    "hung": ("neighbour", "stuck"),
}


def look(graph, seconds):
    """What `weir stat` says of the graph, as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "counters")
        program = subprocess.Popen([BOTTLENECKS, graph], stdout=subprocess.PIPE, text=True,
                                   env=dict(os.environ, WEIR_COUNTERS=path))
        try:
            assert program.stdout.readline() == "ready\n"
            time.sleep(WARM_S)
            said = subprocess.run([WEIR, "stat", path, "--json", "--interval", str(seconds)],
                                  check=True, stdout=subprocess.PIPE, text=True).stdout
        finally:
            program.kill()
            program.wait()
            program.stdout.close()
    return json.loads(said)


class Bottlenecks(unittest.TestCase):
    def test_all_are_expected(self):
        said = subprocess.run([BOTTLENECKS], check=True, stdout=subprocess.PIPE, text=True).stdout
        self.assertEqual(said.split(), list(EXPECTED))


def found_in(said):
    culprit = said["culprit"]
    return culprit["kind"], culprit["worker" if culprit["kind"] == "worker" else "stage"]


def others_have_the_cores(said):
    return max(worker["coreless"] for worker in said["workers"]) >= CORELESS


def test_of(graph):
    def test(self):
        for number in range(1, TRIES + 1):
            said = look(graph, number * LOOK_S)
            if found_in(said) == EXPECTED[graph]:
                return
            if not others_have_the_cores(said):
                break
        else:
            self.skipTest(said["culprit"]["text"])
        self.assertEqual(found_in(said), EXPECTED[graph], json.dumps(said, indent=1))
    return test


for each in EXPECTED:
    setattr(Bottlenecks, "test_" + each, test_of(each))

if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
