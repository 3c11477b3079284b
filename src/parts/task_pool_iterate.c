/*
 * The worker pool: an iterator whose `next` may block, on a thread of a pool of its own.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A pool that emits, of one thread, and no producers: each call of `next` is a child, which the
 * worker makes once consumers have asked, one at a time; what was made is its results.  So demand,
 * buffer, drops, drains and closing are a pool's, and there is nothing here that threads share: the
 * child's thread writes what it found to the iteration, and the worker reads that when the child
 * has come back (task_pool.h, G3 -> G4).
 */
#include "parts/task_pool.h"

#include "base/refusal.h"
#include "base/reserved.h"
#include "stage/stage.h"

#include <stdio.h>
#include <string.h>

/* What becomes of the iterator, once a child has come back. */
enum turn { GOES_ON, FINISHES, STOPS };

struct weir__iteration {
    weir_iterator_options options;
    weir_pool *pool;
    /* the worker's */
    bool out; /* there is a child */
    /* handed over with it */
    enum turn turn;
    weir_reason reason;
    size_t lost; /* events in the room that could not be kept */
    weir_discard why;
    weir_mark *marks; /* behind what was made */
    size_t mark_count;
    size_t mark_room;
    /* constant */
    size_t bytes; /* of this all */
    size_t room_events;
    _Alignas(WEIR__EVENTS_ALIGNED) unsigned char room[];
};

/* ---- on the thread ------------------------------------------------------- */

static void stop_for(struct weir__iteration *iteration, weir_reason reason) {
    iteration->turn = STOPS;
    iteration->reason = reason;
}

/* It broke its word. */
static void broke_word(struct weir__iteration *iteration, const char *what, size_t made,
                       size_t want) {
    char text[224];
    snprintf(text, sizeof text, "iterator %s: next %s, made %zu of %zu events",
             iteration->pool->name, what, made, want);
    weir__runtime_log(iteration->pool->quay.runtime, WEIR_LOG_ERROR, text);
    stop_for(iteration, WEIR_REASON_BAD_RETURN);
}

static bool keep_made(struct weir__iteration *iteration, weir_task *self, size_t made,
                      size_t want) {
    weir_status status = weir_task_emit(self, iteration->room, made);
    if (status == WEIR_OK) {
        return true;
    }
    iteration->lost = made;
    iteration->why = status == WEIR_NO_MEMORY ? WEIR_DISCARD_NO_MEMORY : WEIR_DISCARD_STOPPED;
    if (status == WEIR_NO_MEMORY) {
        stop_for(iteration, WEIR_REASON_NO_MEMORY);
    } else {
        broke_word(iteration, "made one beyond payload_limit", made, want);
    }
    return false;
}

/* As src/parts/iterator.c judges. */
static void judge_made(struct weir__iteration *iteration, weir_task *self, weir_made made,
                       size_t want) {
    if (made.count > want) {
        broke_word(iteration, "made more than was wanted", made.count, want);
        return;
    }
    if (!keep_made(iteration, self, made.count, want)) {
        return;
    }
    switch (made.verdict) {
    case WEIR_ITERATOR_MORE:
        if (made.count == 0) {
            broke_word(iteration, "has more but makes nothing", made.count, want);
        }
        return;
    case WEIR_ITERATOR_END:
        iteration->turn = FINISHES;
        return;
    case WEIR_ITERATOR_ERROR: /* what it made before goes out */
        iteration->turn = FINISHES;
        iteration->reason = iteration->options.error_reason;
        return;
    default:
        broke_word(iteration, "returned an unknown verdict", made.count, want);
    }
}

static bool keep_mark(struct weir__iteration *iteration, const weir_mark *mark) {
    enum { FIRST = 4 };
    const struct weir__allocator *allocator = &iteration->pool->quay.runtime->allocator;
    const size_t room = iteration->mark_room;
    if (iteration->mark_count == room) {
        const size_t more = room > 0 ? 2 * room : FIRST;
        weir_mark *marks = weir__alloc(allocator, more * sizeof *marks, _Alignof(weir_mark));
        if (marks == NULL) {
            return false;
        }
        if (room > 0) {
            memcpy(marks, iteration->marks, room * sizeof *marks);
        }
        weir__free(allocator, iteration->marks, room * sizeof *marks);
        iteration->marks = marks;
        iteration->mark_room = more;
    }
    iteration->marks[iteration->mark_count++] = *mark;
    return true;
}

