/*
 * Holds: what a dispatcher keeps back, in a stage and out of it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a program's own dispatcher may hold events, send or drop them later, put
 * what came back in front, and delay infos, with public functions alone; every event
 * and info is accounted for, whatever it forgets to do; missing memory and absurd
 * counts do no harm.
 * Method: a dispatcher that holds all that comes, in two holds by turns, and does
 * with them what a cast says; journals in all kinds of stepped runtimes.
 */
#include "support/cmocka.h"
#include "support/deeds.h"
#include "support/player.h"

#include <string.h>

/* Takes all, whatever was asked, and sends when the test wants it. */
struct hoarder {
    weir_desk *desk;
    weir_hold *hold[2];
    weir_outlet *consumer;
    bool behind; /* infos wait */
    bool leaves_open;
    struct rig *rig;
};

static struct hoarder *the_hoarder; /* of the test at hand */

static weir_status hoarder_init(void *state, weir_desk *desk, const void *options) {
    struct hoarder *hoarder = state;
    *hoarder = *(const struct hoarder *)options;
    hoarder->desk = desk;
    for (int i = 0; i < 2; i++) {
        hoarder->hold[i] = weir_hold_open(desk);
        if (hoarder->hold[i] == NULL) return WEIR_NO_MEMORY; /* the other one is left open */
    }
    the_hoarder = hoarder;
    return WEIR_OK;
}

static void hoarder_close(void *state) {
    struct hoarder *hoarder = state;
    if (hoarder->leaves_open) return;
    weir_hold_close(hoarder->hold[0]);
    weir_hold_close(hoarder->hold[1]);
    weir_hold_close(NULL);
}

static weir_reason hoarder_subscribe(void *state, weir_outlet *consumer, uint64_t *upstream) {
    struct hoarder *hoarder = state;
    hoarder->consumer = consumer;
    *upstream = 0;
    return WEIR_REASON_NORMAL;
}

/* What is asked for is sent from the first hold, then from the second. */
static uint64_t hoarder_ask(void *state, weir_outlet *consumer, uint64_t count) {
    struct hoarder *hoarder = state;
    uint64_t sent = weir_hold_send(hoarder->hold[0], consumer, count);
    sent += weir_hold_send(hoarder->hold[1], consumer, count - sent);
    return count - sent;
}

static uint64_t hoarder_cancel(void *state, weir_outlet *consumer) {
    struct hoarder *hoarder = state;
    if (hoarder->consumer == consumer) hoarder->consumer = NULL;
    return 0;
}

/* Numbers below 100 into the first hold, the next ones into the second, nines nowhere. */
static void hoarder_dispatch(void *state, weir_run *run, uint64_t count) {
    struct hoarder *hoarder = state;
    RIG_CHECK(hoarder->rig, count == weir_run_count(run));
    while (weir_run_count(run) > 0) {
        weir_batch together = weir_run_events(run);
        const uint64_t *numbers = together.events;
        RIG_CHECK(hoarder->rig, weir_run_event_bytes(run) == sizeof *numbers && together.count > 0);
        if (numbers[0] == 9) {
            weir_run_drop(run, 1, WEIR_DISCARD_UNWANTED);
            weir_run_demand(run, 1);
        } else {
            RIG_CHECK(hoarder->rig, weir_run_hold(run, hoarder->hold[numbers[0] >= 100], 1) == 1);
        }
    }
    weir_batch none = weir_run_events(run);
    RIG_CHECK(hoarder->rig, none.events == NULL && none.count == 0);
    RIG_CHECK(hoarder->rig, weir_run_event_bytes(run) == 0);
    RIG_CHECK(hoarder->rig, weir_run_hold(run, hoarder->hold[0], 5) == 0);
    weir_run_drop(run, 5, WEIR_DISCARD_UNWANTED);
}

static uint64_t hoarder_open(const void *state) {
    (void)state;
    return UINT64_MAX;
}

static bool hoarder_give_back(void *state, weir_outlet *consumer, weir_run *events) {
    struct hoarder *hoarder = state;
    (void)consumer;
    weir_run_hold_first(events, hoarder->hold[0], 3);
    return weir_run_count(events) % 2 == 0; /* the rest: to the buffer, or nowhere */
}

static void hoarder_info(void *state, weir_notice *info) {
    struct hoarder *hoarder = state;
    for (int i = 0; i < 2 && hoarder->behind; i++) {
        bool waits = weir_hold_info(hoarder->hold[i], info);
        RIG_CHECK(hoarder->rig, waits == (weir_hold_count(hoarder->hold[i]) > 0));
    }
}

