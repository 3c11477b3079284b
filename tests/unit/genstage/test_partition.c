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
#include "support/ask_scene.h"

#include <string.h>

static uint32_t parity(void *context, const void *event) {
    (void)context;
    return (uint32_t)(*(const uint64_t *)event % 2);
}

static const weir_partition_dispatcher_options even_and_odd = {.partitions = 2, .hash = parity};

static void come(struct ask_scene *s, int i, unsigned partition) {
    ask_scene_come(s, i, (weir_subscribe_options){.partition = WEIR_PARTITION(partition)});
}

enum { A, B, C };

/* ---- who gets what ------------------------------------------------------------------- */

static void each_event_goes_to_its_partition(struct ask_scene *s) {
    come(s, A, 0);
    come(s, B, 1);
    ask_scene_ask(s, A, 3, 3);
    ask_scene_ask(s, B, 3, 3);
    ask_scene_emit(s, 6);
    player_expect(&s->c[A], "events 0 2 4\n");
    player_expect(&s->c[B], "events 1 3 5\n");
    ask_scene_emit(s, 2); /* nobody has asked for them */
    assert_int_equal(rig_accounts(&s->rig).buffered, 2);
    player_expect(&s->c[A], "");
}

static const char *const even_odd[] = {"even", "odd"};
static const weir_partition_dispatcher_options named = {
    .partitions = 2, .names = even_odd, .hash = parity};

static void partitions_may_have_names(struct ask_scene *s) {
    weir_subscribe_options options = {.partition_name = "odd"};
    weir_ask(s->rig.runtime, player_subscribe(&s->c[A], &s->p, &options), 5);
    options.partition_name = "even";
    weir_ask(s->rig.runtime, player_subscribe(&s->c[B], &s->p, &options), 5);
    rig_rest(&s->rig);
    ask_scene_emit(s, 5);
    player_expect(&s->c[A], "subscribe p\nevents 1 3\n");
    player_expect(&s->c[B], "subscribe p\nevents 0 2 4\n");
}

/* Every third event is for nobody; the default hash needs none of the program's. */
static uint32_t thirds_for_nobody(void *context, const void *event) {
    uint64_t number = *(const uint64_t *)event;
    return number % 3 == 0 ? WEIR_PARTITION_NONE : parity(context, event);
}

static const weir_partition_dispatcher_options choosy = {.partitions = 2,
                                                         .hash = thirds_for_nobody};

static void what_is_for_nobody_costs_no_demand(struct ask_scene *s) {
    come(s, A, 0);
    come(s, B, 1);
    ask_scene_ask(s, A, 3, 3);
    ask_scene_ask(s, B, 3, 3);
    ask_scene_emit(s, 6); /* 0 and 3 are dropped, and asked for again */
    player_expect(&s->c[A], "events 2 4\n");
    player_expect(&s->c[B], "events 1 5\n");
    ask_scene_expect_demand(s, 2);
    rig_expect_log(&s->rig, ""); /* it is what the program wanted */
    assert_int_equal(rig_accounts(&s->rig).discarded, 2);
}

static const weir_partition_dispatcher_options plain = {.partitions = 3};

static void without_a_hash_all_events_have_a_place(struct ask_scene *s) {
    for (int i = 0; i < 3; i++) {
        come(s, i, (unsigned)i);
        ask_scene_ask(s, i, 100, 100);
    }
    ask_scene_emit(s, 100);
    uint64_t handled = 0;
    for (int i = 0; i < 3; i++) {
        assert_true(s->c[i].handled > 0);
        handled += s->c[i].handled;
    }
    assert_int_equal(handled, 100);
}

/* ---- what waits ------------------------------------------------------------------------ */

static void what_comes_before_its_consumer_waits_for_it(struct ask_scene *s) {
    come(s, A, 0);
    ask_scene_ask(s, A, 5, 5);
    ask_scene_emit(s, 4);
    player_expect(&s->c[A], "events 0 2\n");
    come(s, B, 1);
    ask_scene_ask(s, B, 5, 5); /* though two of them are there: they were paid for */
    player_expect(&s->c[B], "events 1 3\n");
}

