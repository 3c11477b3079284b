/*
 * Marks of the program's: see mark.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stage/mark.h"

#include "base/check.h"
#include "base/refusal.h"
#include "stage/onward.h"
#include "stage/outputs.h"

_Static_assert(sizeof(uintptr_t) >= sizeof(uint64_t), "a mark's value lies in an item");
_Static_assert(WEIR_MARK_LIMIT <= UINT32_MAX - WEIR__MARK_PROGRAMS, "and its kind");

enum { WATERMARK = WEIR__MARK_PROGRAMS + WEIR_MARK_WATERMARK };

void weir__stage_say_mark_lost(weir_stage *stage, const struct weir__item *mark) {
    weir__host_log(stage->host, WEIR_LOG_ERROR, "stage %s: no memory for a mark of kind %u: lost",
                   stage->name, (unsigned)(mark->kind - WEIR__MARK_PROGRAMS));
}

/* ---- emitting ------------------------------------------------------------ */

bool weir__mark_has_kind(const weir_mark *mark) {
    bool weirs = mark->kind >= WEIR_MARK_WATERMARK && mark->kind <= WEIR_MARK_END_OF_FILE;
    return weirs || (mark->kind >= WEIR_MARK_USER && mark->kind <= WEIR_MARK_LIMIT);
}

weir_status weir__mark_refuse_kind(const weir_mark *mark) {
    return weir__refuse(WEIR_INVALID,
                        "kind of a mark must be one of WEIR_MARK_WATERMARK, FLUSH, END_OF_FILE "
                        "(1..3), or %u..%u, got %u",
                        WEIR_MARK_USER, WEIR_MARK_LIMIT, (unsigned)mark->kind);
}

/* Its dispatcher would not know where they are to go. */
static bool passes_no_marks(const weir_stage *stage) {
    const weir_dispatcher *table = stage->dispatch.table;
    return stage->desk.rack != NULL || (table->mark == NULL && table->info != NULL);
}

/* It has consumers, if only those of its outputs. */
static bool has_outlets(const weir_stage *stage) {
    return stage->kind != WEIR_CONSUMER || weir__outputs_count(stage) > 0;
}

static bool may_emit_marks(const weir_stage *stage) {
    return stage->kind == WEIR_CONSUMER ? stage->may_emit && has_outlets(stage)
                                        : weir__stage_can_emit(stage) && !passes_no_marks(stage);
}

static weir_status refuse_to_mark(const weir_stage *self) {
    if (!has_outlets(self)) {
        return weir__refuse(WEIR_INVALID, "stage %s is a consumer: it cannot emit a mark",
                            self->name);
    }
    if (self->kind == WEIR_CONSUMER || !weir__stage_can_emit(self)) {
        return weir__refuse(WEIR_INVALID, "stage %s cannot emit a mark here", self->name);
    }
    return weir__refuse(WEIR_INVALID, "stage %s cannot emit a mark: its dispatcher, %s, %s",
                        self->name, self->dispatch.table->name,
                        self->desk.rack != NULL ? "has consumers that compete"
                                                : "holds events and has no `mark`");
}

/* Its place behind what was emitted before is taken now. */
static bool has_room_for_mark(weir_stage *stage) {
    weir__stage_end_strip(stage);
    stage->reserved = 0;
    return weir__queue_reserve(&stage->emission, 1);
}

static void emit_mark_now(weir_stage *stage, const struct weir__item *mark) {
    weir__queue_push(&stage->emission, *mark);
    stage->emits |= WEIR__EMITS_MARKS;
}

/* To all that the stage emits to, or to none: there is no memory. */
static bool try_to_mark(weir_stage *stage, const struct weir__item *mark) {
    bool room = stage->kind == WEIR_CONSUMER || has_room_for_mark(stage);
    for (uint32_t i = 0; room && i < weir__outputs_count(stage); i++) {
        weir_stage *output = weir__outputs_at(stage, i);
        room = output == NULL || has_room_for_mark(output);
    }
    if (room && stage->kind != WEIR_CONSUMER) {
        emit_mark_now(stage, mark);
    }
    for (uint32_t i = 0; room && i < weir__outputs_count(stage); i++) {
        weir_stage *output = weir__outputs_at(stage, i);
        if (output != NULL) {
            weir__output_open(stage, output);
            emit_mark_now(output, mark);
        }
    }
    return room;
}

void weir__stage_emit_mark(weir_stage *stage, const struct weir__item *mark) {
    if (!try_to_mark(stage, mark)) {
        weir__stage_say_mark_lost(stage, mark);
    }
}

