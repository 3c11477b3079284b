/*
 * Supply with selectors: who refuses events gets the others, and loses no demand.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each consumer of a broadcast gets what its selector accepts, whole and in
 * order, over blocks too; what it refuses is asked for again, in the producer's
 * own order; it is asked once for each event, or shown each once; a selector towards
 * a dispatcher that knows of none is refused, and so are two; ends that cross the
 * asking again, and missing memory, leave the accounts whole.
 * Method: consumers that take multiples of a number; journals and sums.  Each test runs
 * with a selector that is asked for one event, and with one that is shown many.
 */
#include "support/deeds.h"
#include "support/player.h"
#include "support/worlds.h"

#include <string.h>

/* context: a number; its multiples are accepted, of 0 none. */
static bool multiples(void *context, const void *event) {
    uint64_t of = *(const uint64_t *)context;
    return of != 0 && *(const uint64_t *)event % of == 0;
}

static void multiples_of_many(void *context, weir_batch batch, bool *wanted) {
    const uint64_t *events = batch.events;
    assert_true(batch.count > 0);
    for (size_t i = 0; i < batch.count; i++) {
        assert_false(wanted[i]);
        if (multiples(context, &events[i])) wanted[i] = true; /* the others are left alone */
    }
}

static bool by_many;

static int ask_for_each(void **state) {
    (void)state;
    by_many = false;
    return 0;
}

static int show_many(void **state) {
    (void)state;
    by_many = true;
    return 0;
}

static uint64_t numbers[] = {0, 1, 2, 3, 4, 5};

static weir_subscription subscribe(struct player *consumer, struct player *producer, size_t max,
                                   uint64_t of) {
    const weir_subscribe_options options = {.max_demand = max,
                                            .min_demand = WEIR_NONE,
                                            .cancel = WEIR_TEMPORARY,
                                            .selector = by_many ? NULL : multiples,
                                            .select_many = by_many ? multiples_of_many : NULL,
                                            .selector_context = &numbers[of]};
    return player_subscribe(consumer, producer, &options);
}

static const weir_stage_options *broadcasting(void) {
    static weir_stage_options options;
    options.dispatcher = weir_broadcast_dispatcher();
    return &options;
}

static void each_gets_what_it_accepts(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        struct player a = {.name = "a", .kind = WEIR_CONSUMER};
        struct player b = {.name = "b", .kind = WEIR_CONSUMER};
        player_start(&p, &rig, broadcasting());
        PLAYERS_START(&rig, &a, &b);
        subscribe(&a, &p, 10, 2);
        subscribe(&b, &p, 10, 1); /* accepts all */
        rig_rest(&rig);
        player_cast(&p, 7);
        rig_rest(&rig);
        player_expect(&a, "subscribe p\nevents 0 2 4 6\n");
        player_expect(&b, "subscribe p\nevents 0..6\n");
        weir_accounts accounts = rig_accounts(&rig);
        assert_int_equal(accounts.multicast, 7);
        assert_int_equal(accounts.copies, 11);
        rig_close(&rig);
    }
}

/* GenStage's example: both refuse all; what they refused is asked for once more. */
static void what_is_refused_is_asked_for_again(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        struct player a = {.name = "a", .kind = WEIR_CONSUMER};
        struct player b = {.name = "b", .kind = WEIR_CONSUMER, .manual = true};
        player_start(&p, &rig, broadcasting());
        PLAYERS_START(&rig, &a, &b);
        subscribe(&a, &p, 10, 0);
        weir_ask(rig.runtime, subscribe(&b, &p, 10, 0), 10);
        rig_rest(&rig);
        const char *demand = strstr(p.journal.text, "demand 10\n");
        assert_non_null(demand);
        assert_null(strstr(demand + 1, "demand")); /* once for both */
        rig_text_expect(&p.journal, p.journal.text);
        player_cast(&p, 3);
        rig_rest(&rig);
        player_expect(&p, "cast 3\ndemand 3\n");
        player_expect(&a, "subscribe p\n"); /* no empty batches */
        player_expect(&b, "subscribe p\n");
        rig_close(&rig);
    }
}

/* A filter by selectors never stands still, whatever share is refused. */
static void refusing_does_not_stop_the_flow(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 3000, .quiet = true};
        struct player c[4];
        memset(c, 0, sizeof c);
        player_start(&p, &rig, broadcasting());
        for (uint64_t i = 0; i < 4; i++) {
            c[i].name = "c";
            c[i].kind = WEIR_CONSUMER;
            c[i].quiet = true;
            player_start(&c[i], &rig, NULL);
            subscribe(&c[i], &p, 20 + i, i + 2);
        }
        rig_rest(&rig);
        for (uint64_t i = 0; i < 4; i++) {
            /* A late subscriber misses what was sent before it came. */
            assert_true(c[i].handled <= 3000 / (i + 2) + 1);
            assert_true(c[i].handled + 40 >= 3000 / (i + 2));
        }
        assert_int_equal(p.next, 3000);
        rig_close(&rig);
    }
}

