/*
 * The poller: what its stage does.  See poller.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * This file is the stage's side; poller_open.c starts one, and poller_add.c has what its program
 * calls.
 */
#include "parts/poller.h"

#include "base/check.h"
#include "runtime/worker.h"
#include "stage/timed.h"

#include <string.h>

static struct weir__worker *poller_worker(const weir_stage *self) {
    return WEIR__CONTAINER_OF(self->host, struct weir__worker, host);
}

/* ---- what it may do ------------------------------------------------------------ */

/* What has been read has gone, and somebody asks for more. */
static bool may_read(const weir_stage *self) {
    if (self->finishing || self->stopping) {
        return false;
    }
    return self->kind == WEIR_CONSUMER ||
           (self->mode == WEIR_FORWARD && self->buffer.queue.events == 0 &&
            weir__stage_is_asked(self));
}

static bool has_found(const struct weir__poller_set *set) {
    return set->next < set->count || set->more;
}

/* Its turn comes, and it looks there. */
static void look_soon(weir_stage *self) {
    self->ready->watched = true;
    weir__ready_queue(self->ready, false);
}

/* ---- calling ------------------------------------------------------------------- */

/* What of it the program is told. */
static unsigned told(const struct weir__polled_entry *entry, unsigned ready, bool input) {
    const unsigned want = entry->watch.want;
    if (input) {
        return want & WEIR_POLL_READ; /* a ghost wants nothing */
    }
    unsigned read = (want & WEIR_POLL_READ_ALWAYS) != 0 ? WEIR_POLL_READ : 0;
    unsigned in = read | (want & WEIR_POLL_ACCEPT);
    return ((ready & WEIR__POLL_IN) != 0 ? in : 0) |
           ((ready & WEIR__POLL_OUT) != 0 ? want & WEIR_POLL_WRITE : 0);
}

/* True: it was called. */
static bool call_ready(weir_stage *self, const struct weir__polled *found, bool input) {
    const struct weir__polled_entry *entry = found->what;
    unsigned ready = entry == NULL ? 0 : told(entry, found->ready, input);
    if (ready == 0) {
        return false;
    }
    weir__stage_enter(self);
    uint64_t began_ns = weir__stage_clock(self);
    weir_verdict verdict = entry->watch.ready(self, entry->fd, ready, entry->watch.context);
    weir__stage_called(self, began_ns);
    weir__stage_leave(self, "ready", verdict);
    return true;
}

/* False: there is nobody. */
static bool find_more(struct weir__poller_set *set) {
    int count = weir__poll_look(set->watch.poll, set->found, WEIR__POLLER_FOUND);
    set->next = 0;
    set->count = count > 0 ? (uint32_t)count : 0;
    set->more = set->count == WEIR__POLLER_FOUND;
    return set->count > 0;
}

/* Each that is ready, once; as many as a turn is good for. */
static bool serve_set(weir_stage *self, struct weir__poller *poller, unsigned number) {
    enum { CALLS_MOST = 32 };
    struct weir__poller_set *set = &poller->sets[number];
    const bool input = number == WEIR__POLLER_INPUT;
    bool any = false;
    bool asks = true; /* once in a turn */
    for (int calls = 0; calls < CALLS_MOST && !self->stopping; calls++) {
        if (input && !may_read(self)) {
            break;
        }
        if (set->next == set->count && (!asks || !find_more(set))) {
            break;
        }
        asks = false;
        const struct weir__polled found = set->found[set->next++];
        any = call_ready(self, &found, input) || any;
    }
    return any;
}

/* ---- the part's calls ------------------------------------------------------------ */

/* The lookout says when there is more: of input while it may read; else once at most, in vain. */
static void wait_at_lookout(weir_stage *self, struct weir__poller *poller, bool in_vain) {
    struct weir__worker *worker = poller_worker(self);
    struct weir__watch *input = &poller->sets[WEIR__POLLER_INPUT].watch;
    int error = weir__watch_begin(worker, &poller->sets[WEIR__POLLER_OTHER].watch);
    if (may_read(self)) {
        error = error != 0 ? error : weir__watch_begin(worker, input);
    } else if (in_vain) {
        weir__watch_end(worker, input);
    }
    if (error != 0 && !self->stopping) {
        weir__host_log(self->host, WEIR_LOG_ERROR, "poller %s cannot wait: %s", self->name,
                       strerror(-error));
        self->stopping = true;
        self->reason = WEIR_REASON_NO_MEMORY;
    }
}