weir_status weir_emit_mark(weir_stage *self, const weir_mark *mark) {
    if (weir__self_unfit(self) || weir__missing(mark, "mark")) {
        return weir__refused();
    }
    if (!may_emit_marks(self)) {
        return refuse_to_mark(self);
    }
    if (!weir__mark_has_kind(mark)) {
        return weir__mark_refuse_kind(mark);
    }
    struct weir__item item = weir__mark_item(mark);
    return try_to_mark(self, &item) ? WEIR_OK
                                    : weir__refuse(WEIR_NO_MEMORY, "no memory for a mark");
}

/* What lies before the next mark, seen as a queue of its own: nobody pushes to it. */
static struct weir__queue front_run(const struct weir__queue *all) {
    struct weir__queue run = *all;
    run.count = 0;
    run.events = 0;
    while (run.count < all->count) {
        const struct weir__item *item = weir__queue_at(all, run.count);
        if ((item->flags & WEIR__MARK) != 0) {
            break;
        }
        run.count++;
        run.events += item->count;
    }
    return run;
}

void weir__stage_emit_marked(weir_stage *stage) {
    struct weir__queue *all = &stage->emission;
    while (!weir__queue_empty(all)) {
        if ((weir__queue_at(all, 0)->flags & WEIR__MARK) != 0) {
            struct weir__item mark = weir__queue_pop(all);
            weir__stage_pass_mark(stage, &mark);
            continue;
        }
        struct weir__queue run = front_run(all);
        all->head += run.count;
        all->count -= run.count;
        all->events -= run.events;
        weir__stage_emit_run(stage, &run);
        WEIR__CHECK(weir__queue_empty(&run));
    }
}

/* ---- from there to the consumers ----------------------------------------- */

/* As emissions are (emit.c). */
static bool is_deferred(const weir_stage *stage) {
    return stage->mode == WEIR_ACCUMULATE ||
           (weir__stage_has_deferred(stage) && !stage->as_genstage);
}

void weir__stage_pass_mark(weir_stage *stage, const struct weir__item *mark) {
    if (!is_deferred(stage)) {
        weir__stage_replay_mark(stage, mark);
        return;
    }
    uint32_t before = stage->deferred.count;
    if (weir__queue_push_mark(&stage->deferred, mark)) {
        stage->deferred_marks += stage->deferred.count - before;
    } else {
        weir__stage_say_mark_lost(stage, mark);
    }
}

void weir__stage_replay_mark(weir_stage *stage, const struct weir__item *mark) {
    bool no_memory = false;
    if (weir__buffer_mark_store(&stage->buffer, mark, &no_memory)) {
        return;
    }
    if (no_memory) {
        weir__stage_say_mark_lost(stage, mark); /* rather than before its time */
    } else {
        weir__stage_mark_passed(stage, mark);
    }
}

void weir__stage_mark_passed(weir_stage *stage, const struct weir__item *mark) {
    const struct weir__dispatch *dispatch = &stage->dispatch;
    if (passes_no_marks(stage)) {
        return;
    }
    if (dispatch->table->mark != NULL) {
        struct weir_passing passing = {.desk = &stage->desk, .mark = mark};
        dispatch->table->mark(dispatch->state, &passing);
        return;
    }
    for (struct weir__edge *edge = stage->consumers; edge != NULL; edge = edge->consumers_next) {
        weir__stage_send_mark(stage, &edge->outlet, mark);
    }
}

void weir__stage_send_mark(void *context, weir_outlet *outlet, const struct weir__item *mark) {
    weir_stage *stage = context;
    if (outlet == NULL) {
        weir__stage_say_mark_lost(stage, mark);
        return;
    }
    struct weir__edge *edge = WEIR__CONTAINER_OF(outlet, struct weir__edge, outlet);
    if (!weir__edge_send_mark(edge, mark)) {
        weir__stage_say_mark_lost(stage, mark);
    } else if (!weir__onward_note(stage, edge)) {
        weir__outbox_touch(&stage->host->outbox, edge, WEIR__EVENTS);
    }
}

/* ---- at the consumer ----------------------------------------------------- */

void weir__stage_take_mark(weir_stage *stage, struct weir__edge *edge,
                           const struct weir__entry *entry) {
    WEIR__CHECK(weir__queue_empty(&edge->partial)); /* messages are sent whole */
    struct weir__item item = weir__entry_mark(entry);
    item.owner = edge;
    if (WEIR__PART(stage, lend) != NULL && WEIR__PART(stage, mark) == NULL) {
        return; /* its reader sees events alone */
    }
    if (weir__edge_is_limited(edge) && !weir__queue_empty(&edge->limit->queue)) {
        if (!weir__queue_push(&edge->limit->queue, item)) { /* behind what waits for tokens */
            weir__stage_say_mark_lost(stage, &item);
        }
    } else if (weir__queue_push(&stage->inq, item)) {
        stage->inq_fresh++;
    } else {
        weir__stage_say_mark_lost(stage, &item);
    }
}

