/*
 * Hold-ups: see holdup.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * First of all each worker is asked for the stage of its that is to blame most.  One that does
 * not answer within a grace is in a function of the program's, and the stage whose it is
 * (seen->stage) is the answer.  Else, from the stage to blame most of all, the way goes on to
 * whom it waits for, the consumer that does not ask or the producer that does not end, as long
 * as that one holds something up in its turn.
 *
 * The reasons are in an order (weir_holdup, blame_of): those from TIMERS on, and RATE, will come to
 * an end by themselves or by somebody's doing; up to DEMAND, only when another stage does
 * something; and PRODUCERS is no fault outside a drain.
 */
#include "runtime/holdup.h"

#include "dispatch/partition.h"
#include "runtime/asking.h"
#include "stage/ending.h"
#include "stage/monitor.h"
#include "stage/outputs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { STEPS_MOST = 64 };

struct found {
    weir_ref stage;
    weir_holdup why;
    weir_ref waits_for;
    weir_ref behind;    /* a producer of its that has not ended */
    uint32_t partition; /* that nobody has, plus 1: it waits for who will; 0: none */
    bool asks;          /* it has asked whom it waits for, and not got all of it */
    char name[sizeof((weir_drain_report *)0)->name];
};

/* ---- on the worker ------------------------------------------------------- */

/* Who has the first partition in which events wait; nobody may. */
static void who_has_the_partition(const weir_stage *stage, struct found *out) {
    const struct weir__partitions *all = stage->dispatch.state;
    uint32_t index = weir__partitions_waiting(all);
    const weir_outlet *owner = index == all->count ? NULL : all->at[index].owner;
    if (owner != NULL) {
        out->waits_for = WEIR__CONTAINER_OF(owner, struct weir__edge, outlet)->id.consumer;
    } else if (index < all->count) {
        out->partition = index + 1;
    }
}

/* The first consumer that has asked for nothing more: it keeps others waiting, where those
 * have.  Without whom it makes no events; all may have asked. */
static void who_does_not_ask(const weir_stage *stage, struct found *out) {
    if (stage->desk.held > 0 && stage->dispatch.table == weir_partition_dispatcher()) {
        who_has_the_partition(stage, out);
        return;
    }
    if (weir__stage_is_held(stage)) {
        out->waits_for = weir__outputs_hold(stage)->ref;
        return;
    }
    const struct weir__edge *edge = stage->consumers;
    while (edge != NULL && weir__edge_open_demand(edge) > 0) edge = edge->consumers_next;
    out->waits_for = edge == NULL ? (weir_ref){0} : edge->id.consumer;
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
        if (!weir__edge_ended(edge) && (found.stage.bits == 0 || (asked && !*asks))) {
            found.stage = edge->id.producer;
            *asks = asked;
        }
    }
    if (found.stage.bits == 0 && stage->parent != NULL) {
        found.stage = stage->parent->ref;
    }
    if (found.stage.bits == 0 && stage->feeders > 0) {
        weir__index_each(&stage->watching, find_feeder, &found);
    }
    return found.stage;
}

static void describe_stage(const weir_stage *stage, struct found *out) {
    out->stage = stage->ref;
    out->why = weir__stage_holdup(stage);
    bool asks = false;
    out->behind = who_does_not_end(stage, &asks);
    if (out->why == WEIR_HOLDUP_PRODUCERS || out->why == WEIR_HOLDUP_STASH) {
        out->waits_for = out->behind;
        out->asks = asks;
    } else if (out->why <= WEIR_HOLDUP_DEMAND) {
        who_does_not_ask(stage, out);
    }
    snprintf(out->name, sizeof out->name, "%s", stage->name);
}

/* A rate comes to its end by itself, before all others that do. */
static unsigned blame_of(weir_holdup why) {
    return why == WEIR_HOLDUP_RATE ? 2 * WEIR_HOLDUP_DEMAND + 1 : 2 * (unsigned)why;
}

/* The later in the list of reasons, the more to blame; of equals, who waits for nobody. */
static bool more_to_blame(const struct found *one, const struct found *other) {
    return one->why != other->why ? blame_of(one->why) > blame_of(other->why)
                                  : one->waits_for.bits == 0 && other->waits_for.bits != 0;
}

static void ask_most(struct weir__worker *worker, uint64_t unused, void *answer) {
    struct found *most = answer;
    (void)unused;
    memset(most, 0, sizeof *most);
    for (const weir_stage *stage = worker->stages; stage != NULL; stage = stage->next) {
        struct found found = {0};
        describe_stage(stage, &found);
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
        describe_stage(slot->stage, answer);
    }
}

/* ---- who asks ------------------------------------------------------------ */

/* It may have gone meanwhile. */
static bool name_living(const weir_runtime *runtime, weir_ref ref, char name[WEIR__LABEL_BYTES]) {
    const struct weir__slot *slot = weir__registry_slot(&runtime->registry, ref);
    struct weir__label label;
    bool known = slot != NULL && weir__registry_read_label(slot, ref, &label);
    if (known) {
        memcpy(name, label.name, sizeof label.name);
    }
    return known;
}