/* As long as it finds something, it is looked at in each turn; then the lookout says when. */
static bool look_at_sets(weir_stage *self) {
    struct weir__poller *poller = self->poller;
    bool any = serve_set(self, poller, WEIR__POLLER_OTHER);
    any = serve_set(self, poller, WEIR__POLLER_INPUT) || any;
    bool more = has_found(&poller->sets[WEIR__POLLER_OTHER]) ||
                (may_read(self) && has_found(&poller->sets[WEIR__POLLER_INPUT]));
    self->ready->watched = more;
    if (!more) {
        wait_at_lookout(self, poller, !any);
    }
    WEIR__VERIFY(weir__poller_check(poller));
    return any;
}

/* It is looked at no more before the lookout says so: see there. */
static bool poller_rests(weir_stage *self) {
    return !self->ready->watched;
}

/* Somebody asks: what was found, or the set if that was left alone, is looked at. */
static weir_verdict poller_supply(weir_stage *self) {
    struct weir__poller *poller = self->poller;
    struct weir__poller_set *input = &poller->sets[WEIR__POLLER_INPUT];
    if (poller->joined && may_read(self) && (has_found(input) || !input->watch.on)) {
        look_soon(self);
    }
    return WEIR_CONTINUE;
}

/* It is on its worker. */
static weir_verdict poller_poked(weir_stage *self) {
    struct weir__poller *poller = self->poller;
    weir__quay_give_up(&poller->quay, WEIR__POKED_COLD);
    weir__quay_release(&poller->quay, 1); /* the poke's */
    weir__worker_gets_lookout(poller_worker(self), &poller->spare);
    poller->joined = true;
    look_soon(self);
    return WEIR_CONTINUE;
}

static void poller_drained(weir_stage *self) {
    weir__poller_review(self->poller);
}

static weir_holdup poller_holds(const weir_stage *self) {
    return self->poller->writers > 0 ? WEIR_HOLDUP_WRITES : WEIR_HOLDUP_NONE;
}

static void poller_gone(weir_stage *self) {
    struct weir__poller *poller = self->poller;
    self->ready->watched = false;
    weir__poller_tries_again(poller);
    for (int i = 0; i < WEIR__POLLER_SETS && poller->joined; i++) {
        weir__watch_end(poller_worker(self), &poller->sets[i].watch);
    }
    weir__poller_close_all(poller);
    self->poller = NULL;
    weir__quay_release(&poller->quay, 1); /* the stage's; its poke may be on its way still */
}

void weir__poller_attach(struct weir__poller *poller, weir_stage *stage) {
    static const struct weir__part_calls calls = {.poke = poller_poked,
                                                  .supply = poller_supply,
                                                  .look = look_at_sets,
                                                  .rest = poller_rests,
                                                  .gone = poller_gone,
                                                  .drained = poller_drained,
                                                  .holds = poller_holds};
    poller->stage = stage;
    poller->quay.stage = stage->ref;
    for (int i = 0; i < WEIR__POLLER_SETS; i++) {
        poller->sets[i].watch.stage = stage->ready;
    }
    stage->poller = poller;
    stage->part = &calls;
    weir__quay_poke_self(&poller->quay, stage);
}

#if WEIR__CHECKED
void weir__poller_check(const struct weir__poller *poller) {
    WEIR__CHECK(poller->entries.count <= poller->most);
    WEIR__CHECK(poller->writers <= poller->entries.count);
    for (int i = 0; i < WEIR__POLLER_SETS; i++) {
        WEIR__CHECK(poller->sets[i].next <= poller->sets[i].count);
    }
}
#endif