/* Accepts all but numbers from `refuse` on that are odd, and counts what it is asked. */
struct counting {
    uint64_t calls;
    uint64_t refuse;
};

static bool count_and_select(void *context, const void *event) {
    struct counting *counting = context;
    uint64_t number = *(const uint64_t *)event;
    counting->calls++;
    return number < counting->refuse || number % 2 == 0;
}

static void count_and_select_many(void *context, weir_batch batch, bool *wanted) {
    const uint64_t *events = batch.events;
    for (size_t i = 0; i < batch.count; i++) wanted[i] = count_and_select(context, &events[i]);
}

static void it_is_asked_once_for_each_event(void **state) {
    (void)state;
    enum { EVENTS = 20000 }; /* more than a block */
    static const uint64_t from[] = {0, 1, EVENTS / 2, EVENTS - 1, EVENTS};
    for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
        struct rig rig;
        rig_open(&rig, NULL);
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = EVENTS, .quiet = true};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
        struct counting counting = {.refuse = from[i]};
        player_start(&p, &rig, broadcasting());
        player_start(&c, &rig, NULL);
        player_subscribe(
            &c, &p,
            &(weir_subscribe_options){.max_demand = EVENTS,
                                      .selector = by_many ? NULL : count_and_select,
                                      .select_many = by_many ? count_and_select_many : NULL,
                                      .selector_context = &counting});
        rig_rest(&rig);
        assert_int_equal(counting.calls, EVENTS);
        uint64_t sum = 0;
        uint64_t count = 0;
        for (uint64_t number = 0; number < EVENTS; number++) {
            if (number >= from[i] && number % 2 == 1) continue;
            sum += number;
            count++;
        }
        assert_int_equal(c.handled, count);
        assert_int_equal(c.sum, sum);
        rig_close(&rig);
    }
}

static void what_is_accepted_lies_together(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .quiet = true};
        struct player a = {.name = "a", .kind = WEIR_CONSUMER};
        struct player b = {.name = "b", .kind = WEIR_CONSUMER, .quiet = true};
        player_start(&p, &rig, broadcasting());
        PLAYERS_START(&rig, &a, &b);
        a.quiet = true;
        subscribe(&a, &p, 50000, 5);
        subscribe(&b, &p, 50000, 1);
        rig_rest(&rig);
        player_cast(&p, 20000); /* over several blocks */
        rig_rest(&rig);
        assert_int_equal(a.batches, 1);
        assert_int_equal(a.handled, 4000);
        assert_int_equal(a.sum, UINT64_C(5) * 4000 * 3999 / 2);
        assert_int_equal(b.batches, 3); /* in pieces as it lies */
        assert_int_equal(b.sum, UINT64_C(20000) * 19999 / 2);
        rig_close(&rig);
    }
}

static void a_selector_in_vain_is_refused(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 10};
        struct player a = {.name = "a", .kind = WEIR_CONSUMER};
        PLAYERS_START(&rig, &p, &a);
        subscribe(&a, &p, 10, 2);
        rig_rest(&rig);
        player_expect(&p, "subscribe a\ncancel a bad_options\n");
        player_expect(&a, "subscribe p\ncancel p bad_options\n");
        rig_expect_log(&rig, "error: stage p refuses a subscription: its dispatcher, demand, "
                             "knows no selector\n");
        rig_close(&rig);
    }
}

static void two_selectors_are_refused(struct rig *rig) {
    weir_ref none = {0};
    const weir_subscribe_options options = {.selector = multiples,
                                            .select_many = multiples_of_many};
    assert_int_equal(weir_subscribe(rig->runtime, none, none, &options, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "selector and select_many cannot both be set");
    rig_close(rig);
}

/* ---- ends that cross it ---------------------------------------------------------- */

static void asking_again_may_come_too_late(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .does.cast = deed_emit_and_stop};
        struct player a = {.name = "a", .kind = WEIR_CONSUMER};
        player_start(&p, &rig, broadcasting());
        player_start(&a, &rig, NULL);
        subscribe(&a, &p, 10, 3);
        rig_rest(&rig);
        player_cast(&p, 8);
        rig_rest(&rig);
        player_expect(&p, "subscribe a\ndemand 10\ncast 8\nterminate normal\n");
        player_expect(&a, "subscribe p\nevents 0 3 6\ndown p normal\n");
        rig_close(&rig);
    }
}