static const weir_dispatcher hoarding = {.name = "hoarder",
                                         .state_bytes = sizeof(struct hoarder),
                                         .init = hoarder_init,
                                         .close = hoarder_close,
                                         .subscribe = hoarder_subscribe,
                                         .ask = hoarder_ask,
                                         .cancel = hoarder_cancel,
                                         .dispatch = hoarder_dispatch,
                                         .open_demand = hoarder_open,
                                         .give_back = hoarder_give_back,
                                         .info = hoarder_info};

struct scene {
    struct rig rig;
    struct player p;
    struct player c;
};

static bool open_scene(struct scene *scene, int world, struct hoarder options) {
    if (!rig_open_world(&scene->rig, world)) return false;
    options.rig = &scene->rig;
    scene->p = (struct player){.name = "p", .kind = WEIR_PRODUCER};
    scene->c = (struct player){.name = "c", .kind = WEIR_CONSUMER, .manual = true};
    player_start(&scene->p, &scene->rig,
                 &(weir_stage_options){.dispatcher = &hoarding, .dispatcher_options = &options});
    player_start(&scene->c, &scene->rig, NULL);
    return true;
}

static void emit(struct scene *scene, uint64_t first, uint64_t count) {
    scene->p.next = first;
    player_cast(&scene->p, count);
    rig_rest(&scene->rig);
    rig_text_expect(&scene->p.journal, scene->p.journal.text);
    weir_accounts accounts = rig_accounts(&scene->rig);
    assert_null(weir_accounts_check(&accounts));
}

static weir_subscription subscribe(struct scene *scene, struct player *consumer) {
    const weir_subscribe_options temporary = {.cancel = WEIR_TEMPORARY};
    weir_subscription subscription = player_subscribe(consumer, &scene->p, &temporary);
    rig_rest(&scene->rig);
    rig_text_expect(&scene->p.journal, scene->p.journal.text);
    rig_text_expect(&consumer->journal, consumer->journal.text);
    return subscription;
}

static void ask(struct scene *scene, weir_subscription subscription, uint64_t count) {
    weir_ask(scene->rig.runtime, subscription, count);
    rig_rest(&scene->rig);
}

static void what_is_held_is_sent_when_it_is_time(void **state) {
    (void)state;
    struct scene s;
    for (int world = 0; open_scene(&s, world, (struct hoarder){0}); world++) {
        emit(&s, 0, 8);
        emit(&s, 100, 4);
        assert_int_equal(rig_accounts(&s.rig).buffered, 12);
        weir_subscription subscription = subscribe(&s, &s.c);
        ask(&s, subscription, 5);
        player_expect(&s.c, "events 0..4\n");
        ask(&s, subscription, 5);
        player_expect(&s.c, "events 5..7\nevents 100 101\n");
        ask(&s, subscription, 1000); /* all there is, and the others are wanted */
        player_expect(&s.c, "events 102 103\n");
        player_expect(&s.p, "demand 998\n");
        assert_int_equal(rig_accounts(&s.rig).buffered, 0);
        rig_close(&s.rig);
    }
}

static void what_is_dropped_is_told_and_demanded(void **state) {
    (void)state;
    struct scene s;
    for (int world = 0; open_scene(&s, world, (struct hoarder){0}); world++) {
        s.p.next = 8;
        player_cast(&s.p, 3); /* 8 9 10 */
        rig_rest(&s.rig);
        player_expect(&s.p, "cast 3\ndiscarded 1 unwanted\ndemand 1\n");
        ask(&s, subscribe(&s, &s.c), 2);
        player_expect(&s.c, "events 8 10\n");
        rig_close(&s.rig);
    }
}

static void infos_come_out_of_every_hold(void **state) {
    (void)state;
    struct scene s;
    for (int world = 0; open_scene(&s, world, (struct hoarder){.behind = true}); world++) {
        player_info(&s.p, 1); /* both are empty */
        rig_rest(&s.rig);
        player_expect(&s.p, "info 1\n");
        emit(&s, 0, 3);
        emit(&s, 100, 3);
        player_info(&s.p, 2);
        player_info(&s.p, 3);
        emit(&s, 3, 2);
        weir_subscription subscription = subscribe(&s, &s.c);
        ask(&s, subscription, 7); /* the first hold, and two of the second */
        player_expect(&s.p, "");
        player_expect(&s.c, "events 0..2\nevents 3 4\nevents 100 101\n"); /* cut at the infos */
        ask(&s, subscription, 1);
        player_expect(&s.p, "info 2\ninfo 3\n");
        rig_close(&s.rig);
    }
}

static weir_verdict drop_some(weir_stage *self, struct player *player, uint64_t number) {
    (void)self;
    uint64_t dropped = weir_hold_drop(the_hoarder->hold[0], number, WEIR_DISCARD_LEFT);
    player_say(player, "dropped %d", (int)dropped);
    return WEIR_CONTINUE;
}