static void ask_for_marks(struct weir__iteration *iteration) {
    const weir_iterator_options *options = &iteration->options;
    weir_mark mark = {0};
    while (options->mark != NULL && iteration->turn != STOPS &&
           options->mark(options->context, &mark)) {
        if (!keep_mark(iteration, &mark)) {
            stop_for(iteration, WEIR_REASON_NO_MEMORY);
        }
        mark = (weir_mark){0};
    }
}

static weir_task_result call_next(void *context, const void *event, weir_task *self) {
    struct weir__iteration *iteration = context;
    const size_t most = iteration->room_events;
    const uint64_t wanted = weir__task_more(self)->wanted;
    const weir_room room = {.events = iteration->room,
                            .count = wanted < most ? (size_t)wanted : most};
    (void)event;
    judge_made(iteration, self, iteration->options.next(iteration->options.context, room),
               room.count);
    ask_for_marks(iteration);
    return WEIR_TASK_OK;
}

/* ---- on the worker ------------------------------------------------------- */

/* Behind the results, which have been emitted. */
static void emit_kept_marks(struct weir__iteration *iteration) {
    weir_stage *self = iteration->pool->self;
    const size_t count = iteration->mark_count;
    iteration->mark_count = 0;
    for (size_t i = 0; i < count; i++) {
        const weir_mark *mark = &iteration->marks[i];
        const weir_status status = weir_emit_mark(self, mark);
        if (status != WEIR_OK) {
            weir__host_log(self->host, WEIR_LOG_ERROR, "iterator %s: a mark of kind %u: %s",
                           weir_stage_name(self), (unsigned)mark->kind, weir_refusal());
            stop_for(iteration,
                     status == WEIR_NO_MEMORY ? WEIR_REASON_NO_MEMORY : WEIR_REASON_BAD_RETURN);
            return;
        }
    }
}

static void come_back(void *context, const weir_child_end *end) {
    struct weir__iteration *iteration = context;
    weir_pool *pool = iteration->pool;
    (void)end;
    iteration->out = false;
    if (iteration->lost > 0) {
        weir__task_drop_made(pool, iteration->room, iteration->lost, iteration->why);
        iteration->lost = 0;
    }
    if (pool->self == NULL || pool->over) {
        return;
    }
    emit_kept_marks(iteration);
    if (iteration->turn == GOES_ON) {
        return;
    }
    pool->verdict = iteration->turn == STOPS ? weir_stop_with(pool->self, iteration->reason)
                                             : weir_finish_with(pool->self, iteration->reason);
}

static bool wants_more(const weir_pool *pool) {
    const struct weir__iteration *iteration = pool->iteration;
    return iteration != NULL && !iteration->out && iteration->turn == GOES_ON && !pool->over &&
           !pool->self->finishing && weir__task_may_begin(pool) > 0;
}

weir_verdict weir__iteration_go(weir_pool *pool) {
    if (!wants_more(pool)) {
        return WEIR_CONTINUE;
    }
    weir_task *task = weir__task_take_slot(pool);
    if (task == NULL) {
        return weir_stop_with(pool->self, WEIR_REASON_NO_MEMORY);
    }
    pool->iteration->out = true;
    weir__task_know(pool, task);
    weir__store_release_u64(&task->producer, 0); /* G5 -> G6 */
    weir__task_move(task, WEIR__TASK_FREE, WEIR__TASK_NEW);
    weir__task_queue(&pool->backlog, task, WEIR__TASK_NEW);
    return WEIR_CONTINUE;
}

/* ---- opening, and the end ------------------------------------------------ */

