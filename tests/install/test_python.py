#!/usr/bin/env python3
# weir from Python, as a program uses it.
# SPDX-License-Identifier: Apache-2.0
"""
Goal: each event that a Python source has comes to a Python sink, through Python stages, once and in
order, and where it lies; what raises stops its stage, or fails its message, and is shown; views
that somebody keeps are told of, and nothing is read that is gone; what is refused is an Error; and
the declarations are the headers'.
Method: with WEIR_LIBRARY, and the package on PYTHONPATH (tests/install/languages says both).
"""
import array
import contextlib
import io
import os
import subprocess
import tempfile
import unittest

import weir


@contextlib.contextmanager
def quiet():
    """Tracebacks go here, and the log as well."""
    shown = io.StringIO()
    with contextlib.redirect_stderr(shown):
        yield shown


class Stages(unittest.TestCase):
    def test_a_row(self):
        taken = []
        with weir.Runtime(workers=2) as runtime:
            numbers = runtime.source(range(10000), emits="q")

            def odd(batch, out):
                out.emit(array.array("q", [n for n in batch if n % 2]))

            def squares(batch, out):
                mine = out.own()
                for i, number in enumerate(mine):
                    mine[i] = number * number
                out.forward()
            row = runtime.stage(squares, runtime.stage(odd, numbers, max_demand=100))
            runtime.sink(taken.extend, row)
            self.assertTrue(runtime.run(60))
        self.assertEqual(taken, [n * n for n in range(1, 10000, 2)])

    def test_a_producer_and_a_stream(self):
        state = {"next": 0}

        def count(demand, out):
            with out.room(demand) as room:
                for i in range(len(room)):
                    room[i] = state["next"] + i
                made = len(room)
            out.commit(made)
            state["next"] += made
        with weir.Runtime(workers=1) as runtime:
            with runtime.stream(runtime.producer(count, emits="d"), max_demand=64) as stream:
                seen = []
                for batch in stream:
                    self.assertTrue(batch.readonly)
                    seen += batch.tolist()
                    if len(seen) > 1000:
                        break
        self.assertEqual(seen, [float(n) for n in range(len(seen))])

    def test_records_and_their_place(self):
        places = []
        with weir.Runtime(workers=1) as runtime:
            lines = runtime.source((b"%063d\n" % n for n in range(100)), emits=64)  # not small
            first = runtime.stage(lambda batch, out: (places.append(address(batch)), out.forward())
                                  and None, lines)
            got = []
            runtime.sink(lambda batch: (places.append(address(batch)), got.append(bytes(batch)))
                         and None, first)
            runtime.run(60)
        self.assertEqual(b"".join(got), b"".join(b"%063d\n" % n for n in range(100)))
        self.assertEqual(places[0], places[1])  # no copy was made

    def test_numpy_shares_the_memory(self):
        try:
            import numpy
        except ImportError:
            self.skipTest("there is no numpy")
        sums = []
        with weir.Runtime(workers=1) as runtime:
            def add(batch):
                sums.append(int(numpy.frombuffer(batch, dtype=numpy.int64).sum()))
            runtime.sink(add, runtime.source(range(1000), emits="q"))
            runtime.run(60)
        self.assertEqual(sum(sums), 499500)


def address(view):
    return int(weir.ffi.cast("uintptr_t", weir.ffi.from_buffer(view)))


class Raised(unittest.TestCase):
    def test_a_stage_that_raises_stops(self):
        logged = []
        with quiet() as shown, weir.Runtime(workers=1, log=lambda *line: logged.append(line)) as rt:
            def bad(batch):
                raise ValueError("a bad batch")
            numbers = rt.source(range(100), emits="q")
            stage = rt.sink(bad, numbers)
            self.assertEqual(stage.wait(60), "exception")
            with self.assertRaisesRegex(ValueError, "a bad batch"):
                rt.run(0)
            self.assertIsInstance(stage.exception, ValueError)
        self.assertIn("ValueError: a bad batch", shown.getvalue())
        self.assertIn("stage bad: handle_events raised: ValueError: a bad batch",
                      [text for _, text in logged])

    def test_an_iterable_that_raises(self):
        def items():
            yield 1
            yield 2
            raise RuntimeError("no third")
        taken = []
        with quiet(), weir.Runtime(workers=1) as runtime:
            source = runtime.source(items(), emits="q")
            sink = runtime.sink(taken.extend, source)
            self.assertEqual(source.wait(60), "exception")
            self.assertEqual(sink.wait(60), "exception")  # behind what it was sent
            self.assertIsInstance(source.exception, RuntimeError)
        self.assertEqual(taken, [1, 2])

    def test_a_view_that_is_kept_is_gone(self):
        kept = []
        with quiet() as shown, weir.Runtime(workers=1) as runtime:
            stage = runtime.sink(kept.append, runtime.source(range(10), emits="q"), name="keeper")
            self.assertEqual(stage.wait(60), "normal")
        with self.assertRaises(ValueError):
            kept[0][0]  # released
        with quiet() as shown, weir.Runtime(workers=1) as runtime:
            stage = runtime.sink(lambda batch: kept.append(batch[2:]),
                                 runtime.source(range(10), emits="q"), name="keeper")
            self.assertEqual(stage.wait(60), "exception")
        self.assertIn("BufferError", shown.getvalue())

    def test_what_is_refused(self):
        with self.assertRaisesRegex(weir.Error, "WEIR_INVALID: .*9999"):
            weir.Runtime(workers=9999)
        with weir.Runtime(workers=1) as runtime:
            numbers = runtime.source(range(3), emits="q")
            with self.assertRaisesRegex(weir.Error, "WEIR_INVALID"):
                runtime.sink(print, numbers, takes="i")  # of another size
            with self.assertRaises(ValueError):
                runtime.source([], emits="qq")


