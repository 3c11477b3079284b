/*
 * A stage with partitions: who gets what, and what becomes of the rest.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each event reaches the consumer of its partition, in order; what waits for
 * one is on the books, comes before what is newer, and passes to the next consumer;
 * a subscription that cannot be is refused and nobody stops; what the hash wants
 * nowhere is dropped, counted, and demanded anew.
 * Method: journals in all kinds of stepped runtimes.  A cast of n makes the
 * producer emit its next n numbers, of which even ones are for partition 0.
 */
#include "support/deeds.h"
#include "support/partition_scene.h"
#include "support/worlds.h"

#include <stdio.h>
#include <string.h>

/* Halves a number, and deals by what was left over. */
static uint32_t halve(void *context, void *event) {
    uint64_t *number = event;
    uint32_t rest = (uint32_t)(*number % 2);
    ++*(uint64_t *)context;
    *number /= 2;
    return rest;
}

static void parities(void *context, weir_batch batch, uint32_t *partitions) {
    const uint64_t *numbers = batch.events;
    for (size_t i = 0; i < batch.count; i++) partitions[i] = partition_parity(context, &numbers[i]);
}

static const weir_partition_dispatcher_options by_parity = {.partitions = 2,
                                                            .hash = partition_parity};

/* ---- the way of events --------------------------------------------------- */

static void each_event_to_its_partition(void **state) {
    (void)state;
    struct partition_scene s;
    for (int world = 0; partition_open(&s, world, &by_parity); world++) {
        partition_subscribe(&s.a, &s.p, 0, 4);
        partition_rest(&s);
        partition_subscribe(&s.b, &s.p, 1, 4);
        partition_rest(&s);
        player_cast(&s.p, 5);
        partition_rest(&s);
        player_expect(&s.a, "subscribe p\nevents 0 2 4\n");
        player_expect(&s.b, "subscribe p\nevents 1 3\n");
        player_expect(&s.p, "subscribe a\ndemand 4\nsubscribe b\ndemand 4\ncast 5\n");
        rig_close(&s.rig);
    }
}

static weir_verdict tell_held(weir_stage *self, struct player *player, uint64_t number) {
    player_say(player, "buffered %d, held %d", (int)weir_buffered(self), (int)weir_held(self));
    (void)number;
    return WEIR_CONTINUE;
}

static void demand_is_pooled_and_the_rest_waits(void **state) {
    (void)state;
    struct partition_scene s;
    for (int world = 0; partition_open(&s, world, &by_parity); world++) {
        partition_subscribe(&s.a, &s.p, 0, 6);
        partition_rest(&s);
        player_cast(&s.p, 10); /* demand takes six: 0..5; half of them wait for a consumer */
        partition_rest(&s);
        player_expect(&s.a, "subscribe p\nevents 0 2 4\n");
        assert_int_equal(rig_accounts(&s.rig).buffered, 7);
        s.p.does.cast = tell_held;
        player_cast(&s.p, 0);
        partition_rest(&s);
        player_expect(&s.p, "subscribe a\ndemand 6\ncast 10\ncast 0\nbuffered 4, held 3\n");
        partition_subscribe(&s.b, &s.p, 1, 2);
        partition_rest(&s);
        /* Paid for when they came: each whole ask takes two more, out of the buffer. */
        player_expect(&s.b, "subscribe p\nevents 1 3\nevents 5 7\nevents 9\n");
        player_expect(&s.a, "events 6\nevents 8\n");
        player_expect(&s.p, "subscribe b\ndemand 2\n");
        assert_int_equal(rig_accounts(&s.rig).buffered, 0);
        rig_close(&s.rig);
    }
}