static void what_is_too_much_for_one_waits_for_its_next_ask(struct ask_scene *s) {
    come(s, A, 0);
    come(s, B, 1);
    ask_scene_ask(s, A, 1, 1);
    ask_scene_ask(s, B, 5, 5);
    ask_scene_emit(s, 6);
    player_expect(&s->c[A], "events 0\n");
    player_expect(&s->c[B], "events 1 3 5\n");
    ask_scene_ask(s, A, 1, 1);
    player_expect(&s->c[A], "events 2\n");
    ask_scene_ask(s, A, 3, 3);
    player_expect(&s->c[A], "events 4\n");
}

/* ---- who leaves ------------------------------------------------------------------------- */

static void what_a_leaver_had_asked_for_is_used_by_others(struct ask_scene *s) {
    come(s, A, 0);
    ask_scene_ask(s, A, 10, 10);
    ask_scene_leave(s, A, 0);
    come(s, B, 1);
    ask_scene_ask(s, B, 6, 0);
    ask_scene_ask(s, B, 6, 2);
    ask_scene_emit(s, 12);
    player_expect(&s->c[B], "events 1 3 5 7 9 11\n");
    assert_int_equal(rig_accounts(&s->rig).buffered, 6);
    come(s, C, 0);
    ask_scene_ask(s, C, 6, 6);
    player_expect(&s->c[C], "events 0 2 4 6 8 10\n");
}

static void leave_three_waiting(struct ask_scene *s, bool discards) {
    come(s, A, 0);
    come(s, B, 1);
    ask_scene_ask(s, B, 6, 6);
    ask_scene_emit(s, 5);
    player_expect(&s->c[B], "events 1 3\n");
    ask_scene_leave(s, A, discards ? 3 : 0); /* 0, 2 and 4 waited */
    come(s, C, 0);
    ask_scene_ask(s, C, 3, 3);
    player_expect(&s->c[C], discards ? "" : "events 0 2 4\n");
    assert_int_equal(s->p.discarded, discards ? 3 : 0);
}

static void what_waited_for_a_leaver_is_the_next_ones(struct ask_scene *s) {
    leave_three_waiting(s, false);
}

static const weir_partition_dispatcher_options discarding = {
    .partitions = 2, .hash = parity, .queue = WEIR_QUEUE_DISCARD};

static void as_in_genstage_what_waited_may_be_thrown_away(struct ask_scene *s) {
    leave_three_waiting(s, true);
}

/* ---- messages to oneself ------------------------------------------------------------------ */

static void an_info_waits_for_every_partition_that_is_behind(struct ask_scene *s) {
    player_info(&s->p, 1); /* without consumers */
    rig_rest(&s->rig);
    player_expect(&s->p, "info 1\n");
    come(s, A, 0);
    come(s, B, 1);
    ask_scene_ask(s, A, 2, 2);
    player_info(&s->p, 2); /* nothing waits */
    rig_rest(&s->rig);
    player_expect(&s->p, "info 2\n");
    ask_scene_ask(s, B, 4, 4);
    ask_scene_emit(s, 6); /* 4 waits in its partition */
    player_expect(&s->c[A], "events 0 2\n");
    player_info(&s->p, 3);
    rig_rest(&s->rig);
    player_expect(&s->p, "cast 6\n");
    ask_scene_ask(s, B, 1, 1);
    player_expect(&s->p, "");
    weir_ask(s->rig.runtime, s->subscription[A], 1);
    rig_rest(&s->rig);
    assert_non_null(strstr(s->p.journal.text, "info 3\n"));
}

/* In GenStage a partition that got all it asked for counts as one that is behind. */
static void an_info_does_not_wait_for_a_partition_with_nothing_left(struct ask_scene *s) {
    come(s, A, 0);
    come(s, B, 1);
    ask_scene_ask(s, A, 1, 1);
    ask_scene_emit(s, 1);
    player_expect(&s->c[A], "events 0\n");
    player_info(&s->p, 1);
    rig_rest(&s->rig);
    player_expect(&s->p, "cast 1\ninfo 1\n");
}

