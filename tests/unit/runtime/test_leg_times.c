/*
 * Times of stages that are handled in others' visits.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: in a chain that runs in one go each stage has been busy as long as its callbacks took, what
 * it waited for is told as ever, and all of it makes up its life.
 * Method: virtual time, which callbacks move on by as much as they are to take.
 */
#include "support/player.h"
#include "support/worlds.h"

#include "runtime/runtime.h"

enum { SOURCE_NS = 3000, MIDDLE_NS = 1000, SINK_NS = 7000, EVENTS = 20000 };

static void take(struct player *player, uint64_t ns) {
    uint64_t *now = &player->rig->runtime->virtual_ns;
    weir__store_relaxed_u64(now, *now + ns);
}

static weir_verdict make(weir_stage *self, struct player *player, uint64_t demand) {
    take(player, SOURCE_NS);
    uint64_t left = EVENTS - player->next;
    player_emit(self, demand < left ? demand : left);
    return WEIR_CONTINUE;
}

static weir_verdict pass_on(weir_stage *self, struct player *player, weir_batch batch) {
    take(player, MIDDLE_NS);
    return player_emit_numbers(self, batch.events, batch.count) == WEIR_OK ? WEIR_CONTINUE
                                                                           : WEIR_STOP;
}

static weir_verdict consume(weir_stage *self, struct player *player, weir_batch batch) {
    (void)self, (void)batch;
    take(player, SINK_NS);
    return WEIR_CONTINUE;
}

static weir_counters_stage stats_of(const struct player *player) {
    weir_counters_stage stats;
    assert_int_equal(weir_stage_stats(player->rig->runtime, player->ref, &stats), WEIR_OK);
    return stats;
}

/* Times are sampled: of thousands of callbacks, that much may be off. */
static void expect_about(uint64_t ns, uint64_t wanted) {
    assert_in_range(ns, wanted - wanted / 8, wanted + wanted / 8);
}

static void busy_is_whose_callbacks_took_it(void **state) {
    (void)state;
    struct rig rig;
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = EVENTS, .does.demand = make};
    struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .does.events = pass_on};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.events = consume};
    p.quiet = t.quiet = c.quiet = true;
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 1});
    PLAYERS_START(&rig, &p, &t, &c);
    const weir_subscribe_options two = {.max_demand = 2, .min_demand = 1};
    uint64_t began = weir_runtime_now(rig.runtime);
    player_subscribe(&c, &t, &two);
    player_subscribe(&t, &p, &two);
    rig_rest(&rig);
    uint64_t life = weir_runtime_now(rig.runtime) - began;
    assert_int_equal(c.handled, EVENTS);
    weir_counters_stage stats = stats_of(&c);
    expect_about(stats.times[WEIR_STATE_BUSY], stats.batches * SINK_NS);
    expect_about(stats.times[WEIR_STATE_STARVED], life - stats.batches * SINK_NS);
    stats = stats_of(&t);
    expect_about(stats.times[WEIR_STATE_BUSY], stats.batches * MIDDLE_NS);
    stats = stats_of(&p);
    expect_about(stats.times[WEIR_STATE_BUSY], stats.demands * SOURCE_NS);
    for (int i = 0; i < 3; i++) {
        uint64_t all = 0;
        stats = stats_of((struct player *[]){&p, &t, &c}[i]);
        for (int j = 0; j < WEIR_STATES; j++) all += stats.times[j];
        expect_about(all, life);
    }
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(busy_is_whose_callbacks_took_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
