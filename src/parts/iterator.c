/*
 * The iterator: a producer that asks a function.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Made of what any program has: handle_demand, and weir_finish at the end, which
 * lets what is buffered go out first.  Its state is its options and, where its events have spans,
 * the room in which they are made: they are emitted from there, with what they point at.
 *
 * Demand may take many calls of a function that waits for its input, all in one turn: so it is
 * asked before each whether this is the stage's end, which its mail would tell only after them.
 */
#include "base/refusal.h"
#include "base/reserved.h"
#include "runtime/runtime.h"
#include "stage/stage.h"

#include <weir/ending.h>
#include <weir/iterator.h>

struct iterator {
    weir_iterator_options options;
    size_t scratch_events; /* for which there is room below; 0: they have no spans, and need none */
    _Alignas(WEIR__EVENTS_ALIGNED) unsigned char scratch[];
};

/* The function broke its word. */
static weir_verdict refuse(weir_stage *self, const char *what, size_t made, size_t want) {
    weir__host_log(self->host, WEIR_LOG_ERROR, "iterator %s: next %s, made %zu of %zu events",
                   weir_stage_name(self), what, made, want);
    return weir_stop_with(self, WEIR_REASON_BAD_RETURN);
}

/* They are weir's, and go no further. */
static void drop_all_made(weir_stage *self, const void *events, size_t count, weir_discard why) {
    struct weir__host *host = self->host;
    weir__owned_drop_raw(self->type, events, count, why, &host->pool, &host->pool);
    weir__stage_count_out(self, count);
    weir__stage_discard(self, count, why, false);
}

/* CONTINUE: what was made goes out. */
static weir_verdict keep(weir_stage *self, weir_made made, size_t want) {
    const struct iterator *iterator = weir_state(self);
    bool with_spans = iterator->scratch_events > 0;
    weir_status status =
        with_spans ? weir_emit(self, iterator->scratch, made.count) : weir_commit(self, made.count);
    if (status == WEIR_OK) {
        return WEIR_CONTINUE;
    }
    if (with_spans) {
        drop_all_made(self, iterator->scratch, made.count,
                      status == WEIR_NO_MEMORY ? WEIR_DISCARD_NO_MEMORY : WEIR_DISCARD_STOPPED);
    }
    return status == WEIR_NO_MEMORY
               ? weir_stop_with(self, WEIR_REASON_NO_MEMORY)
               : refuse(self, "made one beyond payload_limit", made.count, want);
}

/* Its marks go behind what it has made. */
static weir_verdict emit_marks(weir_stage *self) {
    const weir_iterator_options *iterator = weir_state(self);
    weir_mark mark = {0};
    while (iterator->mark != NULL && iterator->mark(iterator->context, &mark)) {
        weir_status status = weir_emit_mark(self, &mark);
        if (status != WEIR_OK) {
            weir__host_log(self->host, WEIR_LOG_ERROR, "iterator %s: a mark of kind %u: %s",
                           weir_stage_name(self), (unsigned)mark.kind, weir_refusal());
            return weir_stop_with(self, status == WEIR_NO_MEMORY ? WEIR_REASON_NO_MEMORY
                                                                 : WEIR_REASON_BAD_RETURN);
        }
        mark = (weir_mark){0};
    }
    return WEIR_CONTINUE;
}

/* What was made is in the room that was for `want`. */
static weir_verdict judge(weir_stage *self, weir_made made, size_t want) {
    const weir_iterator_options *iterator = weir_state(self);
    if (made.count > want) {
        return refuse(self, "made more than was wanted", made.count, want);
    }
    weir_verdict verdict = keep(self, made, want);
    verdict = verdict == WEIR_CONTINUE ? emit_marks(self) : verdict;
    if (verdict != WEIR_CONTINUE) {
        return verdict;
    }
    switch (made.verdict) {
    case WEIR_ITERATOR_MORE:
        return made.count > 0 ? WEIR_CONTINUE
                              : refuse(self, "has more but makes nothing", made.count, want);
    case WEIR_ITERATOR_END:
        return WEIR_FINISH;
    case WEIR_ITERATOR_ERROR: /* what it made before goes out */
        return weir_finish_with(self, iterator->error_reason);
    default:
        return refuse(self, "returned an unknown verdict", made.count, want);
    }
}