/* ---- what is wrong --------------------------------------------------------------------- */

static uint32_t wild(void *context, const void *event) {
    uint64_t number = *(const uint64_t *)event;
    return number % 4 == 3 ? 17 : parity(context, event);
}

static const weir_partition_dispatcher_options wild_hash = {.partitions = 2, .hash = wild};

/* In GenStage an event for an unknown partition kills the producer. */
static void an_event_for_no_partition_is_dropped_and_told(struct ask_scene *s) {
    come(s, A, 0);
    come(s, B, 1);
    ask_scene_ask(s, A, 10, 10);
    ask_scene_ask(s, B, 10, 10);
    ask_scene_emit(s, 8);
    player_expect(&s->c[A], "events 0 2 4 6\n");
    player_expect(&s->c[B], "events 1 5\n");
    assert_int_equal(s->p.discarded, 2);
    ask_scene_expect_demand(s, 2);
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
static void a_bad_subscription_is_refused_and_kills_nobody(struct ask_scene *s) {
    come(s, A, 0);
    static const struct {
        weir_subscribe_options options;
        const char *end;
    } wrong[] = {
        {{.partition = WEIR_PARTITION(2)}, "subscribe p\ncancel p unknown_partition\n"},
        {{.partition_name = "even"}, "subscribe p\ncancel p unknown_partition\n"},
        {{.partition = WEIR_PARTITION(0)}, "subscribe p\ncancel p partition_taken\n"},
    };
    weir_subscription none;
    assert_int_equal(weir_subscribe(s->rig.runtime, s->c[B].ref, s->p.ref, NULL, &none),
                     WEIR_INVALID);
    assert_string_equal(weir_refusal(),
                        "partition or partition_name must be set: stage b subscribes to stage p, "
                        "which has a partition dispatcher");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        player_subscribe(&s->c[B], &s->p, &wrong[i].options); /* permanent */
        rig_rest(&s->rig);
        player_expect(&s->c[B], wrong[i].end);
    }
    assert_int_equal(weir_runtime_stages(s->rig.runtime), 4);
    come(s, B, 1);
    ask_scene_ask(s, B, 1, 1);
}

#define PARTITION_TEST(test, options)                                                \
    ASK_TEST(test, (&(weir_stage_options){.dispatcher = weir_partition_dispatcher(), \
                                          .dispatcher_options = (options)}))

int main(void) {
    const struct CMUnitTest tests[] = {
        PARTITION_TEST(each_event_goes_to_its_partition, &even_and_odd),
        PARTITION_TEST(partitions_may_have_names, &named),
        PARTITION_TEST(what_is_for_nobody_costs_no_demand, &choosy),
        PARTITION_TEST(without_a_hash_all_events_have_a_place, &plain),
        PARTITION_TEST(what_comes_before_its_consumer_waits_for_it, &even_and_odd),
        PARTITION_TEST(what_is_too_much_for_one_waits_for_its_next_ask, &even_and_odd),
        PARTITION_TEST(what_a_leaver_had_asked_for_is_used_by_others, &even_and_odd),
        PARTITION_TEST(what_waited_for_a_leaver_is_the_next_ones, &even_and_odd),
        PARTITION_TEST(as_in_genstage_what_waited_may_be_thrown_away, &discarding),
        PARTITION_TEST(an_info_waits_for_every_partition_that_is_behind, &even_and_odd),
        PARTITION_TEST(an_info_does_not_wait_for_a_partition_with_nothing_left, &even_and_odd),
        PARTITION_TEST(an_event_for_no_partition_is_dropped_and_told, &wild_hash),
        cmocka_unit_test(bad_options_fail_the_start),
        PARTITION_TEST(a_bad_subscription_is_refused_and_kills_nobody, &even_and_odd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
