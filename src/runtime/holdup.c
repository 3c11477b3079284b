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
    bool asks; /* it has asked whom it waits for, and not got all of it */
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

/* Who has not sent what it was asked for; else any that has not ended.  A producer that has
 * ended counts as one until the stage is through with what it sent. */
static weir_ref who_does_not_end(const weir_stage *stage, bool *asks) {
    struct feeder found = {{0}};
    for (const struct weir__edge *edge = stage->producers; edge != NULL;
         edge = edge->producers_next) {
        bool asked = weir__load_relaxed_u64(&edge->asked) > edge->received;
        if (!edge->ended && (found.stage.bits == 0 || (asked && !*asks))) {
            found.stage = edge->id.producer;
            *asks = asked;
        }
    }
    if (found.stage.bits == 0 && stage->feeders > 0) {
        weir__index_each(&stage->watching, find_feeder, &found);
    }
    return found.stage;
}

static void describe(const weir_stage *stage, struct found *out) {
    out->stage = stage->ref;
    out->why = weir__stage_holdup(stage);
    if (out->why == WEIR_HOLDUP_PRODUCERS) {
        out->waits_for = who_does_not_end(stage, &out->asks);
    } else if (out->why <= WEIR_HOLDUP_DEMAND) {
        out->waits_for = who_does_not_ask(stage); /* without whom it makes no events */
    }
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

/* The names of those who were passed; the last place is for who was seen before. */
struct path {
    uint64_t seen[STEPS_MOST];
    int steps;
    size_t used;
    char *text;
    size_t room;
};

/* False: the stage was passed before. */
static bool pass(struct path *path, const struct found *found) {
    int length = snprintf(path->text + path->used, path->room - path->used, "%s%s",
                          path->used > 0 ? " -> " : "", found->name);
    path->used += length > 0 ? (size_t)length : 0;
    path->used = path->used < path->room ? path->used : path->room - 1;
    for (int i = 0; i < path->steps; i++) {
        if (path->seen[i] == found->stage.bits) {
            return false;
        }
    }
    path->seen[path->steps++] = found->stage.bits;
    return path->steps < STEPS_MOST;
}

/*
 * From who is to blame to whom he waits for, and so on, as long as that one waits in turn.  A
 * consumer that holds nothing, and does not ask, waits for another producer of its, or for nobody:
 * then whoever waits for its demand is the one who keeps the events.
 */
static void follow(weir_runtime *runtime, struct found *found, struct path *path) {
    struct found at = *found;
    while (pass(path, &at) && at.waits_for.bits != 0) {
        struct found next;
        struct weir__worker *worker = weir__runtime_worker(runtime, at.waits_for);
        if (worker == NULL || !ask(runtime, worker, ask_about, at.waits_for, &next)) {
            return;
        }
        bool idles =
            at.why == WEIR_HOLDUP_DEMAND && next.why == WEIR_HOLDUP_PRODUCERS && !next.asks;
        bool waits = next.why != WEIR_HOLDUP_NONE || at.asks;
        if (next.why > WEIR_HOLDUP_PRODUCERS) {
            *found = next;
        }
        at = next;
        if (idles || !waits) {
            at.waits_for = (weir_ref){0}; /* the way ends there */
        }
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
    struct path path = {.text = report->path, .room = sizeof report->path};
    struct found most = {0};
    bool still = weir__runtime_at_rest(runtime);
    for (unsigned i = 0; i < runtime->worker_count; i++) {
        struct found found;
        if (ask(runtime, &runtime->workers[i], ask_most, (weir_ref){0}, &found) &&
            (most.stage.bits == 0 || more_to_blame(&found, &most))) {
            most = found;
        }
    }
    bool drains = weir__load_relaxed_u32(&runtime->draining) != 0;
    if (most.stage.bits == 0 || (most.why <= WEIR_HOLDUP_PRODUCERS && !drains)) {
        return;
    }
    report->stalled = still && most.why <= WEIR_HOLDUP_DEMAND;
    follow(runtime, &most, &path);
    report_on(runtime, &most, report);
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
