/*
 * The outbox: edges that something was published on and whose other end has not
 * been told yet, so that one full fence serves a whole batch.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Telling a stage of the same worker is a plain write and is done at once; the
 * stage then runs next, while the batch is in the nearest cache.  Others are
 * told by weir__outbox_flush, after each callback's work: fence, then a look at
 * each edge's flag (ring/ready.h, F1).  Whom of several takers to tell is also
 * found out behind that fence (edge/rack.h).
 *
 * The outbox holds no references.  So there is one rule: who gives a reference of an edge
 * away, by letting go of it (weir__outbox_let_go) or with a mail, flushes first; and an end
 * that has given its own away publishes nothing more.  Between two steps of the worker the
 * outbox is empty.  Checked builds mark the edges that are in it and look when one is freed.
 *
 * One owner: a worker.
 */
#ifndef WEIR__EDGE_OUTBOX_H
#define WEIR__EDGE_OUTBOX_H

#include "edge/edge.h"

enum { WEIR__OUTBOX_EDGES = 32 };

struct weir__outbox {
    struct weir__ready_edge *pending[WEIR__OUTBOX_EDGES];
    uint32_t count;
    struct weir__rack *rack; /* those that something was published on */
};

/* Something was published for whoever takes first. */
void weir__outbox_touch_rack(struct weir__outbox *outbox, struct weir__rack *rack);

void weir__outbox_flush_pending(struct weir__outbox *outbox);

static inline void weir__outbox_flush(struct weir__outbox *outbox) {
    if (outbox->count > 0 || outbox->rack != NULL) {
        weir__outbox_flush_pending(outbox);
    }
}

/* True between two steps of the worker. */
static inline bool weir__outbox_empty(const struct weir__outbox *outbox) {
    return outbox->count == 0 && outbox->rack == NULL;
}

/* The worker, or a stage of its, lets go of a reference: the last one frees the edge. */
void weir__outbox_let_go(struct weir__outbox *outbox, struct weir__edge *edge);

/*
 * The owner of that end makes it hot, holding a reference, unless it is or a
 * publisher is bringing it.
 */
void weir__edge_heat_cold(struct weir__edge *edge, enum weir__direction direction);

static inline void weir__edge_heat(struct weir__edge *edge, enum weir__direction direction) {
    if (!edge->ready[direction].hot) {
        weir__edge_heat_cold(edge, direction);
    }
}

/*
 * The owner lets a hot edge go, and its reference with it; while the edge is
 * polled, the reference is left to the poller, who still looks at the edge.
 */
void weir__edge_unheat(struct weir__edge *edge, enum weir__direction direction);

/* Something was published on the edge, in that direction. */
void weir__outbox_touch_abroad(struct weir__outbox *outbox, struct weir__edge *edge,
                               enum weir__direction direction);

static inline void weir__outbox_touch(struct weir__outbox *outbox, struct weir__edge *edge,
                                      enum weir__direction direction) {
    if (!edge->local) {
        weir__outbox_touch_abroad(outbox, edge, direction);
        return;
    }
    if (edge->going) {
        return; /* who began the leg looks */
    }
    /* An end that has not begun looks at the edge when it begins. */
    if (direction == WEIR__DEMAND ? weir__edge_attached(edge) : weir__edge_subscribed(edge)) {
        weir__edge_heat(edge, direction);
        weir__ready_queue(edge->at[direction], direction == WEIR__EVENTS);
    }
}

/*
 * What was published were so many bytes of events, or they were asked for.  A large batch
 * is handled next, and filled anew next, while it is in the nearest cache; with small
 * ones it is better if others publish first, and one turn does for all of them.
 *
 * Who has several producers is never put ahead: so all of them that are on its worker have had
 * a turn between two of its own, and none is served twice meanwhile.
 */
static inline void weir__outbox_touched_much(const struct weir__edge *edge,
                                             enum weir__direction direction, uint64_t bytes) {
    enum { LARGE_BYTES = 8192 };
    if (bytes >= LARGE_BYTES && edge->local && !edge->going && !edge->at[direction]->merges &&
        weir__edge_attached(edge) && weir__edge_subscribed(edge)) {
        weir__ready_run_next(edge->at[direction], direction == WEIR__EVENTS);
    }
}

#endif