static weir_room room_for(weir_stage *self, uint64_t demand) {
    struct iterator *iterator = weir_state(self);
    if (iterator->scratch_events == 0) {
        return weir_reserve(self, demand < SIZE_MAX ? (size_t)demand : SIZE_MAX);
    }
    const size_t most = iterator->scratch_events;
    return (weir_room){.events = iterator->scratch, .count = demand < most ? (size_t)demand : most};
}

static weir_verdict make_on_demand(weir_stage *self, uint64_t demand) {
    const weir_iterator_options *iterator = weir_state(self);
    weir_made made = {.verdict = WEIR_ITERATOR_MORE};
    weir_verdict verdict = WEIR_CONTINUE;
    while (demand > 0 && made.verdict == WEIR_ITERATOR_MORE && verdict == WEIR_CONTINUE &&
           !weir_ending_here()) {
        if (self->weighs && weir_open_demand(self).bytes == 0) {
            weir_demand_rest(self, demand);
            return WEIR_CONTINUE;
        }
        weir_room room = room_for(self, demand);
        if (room.events == NULL) {
            return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
        }
        made = iterator->next(iterator->context, room);
        verdict = judge(self, made, room.count);
        demand -= made.count <= demand ? made.count : demand;
    }
    return verdict;
}

static void iterator_discarded(weir_stage *self, uint64_t count, weir_discard cause) {
    const weir_iterator_options *iterator = weir_state(self);
    if (iterator->discarded != NULL) {
        iterator->discarded(iterator->context, count, cause);
    } else {
        weir__host_log(self->host, WEIR_LOG_WARNING, "iterator %s has discarded %llu events",
                       weir_stage_name(self), (unsigned long long)count);
    }
}

static void iterator_terminate(weir_stage *self, weir_reason reason) {
    (void)reason;
    const weir_iterator_options *iterator = weir_state(self);
    if (iterator->close != NULL) {
        iterator->close(iterator->context);
    }
}

/* So many events with spans are made at a time.  A type that will be refused has none. */
static size_t scratch_events(const weir_event_type *type) {
    enum { SCRATCH_BYTES = 4096, SCRATCH_EVENTS = 16 };
    if (type == NULL || type->spans == 0 || type->bytes - 1 >= WEIR_EVENT_BYTES_LIMIT) {
        return 0;
    }
    size_t events = type->bytes < SCRATCH_BYTES ? SCRATCH_BYTES / type->bytes : 1;
    return events < SCRATCH_EVENTS ? events : SCRATCH_EVENTS; /* bytes are looked at in between */
}

static weir_verdict iterator_init(weir_stage *self, void *argument) {
    const struct iterator *given = argument;
    struct iterator *iterator = weir_state(self);
    iterator->options = given->options;
    iterator->scratch_events = given->scratch_events;
    return WEIR_CONTINUE;
}

weir_status weir_iterator_start(weir_runtime *runtime, const weir_iterator_options *options,
                                weir_ref *out) {
    if (weir__unfit(runtime)) {
        return weir__refused();
    }
    if (options == NULL || options->next == NULL) {
        return weir__refuse(WEIR_INVALID, "%s must not be NULL",
                            options == NULL ? "options" : "next");
    }
    if (WEIR__RESERVED_SET(options, "weir_iterator_options")) {
        return WEIR_INVALID;
    }
    struct iterator iterator = {.options = *options};
    iterator.options.name = NULL; /* the stage has a copy */
    if (iterator.options.error_reason == WEIR_REASON_NORMAL) {
        iterator.options.error_reason = WEIR_REASON_USER;
    }
    iterator.scratch_events = scratch_events(options->type);
    size_t scratch =
        iterator.scratch_events > 0 ? iterator.scratch_events * options->type->bytes : 0;
    const weir_stage_options stage = {
        .kind = WEIR_PRODUCER,
        .name = options->name != NULL ? options->name : "iterator",
        .registered = options->registered,
        .event_bytes = options->event_bytes,
        .type = options->type,
        .argument = &iterator,
        .state_bytes = sizeof iterator + scratch,
        .worker = options->worker,
        .buffer_size = options->buffer_size,
        .buffer_bytes = options->buffer_bytes,
        .demand = options->demand,
        .on_cancel = options->on_cancel,
        .dispatcher = options->dispatcher,
        .dispatcher_options = options->dispatcher_options,
        .on = {.init = iterator_init,
               .handle_demand = make_on_demand,
               .discarded = iterator_discarded,
               .terminate = iterator_terminate},
    };
    return weir_stage_start(runtime, &stage, out);
}
