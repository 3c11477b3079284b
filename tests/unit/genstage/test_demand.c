/*
 * Behaviour: demand between one producer and its consumers.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: events arrive in the batches that min_demand and max_demand call for, and
 * a broadcast goes at the pace of whoever asks least.
 * Method: a counter that emits what is asked for, to consumers that write down
 * every batch, in every kind of stepped runtime.
 */
#include "support/player.h"
#include "support/worlds.h"

#include <string.h>

/* ---- one consumer ---------------------------------------------------------- */

struct shape {
    weir_subscribe_options options;
    uint64_t limit; /* of the counter */
    const char *batches;
};

static const struct shape shapes[] = {
    {{0}, 1000, "events 0..499\nevents 500..999\n"},
    {{.max_demand = 100, .min_demand = 80},
     200,
     "events 0..19\nevents 20..39\nevents 40..59\nevents 60..79\nevents 80..99\n"
     "events 100..119\nevents 120..139\nevents 140..159\nevents 160..179\nevents 180..199\n"},
    {{.max_demand = 100, .min_demand = 20},
     280,
     "events 0..79\nevents 80..99\nevents 100..179\nevents 180..259\nevents 260..279\n"},
    {{.max_demand = 1, .min_demand = WEIR_NONE},
     5,
     "events 0\nevents 1\nevents 2\nevents 3\nevents 4\n"},
    {{.max_demand = 1}, 3, "events 0\nevents 1\nevents 2\n"}, /* the default min is 0 */
};

static void batches_have_the_size_that_min_and_max_leave(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct rig rig;
        for (int world = 0; rig_open_world(&rig, world); world++) {
            struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = shapes[i].limit};
            struct player c = {.name = "c", .kind = WEIR_CONSUMER};
            players_pair(&rig, &p, &c, &shapes[i].options);
            assert_memory_equal(c.journal.text, "subscribe p\n", 12);
            assert_string_equal(c.journal.text + 12, shapes[i].batches);
            rig_expect_log(&rig, "");
            rig_close(&rig);
        }
    }
}

/* ---- broadcast ------------------------------------------------------------- */

static const weir_subscribe_options ten = {
    .max_demand = 10, .min_demand = WEIR_NONE, .cancel = WEIR_TEMPORARY};
static const weir_subscribe_options twenty = {.max_demand = 20, .min_demand = WEIR_NONE};

static void a_broadcast_goes_to_all_in_the_same_batches(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 30};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER};
    struct player b = {.name = "b", .kind = WEIR_CONSUMER};
    /* Held back until both are there. */
    player_start(&p, rig,
                 &(weir_stage_options){.dispatcher = weir_broadcast_dispatcher(),
                                       .demand = WEIR_ACCUMULATE});
    PLAYERS_START(rig, &a, &b);
    player_subscribe(&a, &p, &ten);
    player_subscribe(&b, &p, &twenty);
    rig_rest(rig);
    player_demand(&p, WEIR_FORWARD);
    rig_rest(rig);
    static const char batches[] = "subscribe p\nevents 0..9\nevents 10..19\nevents 20..29\n";
    player_expect(&a, batches);
    player_expect(&b, batches);
    rig_close(rig);
}

static void who_never_asks_holds_a_broadcast_up_until_it_leaves(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 20};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER};
    struct player b = {.name = "b", .kind = WEIR_CONSUMER};
    struct player silent = {.name = "silent", .kind = WEIR_CONSUMER, .manual = true};
    player_start(&p, rig, &(weir_stage_options){.dispatcher = weir_broadcast_dispatcher()});
    PLAYERS_START(rig, &a, &b, &silent);
    weir_subscription subscription = player_subscribe(&silent, &p, &ten);
    rig_rest(rig);
    player_subscribe(&a, &p, &ten);
    player_subscribe(&b, &p, &ten);
    rig_rest(rig);
    player_expect(&a, "subscribe p\n");
    player_expect(&b, "subscribe p\n");
    assert_int_equal(p.next, 0);
    assert_int_equal(weir_cancel(rig->runtime, subscription, WEIR_REASON_NORMAL), WEIR_OK);
    rig_rest(rig);
    player_expect(&a, "events 0..9\nevents 10..19\n");
    player_expect(&b, "events 0..9\nevents 10..19\n");
    player_expect(&silent, "subscribe p\ncancel p normal\n");
    rig_close(rig);
}

static void a_broadcast_asks_upstream_once_for_all(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c[3];
    memset(c, 0, sizeof c);
    player_start(&p, rig, &(weir_stage_options){.dispatcher = weir_broadcast_dispatcher()});
    for (int i = 0; i < 3; i++) {
        c[i].name = (const char *[]){"a", "b", "c"}[i];
        c[i].kind = WEIR_CONSUMER;
        player_start(&c[i], rig, NULL);
        player_subscribe(&c[i], &p, &ten);
        rig_rest(rig);
    }
    player_expect(&p, "subscribe a\ndemand 10\nsubscribe b\nsubscribe c\n");
    player_cast(&p, 10);
    rig_rest(rig);
    player_expect(&p, "cast 10\ndemand 10\n");
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_have_the_size_that_min_and_max_leave),
        TEST_IN_WORLDS(a_broadcast_goes_to_all_in_the_same_batches),
        TEST_IN_WORLDS(who_never_asks_holds_a_broadcast_up_until_it_leaves),
        TEST_IN_WORLDS(a_broadcast_asks_upstream_once_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
