/*
 * The lookout: see lookout.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "runtime/lookout.h"

#include "os/clock.h"
#include "os/event.h"
#include "os/poll.h"
#include "runtime/worker.h"

int weir__lookout_open(struct weir__lookout *lookout) {
    *lookout = (struct weir__lookout){.poll = weir__poll_open()};
    if (lookout->poll < 0) {
        return lookout->poll;
    }
    lookout->event = weir__event_open();
    int error = lookout->event < 0 ? lookout->event
                                   : weir__poll_set(lookout->poll, lookout->event, 0,
                                                    WEIR__POLL_IN | WEIR__POLL_EDGE, NULL);
    if (error < 0) {
        weir__lookout_close(lookout);
    }
    return error;
}

void weir__lookout_close(struct weir__lookout *lookout) {
    if (lookout->poll > 0) {
        weir__poll_close(lookout->poll);
    }
    if (lookout->poll > 0 && lookout->event >= 0) {
        weir__event_close(lookout->event);
    }
    *lookout = (struct weir__lookout){0};
}

static void sleep_at_lookout(struct weir__bell *bell, uint64_t deadline_ns) {
    const struct weir__worker *worker = WEIR__CONTAINER_OF(bell, struct weir__worker, bell);
    weir__poll_sleep(worker->lookout.poll, deadline_ns);
}

/* Who sleeps for it. */
static struct weir__worker *sleeper_of(struct weir__worker *worker) {
    struct weir__bell *bell = WEIR__CONTAINER_OF(worker->bell.sleeper, struct weir__bell, parked);
    return WEIR__CONTAINER_OF(bell, struct weir__worker, bell);
}

void weir__worker_gets_lookout(struct weir__worker *worker, struct weir__lookout *spare) {
    struct weir__worker *sleeper = sleeper_of(worker);
    if (sleeper->lookout.poll > 0) {
        weir__lookout_close(spare);
        return;
    }
    sleeper->lookout = *spare;
    *spare = (struct weir__lookout){0};
    weir__bell_sleeps_outside(&sleeper->bell, sleeper->lookout.event, sleep_at_lookout);
}

int weir__watch_begin(struct weir__worker *worker, struct weir__watch *watch) {
    struct weir__lookout *lookout = &sleeper_of(worker)->lookout;
    int error = watch->on ? 0 : weir__poll_set(lookout->poll, watch->poll, 0, WEIR__POLL_IN, watch);
    if (error == 0 && !watch->on) {
        watch->on = true;
        lookout->watched++;
    }
    return error;
}

void weir__watch_end(struct weir__worker *worker, struct weir__watch *watch) {
    struct weir__lookout *lookout = &sleeper_of(worker)->lookout;
    if (watch->on) {
        weir__poll_set(lookout->poll, watch->poll, WEIR__POLL_IN, 0, watch);
        watch->on = false;
        lookout->watched--;
    }
}

/* Between turns the clock says when: a look takes as long as some turns do.  A runtime without
 * threads goes by turns alone, so that it does the same each time. */
static bool is_due(const struct weir__worker *worker, struct weir__lookout *lookout) {
    enum { TURNS = 8, BETWEEN_NS = 20000 };
    if (++lookout->turns < TURNS) {
        return false;
    }
    lookout->turns = 0;
    return worker->bell.sleeper != &worker->bell.parked ||
           weir__clock_now_ns() - lookout->looked_ns >= BETWEEN_NS;
}

bool weir__worker_looks_out(struct weir__worker *worker, bool seldom) {
    enum { SETS = 16 };
    struct weir__lookout *lookout = &sleeper_of(worker)->lookout;
    if (lookout->watched == 0 || (seldom && !is_due(worker, lookout))) {
        return false;
    }
    struct weir__polled ready[SETS];
    int count = weir__poll_look(lookout->poll, ready, SETS);
    bool any = false;
    for (int i = 0; i < count; i++) {
        const struct weir__watch *watch = ready[i].what; /* NULL: the event */
        if (watch != NULL && watch->stage->bell == &worker->bell) {
            watch->stage->watched = true;
            weir__ready_queue(watch->stage, false);
            any = true;
        }
    }
    lookout->looked_ns = seldom ? weir__clock_now_ns() : lookout->looked_ns;
    return any;
}
