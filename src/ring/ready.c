/*
 * Readiness: the slow paths.  The protocol is told in ready.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ring/ready.h"

#include "base/attributes.h"
#include "base/probe.h"
#include "os/clock.h"
#include "os/event.h"
#include "os/futex.h"
#include "os/thread.h"

#include <string.h>

void weir__bell_open(struct weir__bell *bell) {
    memset(bell, 0, sizeof *bell);
    ck_stack_init(&bell->stages);
    ck_stack_init(&bell->mail);
    bell->sleeper = &bell->parked;
    bell->run = (struct weir__run_link){&bell->run, &bell->run};
    bell->fair = &bell->run;
}

void weir__ready_stage_open(struct weir__ready_stage *stage, struct weir__bell *bell) {
    memset(stage, 0, sizeof *stage);
    ck_stack_init(&stage->edges);
    stage->bell = bell;
}

void weir__ready_edge_open(struct weir__ready_edge *edge, enum weir__direction direction,
                           void *owner) {
    memset(edge, 0, sizeof *edge);
    edge->direction = direction;
    edge->edge = owner;
}

static void wake(uint32_t *parked, uint32_t how) {
    const struct weir__bell *sleeper = WEIR__CONTAINER_OF(parked, struct weir__bell, parked);
    if (how == WEIR__PARKED_OUTSIDE) {
        weir__event_signal((int)weir__load_relaxed_u32(&sleeper->event));
    } else {
        weir__futex_wake(parked, 1);
    }
}

void weir__bell_ring(struct weir__bell *bell) {
    /* The push before was a full fence, so it is ordered before this load (F1 -> F3). */
    uint32_t *parked = bell->sleeper;
    if (weir__load_relaxed_u32(parked) == 0) {
        return;
    }
    uint32_t how = weir__exchange_u32(parked, 0); /* R3 -> R4 */
    if (how != 0) {
        WEIR__PROBE1(ring, parked);
        weir__store_relaxed_u64(&bell->rung_ns, weir__clock_now_ns());
        weir__store_relaxed_u32(&bell->rung_core, weir__thread_core());
        wake(parked, how);
    }
}

void weir__ready_push(struct weir__ready_edge *edge, struct weir__ready_stage *stage) {
    weir__prefetch_to_write(stage->bell);
    weir__stack_push(&stage->edges, &edge->link); /* S1 -> S2 */
    /* Full as well: of two pushers one sees raised 0, and rings. */
    if (weir__exchange_u32(&stage->raised, 1) == 0) {
        weir__stack_push(&stage->bell->stages, &stage->link); /* S1 -> S2 */
        weir__bell_ring(stage->bell);
    }
}

void weir__ready_queue_anew(struct weir__ready_stage *stage, bool first) {
    if (weir__exchange_u32(&stage->raised, 1) != 0) {
        return; /* a publisher has pushed it, or is about to */
    }
    stage->owned = true;
    weir__ready_queue(stage, first);
}

/* In the order of raising, which is the fair one. */
void weir__bell_take_raised(struct weir__bell *bell) {
    ck_stack_entry_t *entry = weir__stack_take_in_order(&bell->stages); /* S1 -> S2 */
    while (entry != NULL) {
        ck_stack_entry_t *next = entry->next;
        struct weir__ready_stage *stage = WEIR__CONTAINER_OF(entry, struct weir__ready_stage, link);
        stage->owned = true;
        stage->came_ns = bell->came_ns;
        weir__run_insert(bell, stage, false);
        entry = next;
    }
}

bool weir__bell_pending(const struct weir__bell *bell) {
    return weir__load_relaxed_ptr(&bell->stages.head) != NULL ||
           weir__load_relaxed_ptr(&bell->mail.head) != NULL;
}

void weir__bell_share(struct weir__bell *bell, struct weir__bell *first) {
    bell->sleeper = &first->parked;
}

void weir__bell_sleeps_outside(struct weir__bell *bell, int event,
                               void (*sleep)(struct weir__bell *bell, uint64_t deadline_ns)) {
    weir__store_relaxed_u32(&bell->event, (uint32_t)event);
    bell->sleep = sleep;
}

void weir__bell_doze(struct weir__bell *bell) {
    weir__store_release_u32(&bell->parked,
                            bell->sleep == NULL ? WEIR__PARKED : WEIR__PARKED_OUTSIDE);
    /* R3 -> R4 */
    weir__fence_full(); /* F1 -> F3 */
}

void weir__bell_rise(struct weir__bell *bell) {
    weir__store_relaxed_u32(&bell->parked, 0);
}

bool weir__bell_park(struct weir__bell *bell, uint64_t deadline_ns) {
    weir__bell_doze(bell);
    if (weir__bell_pending(bell)) {
        weir__bell_rise(bell);
        return false;
    }
    return weir__bell_sleep(bell, deadline_ns);
}

bool weir__bell_sleep(struct weir__bell *bell, uint64_t deadline_ns) {
    WEIR__PROBE1(park, &bell->parked);
    if (bell->sleep == NULL) {
        weir__futex_wait(&bell->parked, WEIR__PARKED, deadline_ns);
    } else {
        bell->sleep(bell, deadline_ns);
    }
    /* Whoever wakes us has set it to 0; after a timeout or a spurious return we do. */
    bool woken = weir__exchange_u32(&bell->parked, 0) == 0;
    WEIR__PROBE2(wake, &bell->parked, woken);
    if (woken) {
        weir__store_relaxed_u64(&bell->wakes, bell->wakes + 1);
    }
    return woken;
}

void weir__ready_take_raised(struct weir__ready_stage *stage,
                             void (*take)(void *context, struct weir__ready_edge *edge),
                             void *context) {
    ck_stack_entry_t *entry = weir__stack_take_in_order(&stage->edges); /* S1 -> S2 */
    while (entry != NULL) {
        ck_stack_entry_t *next = entry->next;
        take(context, WEIR__CONTAINER_OF(entry, struct weir__ready_edge, link));
        entry = next;
    }
}

void weir__ready_heat(struct weir__ready_stage *stage, struct weir__ready_edge *edge) {
    struct weir__ready_list *list = &stage->hot[edge->direction];
    edge->hot = true;
    edge->polls = 0;
    if (list->first == NULL) {
        edge->hot_next = edge;
        edge->hot_previous = edge;
        list->first = edge;
    } else {
        edge->hot_next = list->first;
        edge->hot_previous = list->first->hot_previous;
        edge->hot_previous->hot_next = edge;
        edge->hot_next->hot_previous = edge;
    }
    list->count++;
}

void weir__ready_unheat(struct weir__ready_stage *stage, struct weir__ready_edge *edge) {
    struct weir__ready_list *list = &stage->hot[edge->direction];
    edge->hot = false;
    list->count--;
    if (list->count == 0) {
        list->first = NULL;
        return;
    }
    edge->hot_previous->hot_next = edge->hot_next;
    edge->hot_next->hot_previous = edge->hot_previous;
    if (list->first == edge) {
        list->first = edge->hot_next;
    }
}

bool weir__ready_cool_stage_abroad(struct weir__ready_stage *stage) {
    weir__ready_lower(&stage->raised);
    if (weir__load_relaxed_ptr(&stage->edges.head) == NULL) {
        stage->owned = false;
        return true;
    }
    /* Taken back, unless a publisher was first: then the bell's stack brings it. */
    stage->owned = weir__ready_retake(&stage->raised);
    return !stage->owned;
}