void weir__iteration_close(struct weir__iteration *iteration,
                           const struct weir__allocator *allocator) {
    if (iteration == NULL) {
        return;
    }
    if (iteration->pool != NULL && iteration->options.close != NULL) {
        iteration->options.close(iteration->options.context);
    }
    weir__free(allocator, iteration->marks, iteration->mark_room * sizeof *iteration->marks);
    weir__free(allocator, iteration, iteration->bytes);
}

static void tell_discarded(void *context, uint64_t count, weir_discard cause) {
    const struct weir__iteration *iteration = context;
    iteration->options.discarded(iteration->options.context, count, cause);
}

void weir__iteration_begins(struct weir__iteration *iteration, weir_pool *pool) {
    iteration->pool = pool;
}

weir_demand_mode weir__iteration_demand(const struct weir__iteration *iteration) {
    return iteration->options.demand;
}

/* As many as are about that many bytes; of those with spans few, for each may be long. */
static size_t events_of_room(const weir_iterator_options *options) {
    enum { ROOM_BYTES = 16384, SPANS_MOST = 16 };
    const weir_event_type *type = options->type;
    const size_t bytes = type != NULL ? type->bytes : options->event_bytes;
    if (bytes - 1 >= WEIR_EVENT_BYTES_LIMIT) {
        return 1; /* it will be refused */
    }
    const size_t events = bytes < ROOM_BYTES ? ROOM_BYTES / bytes : 1;
    return type != NULL && type->spans > 0 && events > SPANS_MOST ? SPANS_MOST : events;
}

static struct weir__iteration *make_iteration(const weir_runtime *runtime,
                                              const weir_iterator_options *options) {
    const size_t events = events_of_room(options);
    const size_t each = options->type != NULL ? options->type->bytes : options->event_bytes;
    const size_t bytes =
        sizeof(struct weir__iteration) + events * (each - 1 < WEIR_EVENT_BYTES_LIMIT ? each : 1);
    struct weir__iteration *iteration =
        weir__alloc_zeroed(&runtime->allocator, bytes, WEIR__EVENTS_ALIGNED);
    if (iteration == NULL) {
        weir__refuse(WEIR_NO_MEMORY, "no memory for an iterator");
        return NULL;
    }
    iteration->options = *options;
    iteration->options.name = NULL; /* the pool has a copy */
    if (options->error_reason == WEIR_REASON_NORMAL) {
        iteration->options.error_reason = WEIR_REASON_USER;
    }
    iteration->bytes = bytes;
    iteration->room_events = events;
    return iteration;
}

weir_status weir_pool_iterate(weir_runtime *runtime, const weir_iterator_options *options,
                              weir_pool **out, weir_ref *stage) {
    if (weir__unfit(runtime) || weir__missing(options, "options") || weir__missing(out, "out") ||
        weir__missing((void *)(uintptr_t)options->next, "next")) {
        return weir__refused();
    }
    if (WEIR__RESERVED_SET(options, "weir_iterator_options")) {
        return WEIR_INVALID;
    }
    struct weir__iteration *iteration = make_iteration(runtime, options);
    if (iteration == NULL) {
        return WEIR_NO_MEMORY;
    }
    const weir_pool_emits emits = {.event_bytes = options->event_bytes,
                                   .type = options->type,
                                   .buffer_size = options->buffer_size,
                                   .buffer_bytes = options->buffer_bytes,
                                   .dispatcher = options->dispatcher,
                                   .dispatcher_options = options->dispatcher_options,
                                   .on_cancel = options->on_cancel};
    const weir_pool_options pool = {.name = options->name != NULL ? options->name : "iterator",
                                    .registered = options->registered,
                                    .event_bytes = 1,
                                    .threads = 1,
                                    .worker = options->worker,
                                    .task = call_next,
                                    .ended = come_back,
                                    .discarded = options->discarded != NULL ? tell_discarded : NULL,
                                    .context = iteration,
                                    .emits = &emits};
    weir_status status = weir__task_open_pool(runtime, &pool, iteration, out, stage);
    if (status != WEIR_OK) {
        iteration->pool = NULL; /* `close` is not called */
        weir__iteration_close(iteration, &runtime->allocator);
    }
    return status;
}
