/*
 * The guide: branches that come together again, and a stall that looks like rest.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     numbers ──┬─► lane ──► shares       lane   passes numbers on, as shares asks
 *               └─► sums ──────┘          sums   adds up each four of them
 *
 * Shares wants a sum first, and then its four numbers.  They wait in the lane meanwhile: its
 * window must have room for them, or else the broadcast stops before the sum is there.
 */
#include "guide.h"

enum { GROUP = 4, LAST = 8 };

static weir_verdict numbers(weir_stage *self, uint64_t demand) {
    uint64_t *last = weir_state(self);
    for (; demand > 0 && *last < LAST; demand--) {
        ++*last;
        weir_must(weir_emit(self, last, 1));
    }
    return WEIR_CONTINUE;
}

static weir_verdict pass(weir_stage *self, weir_batch batch) {
    (void)batch;
    return weir_forward(self);
}

struct sum {
    uint64_t total;
    size_t count;
};

static weir_verdict emit_sum(weir_stage *self) {
    struct sum *sum = weir_state(self);
    if (sum->count > 0) weir_must(weir_emit(self, &sum->total, 1));
    *sum = (struct sum){0, 0};
    return WEIR_CONTINUE;
}

static weir_verdict add(weir_stage *self, weir_batch batch) {
    struct sum *sum = weir_state(self);
    const uint64_t *number = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        sum->total += number[i];
        if (++sum->count == GROUP) emit_sum(self);
    }
    return WEIR_CONTINUE;
}

struct shares {
    weir_subscription lane, sums;
    weir_ref lane_stage;
    uint64_t total, missing; /* of which so many numbers are to come */
};

static weir_subscribe_verdict subscribed(weir_stage *self, const weir_peer *peer) {
    struct shares *shares = weir_state(self);
    bool lane = peer->stage.bits == shares->lane_stage.bits;
    *(lane ? &shares->lane : &shares->sums) = peer->subscription;
    if (!lane) weir_must(weir_ask(weir_stage_runtime(self), shares->sums, 1));
    return WEIR_MANUAL;
}

static weir_verdict share(weir_stage *self, weir_batch batch) {
    struct shares *shares = weir_state(self);
    const uint64_t *event = batch.events;
    if (weir_batch_subscription(self).id == shares->sums.id) {
        shares->total = *event;
        shares->missing = GROUP;
        printf("\n  of %" PRIu64 ":", *event);
        weir_must(weir_ask(weir_stage_runtime(self), shares->lane, GROUP));
        return WEIR_CONTINUE;
    }
    for (size_t i = 0; i < batch.count; i++)
        printf(" %" PRIu64 "%%", 100 * event[i] / shares->total);
    shares->missing -= batch.count;
    if (shares->missing == 0) weir_must(weir_ask(weir_stage_runtime(self), shares->sums, 1));
    return WEIR_CONTINUE;
}

static weir_ref start_branch(weir_runtime *runtime, const char *name, weir_ref from, size_t window,
                             const weir_callbacks *callbacks) {
    weir_ref branch;
    weir_subscribe_to to = {.producer = from, .options = {.max_demand = window}};
    const weir_stage_options branch_options = {
        .kind = WEIR_PRODUCER_CONSUMER,
        .name = name,
        .event_bytes = sizeof(uint64_t),
        .takes_bytes = sizeof(uint64_t),
        .state_bytes = sizeof(struct sum),
        .subscribe_to = &to,
        .subscribe_count = 1,
        .on = *callbacks,
    };
    weir_must(weir_stage_start(runtime, &branch_options, &branch));
    return branch;
}

static void start(weir_runtime *runtime, size_t window) {
    weir_ref source;
    const weir_stage_options source_options = {
        .kind = WEIR_PRODUCER,
        .name = "numbers",
        .event_bytes = sizeof(uint64_t),
        .state_bytes = sizeof(uint64_t),
        .demand = WEIR_ACCUMULATE, /* until both branches are there */
        .dispatcher = weir_broadcast_dispatcher(),
        .on = {.handle_demand = numbers},
    };
    weir_must(weir_stage_start(runtime, &source_options, &source));
    weir_ref lane =
        start_branch(runtime, "lane", source, window, &(weir_callbacks){.handle_events = pass});
    weir_ref sums = start_branch(runtime, "sums", source, GROUP,
                                 &(weir_callbacks){.handle_events = add, .handle_end = emit_sum});
    weir_subscribe_to both[] = {{.producer = lane}, {.producer = sums}};
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .name = "shares",
        .takes_bytes = sizeof(uint64_t),
        .state = &(struct shares){.lane_stage = lane},
        .state_bytes = sizeof(struct shares),
        .subscribe_to = both,
        .subscribe_count = 2,
        .on = {.handle_events = share, .handle_subscribe = subscribed},
    };
    weir_must(weir_stage_start(runtime, &options, NULL));
    weir_must(weir_runtime_settle(runtime, WEIR_FOREVER));
    weir_must(weir_demand(runtime, source, WEIR_FORWARD));
}

int main(void) {
    for (size_t window = 2; window <= GROUP; window += 2) {
        weir_runtime *runtime = open_stepped();
        weir_drain_report report;
        printf("a lane for %zu:", window);
        start(runtime, window);
        weir_must(weir_runtime_settle(runtime, WEIR_FOREVER));
        weir_must(weir_runtime_holdup(runtime, &report));
        if (report.stalled) printf("\n  stalled: %s", report.path);
        weir_status status = weir_runtime_drain(runtime, WEIR_FOREVER, &report);
        printf("\n  drained: %s, %" PRIu64 " discarded\n", weir_status_name(status),
               report.accounts.discarded);
        weir_must(weir_runtime_close(runtime, NULL));
    }
    return EXIT_SUCCESS;
}
