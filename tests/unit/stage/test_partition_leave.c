/*
 * Partitions whose consumers leave, and what waits behind their queues.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the queue of a partition passes to its next consumer, or is discarded and
 * demanded anew; what a dead consumer had not begun comes back first, and no more
 * is demanded for it, however many die; infos come after what was queued before
 * them, and no later; a stage that stops says what it held; one that finishes
 * waits until it holds nothing; without memory every event is accounted for.
 * Method: journals in all kinds of stepped runtimes.
 */
#include "support/cmocka.h"
#include "support/deeds.h"
#include "support/partition_scene.h"

#include <string.h>

static const weir_partition_dispatcher_options keeps = {.partitions = 2, .hash = partition_parity};
static const weir_partition_dispatcher_options discards = {
    .partitions = 2, .hash = partition_parity, .queue = WEIR_QUEUE_DISCARD};
static const weir_partition_dispatcher_options as_genstage = {
    .partitions = 2, .hash = partition_parity, .as_genstage = true};

/* a asks for 8; b, by hand, for `b_asks`; 0..7 come: of b's 1 3 5 7 some wait. */
static weir_subscription fill(struct partition_scene *s, uint64_t b_asks) {
    s->b.manual = true;
    partition_subscribe(&s->a, &s->p, 0, 8);
    weir_subscription subscription = partition_subscribe(&s->b, &s->p, 1, 8);
    if (b_asks > 0) weir_ask(s->rig.runtime, subscription, b_asks);
    partition_rest(s);
    player_cast(&s->p, 8);
    partition_rest(s);
    player_expect(&s->a, "subscribe p\nevents 0 2 4 6\n");
    rig_text_expect(&s->p.journal, s->p.journal.text);
    return subscription;
}

static void end(struct partition_scene *s, weir_subscription subscription, bool dies) {
    if (dies)
        player_stop(&s->b, WEIR_REASON_NORMAL);
    else
        weir_cancel(s->rig.runtime, subscription, WEIR_REASON_NORMAL);
    partition_rest(s);
}

/* ---- the queue ----------------------------------------------------------- */

static void it_passes_to_the_next_consumer(void **state) {
    (void)state;
    struct partition_scene s;
    for (int world = 0; partition_open(&s, world, &keeps); world++) {
        for (int dies = 0; dies < 2; dies++) {
            end(&s, fill(&s, 2), dies);
            player_expect(&s.p, dies ? "down b normal\n" : "cancel b normal\n");
            assert_int_equal(rig_accounts(&s.rig).buffered, 2);
            struct player c = {.name = "c", .kind = WEIR_CONSUMER};
            player_start(&c, &s.rig, NULL);
            partition_subscribe(&c, &s.p, 1, 10);
            partition_rest(&s);
            player_expect(&c, "subscribe p\nevents 5 7\n");
            player_expect(&s.p, "subscribe c\ndemand 10\n"); /* they were paid for */
            rig_close(&s.rig);
            if (dies == 0) assert_true(partition_open(&s, world, &keeps));
        }
    }
}

static void or_it_is_discarded_and_demanded_anew(void **state) {
    (void)state;
    struct partition_scene s;
    for (int world = 0; partition_open(&s, world, &discards); world++) {
        end(&s, fill(&s, 2), false);
        player_expect(&s.p, "discarded 2 left\ncancel b normal\ndemand 2\n");
        assert_int_equal(rig_accounts(&s.rig).discarded, 2);
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        player_start(&c, &s.rig, NULL);
        partition_subscribe(&c, &s.p, 1, 10);
        partition_rest(&s);
        player_expect(&c, "subscribe p\n");
        player_expect(&s.p, "subscribe c\ndemand 10\n");
        rig_close(&s.rig);
    }
}

/* ---- giving back --------------------------------------------------------- */

/* As a consumer leaves, four more are emitted: they must not come before its own. */
static weir_verdict emit_four(weir_stage *self, struct player *player, const weir_peer *peer) {
    (void)player;
    (void)peer;
    player_emit(self, 4);
    return WEIR_CONTINUE;
}

static weir_subscribe_options in_pairs(size_t max) {
    return (weir_subscribe_options){.max_demand = max,
                                    .min_demand = max - 2,
                                    .cancel = WEIR_TEMPORARY,
                                    .partition = WEIR_PARTITION(1)};
}

