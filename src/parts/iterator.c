/*
 * The iterator: a producer that asks a function.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Made of what any program has: handle_demand, and weir_finish at the end, which
 * lets what is buffered go out first.  Its state is its options.
 *
 * Demand may take many calls of a function that waits for its input, all in one turn: so it is
 * asked before each whether this is the stage's end, which its mail would tell only after them.
 */
#include "base/refusal.h"
#include "base/reserved.h"
#include "runtime/options.h"
#include "stage/stage.h"

#include <weir/ending.h>
#include <weir/iterator.h>

/* The function broke its word. */
static weir_verdict refuse(weir_stage *self, const char *what, size_t made, size_t want) {
    weir__host_log(self->host, WEIR_LOG_ERROR, "iterator %s: next %s, made %zu of %zu events",
                   weir_stage_name(self), what, made, want);
    return weir_stop_with(self, WEIR_REASON_BAD_RETURN);
}

/* What was made is in the room that was reserved for `want`. */
static weir_verdict judge(weir_stage *self, weir_made made, size_t want) {
    const weir_iterator_options *iterator = weir_state(self);
    if (made.count > want) {
        return refuse(self, "made more than was wanted", made.count, want);
    }
    if (weir_commit(self, made.count) != WEIR_OK) {
        return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
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

static weir_verdict make_on_demand(weir_stage *self, uint64_t demand) {
    const weir_iterator_options *iterator = weir_state(self);
    weir_made made = {.verdict = WEIR_ITERATOR_MORE};
    weir_verdict verdict = WEIR_CONTINUE;
    while (demand > 0 && made.verdict == WEIR_ITERATOR_MORE && verdict == WEIR_CONTINUE &&
           !weir_ending_here()) {
        weir_room room = weir_reserve(self, demand < SIZE_MAX ? (size_t)demand : SIZE_MAX);
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

weir_status weir_iterator_start(weir_runtime *runtime, const weir_iterator_options *options,
                                weir_ref *out) {
    if (weir__missing(runtime, "runtime")) {
        return WEIR_INVALID;
    }
    if (options == NULL || options->next == NULL) {
        return weir__refuse(WEIR_INVALID, "%s must not be NULL",
                            options == NULL ? "options" : "next");
    }
    if (WEIR__RESERVED_SET(options, "weir_iterator_options")) {
        return WEIR_INVALID;
    }
    weir_status status = weir__options_no_spans(options->type, "an iterator");
    if (status != WEIR_OK) {
        return status;
    }
    weir_iterator_options iterator = *options;
    iterator.name = NULL; /* the stage has a copy */
    if (iterator.error_reason == WEIR_REASON_NORMAL) {
        iterator.error_reason = WEIR_REASON_USER;
    }
    const weir_stage_options stage = {
        .kind = WEIR_PRODUCER,
        .name = options->name != NULL ? options->name : "iterator",
        .registered = options->registered,
        .event_bytes = options->event_bytes,
        .type = options->type,
        .state = &iterator,
        .state_bytes = sizeof iterator,
        .worker = options->worker,
        .buffer_size = options->buffer_size,
        .demand = options->demand,
        .on_cancel = options->on_cancel,
        .dispatcher = options->dispatcher,
        .dispatcher_options = options->dispatcher_options,
        .on = {.handle_demand = make_on_demand,
               .discarded = iterator_discarded,
               .terminate = iterator_terminate},
    };
    return weir_stage_start(runtime, &stage, out);
}