/* Looks for the least of what its producers have said.  true: it has risen. */
static bool watermark_rises(weir_stage *stage) {
    uint64_t least = UINT64_MAX;
    const struct weir__edge *edge = stage->producers;
    if (edge == NULL) {
        return false; /* nobody says anything: what was said last holds */
    }
    for (; edge != NULL && least > stage->watermark; edge = edge->producers_next) {
        least = edge->watermark < least ? edge->watermark : least;
    }
    bool rises = least > stage->watermark;
    stage->watermark = rises ? least : stage->watermark;
    return rises;
}

/* By itself, or when its part has it go; no callback runs. */
static void go_on(weir_stage *stage, const struct weir__item *mark) {
    if (WEIR__PART(stage, mark) != NULL) {
        weir__stage_enter(stage);
        weir__stage_leave(stage, "handle_mark", stage->part->mark(stage, mark));
        return;
    }
    if (stage->kind != WEIR_CONSUMER) {
        weir__stage_pass_mark(stage, mark);
    }
    for (uint32_t i = 0; i < weir__outputs_count(stage); i++) {
        weir_stage *output = weir__outputs_at(stage, i);
        if (output != NULL) {
            weir__stage_pass_mark(output, mark);
        }
    }
}

static void pass_watermark(weir_stage *stage, uint32_t source) {
    const weir_mark mark = {
        .kind = WEIR_MARK_WATERMARK, .source = source, .value = stage->watermark};
    struct weir__item item = weir__mark_item(&mark);
    go_on(stage, &item);
}

static bool passes_marks_on(const weir_stage *stage) {
    return stage->kind != WEIR_PRODUCER && stage->on.handle_mark == NULL &&
           (has_outlets(stage) || WEIR__PART(stage, mark) != NULL);
}

/* In a ring of stages it would go round for ever. */
static void pass_on_once_more(weir_stage *stage, const struct weir__item *mark) {
    struct weir__item on = *mark;
    uint32_t times = mark->flags >> WEIR__MARK_PASSED_SHIFT;
    if (times == WEIR_MARK_STAGES) {
        weir__host_log(stage->host, WEIR_LOG_WARNING,
                       "stage %s drops a mark of kind %u that %u stages have passed on: it goes "
                       "round a ring",
                       stage->name, (unsigned)(mark->kind - WEIR__MARK_PROGRAMS), (unsigned)times);
        return;
    }
    on.flags += 1u << WEIR__MARK_PASSED_SHIFT;
    on.owner = NULL;
    go_on(stage, &on);
}

static void tell_of_mark(weir_stage *stage, const struct weir__edge *edge, const weir_mark *mark) {
    const weir_peer from = {.subscription = edge->id,
                            .stage = edge->id.producer,
                            .side = WEIR_PRODUCER,
                            .options = edge->options};
    weir__stage_enter(stage);
    weir__stage_leave(stage, "handle_mark", stage->on.handle_mark(stage, &from, mark));
}

void weir__stage_had_mark(weir_stage *stage, const struct weir__item *item) {
    struct weir__edge *edge = item->owner;
    const weir_mark mark = weir__mark_in(item);
    bool risen = false;
    weir__count(&stage->host->counters.marks, 1);
    weir__count(&stage->meter.slot->marks, 1);
    if (item->kind == WATERMARK) {
        edge->watermark = mark.value;
        risen = watermark_rises(stage);
    }
    if (stage->on.handle_mark != NULL && stage->kind != WEIR_PRODUCER) {
        tell_of_mark(stage, edge, &mark);
    } else if (passes_marks_on(stage) && item->kind == WATERMARK) {
        if (risen) {
            pass_watermark(stage, mark.source);
        }
    } else if (passes_marks_on(stage)) {
        pass_on_once_more(stage, item);
    }
    weir__outbox_flush(&stage->host->outbox);
}

void weir__stage_edge_unmarked(weir_stage *stage, const struct weir__edge *edge) {
    if (edge->watermark <= stage->watermark && watermark_rises(stage) && passes_marks_on(stage) &&
        !stage->stopping) {
        pass_watermark(stage, 0);
    }
}

uint64_t weir_watermark(const weir_stage *self) {
    if (weir__self_unfit(self)) {
        return 0;
    }
    return self->watermark;
}