static void what_was_not_begun_comes_first_and_is_not_demanded_again(void **state) {
    (void)state;
    struct partition_scene s;
    for (int world = 0; partition_open(&s, world, &keeps); world++) {
        s.b.does.events = deed_stop;
        s.p.does.cancel = emit_four;
        partition_subscribe(&s.a, &s.p, 0, 20);
        weir_subscribe_options pairs = in_pairs(10);
        player_subscribe(&s.b, &s.p, &pairs);
        partition_rest(&s);
        rig_text_expect(&s.p.journal, s.p.journal.text);
        player_cast(&s.p, 12); /* b begins 1 3, and leaves 5 7 9 11; then come 13 and 15 */
        partition_rest(&s);
        player_expect(&s.b, "subscribe p\nevents 1 3\nterminate normal\n");
        player_expect(&s.p, "cast 12\ndown b normal\n");
        assert_int_equal(rig_accounts(&s.rig).buffered, 6);
        struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true};
        player_start(&c, &s.rig, NULL);
        weir_subscription subscription = partition_subscribe(&c, &s.p, 1, 10);
        weir_ask(s.rig.runtime, subscription, 3);
        partition_rest(&s);
        player_expect(&s.p, "subscribe c\n"); /* three of four that had been answered already */
        weir_ask(s.rig.runtime, subscription, 3);
        partition_rest(&s);
        player_expect(&c, "subscribe p\nevents 5 7 9\nevents 11 13 15\n");
        /* One had been answered; four were owed to b, who left: set off against this. */
        player_expect(&s.p, "");
        rig_close(&s.rig);
    }
}

static void who_dies_again_and_again_fills_no_queue(void **state) {
    (void)state;
    enum { DEATHS = 100, DEMAND = 10 };
    struct partition_scene s;
    for (int world = 0; partition_open(&s, world, &keeps); world++) {
        static struct player dying[DEATHS];
        s.p.limit = UINT64_MAX;
        s.p.quiet = true;
        s.a.quiet = true;
        partition_subscribe(&s.a, &s.p, 0, DEMAND);
        partition_rest(&s);
        for (int i = 0; i < DEATHS; i++) {
            dying[i] = (struct player){
                .name = "d", .kind = WEIR_CONSUMER, .quiet = true, .does.events = deed_stop};
            player_start(&dying[i], &s.rig, NULL);
            weir_subscribe_options pairs = in_pairs(DEMAND);
            player_subscribe(&dying[i], &s.p, &pairs);
            partition_rest(&s);
            assert_true(rig_accounts(&s.rig).buffered <= 2 * DEMAND);
        }
        partition_subscribe(&s.b, &s.p, 1, DEMAND);
        for (int i = 0; i < 100; i++) weir_runtime_step(s.rig.runtime, 1);
        assert_true(s.b.handled > 0);
        player_stop(&s.p, WEIR_REASON_NORMAL);
        rig_close(&s.rig);
    }
}

static void as_genstage_what_was_not_begun_is_lost(void **state) {
    (void)state;
    struct partition_scene s;
    for (int world = 0; partition_open(&s, world, &as_genstage); world++) {
        s.b.does.events = deed_stop;
        partition_subscribe(&s.a, &s.p, 0, 20);
        weir_subscribe_options pairs = in_pairs(10);
        player_subscribe(&s.b, &s.p, &pairs);
        partition_rest(&s);
        rig_text_expect(&s.p.journal, s.p.journal.text);
        player_cast(&s.p, 12);
        partition_rest(&s);
        player_expect(&s.p, "cast 12\ndown b normal\ndiscarded 4 consumer\n");
        rig_close(&s.rig);
    }
}

/* ---- infos --------------------------------------------------------------- */

