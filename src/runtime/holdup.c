/*
 * Hold-ups: see holdup.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * First of all each worker is asked for the stage of its that is to blame most.  One that does
 * not answer within a grace is in a callback, and the stage whose it is (`entered`) is the
 * answer.  Else, from the stage to blame most of all, the way goes on to whom it waits for, the
 * consumer that does not ask or the producer that does not end, as long as that one holds
 * something up in its turn.
 */
#include "runtime/holdup.h"

#include "runtime/asking.h"
#include "stage/monitor.h"

#include <stdio.h>
#include <string.h>

enum { STEPS_MOST = 64 };

struct found {
    weir_ref stage;
    weir_holdup why;
    weir_ref waits_for;
    char name[sizeof((weir_drain_report *)0)->name];
};

/* ---- on the worker ------------------------------------------------------- */

/* The consumer that has asked for least: it keeps a broadcast waiting, or its partition. */
static weir_ref who_does_not_ask(const weir_stage *stage) {
    weir_ref least = {0};
    uint64_t open_least = UINT64_MAX;
    for (const struct weir__edge *edge = stage->consumers; edge != NULL;
         edge = edge->consumers_next) {
        uint64_t open = weir__edge_open_demand(edge);
        if (open < open_least) {
            open_least = open;
            least = edge->id.consumer;
        }
    }
    return least;
}

struct feeder {
    weir_ref stage;
};

static void find_feeder(void *context, struct weir__index_node *node) {
    const struct weir__monitor *monitor = WEIR__CONTAINER_OF(node, struct weir__monitor, node);
    struct feeder *found = context;
    if (monitor->feeds) {
        found->stage = monitor->watched;
    }
}

/* A producer that has ended counts as one until the stage is through with what it sent. */
static weir_ref who_does_not_end(const weir_stage *stage) {
    const struct weir__edge *edge = stage->producers;
    while (edge != NULL && edge->ended) edge = edge->producers_next;
    struct feeder found = {edge == NULL ? (weir_ref){0} : edge->id.producer};
    if (edge == NULL && stage->feeders > 0) {
        weir__index_each(&stage->watching, find_feeder, &found);
    }
    return found.stage;
}

static void describe(const weir_stage *stage, struct found *out) {
    out->stage = stage->ref;
    out->why = weir__stage_holdup(stage);
    out->waits_for = out->why == WEIR_HOLDUP_DEMAND      ? who_does_not_ask(stage)
                     : out->why == WEIR_HOLDUP_PRODUCERS ? who_does_not_end(stage)
                                                         : (weir_ref){0};
    snprintf(out->name, sizeof out->name, "%s", stage->name);
}

/* The later in the list of reasons, the more to blame; of equals, who waits for nobody. */
static bool more_to_blame(const struct found *one, const struct found *other) {
    return one->why != other->why ? one->why > other->why
                                  : one->waits_for.bits == 0 && other->waits_for.bits != 0;
}

static void ask_most(struct weir__worker *worker, uint64_t unused, void *answer) {
    struct found *most = answer;
    (void)unused;
    memset(most, 0, sizeof *most);
    for (const weir_stage *stage = worker->stages; stage != NULL; stage = stage->next) {
        struct found found = {0};
        describe(stage, &found);
        if (most->stage.bits == 0 || more_to_blame(&found, most)) {
            *most = found;
        }
    }
}

static void ask_about(struct weir__worker *worker, uint64_t bits, void *answer) {
    weir_ref stage = {bits};
    const struct weir__slot *slot = weir__registry_find(&worker->host.runtime->registry, stage);
    memset(answer, 0, sizeof(struct found));
    if (slot != NULL && slot->stage != NULL) {
        describe(slot->stage, answer);
    }
}

/* ---- who asks ------------------------------------------------------------ */

static void stuck(weir_runtime *runtime, const struct weir__worker *worker, struct found *out) {
    weir_ref ref = {weir__load_acquire_u64(&worker->host.entered)}; /* N1 -> N2 */
    const struct weir__slot *slot =
        ref.bits == 0 ? NULL : weir__registry_find(&runtime->registry, ref);
    if (slot != NULL) {
        *out = (struct found){.stage = ref, .why = WEIR_HOLDUP_CALLBACK};
        memcpy(out->name, slot->label, sizeof out->name);
    }
}

/* False: nothing is known of it. */
static bool ask(weir_runtime *runtime, struct weir__worker *worker, weir__worker_query *function,
                weir_ref about, struct found *out) {
    memset(out, 0, sizeof *out);
    weir_status status = weir__ask_worker(runtime, worker, function, about.bits, out, sizeof *out);
    if (status == WEIR_TIMEOUT) {
        stuck(runtime, worker, out);
    }
    return out->stage.bits != 0;
}

/* From who is to blame to whom he waits for, as long as that one holds something up. */
static void follow(weir_runtime *runtime, struct found *found) {
    bool down = found->why == WEIR_HOLDUP_DEMAND;
    for (int steps = 0; steps < STEPS_MOST && found->waits_for.bits != 0; steps++) {
        struct found next;
        struct weir__worker *worker = weir__runtime_worker(runtime, found->waits_for);
        if (worker == NULL || !ask(runtime, worker, ask_about, found->waits_for, &next) ||
            next.why == WEIR_HOLDUP_NONE || (down && next.why == WEIR_HOLDUP_PRODUCERS)) {
            return;
        }
        *found = next;
        down = found->why == WEIR_HOLDUP_DEMAND;
    }
}

static void report_on(weir_runtime *runtime, const struct found *found, weir_drain_report *report) {
    const struct weir__slot *slot = found->waits_for.bits == 0
                                        ? NULL
                                        : weir__registry_find(&runtime->registry, found->waits_for);
    report->stage = found->stage;
    report->why = found->why;
    memcpy(report->name, found->name, sizeof report->name);
    if (slot != NULL) {
        report->waits_for = found->waits_for;
        memcpy(report->waits_for_name, slot->label, sizeof report->waits_for_name);
    }
}

void weir__holdup_find(weir_runtime *runtime, weir_drain_report *report) {
    struct found most = {0};
    bool still = weir__runtime_at_rest(runtime);
    for (unsigned i = 0; i < runtime->worker_count; i++) {
        struct found found;
        if (ask(runtime, &runtime->workers[i], ask_most, (weir_ref){0}, &found) &&
            (most.stage.bits == 0 || more_to_blame(&found, &most))) {
            most = found;
        }
    }
    follow(runtime, &most);
    if (most.why > WEIR_HOLDUP_PRODUCERS || weir__load_relaxed_u32(&runtime->draining) != 0) {
        report_on(runtime, &most, report);
    }
    report->stalled =
        still && (most.why == WEIR_HOLDUP_DEMAND || most.why == WEIR_HOLDUP_PRODUCERS);
}

static void answer_nothing(struct weir__worker *worker, uint64_t argument, void *answer) {
    (void)worker, (void)argument, (void)answer;
}

bool weir__holdup_stuck(weir_runtime *runtime, weir_drain_report *report) {
    for (unsigned i = 0; i < runtime->worker_count; i++) {
        struct found found;
        if (ask(runtime, &runtime->workers[i], answer_nothing, (weir_ref){0}, &found)) {
            report_on(runtime, &found, report);
            return true;
        }
    }
    return false;
}

const char *weir_holdup_text(weir_holdup holdup) {
    static const char *const texts[] = {"nothing", "producers", "demand", "timers",  "mail",
                                        "tokens",  "part",      "work",   "callback"};
    size_t count = sizeof texts / sizeof *texts;
    return (size_t)holdup < count ? texts[holdup] : "unknown";
}
