/*
 * Behaviour: events that belong to partitions.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each event goes to the consumer of its partition, or waits for it, also while
 * there is none; demand is pooled; what a hash drops costs nobody anything; bad
 * partitions, of consumers or of events, kill nobody (in GenStage the producer).
 * Method: a producer of numbers with two partitions, even and odd, and consumers that
 * ask by hand, in every kind of stepped runtime.
 */
#include "support/cmocka.h"
#include "support/player.h"

#include <stdio.h>
#include <string.h>

enum { CONSUMERS = 3 };

struct scene {
    struct rig rig;
    struct player p;
    struct player c[CONSUMERS];
    weir_subscription subscription[CONSUMERS];
};

static uint32_t parity(void *context, const void *event) {
    (void)context;
    return (uint32_t)(*(const uint64_t *)event % 2);
}

static bool open_scene(struct scene *scene, int world,
                       const weir_partition_dispatcher_options *partitions) {
    static const char *const names[] = {"a", "b", "c"};
    if (!rig_open_world(&scene->rig, world)) return false;
    memset(&scene->p, 0, sizeof scene->p + sizeof scene->c);
    scene->p.name = "p";
    scene->p.kind = WEIR_PRODUCER;
    player_start(&scene->p, &scene->rig,
                 &(weir_stage_options){.dispatcher = weir_partition_dispatcher(),
                                       .dispatcher_options = partitions});
    for (int i = 0; i < CONSUMERS; i++) {
        scene->c[i].name = names[i];
        scene->c[i].kind = WEIR_CONSUMER;
        scene->c[i].manual = true;
        player_start(&scene->c[i], &scene->rig, NULL);
    }
    return true;
}

static const weir_partition_dispatcher_options even_and_odd = {.partitions = 2, .hash = parity};

static void come(struct scene *scene, int i, unsigned partition) {
    scene->subscription[i] =
        player_subscribe(&scene->c[i], &scene->p,
                         &(weir_subscribe_options){.cancel = WEIR_TEMPORARY,
                                                   .partition = WEIR_PARTITION(partition)});
    rig_rest(&scene->rig);
    player_expect(&scene->c[i], "subscribe p\n");
    rig_text_expect(&scene->p.journal, scene->p.journal.text);
}

/* The sum of the demand that the producer has heard of since. */
static void expect_demand(struct scene *scene, uint64_t demand) {
    uint64_t sum = 0;
    for (const char *at = scene->p.journal.text; (at = strstr(at, "demand ")) != NULL; at++) {
        unsigned long long one = 0;
        assert_int_equal(sscanf(at, "demand %llu", &one), 1);
        sum += one;
    }
    assert_int_equal(sum, demand);
    rig_text_expect(&scene->p.journal, scene->p.journal.text);
}

static void ask(struct scene *scene, int i, uint64_t count, uint64_t demand) {
    assert_int_equal(weir_ask(scene->rig.runtime, scene->subscription[i], count), WEIR_OK);
    rig_rest(&scene->rig);
    expect_demand(scene, demand);
}

static void leave(struct scene *scene, int i, uint64_t demand) {
    assert_int_equal(weir_cancel(scene->rig.runtime, scene->subscription[i], WEIR_REASON_NORMAL),
                     WEIR_OK);
    rig_rest(&scene->rig);
    player_expect(&scene->c[i], "cancel p normal\n");
    expect_demand(scene, demand);
}

static void emit(struct scene *scene, uint64_t count) {
    player_cast(&scene->p, count);
    rig_rest(&scene->rig);
}

enum { A, B, C };

/* ---- who gets what ------------------------------------------------------------------- */

static void each_event_goes_to_its_partition(void **state) {
    (void)state;
    static struct scene s;
    for (int world = 0; open_scene(&s, world, &even_and_odd); world++) {
        come(&s, A, 0);
        come(&s, B, 1);
        ask(&s, A, 3, 3);
        ask(&s, B, 3, 3);
        emit(&s, 6);
        player_expect(&s.c[A], "events 0 2 4\n");
        player_expect(&s.c[B], "events 1 3 5\n");
        emit(&s, 2); /* nobody has asked for them */
        assert_int_equal(rig_accounts(&s.rig).buffered, 2);
        player_expect(&s.c[A], "");
        rig_close(&s.rig);
    }
}

