# Runtimes, and stages that are Python functions.
# SPDX-License-Identifier: Apache-2.0
"""
A stage's function runs on one of weir's workers, and takes the GIL for each batch, not for each
event: so all Python of a program runs on one core at a time, and large batches (max_demand) are
what makes it fast.  Arithmetic that releases the GIL, numpy's say, runs on all of them.
"""
import struct
import sys
import time
import traceback

from ._library import NULL, Error, check, ffi, lib, nanoseconds

CONTINUE, STOP, FINISH = lib.WEIR_CONTINUE, lib.WEIR_STOP, lib.WEIR_FINISH


class Format:
    """How events lie in buffers: a struct character ("q", "d") or so many bytes of each."""

    def __init__(self, format):
        self.code = "B" if isinstance(format, int) else format
        self.bytes = format if isinstance(format, int) else struct.calcsize(format)
        memoryview(b"\0" * max(self.bytes, 1)).cast(self.code)  # ValueError: no such character
        if isinstance(format, str) and len(format) != 1:
            raise ValueError(f"format must be one character, or a number of bytes, got {format!r}")
        self.per_event = self.bytes // struct.calcsize(self.code)

    def view(self, pointer, count, writable):
        """No copy: of `count` events there."""
        if count == 0:
            return Lent(memoryview(b""), self.code)
        view = memoryview(ffi.buffer(ffi.cast("char *", pointer), count * self.bytes))
        return Lent(view if writable else view.toreadonly(), self.code)


class Lent:
    """A view of memory that is weir's, to be taken back.  Slices of a memoryview are views by
    themselves, which a release of the first does not end: each of them refers to the buffer below,
    and so they are found."""

    def __init__(self, view, code="B"):
        self.below, self.views = view.obj, [view, view.cast("B"), view.cast("B").cast(code)]
        self.view = self.views[-1]

    def back(self, silently=False):
        try:
            for view in self.views:
                view.release()
        except BufferError:  # numpy's, say
            if not silently:
                raise
        self.views = self.view = None
        if not silently and sys.getrefcount(self.below) > 2 and self.below != b"":
            raise BufferError("a view of events was kept, which are gone now: "
                              "copy what is to last")


class Refs:
    """What C has pointers to, for as long as the runtime is open."""

    def __init__(self):
        self.all = []

    def keep(self, thing):
        self.all.append(thing)
        return thing

    def text(self, text):
        return NULL if text is None else self.keep(ffi.new("char[]", text.encode()))