class Pipelines(unittest.TestCase):
    def test_all_is_acknowledged_once(self):
        stored, dead, acks = [], [], []

        def parse(message):
            text = message.data.tobytes()
            if text == b"7":
                return weir.DEAD
            if text == b"13":
                raise ValueError("thirteen")
            message.data = text * 2

        def store(messages):
            stored.extend(bytes(message.data) for message in messages)
        with quiet() as shown, weir.Runtime(workers=2) as runtime:
            with weir.Pipeline(runtime, source=(b"%d" % n for n in range(1000)),
                               handle_message=parse, dead="dead",
                               batchers={"store": (store, {"size": 64}), "dead": lambda messages:
                                         dead.extend(bytes(m.data) for m in messages)},
                               on_ack=lambda *ack: acks.append(ack)) as pipeline:
                self.assertTrue(pipeline.wait(60))
                self.assertEqual(pipeline.stats()["acked"], 1000)
        self.assertEqual(sorted(stored), sorted(b"%d" % n * 2 for n in range(1000)
                                                if n not in (7, 13)))
        self.assertEqual(sorted(dead), [b"13", b"7"])
        self.assertEqual(sorted(token for token, _ in acks), list(range(1000)))
        self.assertIn("ValueError: thirteen", shown.getvalue())

    def test_pushes(self):
        stored = []
        with weir.Runtime(workers=1) as runtime:
            with weir.Pipeline(runtime, batchers={"store": lambda messages: stored.extend(
                    bytes(message.data) for message in messages)}) as pipeline:
                self.assertTrue(pipeline.push(b"one", b"two"))
        self.assertEqual(sorted(stored), [b"one", b"two"])


class Declarations(unittest.TestCase):
    def test_sizes_are_the_compilers(self):
        """Of every struct, and every constant: asked of the C compiler by a program."""
        ffi = weir.ffi
        structs = [name for name in sorted(ffi.list_types()[0]) if is_struct(name)]
        self.assertGreater(len(structs), 50)
        lines = []
        for name in structs:
            lines.append(f'printf("{name} %zu\\n", sizeof({name}));')
            lines += [f'printf("{name}.{field} %zu\\n", offsetof({name}, {field}));'
                      for field, _ in ffi.typeof(name).fields]
        lines += [f'printf("{name} %llu\\n", (unsigned long long){name});'
                  for name in weir.constants]
        program = ("#include <stdio.h>\n#include <weir/weir.h>\n#include <weir/counters.h>\n"
                   "int main(void) {" + "\n".join(lines) + "return 0; }")
        said = compiled(program)
        self.assertEqual(len(said), len(lines))
        for name, value in said.items():
            if "." in name:
                of, field = name.split(".")
                self.assertEqual(ffi.offsetof(of, field), value, name)
            elif name in weir.constants:
                self.assertEqual(weir.constants[name], value, name)
            else:
                self.assertEqual(ffi.sizeof(name), value, name)


def is_struct(name):
    try:
        of = weir.ffi.typeof(name)
    except Exception:  # noqa: BLE001  # a function's type
        return False
    return name.startswith("weir_") and of.kind == "struct" and of.fields is not None


def compiled(program):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([os.environ.get("CC", "cc"), "-std=c11", "-xc", "-", "-o", folder + "/a",
                        "-I" + os.environ["WEIR_INCLUDE"]], input=program, text=True, check=True)
        lines = subprocess.run([folder + "/a"], capture_output=True, text=True, check=True).stdout
    return {name: int(value) for name, value in (line.split() for line in lines.splitlines())}


if __name__ == "__main__":
    unittest.main()