static void partitions_may_have_names(void **state) {
    (void)state;
    static struct scene s;
    static const char *const names[] = {"even", "odd"};
    const weir_partition_dispatcher_options named = {
        .partitions = 2, .names = names, .hash = parity};
    for (int world = 0; open_scene(&s, world, &named); world++) {
        weir_subscribe_options options = {.partition_name = "odd"};
        weir_ask(s.rig.runtime, player_subscribe(&s.c[A], &s.p, &options), 5);
        options.partition_name = "even";
        weir_ask(s.rig.runtime, player_subscribe(&s.c[B], &s.p, &options), 5);
        rig_rest(&s.rig);
        emit(&s, 5);
        player_expect(&s.c[A], "subscribe p\nevents 1 3\n");
        player_expect(&s.c[B], "subscribe p\nevents 0 2 4\n");
        rig_close(&s.rig);
    }
}

/* Every third event is for nobody; the default hash needs none of the program's. */
static uint32_t thirds_for_nobody(void *context, const void *event) {
    uint64_t number = *(const uint64_t *)event;
    return number % 3 == 0 ? WEIR_PARTITION_NONE : parity(context, event);
}

static void what_is_for_nobody_costs_no_demand(void **state) {
    (void)state;
    static struct scene s;
    const weir_partition_dispatcher_options choosy = {.partitions = 2, .hash = thirds_for_nobody};
    for (int world = 0; open_scene(&s, world, &choosy); world++) {
        come(&s, A, 0);
        come(&s, B, 1);
        ask(&s, A, 3, 3);
        ask(&s, B, 3, 3);
        emit(&s, 6); /* 0 and 3 are dropped, and asked for again */
        player_expect(&s.c[A], "events 2 4\n");
        player_expect(&s.c[B], "events 1 5\n");
        expect_demand(&s, 2);
        rig_expect_log(&s.rig, ""); /* it is what the program wanted */
        assert_int_equal(rig_accounts(&s.rig).discarded, 2);
        rig_close(&s.rig);
    }
}

static void without_a_hash_all_events_have_a_place(void **state) {
    (void)state;
    static struct scene s;
    const weir_partition_dispatcher_options plain = {.partitions = 3};
    for (int world = 0; open_scene(&s, world, &plain); world++) {
        for (int i = 0; i < 3; i++) {
            come(&s, i, (unsigned)i);
            ask(&s, i, 100, 100);
        }
        emit(&s, 100);
        uint64_t handled = 0;
        for (int i = 0; i < 3; i++) {
            assert_true(s.c[i].handled > 0);
            handled += s.c[i].handled;
        }
        assert_int_equal(handled, 100);
        rig_close(&s.rig);
    }
}

/* ---- what waits ------------------------------------------------------------------------ */

static void what_comes_before_its_consumer_waits_for_it(void **state) {
    (void)state;
    static struct scene s;
    for (int world = 0; open_scene(&s, world, &even_and_odd); world++) {
        come(&s, A, 0);
        ask(&s, A, 5, 5);
        emit(&s, 4);
        player_expect(&s.c[A], "events 0 2\n");
        come(&s, B, 1);
        ask(&s, B, 5, 5); /* though two of them are there: they were paid for */
        player_expect(&s.c[B], "events 1 3\n");
        rig_close(&s.rig);
    }
}

static void what_is_too_much_for_one_waits_for_its_next_ask(void **state) {
    (void)state;
    static struct scene s;
    for (int world = 0; open_scene(&s, world, &even_and_odd); world++) {
        come(&s, A, 0);
        come(&s, B, 1);
        ask(&s, A, 1, 1);
        ask(&s, B, 5, 5);
        emit(&s, 6);
        player_expect(&s.c[A], "events 0\n");
        player_expect(&s.c[B], "events 1 3 5\n");
        ask(&s, A, 1, 1);
        player_expect(&s.c[A], "events 2\n");
        ask(&s, A, 3, 3);
        player_expect(&s.c[A], "events 4\n");
        rig_close(&s.rig);
    }
}