/* The cancel is in the producer's mail before what it asks itself again. */
static void who_has_left_is_not_asked_for_again(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        for (uint64_t turns = 0; turns < 6; turns++) {
            struct player p = {.name = "p", .kind = WEIR_PRODUCER};
            struct player a = {.name = "a", .kind = WEIR_CONSUMER};
            player_start(&p, &rig, broadcasting());
            player_start(&a, &rig, NULL);
            weir_subscription subscription = subscribe(&a, &p, 10, 0);
            rig_rest(&rig);
            weir_cancel(rig.runtime, subscription, WEIR_REASON_NORMAL);
            weir_runtime_step(rig.runtime, turns);
            player_cast(&p, 4);
            rig_rest(&rig);
            player_expect(&a, "subscribe p\ncancel p normal\n");
            assert_int_equal(rig_accounts(&rig).handled, 0);
            rig_close(&rig);
            assert_true(rig_open_world(&rig, world));
        }
        rig_close(&rig);
    }
}

/* ---- memory ------------------------------------------------------------------------ */

static bool starve(uint64_t fail_at, bool for_good) {
    struct rig rig;
    rig_open(&rig, NULL);
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .quiet = true};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER, .quiet = true};
    struct player b = {.name = "b", .kind = WEIR_CONSUMER, .quiet = true};
    player_start(&p, &rig, broadcasting());
    PLAYERS_START(&rig, &a, &b);
    subscribe(&a, &p, 1000, 2);
    subscribe(&b, &p, 1000, 1);
    player_cast(&p, 600);
    player_cast(&p, 300);
    test_memory_fail(&rig.memory, fail_at, for_good);
    rig_rest(&rig);
    bool reached = rig.memory.calls >= rig.memory.fail_at;
    test_memory_fail_never(&rig.memory);
    weir_accounts accounts = rig_accounts(&rig);
    const char *unequal = weir_accounts_check(&accounts);
    if (unequal != NULL) fail_msg("%s", unequal);
    rig_close(&rig);
    return reached;
}

static void without_memory_what_is_lost_is_counted(void **state) {
    (void)state;
    for (int for_good = 0; for_good < 2; for_good++) {
        uint64_t fail_at = 1;
        while (starve(fail_at, for_good)) fail_at++;
        assert_true(fail_at > 4);
    }
}

/* The flow goes on after it, though max_demand is 1. */
static bool starve_for_a_moment(uint64_t fail_at) {
    struct rig rig;
    rig_open(&rig, NULL);
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .quiet = true};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER, .quiet = true};
    struct player b = {.name = "b", .kind = WEIR_CONSUMER, .quiet = true};
    player_start(&p, &rig, broadcasting());
    PLAYERS_START(&rig, &a, &b);
    subscribe(&a, &p, 1, 2);
    subscribe(&b, &p, 1, 1);
    rig_rest(&rig);
    p.limit = 100;
    player_cast(&p, 1);
    test_memory_fail(&rig.memory, fail_at, false);
    rig_rest(&rig);
    bool reached = rig.memory.calls >= rig.memory.fail_at;
    test_memory_fail_never(&rig.memory);
    if (p.next < 100) player_cast(&p, 1); /* it could not emit itself */
    rig_rest(&rig);
    assert_int_equal(p.next, 100);
    rig_close(&rig);
    return reached;
}

static void what_is_lost_is_asked_for_again(void **state) {
    (void)state;
    uint64_t fail_at = 1;
    while (starve_for_a_moment(fail_at)) fail_at++;
    assert_true(fail_at > 2);
}

#define BOTH_WAYS(test) \
    cmocka_unit_test_setup(test, ask_for_each), cmocka_unit_test_setup(test, show_many)

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH_WAYS(each_gets_what_it_accepts),
        BOTH_WAYS(what_is_refused_is_asked_for_again),
        BOTH_WAYS(refusing_does_not_stop_the_flow),
        BOTH_WAYS(it_is_asked_once_for_each_event),
        BOTH_WAYS(what_is_accepted_lies_together),
        BOTH_WAYS(a_selector_in_vain_is_refused),
        TEST_STEPPED(two_selectors_are_refused),
        BOTH_WAYS(asking_again_may_come_too_late),
        BOTH_WAYS(who_has_left_is_not_asked_for_again),
        BOTH_WAYS(without_memory_what_is_lost_is_counted),
        BOTH_WAYS(what_is_lost_is_asked_for_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
