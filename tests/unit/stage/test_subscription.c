/*
 * Subscriptions that are replaced as their producer ends.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: it makes no difference to the consumer whether its producer ends before it hears of
 * the new subscription or after: all that the old one brought is handled first, and both end
 * for the producer's own reason, so that the cancel mode does what the producer's end asks.
 * Method: a producer that is told to stop as its subscription is replaced, with so much under
 * way that the consumer takes many turns for it; simulated runtimes from many seeds, in which
 * the mail comes in any order; journals, and who is alive at the end.  (The states that the
 * ends go through: edge/life.)
 */
#include "support/cmocka.h"
#include "support/player.h"

#include <string.h>

enum { SEEDS = 40 };

struct scene {
    struct rig rig;
    struct player p;
    struct player other; /* another producer */
    struct player c;
    weir_subscribe_options options; /* a batch an event */
    weir_subscription old;
};

static void open_scene(struct scene *s, uint64_t seed, weir_cancel_mode mode) {
    memset(s, 0, sizeof *s);
    rig_open(&s->rig, &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = 2, .seed = seed});
    s->p = (struct player){.name = "p", .kind = WEIR_PRODUCER, .limit = 1000, .quiet = true};
    s->other = (struct player){.name = "other", .kind = WEIR_PRODUCER, .quiet = true};
    s->c = (struct player){.name = "c", .kind = WEIR_CONSUMER};
    s->options = (weir_subscribe_options){.max_demand = 100, .min_demand = 99, .cancel = mode};
    player_start(&s->p, &s->rig, &(weir_stage_options){.worker = WEIR_WORKER(0)});
    player_start(&s->other, &s->rig, &(weir_stage_options){.worker = WEIR_WORKER(0)});
    player_start(&s->c, &s->rig, &(weir_stage_options){.worker = WEIR_WORKER(1)});
    s->old = player_subscribe(&s->c, &s->p, &s->options);
    while (s->p.emitted == 0) weir_runtime_step(s->rig.runtime, 1);
    weir_runtime_step(s->rig.runtime, seed % 5);
}

static void replace(struct scene *s, weir_subscription old, const struct player *producer) {
    weir_status status =
        weir_resubscribe(s->rig.runtime, old, WEIR_REASON_NORMAL, producer->ref, &s->options, NULL);
    assert_int_equal(status, WEIR_OK);
}

/* Nothing that was sent is lost, and nobody was said to have been gone. */
static void expect_all_handled(struct scene *s) {
    rig_rest(&s->rig);
    assert_true(s->p.emitted > 0);
    assert_int_equal(s->c.handled, s->p.emitted);
    assert_null(strstr(s->c.journal.text, "noproc"));
}

static bool says(const struct scene *s, const char *words) {
    return strstr(s->c.journal.text, words) != NULL;
}

static void a_permanent_consumer_finishes(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        static struct scene s;
        open_scene(&s, seed, WEIR_PERMANENT);
        replace(&s, s.old, &s.p);
        player_stop(&s.p, WEIR_REASON_NORMAL);
        expect_all_handled(&s);
        assert_true(says(&s, "terminate normal\n"));
        rig_close(&s.rig);
    }
}

static void a_transient_consumer_goes_on(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        static struct scene s;
        open_scene(&s, seed, WEIR_TRANSIENT);
        replace(&s, s.old, &s.p);
        player_stop(&s.p, WEIR_REASON_NORMAL);
        expect_all_handled(&s);
        assert_false(says(&s, "terminate"));
        rig_close(&s.rig);
    }
}

/* What the old one brought comes first: it was sent before. */
static void of_a_failure_the_consumer_hears_behind_it(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        static struct scene s;
        open_scene(&s, seed, WEIR_PERMANENT);
        replace(&s, s.old, &s.p);
        player_stop(&s.p, WEIR_REASON_USER);
        expect_all_handled(&s);
        assert_true(says(&s, "terminate user\n"));
        rig_close(&s.rig);
    }
}

/* The old one is cancelled at its own producer meanwhile. */
static void so_it_is_with_another_producer(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        static struct scene s;
        open_scene(&s, seed, WEIR_TRANSIENT);
        replace(&s, s.old, &s.other);
        player_stop(&s.other, WEIR_REASON_USER);
        expect_all_handled(&s);
        assert_true(says(&s, "terminate user\n"));
        rig_close(&s.rig);
    }
}

/* A subscription that replaces nothing has nobody to come behind. */
static void a_first_one_finds_nobody(void **state) {
    (void)state;
    static struct scene s;
    open_scene(&s, 1, WEIR_TEMPORARY);
    weir_cancel(s.rig.runtime, s.old, WEIR_REASON_NORMAL);
    rig_rest(&s.rig);
    player_subscribe(&s.c, &s.other, &s.options);
    player_stop(&s.other, WEIR_REASON_NORMAL);
    rig_rest(&s.rig);
    assert_true(says(&s, "down other noproc\n"));
    rig_close(&s.rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_permanent_consumer_finishes),
        cmocka_unit_test(a_transient_consumer_goes_on),
        cmocka_unit_test(of_a_failure_the_consumer_hears_behind_it),
        cmocka_unit_test(so_it_is_with_another_producer),
        cmocka_unit_test(a_first_one_finds_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