class Out:
    """What a stage's function emits by, and asks about its batch; valid until it returns."""

    def __init__(self, emits):
        self._emits, self._takes, self._views = emits, None, []
        self._stage, self._batch = NULL, None

    def _lend(self, lent):
        self._views.append(lent)
        return lent.view

    def emit(self, events):
        """Copies the events of any buffer: whole ones, side by side."""
        with ffi.from_buffer(events) as given:
            if len(given) % self._emits.bytes != 0:
                raise ValueError(f"{len(given)} bytes are no events of {self._emits.bytes} each")
            check(lib.weir_emit(self._stage, given, len(given) // self._emits.bytes))

    def room(self, want):
        """A buffer for up to `want` events, at least one; then commit."""
        room = lib.weir_reserve(self._stage, want)
        if room.events == NULL:
            raise Error(lib.WEIR_NO_MEMORY)
        return self._lend(self._emits.view(room.events, room.count, True))

    def commit(self, count):
        check(lib.weir_commit(self._stage, count))

    def own(self):
        """The batch, to be written to, where it lies if nobody else has it; forward sends it."""
        events = lib.weir_own(self._stage)
        if events == NULL:
            raise Error(lib.WEIR_NO_MEMORY)
        return self._lend(self._takes.view(events, self._batch.count, True))

    def forward(self):
        """Emits the whole batch without a copy."""
        if lib.weir_forward(self._stage) != CONTINUE:
            raise Error(lib.WEIR_INVALID)

    def _begin(self, stage, takes=None, batch=None):
        self._stage, self._takes, self._batch = stage, takes, batch

    def _end(self, silently):
        """Who kept a view of what is gone now is told; BufferError."""
        views, self._views, self._stage = self._views, [], NULL
        for view in views:
            view.back(silently)


class Stage:
    """A stage that was started.  `exception` is what has stopped it, if anything was raised."""

    def __init__(self, runtime, ref, name, emits):
        self.runtime, self.ref, self.name, self.emits = runtime, ref, name, emits
        self.exception = None

    def wait(self, timeout=None):
        """Until it has ended: the reason's word; None: the time is over."""
        reason = ffi.new("weir_reason *")
        status = check(lib.weir_wait(self.runtime.handle, self.ref, nanoseconds(timeout), reason))
        return ffi.string(lib.weir_reason_text(reason[0])).decode() if status == 0 else None

    def stop(self):
        check(lib.weir_stop(self.runtime.handle, self.ref, lib.WEIR_REASON_SHUTDOWN))


class Runtime:
    """with Runtime(workers=2) as runtime: ...    Options are weir_runtime_options'."""

    def __init__(self, log=None, **options):
        self.refs, self.exceptions, self.parts = Refs(), [], []
        if log is not None:
            options["log"] = self.refs.keep(ffi.callback(
                "void(void *, weir_log_level, const char *)",
                lambda _, level, text: log(level, ffi.string(text).decode(errors="replace"))))
        out = ffi.new("weir_runtime **")
        check(lib.weir_runtime_open(ffi.new("weir_runtime_options *", options), out))
        self.handle = out[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Stops what runs, and waits until all callbacks have returned."""
        for part in reversed(self.parts):
            part.close()
        while self.handle != NULL:
            if check(lib.weir_runtime_close(self.handle, NULL)) == lib.WEIR_OK:
                self.handle = NULL

    def run(self, timeout=None):
        """Waits until every stage has stopped; then raises what the first of those that were
        stopped by an exception has raised.  False: the time is over."""
        over = check(lib.weir_runtime_run(self.handle, nanoseconds(timeout))) == lib.WEIR_OK
        if self.exceptions:
            raise self.exceptions[0]
        return over

    def raised(self, where, error):
        """It is shown, here and in weir's log, and the stage stops: nothing goes through C."""
        self.exceptions.append(error)
        said = f"{where} raised: {type(error).__name__}: {error}".encode()
        lib.weir_log(self.handle, lib.WEIR_LOG_ERROR, b"%s", ffi.new("char[]", said))
        traceback.print_exception(type(error), error, error.__traceback__, file=sys.stderr)

    def _subscribe(self, after, max_demand):
        if after is None:
            return {}
        after = after if isinstance(after, (list, tuple)) else [after]
        to = self.refs.keep(ffi.new("weir_subscribe_to[]", [
            {"producer": stage.ref, "options": {"max_demand": max_demand}} for stage in after]))
        return {"subscribe_to": to, "subscribe_count": len(after)}

    def _start(self, function, where, kind, name, takes, emits, options):
        name = name or getattr(function, "__name__", "stage")
        out, stage = Out(emits), Stage(self, None, name, emits)

        def call(self_, *arguments):
            try:
                try:
                    verdict = arguments[-1](self_)
                except BaseException:
                    out._end(silently=True)  # what was raised says more
                    raise
                out._end(silently=False)
                return CONTINUE if verdict is None else verdict
            except BaseException as error:  # pylint: disable=broad-except  # C is below
                stage.exception = error
                self.raised(f"stage {name}: {where}", error)
                return lib.weir_stop_with(self_, lib.WEIR_REASON_EXCEPTION)

        if where == "handle_events":
            def run(self_, batch):
                def handle(_):
                    out._begin(self_, takes, batch)
                    view = out._lend(takes.view(batch.events, batch.count, False))
                    return function(view, out) if emits else function(view)
                return call(self_, handle)
            callback = ffi.callback("weir_verdict(weir_stage *, weir_batch)", run)
        else:
            def run(self_, demand):
                def handle(_):
                    out._begin(self_)
                    return function(demand, out)
                return call(self_, handle)
            callback = ffi.callback("weir_verdict(weir_stage *, uint64_t)", run)
        options = dict(options, kind=kind, name=self.refs.text(name),
                       on={where: self.refs.keep(callback)})
        ref = ffi.new("weir_ref *")
        check(lib.weir_stage_start(self.handle, ffi.new("weir_stage_options *", options), ref))
        stage.ref = ref[0]
        return self.refs.keep(stage)

    def producer(self, function, emits, name=None, **options):
        """function(demand, out): so many more events are wanted."""
        emits = Format(emits)
        options["event_bytes"] = emits.bytes
        return self._start(function, "handle_demand", lib.WEIR_PRODUCER, name, None, emits, options)

    def stage(self, function, after, takes=None, emits=None, name=None, max_demand=0, **options):
        """function(batch, out): a producer_consumer.  Formats are those of `after` by default."""
        takes = Format(takes) if takes else self._format(after)
        emits = Format(emits) if emits else takes
        options.update(self._subscribe(after, max_demand), takes_bytes=takes.bytes,
                       event_bytes=emits.bytes)
        return self._start(function, "handle_events", lib.WEIR_PRODUCER_CONSUMER, name, takes,
                           emits, options)

    def sink(self, function, after, takes=None, name=None, max_demand=0, **options):
        """function(batch): a consumer."""
        takes = Format(takes) if takes else self._format(after)
        options.update(self._subscribe(after, max_demand), takes_bytes=takes.bytes)
        return self._start(function, "handle_events", lib.WEIR_CONSUMER, name, takes, None, options)

    @staticmethod
    def _format(after):
        return (after[0] if isinstance(after, (list, tuple)) else after).emits

    def source(self, iterable, emits, name="iterable", **options):
        """Emits what an iterable has, as that is asked for: numbers, or bytes of the size said.
        Items go on at the latest 1 ms after the first of them was had, or with the next."""
        emits, items = Format(emits), iter(iterable)
        stage = Stage(self, None, name, emits)

        def next_(_, room):
            count, verdict = 0, lib.WEIR_ITERATOR_MORE
            lent = emits.view(room.events, room.count, True)
            view = lent.view
            try:
                until = time.monotonic() + 0.001
                for count in range(1, room.count + 1):
                    _put(view, count - 1, next(items), emits)
                    if time.monotonic() > until:
                        break
            except StopIteration:
                count, verdict = count - 1, lib.WEIR_ITERATOR_END
            except BaseException as error:  # pylint: disable=broad-except
                stage.exception = error
                self.raised(f"iterator {name}: next", error)
                count, verdict = max(count - 1, 0), lib.WEIR_ITERATOR_ERROR
            del view
            lent.back()
            return ffi.new("weir_made *", {"count": count, "verdict": verdict})[0]

        options.update(name=self.refs.text(name), event_bytes=emits.bytes,
                       next=self.refs.keep(ffi.callback("weir_made(void *, weir_room)", next_)),
                       error_reason=lib.WEIR_REASON_EXCEPTION)
        ref = ffi.new("weir_ref *")
        check(lib.weir_iterator_start(self.handle, ffi.new("weir_iterator_options *", options),
                                      ref))
        stage.ref = ref[0]
        return self.refs.keep(stage)

    def stream(self, after, takes=None, max_demand=0):
        """A stream: a loop over it has batches, each a buffer, until the next one is had."""
        return Stream(self, after, Format(takes) if takes else self._format(after), max_demand)


def _put(view, at, item, format):
    if format.per_event == 1:
        view[at] = item
    else:
        view[at * format.bytes:(at + 1) * format.bytes] = item


class Stream:
    """with runtime.stream(numbers) as stream: for batch in stream: ..."""

    def __init__(self, runtime, after, takes, max_demand):
        self._runtime, self._takes, self._view = runtime, takes, None
        options = dict(runtime._subscribe(after, max_demand), event_bytes=takes.bytes)
        out = ffi.new("weir_stream **")
        check(lib.weir_stream_open(runtime.handle, ffi.new("weir_stream_options *", options), out))
        self.handle = out[0]
        runtime.parts.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __iter__(self):
        return self

    def __next__(self):
        batch = self.batch()
        if batch is None:
            raise StopIteration
        return batch

    def batch(self, timeout=None):
        """The next batch; None: the end, or the time is over.  The last one is gone then, and
        BufferError says that somebody has kept it."""
        if self._view is not None:
            view, self._view = self._view, None
            view.back()
        status = ffi.new("weir_status *")
        batch = lib.weir_stream_batch(self.handle, 0, nanoseconds(timeout), status)
        if check(status[0]) != lib.WEIR_OK:
            return None
        self._view = self._takes.view(batch.events, batch.count, False)
        return self._view.view

    def close(self):
        """What was not read goes back to its producers."""
        if self.handle != NULL:
            handle, self.handle = self.handle, NULL
            self._runtime.parts.remove(self)
            if self._view is not None:
                self._view.back(silently=True)
            check(lib.weir_stream_close(handle))
