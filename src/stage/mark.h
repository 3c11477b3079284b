/*
 * Marks of the program's on their way through a stage (weir/mark.h).
 * SPDX-License-Identifier: Apache-2.0
 *
 * Out: emission -> deferred, of an accumulating producer -> buffer -> the dispatcher, and what it
 * holds -> each consumer's edge.  In: an entry of the edge -> the input queue -> handle_mark, or on
 * in the same way.  Wherever a queue is empty, a mark passes it by.  It is an item without events,
 * or an entry, and so nothing that counts events sees it; what is before it, only, can hold it up:
 * no demand is needed, not even at the gate of a producer_consumer (intake.c).
 *
 * Watermarks.  edge->watermark is what has come last by that edge; stage->watermark the least of
 * those, as far as it has risen: it is looked for again when a watermark comes, and when an edge
 * ends, and no further than to the first edge that keeps it where it is.
 *
 * One owner: the stage's worker.  From worker to worker a mark goes as entries do (ring/ring.h).
 */
#ifndef WEIR__STAGE_MARK_H
#define WEIR__STAGE_MARK_H

#include "edge/edge.h"
#include "stage/stage.h"

/* A mark as an item, and back. */
static inline struct weir__item weir__mark_item(const weir_mark *mark) {
    return (struct weir__item){.demand = (uintptr_t)mark->value,
                               .first = mark->source,
                               .flags = WEIR__MARK,
                               .kind = WEIR__MARK_PROGRAMS + mark->kind};
}

static inline weir_mark weir__mark_in(const struct weir__item *item) {
    return (weir_mark){
        .kind = item->kind - WEIR__MARK_PROGRAMS, .source = item->first, .value = item->demand};
}

/* A watermark stands for one that waits right before it, of the same source. */
static inline bool weir__mark_replaces(const weir_mark *before, const weir_mark *mark) {
    return before->kind == WEIR_MARK_WATERMARK && mark->kind == WEIR_MARK_WATERMARK &&
           before->source == mark->source;
}

/* Whether there are such marks / INVALID, with what there is. */
bool weir__mark_has_kind(const weir_mark *mark);
weir_status weir__mark_refuse_kind(const weir_mark *mark);

/* Of a part, in its callbacks: a mark goes on behind what was emitted, to the consumers of its
 * outputs, too.  (Without memory it is lost, which is logged.) */
void weir__stage_emit_mark(weir_stage *stage, const struct weir__item *mark);

/* There was no memory for it: logged. */
void weir__stage_say_mark_lost(weir_stage *stage, const struct weir__item *mark);

/* The emission, which has marks among its slices, goes on in runs. */
void weir__stage_emit_marked(weir_stage *stage);

/* A mark is next of what was emitted, or comes out of what was deferred. */
void weir__stage_pass_mark(weir_stage *stage, const struct weir__item *mark);
void weir__stage_replay_mark(weir_stage *stage, const struct weir__item *mark);

/* It has passed the buffer: the dispatcher is next. */
void weir__stage_mark_passed(weir_stage *stage, const struct weir__item *mark);

/* The desk's call (dispatch/seam.h). */
void weir__stage_send_mark(void *context, weir_outlet *outlet, const struct weir__item *mark);

/* One was taken from the edge: into the input queue. */
void weir__stage_take_mark(weir_stage *stage, struct weir__edge *edge,
                           const struct weir__entry *entry);

/* One is at the input queue's front, and is out of it now. */
void weir__stage_had_mark(weir_stage *stage, const struct weir__item *mark);

/* An edge that was among its producers is none any more. */
void weir__stage_edge_unmarked(weir_stage *stage, const struct weir__edge *edge);

#endif