/* ---- who leaves ------------------------------------------------------------------------- */

static void what_a_leaver_had_asked_for_is_used_by_others(void **state) {
    (void)state;
    static struct scene s;
    for (int world = 0; open_scene(&s, world, &even_and_odd); world++) {
        come(&s, A, 0);
        ask(&s, A, 10, 10);
        leave(&s, A, 0);
        come(&s, B, 1);
        ask(&s, B, 6, 0);
        ask(&s, B, 6, 2);
        emit(&s, 12);
        player_expect(&s.c[B], "events 1 3 5 7 9 11\n");
        assert_int_equal(rig_accounts(&s.rig).buffered, 6);
        come(&s, C, 0);
        ask(&s, C, 6, 6);
        player_expect(&s.c[C], "events 0 2 4 6 8 10\n");
        rig_close(&s.rig);
    }
}

/* Kept for the partition's next owner; or, as in GenStage, thrown away. */
static void what_waited_for_a_leaver_is_the_next_ones(void **state) {
    (void)state;
    static struct scene s;
    for (int discards = 0; discards < 2; discards++) {
        const weir_partition_dispatcher_options options = {.partitions = 2,
                                                           .hash = parity,
                                                           .queue = discards ? WEIR_QUEUE_DISCARD
                                                                             : WEIR_QUEUE_KEEP};
        for (int world = 0; open_scene(&s, world, &options); world++) {
            come(&s, A, 0);
            come(&s, B, 1);
            ask(&s, B, 6, 6);
            emit(&s, 5);
            player_expect(&s.c[B], "events 1 3\n");
            leave(&s, A, discards ? 3 : 0); /* 0, 2 and 4 waited */
            come(&s, C, 0);
            ask(&s, C, 3, 3);
            player_expect(&s.c[C], discards ? "" : "events 0 2 4\n");
            assert_int_equal(s.p.discarded, discards ? 3 : 0);
            rig_close(&s.rig);
        }
    }
}

/* ---- messages to oneself ------------------------------------------------------------------ */

static void an_info_waits_for_every_partition_that_is_behind(void **state) {
    (void)state;
    static struct scene s;
    for (int world = 0; open_scene(&s, world, &even_and_odd); world++) {
        player_info(&s.p, 1); /* without consumers */
        rig_rest(&s.rig);
        player_expect(&s.p, "info 1\n");
        come(&s, A, 0);
        come(&s, B, 1);
        ask(&s, A, 2, 2);
        player_info(&s.p, 2); /* nothing waits */
        rig_rest(&s.rig);
        player_expect(&s.p, "info 2\n");
        ask(&s, B, 4, 4);
        emit(&s, 6); /* 4 waits in its partition */
        player_expect(&s.c[A], "events 0 2\n");
        player_info(&s.p, 3);
        rig_rest(&s.rig);
        player_expect(&s.p, "cast 6\n");
        ask(&s, B, 1, 1);
        player_expect(&s.p, "");
        weir_ask(s.rig.runtime, s.subscription[A], 1);
        rig_rest(&s.rig);
        assert_non_null(strstr(s.p.journal.text, "info 3\n"));
        rig_close(&s.rig);
    }
}

/* In GenStage a partition that got all it asked for counts as one that is behind. */
static void an_info_does_not_wait_for_a_partition_with_nothing_left(void **state) {
    (void)state;
    static struct scene s;
    for (int world = 0; open_scene(&s, world, &even_and_odd); world++) {
        come(&s, A, 0);
        come(&s, B, 1);
        ask(&s, A, 1, 1);
        emit(&s, 1);
        player_expect(&s.c[A], "events 0\n");
        player_info(&s.p, 1);
        rig_rest(&s.rig);
        player_expect(&s.p, "cast 1\ninfo 1\n");
        rig_close(&s.rig);
    }
}