/* More than a deal, over several blocks, from a producer_consumer, in all of its forms. */
static void many_events_keep_their_order(void **state) {
    (void)state;
    enum { EVENTS = 30000 };
    static const size_t partitions[] = {1, 3, 70};
    for (size_t i = 0; i < 3; i++) {
        struct rig rig;
        for (int world = 0; rig_open_world(&rig, world); world++) {
            const weir_partition_dispatcher_options by_default = {.partitions = partitions[i]};
            struct player p = {.name = "p", .kind = WEIR_PRODUCER, .quiet = true, .limit = EVENTS};
            struct player t = {.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
            t.emits = (enum player_emits)(world % 3);
            struct player c[70];
            memset(c, 0, sizeof c);
            player_start(&p, &rig, NULL);
            partition_start(&t, &rig, &by_default);
            for (unsigned j = 0; j < partitions[i]; j++) {
                c[j] = (struct player){.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
                player_start(&c[j], &rig, NULL);
                partition_subscribe(&c[j], &t, j, 500);
            }
            player_subscribe(&t, &p, &(weir_subscribe_options){.max_demand = 20000});
            rig_rest(&rig);
            uint64_t handled = 0;
            uint64_t sum = 0;
            for (unsigned j = 0; j < partitions[i]; j++) {
                handled += c[j].handled;
                sum += c[j].sum;
                assert_true(c[j].handled * partitions[i] > EVENTS / 2);
            }
            assert_int_equal(handled, EVENTS);
            assert_int_equal(sum, (uint64_t)EVENTS * (EVENTS - 1) / 2);
            rig_close(&rig);
        }
    }
}

/* ---- who may subscribe --------------------------------------------------- */

/* It is known before anybody is asked. */
static void without_a_partition_nobody_subscribes(void **state) {
    (void)state;
    struct partition_scene s;
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    const weir_partition_dispatcher_options two = {.partitions = 2};
    partition_open(&s, 0, &two);
    partition_rest(&s);
    uint64_t live = s.rig.memory.live;
    assert_int_equal(weir_subscribe(s.rig.runtime, s.a.ref, s.p.ref, NULL, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(),
                        "partition or partition_name must be set: stage a subscribes to stage p, "
                        "which has a partition dispatcher");
    const weir_ref row[] = {s.p.ref, s.b.ref};
    assert_int_equal(weir_chain(s.rig.runtime, row, 2, NULL), WEIR_INVALID);
    assert_non_null(strstr(weir_refusal(), "stages 0 and 1: partition or partition_name must"));
    const weir_subscribe_to to = {.producer = s.p.ref};
    const weir_stage_options options = {.subscribe_to = &to, .subscribe_count = 1};
    assert_int_equal(player_try_start(&c, &s.rig, &options), WEIR_INVALID);
    s.rig.players = c.started;
    assert_non_null(strstr(weir_refusal(), "must be set: stage c subscribes to stage p, which"));
    partition_rest(&s);
    rig_expect(&s.rig, "");
    assert_int_equal(s.rig.memory.live, live);
    rig_close(&s.rig);
}

/* Who has a handle_cancel knows: nothing is logged. */
static void who_hears_of_no_refusal_has_it_logged(void **state) {
    (void)state;
    struct partition_scene s;
    const weir_partition_dispatcher_options one = {.partitions = 1};
    for (int world = 0; partition_open(&s, world, &one); world++) {
        struct player deaf = {.name = "deaf", .kind = WEIR_CONSUMER};
        weir_stage_options options = player_options(&deaf, &s.rig, NULL);
        options.on.handle_cancel = NULL;
        assert_int_equal(weir_stage_start(s.rig.runtime, &options, &deaf.ref), WEIR_OK);
        partition_subscribe(&s.a, &s.p, 0, 10);
        partition_rest(&s);
        partition_subscribe(&s.b, &s.p, 0, 10);
        partition_subscribe(&s.b, &s.p, 1, 10);
        partition_rest(&s);
        rig_expect_log(&s.rig, "");
        partition_subscribe(&deaf, &s.p, 0, 10);
        partition_rest(&s);
        rig_expect_log(&s.rig, "error: stage deaf may not subscribe to stage p: partition_taken\n");
        partition_subscribe(&deaf, &s.p, 1, 10);
        partition_rest(&s);
        rig_expect_log(&s.rig,
                       "error: stage deaf may not subscribe to stage p: unknown_partition\n");
        player_stop(&s.p, WEIR_REASON_NORMAL);
        partition_rest(&s);
        rig_expect_log(&s.rig, "");
        rig_close(&s.rig);
    }
}

static void expect_refused(struct partition_scene *s, const weir_subscribe_options *options,
                           const char *reason) {
    char journal[128];
    player_subscribe(&s->b, &s->p, options);
    partition_rest(s);
    snprintf(journal, sizeof journal, "subscribe p\ncancel p %s\n", reason);
    player_expect(&s->b, journal);
    snprintf(journal, sizeof journal, "subscribe b\ncancel b %s\n", reason);
    player_expect(&s->p, journal);
}

static void what_cannot_be_is_refused_and_nobody_stops(void **state) {
    (void)state;
    static const char *const names[] = {"even", "odd"};
    struct partition_scene s;
    const weir_partition_dispatcher_options named = {
        .partitions = 2, .names = names, .hash = partition_parity};
    for (int world = 0; partition_open(&s, world, &named); world++) {
        partition_subscribe(&s.a, &s.p, 0, 10);
        partition_rest(&s);
        player_expect(&s.p, "subscribe a\ndemand 10\n");
        expect_refused(&s, &(weir_subscribe_options){.partition = WEIR_PARTITION(0)},
                       "partition_taken");
        expect_refused(&s, &(weir_subscribe_options){.partition_name = "even"}, "partition_taken");
        expect_refused(&s, &(weir_subscribe_options){.partition = WEIR_PARTITION(2)},
                       "unknown_partition");
        expect_refused(&s, &(weir_subscribe_options){.partition = UINT32_MAX}, "unknown_partition");
        expect_refused(&s, &(weir_subscribe_options){.partition_name = "neither"},
                       "unknown_partition");
        expect_refused(
            &s, &(weir_subscribe_options){.partition = WEIR_PARTITION(0), .partition_name = "odd"},
            "unknown_partition"); /* it cannot be both */
        player_subscribe(&s.b, &s.p,
                         &(weir_subscribe_options){.max_demand = 5, .partition_name = "odd"});
        partition_rest(&s);
        player_cast(&s.p, 4);
        partition_rest(&s);
        player_expect(&s.a, "subscribe p\nevents 0 2\n");
        player_expect(&s.b, "subscribe p\nevents 1 3\n");
        rig_close(&s.rig);
    }
}

static void names_are_numbers_too_and_copied(void **state) {
    (void)state;
    struct partition_scene s;
    for (int world = 0;; world++) {
        char even[] = "even";
        char odd[] = "odd";
        const char *names[] = {even, odd};
        const weir_partition_dispatcher_options named = {
            .partitions = 2, .names = names, .hash = partition_parity};
        if (!partition_open(&s, world, &named)) return;
        memset(even, 'x', sizeof even - 1);
        memset(odd, 'x', sizeof odd - 1);
        player_subscribe(
            &s.b, &s.p,
            &(weir_subscribe_options){.partition = WEIR_PARTITION(1), .partition_name = "odd"});
        partition_rest(&s);
        player_cast(&s.p, 2);
        partition_rest(&s);
        player_expect(&s.b, "subscribe p\nevents 1\n");
        rig_close(&s.rig);
    }
}

static void a_partition_of_another_dispatcher_is_refused(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    players_pair(
        rig, &p, &c,
        &(weir_subscribe_options){.cancel = WEIR_TEMPORARY, .partition = WEIR_PARTITION(0)});
    player_expect(&p, "subscribe c\ncancel c bad_options\n");
    player_expect(&c, "subscribe p\ncancel p bad_options\n");
    rig_expect_log(rig, "error: stage p refuses a subscription: its dispatcher, demand, "
                        "knows no partition\n");
    rig_close(rig);
}

static void expect_refusal_of_p(const char *why) {
    char expected[160];
    snprintf(expected, sizeof expected, "stage p: %s", why);
    assert_string_equal(weir_refusal(), expected);
}

static void bad_options_fail_the_start(void **state) {
    (void)state;
    static const char *const twice[] = {"x", "y", "x"};
    static const char *const none[] = {"x", NULL};
    static const char *const empty[] = {"", "x"};
    const struct {
        weir_partition_dispatcher_options options;
        const char *refusal;
    } cases[] = {
        {{0}, "partitions must be at least 1, got 0"},
        {{.partitions = 65537}, "partitions must be at most 65536, got 65537"},
        {{.partitions = 3, .names = twice}, "names must differ, got \"x\" at 0 and at 2"},
        {{.partitions = 2, .names = none}, "names[1] must not be NULL"},
        {{.partitions = 2, .names = empty}, "names[0] must not be empty"},
        {{.partitions = 2, .queue = (weir_partition_queue)2},
         "queue must be WEIR_QUEUE_KEEP or WEIR_QUEUE_DISCARD, got 2"},
        {{.partitions = 2, .hash = partition_parity, .rewrite = halve},
         "hash and rewrite cannot both be set"},
        {{.partitions = 2, .hash = partition_parity, .hash_many = parities},
         "hash and hash_many cannot both be set"},
        {{.partitions = 2, .rewrite = halve, .hash_many = parities},
         "rewrite and hash_many cannot both be set"},
    };
    struct rig rig;
    rig_open(&rig, NULL);
    struct player p[10];
    weir_stage_options options = {.dispatcher = weir_partition_dispatcher()};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        options.dispatcher_options = &cases[i].options;
        p[i] = (struct player){.name = "p", .kind = WEIR_PRODUCER};
        assert_int_equal(player_try_start(&p[i], &rig, &options), WEIR_INVALID);
        expect_refusal_of_p(cases[i].refusal);
    }
    options.dispatcher_options = NULL;
    p[9] = (struct player){.name = "p", .kind = WEIR_PRODUCER};
    assert_int_equal(player_try_start(&p[9], &rig, &options), WEIR_INVALID);
    expect_refusal_of_p("dispatcher_options must say how many partitions");
    rig_close(&rig);
}

/* ---- what the hash says -------------------------------------------------- */

/* Threes nowhere, fives to a partition that there is not. */
static uint32_t picky(void *context, const void *event) {
    uint64_t number = *(const uint64_t *)event;
    if (number % 3 == 0) return WEIR_PARTITION_NONE;
    if (number % 5 == 0) return 2;
    return partition_parity(context, event);
}

static const weir_partition_dispatcher_options by_whim = {.partitions = 2, .hash = picky};

static void what_is_dropped_is_told_and_demanded_anew(void **state) {
    (void)state;
    struct partition_scene s;
    for (int world = 0; partition_open(&s, world, &by_whim); world++) {
        s.p.limit = 1000;
        partition_subscribe(&s.a, &s.p, 0, 4);
        partition_rest(&s);
        /* 0..3: 1 waits, 2 goes; 4 5: 4 goes; 6: none; 7 waits; and so all that a asked for. */
        player_expect(&s.p, "subscribe a\ndemand 4\ndiscarded 2 unwanted\n"
                            "demand 2\ndiscarded 1 bad\ndemand 1\ndiscarded 1 unwanted\n"
                            "demand 1\n");
        player_expect(&s.a, "subscribe p\nevents 2\nevents 4\n");
        weir_accounts accounts = rig_accounts(&s.rig);
        assert_int_equal(accounts.discarded, 4);
        assert_int_equal(accounts.buffered, 2);
        rig_close(&s.rig);
    }
}

/* Demand for one after another, none of which is wanted: other stages have their turns. */
static uint32_t nowhere(void *context, const void *event) {
    (void)context;
    (void)event;
    return WEIR_PARTITION_NONE;
}

static void who_wants_nothing_stops_nobody(void **state) {
    (void)state;
    struct partition_scene s;
    const weir_partition_dispatcher_options none = {.partitions = 1, .hash = nowhere};
    for (int world = 0; partition_open(&s, world, &none); world++) {
        s.p.limit = UINT64_MAX;
        s.p.quiet = true;
        partition_subscribe(&s.a, &s.p, 0, 4);
        for (int turn = 0; turn < 1000; turn++) weir_runtime_step(s.rig.runtime, 1);
        assert_true(s.p.emitted > 100);
        player_stop(&s.p, WEIR_REASON_NORMAL);
        partition_rest(&s);
        player_expect(&s.a, "subscribe p\ndown p normal\n");
        rig_close(&s.rig);
    }
}

static weir_verdict emit_eight(weir_stage *self, const void *message, size_t bytes) {
    static const uint64_t numbers[] = {0, 1, 5, 25, 3, 6, 2, 10};
    (void)message;
    (void)bytes;
    weir_emit(self, numbers, 8);
    return WEIR_CONTINUE;
}

static void without_a_callback_only_bad_ones_are_logged(struct rig *rig) {
    weir_ref p;
    const weir_stage_options options = {
        .kind = WEIR_PRODUCER,
        .event_bytes = sizeof(uint64_t),
        .dispatcher = weir_partition_dispatcher(),
        .dispatcher_options = &by_whim,
        .on = {.handle_demand = deed_no_demand, .handle_cast = emit_eight}};
    assert_int_equal(weir_stage_start(rig->runtime, &options, &p), WEIR_OK);
    struct player b = {.name = "b", .kind = WEIR_CONSUMER};
    player_start(&b, rig, NULL);
    const weir_subscribe_options odd = {.partition = WEIR_PARTITION(1)};
    assert_int_equal(weir_subscribe(rig->runtime, b.ref, p, &odd, NULL), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(weir_cast(rig->runtime, p, NULL, 0), WEIR_OK);
    rig_rest(rig);
    player_expect(&b, "subscribe nobody\nevents 1\n");
    rig_expect_log(rig, "warning: stage producer has discarded 3 events for which its hash "
                        "named no partition that there is\n");
    rig->emitted = 8;
    assert_int_equal(rig_accounts(rig).discarded, 6);
    rig_close(rig);
}

/* ---- rewriting ----------------------------------------------------------- */

/* What a producer_consumer forwards may be shared: others must not see it rewritten. */
static void rewriting_changes_one_s_own_events_only(struct rig *rig) {
    uint64_t calls = 0;
    const weir_partition_dispatcher_options by_half = {
        .partitions = 2, .rewrite = halve, .context = &calls};
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player t = {
        .name = "t", .kind = WEIR_PRODUCER_CONSUMER, .emits = PLAYER_FORWARDS, .quiet = true};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER};
    struct player b = {.name = "b", .kind = WEIR_CONSUMER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    player_start(&p, rig, &(weir_stage_options){.dispatcher = weir_broadcast_dispatcher()});
    partition_start(&t, rig, &by_half);
    PLAYERS_START(rig, &a, &b, &c);
    partition_subscribe(&a, &t, 0, 10);
    partition_subscribe(&b, &t, 1, 10);
    rig_rest(rig);
    player_subscribe(&t, &p, &(weir_subscribe_options){.max_demand = 100});
    player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 100});
    rig_rest(rig);
    player_cast(&p, 12);
    rig_rest(rig);
    player_expect(&a, "subscribe t\nevents 0..5\n");
    player_expect(&b, "subscribe t\nevents 0..5\n");
    player_expect(&c, "subscribe p\nevents 0..11\n");
    assert_int_equal(calls, 12); /* once for each */
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_event_to_its_partition),
        cmocka_unit_test(demand_is_pooled_and_the_rest_waits),
        cmocka_unit_test(many_events_keep_their_order),
        cmocka_unit_test(without_a_partition_nobody_subscribes),
        cmocka_unit_test(who_hears_of_no_refusal_has_it_logged),
        cmocka_unit_test(what_cannot_be_is_refused_and_nobody_stops),
        cmocka_unit_test(names_are_numbers_too_and_copied),
        TEST_IN_WORLDS(a_partition_of_another_dispatcher_is_refused),
        cmocka_unit_test(bad_options_fail_the_start),
        cmocka_unit_test(what_is_dropped_is_told_and_demanded_anew),
        cmocka_unit_test(who_wants_nothing_stops_nobody),
        TEST_IN_WORLDS(without_a_callback_only_bad_ones_are_logged),
        TEST_IN_WORLDS(rewriting_changes_one_s_own_events_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
