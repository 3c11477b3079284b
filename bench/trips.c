/*
 * One event there and back between two stages: see trips.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The windows are 2, not 1: a stage that emits must have been asked before, and with 1 the
 * ask for the next event would come behind the event itself.
 */
#include "trips.h"

#include "work.h"

#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

struct player {
    uint64_t trips; /* to be made */
    uint64_t made;
    uint64_t sum;
    double began; /* by the clock      */
    double nanoseconds;
    uint64_t first; /* likewise, in ticks */
    uint64_t last;
    double *each; /* in ticks          */
};

static void must(weir_status status) {
    if (status == WEIR_OK) return;
    fprintf(stderr, "trips: %s: %s\n", weir_status_text(status), weir_refusal());
    exit(EXIT_FAILURE);
}

static weir_verdict serve(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    struct player *player = *(struct player **)weir_state(self);
    player->began = race_clock_ns();
    player->first = player->last = race_ticks();
    weir_emit(self, &(uint64_t){1}, 1);
    return WEIR_CONTINUE;
}

static weir_verdict back(weir_stage *self, weir_batch batch) {
    struct player *player = *(struct player **)weir_state(self);
    uint64_t now = race_ticks();
    player->each[player->made++] = (double)(now - player->last);
    player->last = now;
    player->sum += *(const uint64_t *)batch.events;
    if (player->made == player->trips) {
        player->nanoseconds = race_clock_ns() - player->began;
        return weir_stop_with(self, WEIR_REASON_NORMAL);
    }
    weir_emit(self, &(uint64_t){player->made + 1}, 1);
    return WEIR_CONTINUE;
}

static weir_verdict answer(weir_stage *self, weir_batch batch) {
    (void)batch;
    return weir_forward(self);
}

static weir_ref start(weir_runtime *runtime, unsigned worker, struct player *player,
                      weir_callbacks on) {
    weir_ref stage;
    must(weir_stage_start(runtime,
                          &(weir_stage_options){.kind = WEIR_PRODUCER_CONSUMER,
                                                .event_bytes = sizeof(uint64_t),
                                                .worker = worker,
                                                .state = &player,
                                                .state_bytes = sizeof player,
                                                .on = on},
                          &stage));
    return stage;
}

struct race_result trips_run(unsigned workers, weir_idle idle, uint64_t trips, double *each) {
    struct player player = {.trips = trips, .each = each};
    const weir_subscribe_options window = {.max_demand = 2, .min_demand = 1};
    weir_runtime *runtime;
    must(weir_runtime_open(&(weir_runtime_options){.workers = workers, .idle = idle}, &runtime));
    weir_ref here = start(runtime, WEIR_WORKER(0), &player,
                          (weir_callbacks){.handle_events = back, .handle_cast = serve});
    weir_ref there =
        start(runtime, WEIR_WORKER(workers - 1), NULL, (weir_callbacks){.handle_events = answer});
    must(weir_subscribe_wait(runtime, there, here, &window, WEIR_FOREVER, NULL));
    must(weir_subscribe_wait(runtime, here, there, &window, WEIR_FOREVER, NULL));
    must(weir_runtime_settle(runtime, WEIR_FOREVER));
    must(weir_cast(runtime, here, NULL, 0));
    must(weir_runtime_run(runtime, WEIR_FOREVER));
    weir_accounts accounts;
    must(weir_runtime_close(runtime, &accounts));
    bool correct = player.sum == work_expected(trips) && weir_accounts_check(&accounts) == NULL;
    double ns_per_tick = player.nanoseconds / (double)(player.last - player.first);
    for (uint64_t i = 0; i < trips; i++) each[i] *= ns_per_tick;
    return (struct race_result){player.nanoseconds, correct};
}