static void infos_come_after_what_was_queued_before_them(void **state) {
    (void)state;
    struct partition_scene s;
    for (int world = 0; partition_open(&s, world, &keeps); world++) {
        weir_subscription subscription = fill(&s, 0);
        player_info(&s.p, 1); /* behind 1 3 5 7 */
        partition_rest(&s);
        player_cast(&s.p, 2); /* 8 is for a; 9 goes behind the info, out of the buffer */
        player_info(&s.p, 2);
        partition_rest(&s);
        player_expect(&s.p, "cast 2\n");
        weir_ask(s.rig.runtime, subscription, 3);
        partition_rest(&s);
        player_expect(&s.p, "demand 1\n"); /* the buffer had two */
        weir_ask(s.rig.runtime, subscription, 1);
        partition_rest(&s);
        player_expect(&s.p, "demand 1\ninfo 1\n"); /* with the event before it, not later */
        weir_ask(s.rig.runtime, subscription, 1);
        partition_rest(&s);
        player_expect(&s.p, "demand 1\ninfo 2\n");
        player_info(&s.p, 3); /* nothing waits: demand that is used up is no queue */
        partition_rest(&s);
        player_expect(&s.p, "info 3\n");
        player_expect(&s.b, "subscribe p\nevents 1 3 5\nevents 7\nevents 9\n");
        rig_close(&s.rig);
    }
}

static void an_info_waits_for_every_queue(void **state) {
    (void)state;
    struct partition_scene s;
    const weir_partition_dispatcher_options three = {.partitions = 3};
    for (int world = 0; partition_open(&s, world, &three); world++) {
        struct player c[3];
        weir_subscription subscriptions[3];
        for (unsigned i = 0; i < 3; i++) {
            c[i] = (struct player){.name = "c", .kind = WEIR_CONSUMER, .manual = true};
            player_start(&c[i], &s.rig, NULL);
            subscriptions[i] = partition_subscribe(&c[i], &s.p, i, 1000);
        }
        partition_subscribe(&s.a, &s.p, 0, 10); /* taken */
        weir_ask(s.rig.runtime, subscriptions[2], 60);
        partition_rest(&s);
        player_cast(&s.p, 60); /* some for each: two partitions wait */
        player_info(&s.p, 5);
        partition_rest(&s);
        assert_null(strstr(s.p.journal.text, "info"));
        for (int i = 0; i < 2; i++) {
            assert_null(strstr(s.p.journal.text, "info"));
            weir_ask(s.rig.runtime, subscriptions[i], 60);
            partition_rest(&s);
        }
        assert_non_null(strstr(s.p.journal.text, "info 5\n"));
        rig_close(&s.rig);
    }
}

static void as_genstage_an_info_waits_for_one_ask_more(void **state) {
    (void)state;
    struct partition_scene s;
    for (int world = 0; partition_open(&s, world, &as_genstage); world++) {
        weir_subscription subscription = fill(&s, 4); /* b has all it asked for */
        player_info(&s.p, 1);
        partition_rest(&s);
        player_expect(&s.p, "");
        weir_ask(s.rig.runtime, subscription, 1);
        partition_rest(&s);
        player_expect(&s.p, "demand 1\ninfo 1\n");
        rig_close(&s.rig);
    }
}

/* ---- the stage's own end ------------------------------------------------- */

static void who_stops_says_what_it_held(void **state) {
    (void)state;
    struct partition_scene s;
    for (int world = 0; partition_open(&s, world, &keeps); world++) {
        fill(&s, 1);
        player_cast(&s.p, 4); /* 8 for a; 9 waits; 10 and 11 are buffered */
        player_info(&s.p, 1); /* behind all of them: it never comes */
        partition_rest(&s);
        player_expect(&s.p, "cast 4\n");
        assert_int_equal(rig_accounts(&s.rig).buffered, 6);
        player_stop(&s.p, WEIR_REASON_NORMAL);
        partition_rest(&s);
        player_expect(&s.p, "discarded 6 stopped\nterminate normal\n");
        rig_close(&s.rig);
    }
}

static void closing_the_runtime_frees_it_all(void **state) {
    (void)state;
    struct partition_scene s;
    for (int world = 0; partition_open(&s, world, &keeps); world++) {
        fill(&s, 0);
        player_info(&s.p, 1);
        partition_rest(&s);
        assert_int_equal(rig_close(&s.rig).discarded, 4);
    }
}