static void stuck(weir_runtime *runtime, const struct weir__worker *worker, struct found *out) {
    weir_ref ref = {weir__load_relaxed_u64(&worker->host.seen->stage)};
    if (name_living(runtime, ref, out->name)) {
        out->stage = ref;
        out->why = WEIR_HOLDUP_CALLBACK;
    }
}

/* What a worker has answered with; of one that has not, in whose callback it is. */
static void hear(weir_runtime *runtime, const struct weir__worker *worker, weir_status status,
                 const void *answer, struct found *out) {
    memset(out, 0, sizeof *out);
    if (answer != NULL) {
        memcpy(out, answer, sizeof *out);
    } else if (status == WEIR_TIMEOUT) {
        stuck(runtime, worker, out);
    }
}

/* False: nothing is known of it. */
static bool ask_one(weir_runtime *runtime, weir_ref about, struct found *out) {
    struct weir__worker *worker = weir__runtime_worker(runtime, about);
    struct found found = {0};
    if (worker == NULL) {
        return false;
    }
    weir_status status =
        weir__ask_worker(runtime, worker, ask_about, about.bits, &found, sizeof found);
    hear(runtime, worker, status, status == WEIR_OK ? &found : NULL, out);
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
        if (!ask_one(runtime, at.waits_for, &next)) {
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

/* In a ring that is at work it may be so for ever.  Then the path is the way round, whatever
 * that one of its members did just now. */
static void go_round(weir_runtime *runtime, struct found *found, struct path *path) {
    struct path round = {.text = path->text, .room = path->room};
    char before[sizeof((weir_drain_report *)0)->path];
    struct found at = *found;
    memcpy(before, path->text, path->room);
    bool more = true;
    while (pass(&round, &at) && more) {
        more = at.behind.bits != 0 && ask_one(runtime, at.behind, &at);
    }
    if (more && at.stage.bits == found->stage.bits) {
        found->why = WEIR_HOLDUP_WORK;
        found->waits_for = (weir_ref){0};
        found->partition = 0;
    } else {
        memcpy(path->text, before, path->room); /* there is none */
    }
}

static void report_on(weir_runtime *runtime, const struct found *found, weir_drain_report *report) {
    report->stage = found->stage;
    report->why = found->why;
    memcpy(report->name, found->name, sizeof report->name);
    if (name_living(runtime, found->waits_for, report->waits_for_name)) {
        report->waits_for = found->waits_for;
    } else if (found->partition > 0) {
        snprintf(report->waits_for_name, sizeof report->waits_for_name, "partition %" PRIu32,
                 found->partition - 1);
    }
}

struct survey {
    weir_runtime *runtime;
    struct found most;
};

static void hear_most(void *context, struct weir__worker *worker, weir_status status,
                      const void *answer) {
    struct survey *survey = context;
    struct found found;
    hear(survey->runtime, worker, status, answer, &found);
    if (found.stage.bits != 0 &&
        (survey->most.stage.bits == 0 || more_to_blame(&found, &survey->most))) {
        survey->most = found;
    }
}

void weir__holdup_find(weir_runtime *runtime, weir_drain_report *report) {
    struct path path = {.text = report->path, .room = sizeof report->path};
    struct survey survey = {.runtime = runtime};
    struct found *most = &survey.most;
    bool still = weir__runtime_at_rest(runtime);
    weir__ask_workers(runtime, ask_most, 0, sizeof *most, hear_most, &survey);
    bool drains = weir__load_relaxed_u32(&runtime->draining) != 0;
    if (most->stage.bits == 0 || (most->why <= WEIR_HOLDUP_PRODUCERS && !drains)) {
        return;
    }
    if (most->why == WEIR_HOLDUP_NONE) {
        most->why = WEIR_HOLDUP_WORK; /* its end is on its way to it */
    }
    report->stalled = still && most->why <= WEIR_HOLDUP_DEMAND;
    follow(runtime, most, &path);
    if (drains && !still && (most->why <= WEIR_HOLDUP_DEMAND || most->why == WEIR_HOLDUP_WORK)) {
        go_round(runtime, most, &path);
    }
    report_on(runtime, most, report);
}

static void answer_nothing(struct weir__worker *worker, uint64_t argument, void *answer) {
    (void)worker, (void)argument, (void)answer;
}

bool weir__holdup_stuck(weir_runtime *runtime, weir_drain_report *report) {
    struct survey survey = {.runtime = runtime};
    weir__ask_workers(runtime, answer_nothing, 0, sizeof survey.most, hear_most, &survey);
    if (survey.most.stage.bits != 0) {
        report_on(runtime, &survey.most, report);
    }
    return survey.most.stage.bits != 0;
}

const char *weir_holdup_text(weir_holdup holdup) {
    static const char *const texts[] = {"nothing",  "producers", "stash", "demand", "timers",
                                        "mail",     "tokens",    "tasks", "reader", "work",
                                        "callback", "rate",      "writes"};
    size_t count = sizeof texts / sizeof *texts;
    return (size_t)holdup < count ? texts[holdup] : "unknown";
}