static void dropping_lets_infos_go(void **state) {
    (void)state;
    struct scene s;
    for (int world = 0; open_scene(&s, world, (struct hoarder){.behind = true}); world++) {
        emit(&s, 0, 3);
        player_info(&s.p, 1);
        emit(&s, 3, 3);
        s.p.does.cast = drop_some;
        player_cast(&s.p, 2);
        player_cast(&s.p, 2);
        player_cast(&s.p, 5);
        rig_rest(&s.rig);
        player_expect(&s.p, "cast 2\ndiscarded 2 left\ndropped 2\n"
                            "cast 2\ndiscarded 2 left\ndropped 2\n"
                            "cast 5\ndiscarded 2 left\ndropped 2\ninfo 1\n");
        rig_close(&s.rig);
    }
}

/* Of what comes back three are put in front; one is discarded, or two are buffered. */
static void what_comes_back_may_go_in_front(void **state) {
    (void)state;
    struct scene s;
    for (int world = 0; open_scene(&s, world, (struct hoarder){0}); world++) {
        for (int even = 0; even < 2; even++) {
            struct player d = {
                .name = "d", .kind = WEIR_CONSUMER, .manual = true, .does.events = deed_stop};
            player_start(&d, &s.rig, NULL);
            weir_subscription subscription = subscribe(&s, &d);
            emit(&s, 0, 3);
            emit(&s, 100, 4 + (uint64_t)even);
            ask(&s, subscription, 7 + (uint64_t)even); /* 0 1 2, and then 100 .. in another batch */
            const char *first = "down d normal\ndiscarded 1 consumer\n";
            player_expect(&s.p, even ? "down d normal\n" : first);
            subscription = subscribe(&s, &s.c);
            ask(&s, subscription, 3);
            player_expect(&s.c, "events 100..102\n");
            assert_int_equal(rig_accounts(&s.rig).buffered, even ? 2 : 0);
            rig_close(&s.rig);
            if (even == 0) assert_true(open_scene(&s, world, (struct hoarder){0}));
        }
    }
}

static void what_it_forgets_is_discarded_when_the_stage_ends(void **state) {
    (void)state;
    struct scene s;
    for (int world = 0;; world++) {
        const struct hoarder careless = {.behind = true, .leaves_open = true};
        if (!open_scene(&s, world, careless)) return;
        emit(&s, 0, 3);
        emit(&s, 100, 3);
        player_info(&s.p, 1);
        rig_rest(&s.rig);
        player_stop(&s.p, WEIR_REASON_NORMAL);
        rig_rest(&s.rig);
        player_expect(&s.p, "discarded 6 stopped\nterminate normal\n");
        rig_close(&s.rig);
    }
}

static void without_memory_nothing_is_lost_uncounted(void **state) {
    (void)state;
    for (uint64_t fail_at = 1; fail_at < 40; fail_at++) {
        struct rig rig;
        rig_open(&rig, NULL);
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .quiet = true};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER, .manual = true, .quiet = true};
        const struct hoarder options = {.behind = true, .rig = &rig};
        test_memory_fail(&rig.memory, fail_at, fail_at % 2 == 0);
        weir_stage_options hoards = {.dispatcher = &hoarding, .dispatcher_options = &options};
        if (player_try_start(&p, &rig, &hoards) == WEIR_OK &&
            player_try_start(&c, &rig, NULL) == WEIR_OK) {
            weir_subscription subscription;
            weir_status status = weir_subscribe(rig.runtime, c.ref, p.ref, NULL, &subscription);
            for (uint64_t number = 1; number < 6; number++) {
                weir_cast(rig.runtime, p.ref, &number, sizeof number);
                weir_info(rig.runtime, p.ref, &number, sizeof number);
            }
            rig_rest(&rig);
            if (status == WEIR_OK) weir_ask(rig.runtime, subscription, 7);
            rig_rest(&rig);
            if (c.ref.bits != 0) weir_stop(rig.runtime, c.ref, WEIR_REASON_NORMAL);
            rig_rest(&rig);
        }
        test_memory_fail_never(&rig.memory);
        rig.wrong.used = 0; /* not all was kept */
        rig.wrong.text[0] = '\0';
        rig_close(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_held_is_sent_when_it_is_time),
        cmocka_unit_test(what_is_dropped_is_told_and_demanded),
        cmocka_unit_test(infos_come_out_of_every_hold),
        cmocka_unit_test(dropping_lets_infos_go),
        cmocka_unit_test(what_comes_back_may_go_in_front),
        cmocka_unit_test(what_it_forgets_is_discarded_when_the_stage_ends),
        cmocka_unit_test(without_memory_nothing_is_lost_uncounted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