static void who_finishes_waits_for_its_queues(void **state) {
    (void)state;
    struct partition_scene s;
    for (int world = 0; partition_open(&s, world, &keeps); world++) {
        weir_subscription subscription = fill(&s, 1);
        assert_int_equal(weir_finish(s.rig.runtime, s.p.ref), WEIR_OK);
        partition_rest(&s);
        weir_ask(s.rig.runtime, subscription, 2);
        partition_rest(&s);
        player_expect(&s.p, "drain\n");
        weir_ask(s.rig.runtime, subscription, 1);
        partition_rest(&s);
        player_expect(&s.p, "terminate normal\n");
        player_expect(&s.b, "subscribe p\nevents 1\nevents 3 5\nevents 7\ndown p normal\n");
        rig_close(&s.rig);
    }
}

/* ---- memory -------------------------------------------------------------- */

/* One failing allocation, or all from there on: every event is still accounted for. */
static void starve(uint64_t fail_at, bool for_good, int world) {
    struct partition_scene s;
    assert_true(partition_open(&s, world, &keeps));
    s.p.quiet = true;
    s.a.quiet = true;
    s.b.quiet = true;
    s.p.limit = 3000;
    partition_subscribe(&s.a, &s.p, 0, 40);
    partition_rest(&s);
    test_memory_fail(&s.rig.memory, fail_at, for_good);
    weir_subscription subscription;
    const weir_subscribe_options odd = {.max_demand = 30, .partition = WEIR_PARTITION(1)};
    if (weir_subscribe(s.rig.runtime, s.b.ref, s.p.ref, &odd, &subscription) == WEIR_OK) {
        weir_runtime_step(s.rig.runtime, 20);
        weir_cancel(s.rig.runtime, subscription, WEIR_REASON_NORMAL);
    }
    const uint64_t number = 7;
    weir_info(s.rig.runtime, s.p.ref, &number, sizeof number);
    partition_rest(&s);
    test_memory_fail_never(&s.rig.memory);
    rig_close(&s.rig);
}

static void without_memory_what_is_lost_is_counted(void **state) {
    (void)state;
    for (int world = 0; world < 3; world++) {
        for (uint64_t fail_at = 1; fail_at < 30; fail_at++) {
            starve(fail_at, false, world);
            starve(fail_at, true, world);
        }
    }
}

/* A start that fails midway leaves nothing behind. */
static void without_memory_it_does_not_start(void **state) {
    (void)state;
    static const char *const names[] = {"even", "odd"};
    const weir_partition_dispatcher_options named = {.partitions = 2, .names = names};
    struct rig rig;
    rig_open(&rig, NULL);
    static struct player p[40];
    weir_status status = WEIR_NO_MEMORY;
    int tries = 0;
    for (; tries < 40 && status != WEIR_OK; tries++) {
        p[tries] = (struct player){.name = "p", .kind = WEIR_PRODUCER};
        uint64_t live = rig.memory.live;
        test_memory_fail(&rig.memory, (uint64_t)tries + 1, true);
        status = player_try_start(&p[tries], &rig,
                                  &(weir_stage_options){.dispatcher = weir_partition_dispatcher(),
                                                        .dispatcher_options = &named});
        test_memory_fail_never(&rig.memory);
        if (status == WEIR_NO_MEMORY) assert_true(rig.memory.live <= live + 1); /* the registry's */
    }
    assert_int_equal(status, WEIR_OK);
    assert_true(tries > 6);
    rig_close(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_passes_to_the_next_consumer),
        cmocka_unit_test(or_it_is_discarded_and_demanded_anew),
        cmocka_unit_test(what_was_not_begun_comes_first_and_is_not_demanded_again),
        cmocka_unit_test(who_dies_again_and_again_fills_no_queue),
        cmocka_unit_test(as_genstage_what_was_not_begun_is_lost),
        cmocka_unit_test(infos_come_after_what_was_queued_before_them),
        cmocka_unit_test(an_info_waits_for_every_queue),
        cmocka_unit_test(as_genstage_an_info_waits_for_one_ask_more),
        cmocka_unit_test(who_stops_says_what_it_held),
        cmocka_unit_test(closing_the_runtime_frees_it_all),
        cmocka_unit_test(who_finishes_waits_for_its_queues),
        cmocka_unit_test(without_memory_what_is_lost_is_counted),
        cmocka_unit_test(without_memory_it_does_not_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
