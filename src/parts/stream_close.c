/*
 * Closing a stream, and what becomes of the events that nobody can have any more.
 * See stream.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Whoever still works for the stream has a reference: its stage, a poke, and each of its
 * subscriptions, until the producer's worker has taken back what was not read.  So the
 * handle's reference is the only one once all of that has been done, and until then
 * who closes waits: a subscription that he asks for next comes behind it.
 */
#include "parts/stream.h"

#include "os/clock.h"
#include "os/event.h"
#include "os/futex.h"
#include "runtime/errand.h"
#include "stage/keeping.h"
#include "stage/subscription.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- what is lost -------------------------------------------------------- */

void weir__stream_lost(weir_stream *stream, uint64_t count) {
    weir__fetch_add_u64(&stream->lost, count); /* out with the reference: J9 -> J10 */
}

static void lost(struct weir__heir *heir, uint64_t count) {
    weir__stream_lost(WEIR__CONTAINER_OF(heir, weir_stream, heir), count);
}

static void let_go(struct weir__heir *heir) {
    weir__stream_release(WEIR__CONTAINER_OF(heir, weir_stream, heir));
}

void weir__stream_open_heir(weir_stream *stream) {
    stream->heir = (struct weir__heir){.lost = lost, .release = let_go};
}

void weir__stream_inherit(weir_stream *stream, struct weir__edge *edge) {
    weir__fetch_add_u32(&stream->refs, 1);
    edge->heir = &stream->heir;
}

/* What was read is handled, and the rest goes back; or, where there was no memory, is lost. */
static void settle_batch(weir_stream *stream) {
    struct weir__edge *edge =
        stream->amid; /* J11 -> J12: it is the second one's, with all of this */
    uint64_t unread = stream->unread;
    uint64_t read = stream->held.count - unread;
    weir__runtime_read(stream->runtime, read, edge == NULL ? unread : 0);
    if (edge != NULL) {
        weir__queue_drop(&edge->returned, read, NULL);
        weir__stage_down_edge(edge);
        return;
    }
    weir__block_drop(stream->held.block, NULL);
    weir__stream_lost(stream, unread);
}

void weir__stream_part(weir_stream *stream) {
    if (weir__exchange_u32(&stream->parted, 1) != 0) { /* J11 -> J12 */
        settle_batch(stream);
    }
}

/* Once, and by the last one, so that it is never told on two threads at a time. */
static void tell_lost(weir_stream *stream) {
    uint64_t count = weir__load_relaxed_u64(&stream->lost);
    if (count == 0) {
        return;
    }
    if (stream->discarded != NULL) {
        struct weir__errand errand;
        weir__errand_begin(&errand, stream->runtime, "discarded");
        stream->discarded(stream->context, count, WEIR_DISCARD_STOPPED);
        weir__errand_end(&errand);
    } else {
        char text[96];
        snprintf(text, sizeof text, "%" PRIu64 " events of a stream that had ended were not read",
                 count);
        weir__runtime_log(stream->runtime, WEIR_LOG_WARNING, text);
    }
}

/* ---- references ---------------------------------------------------------- */

void weir__stream_release(weir_stream *stream) {
    uint32_t *refs = &stream->refs;
    uint32_t before = weir__fetch_sub_u32(refs, 1); /* J9 -> J10 */
    if (before == 2) {
        weir__futex_wake(refs, 1); /* only their address: the stream may be gone by now */
    }
    if (before != 1) {
        return;
    }
    tell_lost(stream);
    if (stream->event != 0) {
        weir__event_close((int)(stream->event - 1));
    }
    weir__free(&stream->runtime->allocator, stream, sizeof *stream);
}

/* ---- closing ------------------------------------------------------------- */

/* Then giving it back orders what the others have done (J9 -> J10). */
static bool is_last(const weir_stream *stream, uint32_t *refs) {
    *refs = weir__load_relaxed_u32(&stream->refs);
    return *refs == 1;
}

static void sleep_until_last(weir_stream *stream) {
    uint64_t deadline = weir__clock_deadline(weir__clock_now_ns(), stream->close_ns);
    uint32_t refs;
    for (uint32_t i = 0; i < stream->polls && !is_last(stream, &refs); i++) {
        weir__cpu_relax();
    }
    while (!is_last(stream, &refs) && weir__clock_now_ns() < deadline) {
        weir__futex_wait(&stream->refs, refs, deadline);
    }
}

/* Nobody else runs the workers. */
static void step_until_last(weir_stream *stream) {
    weir_runtime *runtime = stream->runtime;
    uint64_t deadline = weir__clock_deadline(weir_runtime_now(runtime), stream->close_ns);
    uint32_t refs;
    while (!is_last(stream, &refs) && weir__runtime_go_on(runtime, 1, deadline, NULL)) {}
}

static bool wait_until_last(weir_stream *stream) {
    enum { NOT_AT_ALL_NS = 1 };
    weir_runtime *runtime = stream->runtime;
    uint32_t refs;
    if (weir__here != NULL || stream->close_ns <= NOT_AT_ALL_NS) {
        return is_last(stream, &refs);
    }
    if (runtime->options.mode == WEIR_THREADS) {
        sleep_until_last(stream);
    } else if (weir__check_outside(runtime, "weir_stream_close") == WEIR_OK) {
        step_until_last(stream);
    }
    return is_last(stream, &refs);
}

weir_status weir_stream_close(weir_stream *stream) {
    if (stream == NULL) {
        return WEIR_OK;
    }
    weir__stream_quit(stream);
    bool last = wait_until_last(stream);
    weir__stream_release(stream);
    return last ? WEIR_OK : WEIR_TIMEOUT;
}
