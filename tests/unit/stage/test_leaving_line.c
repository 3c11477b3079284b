/*
 * Leaving: who comes next stands in line until what was sent before has been handled.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: whoever waits in line can be cancelled, can die, and hears of the producer's end;
 * nobody jumps the queue; who waits for the subscription waits as long as it stands in line;
 * what its owner gives back comes before it begins.
 * Method: a stage that has left a partition and keeps what it was sent, as nobody asks of it.
 */
#include "support/cmocka.h"
#include "support/leaving_scene.h"

#include <string.h>

enum fate { CANCELLED, DEAD, ORPHANED, HEIR, FATES };

struct line_scene {
    struct rig rig;
    struct player p; /* of one partition */
    struct player t; /* its owner, who cannot handle what it is sent: nobody asks of it */
    struct player c; /* the next one */
    weir_subscribe_options options;
};

static void open_line(struct line_scene *s) {
    memset(s, 0, sizeof *s);
    leaving_seen = 0;
    rig_open(&s->rig, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = 2});
    s->p = (struct player){.name = "p", .kind = WEIR_PRODUCER, .limit = 20, .quiet = true};
    s->t = (struct player){.name = "t", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true};
    s->c = (struct player){.name = "c", .kind = WEIR_CONSUMER};
    s->c.does.events = leaving_check_order;
    player_start(&s->p, &s->rig,
                 &(weir_stage_options){.dispatcher = weir_partition_dispatcher(),
                                       .dispatcher_options = &leaving_one_partition});
    player_start(&s->t, &s->rig, &(weir_stage_options){.worker = WEIR_WORKER(1)});
    player_start(&s->c, &s->rig, NULL);
    s->options = (weir_subscribe_options){
        .max_demand = 10, .cancel = WEIR_TEMPORARY, .partition = WEIR_PARTITION(0)};
}

/* It gets ten events, which it keeps, and is cancelled. */
static void own_and_leave(struct line_scene *s) {
    weir_subscription old = player_subscribe(&s->t, &s->p, &s->options);
    rig_rest(&s->rig);
    assert_int_equal(weir_cancel(s->rig.runtime, old, WEIR_REASON_NORMAL), WEIR_OK);
    rig_rest(&s->rig);
}

static void wait_in_line(enum fate fate) {
    struct line_scene s;
    size_t count = 0;
    open_line(&s);
    own_and_leave(&s);
    weir_subscription next = player_subscribe(&s.c, &s.p, &s.options);
    rig_rest(&s.rig);
    assert_int_equal(weir_consumers(s.rig.runtime, s.p.ref, WEIR_FOREVER, NULL, 0, &count),
                     WEIR_OK);
    assert_int_equal(count, 0);
    assert_int_equal(s.c.handled, 0);
    s.c.journal.used = 0;
    switch (fate) {
    case CANCELLED:
        assert_int_equal(weir_cancel(s.rig.runtime, next, WEIR_REASON_USER), WEIR_OK);
        rig_rest(&s.rig);
        assert_non_null(strstr(s.c.journal.text, "cancel p user"));
        break;
    case DEAD:
        player_stop(&s.c, WEIR_REASON_USER);
        rig_rest(&s.rig);
        break;
    case ORPHANED:
        player_stop(&s.p, WEIR_REASON_NORMAL);
        rig_rest(&s.rig);
        assert_non_null(strstr(s.c.journal.text, "down p normal"));
        break;
    default: /* what t had not begun comes back, and is the next owner's */
        player_stop(&s.t, WEIR_REASON_USER);
        rig_rest(&s.rig);
        assert_int_equal(s.c.handled, 20);
        break;
    }
    rig_close(&s.rig);
}

/* Who had the partition before is not let past who waits for it; all of it is to be seen. */
static void nobody_jumps_the_queue(void **state) {
    (void)state;
    struct line_scene s;
    weir_lag lags[2];
    size_t count = 0;
    open_line(&s);
    own_and_leave(&s);
    player_subscribe(&s.c, &s.p, &s.options);
    rig_rest(&s.rig);
    player_subscribe(&s.t, &s.p, &s.options);
    rig_rest(&s.rig);
    assert_int_equal(weir_lags(s.rig.runtime, s.p.ref, WEIR_FOREVER, lags, 2, &count), WEIR_OK);
    assert_int_equal(count, 1);
    assert_true(lags[0].leaving);
    assert_true(lags[0].subscription.consumer.bits == s.t.ref.bits);
    assert_int_equal(lags[0].in_line, 2);
    assert_int_equal(lags[0].open_demand, 0);
    player_stop(&s.t, WEIR_REASON_USER);
    rig_rest(&s.rig);
    assert_int_equal(s.c.handled, 20);
    assert_int_equal(weir_lags(s.rig.runtime, s.p.ref, WEIR_FOREVER, lags, 2, &count), WEIR_OK);
    assert_int_equal(count, 1);
    assert_false(lags[0].leaving);
    rig_close(&s.rig);
}

/* All that it has cancelled comes back before the next owner begins. */
static void who_dies_of_several_gives_back_all_of_them(void **state) {
    (void)state;
    struct line_scene s;
    open_line(&s);
    own_and_leave(&s);
    own_and_leave(&s);
    player_subscribe(&s.c, &s.p, &s.options);
    rig_rest(&s.rig);
    assert_int_equal(s.c.handled, 0);
    player_stop(&s.t, WEIR_REASON_USER);
    rig_rest(&s.rig);
    assert_int_equal(s.c.handled, 20); /* in order: leaving_check_order */
    rig_close(&s.rig);
}

/* Who waits for the subscription waits as long as it stands in line, and hears what it came to. */
static void a_wait_lasts_until_the_line_has_gone(void **state) {
    (void)state;
    struct line_scene s;
    open_line(&s);
    own_and_leave(&s);
    weir_subscription next;
    assert_int_equal(
        weir_subscribe_wait(s.rig.runtime, s.c.ref, s.p.ref, &s.options, WEIR_FOREVER, &next),
        WEIR_TIMEOUT); /* nothing more happens in this runtime */
    struct player d = {.name = "d", .kind = WEIR_CONSUMER, .quiet = true};
    player_start(&d, &s.rig, NULL);
    player_stop(&s.t, WEIR_REASON_USER); /* c gets the partition, so d does not */
    assert_int_equal(
        weir_subscribe_wait(s.rig.runtime, d.ref, s.p.ref, &s.options, WEIR_FOREVER, NULL),
        WEIR_NO_SUBSCRIPTION);
    rig_rest(&s.rig);
    assert_int_equal(s.c.handled, 20);
    rig_close(&s.rig);
}

static void whoever_waits_in_line_is_not_forgotten(void **state) {
    (void)state;
    for (enum fate fate = CANCELLED; fate < FATES; fate++) wait_in_line(fate);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_waits_in_line_is_not_forgotten),
        cmocka_unit_test(nobody_jumps_the_queue),
        cmocka_unit_test(who_dies_of_several_gives_back_all_of_them),
        cmocka_unit_test(a_wait_lasts_until_the_line_has_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
