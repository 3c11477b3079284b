# Pipelines whose source is an iterable, and whose handlers are Python functions.
# SPDX-License-Identifier: Apache-2.0
"""
    def parse(message):
        if b" " not in message.data.tobytes(): return weir.DEAD

    with weir.Runtime() as runtime:
        pipeline = weir.Pipeline(runtime, source=open("log", "rb"), handle_message=parse,
                                 batchers={"store": store, "dead": put_aside}, dead="dead")
        pipeline.wait()

Each item of the source, any buffer, is a message; it is acknowledged once, when its batch was
handled.  A function that raises has failed its messages: they are tried again, or are dead letters.
"""
from ._library import NULL, check, ffi, lib, nanoseconds
from .runtime import Lent

OK, SKIP, DEAD = lib.WEIR_MESSAGE_OK, lib.WEIR_MESSAGE_SKIP, lib.WEIR_MESSAGE_DEAD
FAILED, RETRY, NAK = lib.WEIR_MESSAGE_FAILED, lib.WEIR_MESSAGE_RETRY, lib.WEIR_MESSAGE_NAK


class Message:
    """A message; valid until the function that was handed it returns."""

    __slots__ = ("_message", "_work", "_views")

    def __init__(self, message, work=NULL):
        self._message, self._work, self._views = message, work, []

    def _view(self, span):
        count = span.count
        lent = Lent(memoryview(ffi.buffer(span.at, count) if count else b"").toreadonly())
        self._views.append(lent)
        return lent.view

    @property
    def data(self):
        """Its bytes, where they lie."""
        return self._view(self._message.data)

    @data.setter
    def data(self, data):
        with ffi.from_buffer(data) as given:
            if not lib.weir_work_set(self._work, given, len(given)):
                raise MemoryError("a message's new data")

    @property
    def key(self):
        return self._view(self._message.key)

    @property
    def tries(self):
        return self._message.tries

    @property
    def batcher(self):
        return self._message.batcher

    @batcher.setter
    def batcher(self, number):
        self._message.batcher = number

    @property
    def outcome(self):
        return self._message.outcome

    @outcome.setter
    def outcome(self, outcome):
        self._message.outcome = outcome

    def _end(self, silently=False):
        for view in self._views:
            view.back(silently)


class Pipeline:
    """`batchers`: names, each with function(messages), or (function, {options of the batcher}).
    `on_ack` is told (item's number, outcome) of what the source brought.  What else is given is
    weir_pipeline_options'; `processors` and `retry` are dicts of theirs."""

    def __init__(self, runtime, source=(), handle_message=None, batchers=None, dead=None,
                 name="pipeline", processors=None, on_ack=None, **options):
        self._runtime, self._refs, self._name = runtime, runtime.refs, name
        self._items, self._on_ack, self._held, self._given = iter(source), on_ack, None, 0
        processors = dict(processors or {})
        if handle_message is not None:
            processors["handle_message"] = self._refs.keep(ffi.callback(
                "weir_outcome(void *, weir_work *, weir_message *)", self._handler(handle_message)))
        rows = [self._batcher(*pair) for pair in (batchers or {}).items()]
        options.update(name=self._refs.text(name), processors=processors,
                       dead=self._refs.text(dead), batcher_count=len(rows))
        if rows:
            options["batchers"] = self._refs.keep(ffi.new("weir_pipeline_batcher[]", rows))
        options.update(source=self._driver(), source_count=1, source_contexts=self._refs.keep(
            ffi.new("void *[]", [NULL])))
        out = ffi.new("weir_pipeline **")
        check(lib.weir_pipeline_open(runtime.handle, ffi.new("weir_pipeline_options *", options),
                                     out))
        self.handle = out[0]
        runtime.parts.append(self)

    def _contain(self, where, otherwise, function, *arguments):
        try:
            return function(*arguments)
        except BaseException as error:  # pylint: disable=broad-except  # C is below
            self._runtime.raised(f"pipeline {self._name}: {where}", error)
            return otherwise

    def _handler(self, function):
        def handle(work, raw):
            message = Message(raw, work)
            try:
                outcome = function(message)
            except BaseException:
                message._end(silently=True)
                raise
            message._end()
            return OK if outcome is None else outcome
        return lambda _, work, raw: self._contain("handle_message", FAILED, handle, work, raw)

    def _batcher(self, name, given):
        function, options = given if isinstance(given, tuple) else (given, {})

        def handle(raw, count):
            messages = [Message(raw + i) for i in range(count)]
            try:
                outcome = function(messages)
            except BaseException:
                for message in messages:
                    message._end(silently=True)
                raise
            for message in messages:
                message._end()
            return OK if outcome is None else outcome
        callback = ffi.callback(
            "weir_outcome(void *, weir_message *, size_t, const weir_batch_info *)",
            lambda _, raw, count, __: self._contain("handle_batch", FAILED, handle, raw, count))
        return dict(options, name=self._refs.text(name), handle_batch=self._refs.keep(callback))

    def _driver(self):
        def pull(_, to, events, __, ___):
            for _ in range(events):
                if self._held is None:
                    self._held = next(self._items, None)
                if self._held is None:
                    return lib.WEIR_SOURCE_END
                with ffi.from_buffer(self._held) as item:
                    incoming = ffi.new("weir_incoming *", {"token": self._given})
                    incoming.data.at, incoming.data.count = ffi.cast("char *", item), len(item)
                    if not lib.weir_pull_add(to, incoming):
                        break  # there is no room: the next time
                self._held, self._given = None, self._given + 1
            return lib.WEIR_PULLED

        def ack(_, acks, count):
            for i in range(count if self._on_ack else 0):
                self._on_ack(acks[i].token, acks[i].outcome)
            return lib.WEIR_PULLED

        calls = {
            "pull": self._refs.keep(ffi.callback(
                "weir_pulled(void *, weir_pull *, uint64_t, uint64_t, uint64_t)",
                lambda *a: self._contain("source", lib.WEIR_BROKEN, pull, *a))),
            "ack": self._refs.keep(ffi.callback(
                "weir_pulled(void *, const weir_ack *, size_t)",
                lambda *a: self._contain("on_ack", lib.WEIR_PULLED, ack, *a))),
            "name": self._refs.text("iterable"),
        }
        return self._refs.keep(ffi.new("weir_source_driver *", calls))

    def push(self, *items):
        """Out of band, each any buffer; False: there is no room at present."""
        views = [ffi.from_buffer(item) for item in items]
        rows = ffi.new("weir_message[]", [
            {"data": {"at": ffi.cast("char *", view), "count": len(view)}} for view in views])
        return check(lib.weir_pipeline_push(self.handle, rows, len(items))) == lib.WEIR_OK

    def wait(self, timeout=None):
        """Until the source has ended, and all that it brought is acknowledged; False: not yet."""
        return check(lib.weir_pipeline_await(self.handle, nanoseconds(timeout))) == lib.WEIR_OK

    def stats(self):
        """weir_pipeline_stats, as a dict."""
        out = ffi.new("weir_pipeline_stats *")
        check(lib.weir_pipeline_read_stats(self.handle, out))
        return {name: getattr(out, name) for name, _ in ffi.typeof(out[0]).fields
                if name != "reserved"}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Handles what is under way, and ends."""
        while self.handle != NULL:
            if check(lib.weir_pipeline_close(self.handle, NULL)) == lib.WEIR_OK:
                self.handle = NULL
                self._runtime.parts.remove(self)