/* ---- what is wrong --------------------------------------------------------------------- */

static uint32_t wild(void *context, const void *event) {
    uint64_t number = *(const uint64_t *)event;
    return number % 4 == 3 ? 17 : parity(context, event);
}

/* In GenStage an event for an unknown partition kills the producer. */
static void an_event_for_no_partition_is_dropped_and_told(void **state) {
    (void)state;
    static struct scene s;
    const weir_partition_dispatcher_options options = {.partitions = 2, .hash = wild};
    for (int world = 0; open_scene(&s, world, &options); world++) {
        come(&s, A, 0);
        come(&s, B, 1);
        ask(&s, A, 10, 10);
        ask(&s, B, 10, 10);
        emit(&s, 8);
        player_expect(&s.c[A], "events 0 2 4 6\n");
        player_expect(&s.c[B], "events 1 5\n");
        assert_int_equal(s.p.discarded, 2);
        expect_demand(&s, 2);
        rig_close(&s.rig);
    }
}

static void bad_options_fail_the_start(void **state) {
    (void)state;
    static const char *const twice[] = {"even", "even"};
    static const weir_partition_dispatcher_options wrong[] = {
        {.hash = parity},
        {.partitions = WEIR_PARTITIONS_LIMIT + 1},
        {.partitions = 2, .names = twice, .hash = parity},
    };
    struct rig rig;
    rig_open(&rig, NULL);
    for (size_t i = 0; i <= sizeof wrong / sizeof *wrong; i++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        const weir_stage_options options = {.dispatcher = weir_partition_dispatcher(),
                                            .dispatcher_options = i < 3 ? &wrong[i] : NULL};
        assert_int_equal(player_try_start(&p, &rig, &options), WEIR_INVALID);
        assert_non_null(strstr(weir_refusal(), i == 2 ? "even" : "partitions"));
        rig.players = p.started;
    }
    rig_close(&rig);
}

/* In GenStage each of these kills the producer. */
static void a_bad_subscription_is_refused_and_kills_nobody(void **state) {
    (void)state;
    static struct scene s;
    for (int world = 0; open_scene(&s, world, &even_and_odd); world++) {
        come(&s, A, 0);
        static const struct {
            weir_subscribe_options options;
            const char *end;
        } wrong[] = {
            {{.max_demand = 5}, "subscribe p\ncancel p missing_partition\n"},
            {{.partition = WEIR_PARTITION(2)}, "subscribe p\ncancel p unknown_partition\n"},
            {{.partition_name = "even"}, "subscribe p\ncancel p unknown_partition\n"},
            {{.partition = WEIR_PARTITION(0)}, "subscribe p\ncancel p partition_taken\n"},
        };
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            player_subscribe(&s.c[B], &s.p, &wrong[i].options); /* permanent */
            rig_rest(&s.rig);
            player_expect(&s.c[B], wrong[i].end);
        }
        assert_int_equal(weir_runtime_stages(s.rig.runtime), 4);
        come(&s, B, 1);
        ask(&s, B, 1, 1);
        rig_close(&s.rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_event_goes_to_its_partition),
        cmocka_unit_test(partitions_may_have_names),
        cmocka_unit_test(what_is_for_nobody_costs_no_demand),
        cmocka_unit_test(without_a_hash_all_events_have_a_place),
        cmocka_unit_test(what_comes_before_its_consumer_waits_for_it),
        cmocka_unit_test(what_is_too_much_for_one_waits_for_its_next_ask),
        cmocka_unit_test(what_a_leaver_had_asked_for_is_used_by_others),
        cmocka_unit_test(what_waited_for_a_leaver_is_the_next_ones),
        cmocka_unit_test(an_info_waits_for_every_partition_that_is_behind),
        cmocka_unit_test(an_info_does_not_wait_for_a_partition_with_nothing_left),
        cmocka_unit_test(an_event_for_no_partition_is_dropped_and_told),
        cmocka_unit_test(bad_options_fail_the_start),
        cmocka_unit_test(a_bad_subscription_is_refused_and_kills_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
