/*
 * Supply and its dispatcher: who is told what, and when.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the dispatcher is told of everything at its moment; it may refuse a
 * consumer, discard what comes back, and share events as well as send them.
 * Method: journals in all kinds of stepped runtimes; a dispatcher that writes
 * its journal too, and one that gives two consumers the same events.
 */
#include "support/supply_scene.h"
#include "support/worlds.h"

#include <stdlib.h>
#include <string.h>

/* ---- the dispatcher's view ----------------------------------------------- */

/* Tells the rig what it is asked to do, and passes it on to the demand dispatcher. */
struct spy {
    struct rig *rig;
    weir_reason refuse_with;
    void *inner; /* the demand dispatcher's state */
};

static weir_status spy_init(void *state, weir_desk *desk, const void *options) {
    struct spy *spy = state;
    *spy = *(const struct spy *)options;
    spy->inner = calloc(1, weir_demand_dispatcher()->state_bytes);
    return weir_demand_dispatcher()->init(spy->inner, desk, NULL);
}

static void spy_close(void *state) {
    struct spy *spy = state;
    rig_say(spy->rig, "~ close");
    if (weir_demand_dispatcher()->close != NULL) weir_demand_dispatcher()->close(spy->inner);
    free(spy->inner);
}

static weir_reason spy_subscribe(void *state, weir_outlet *consumer, uint64_t *upstream) {
    struct spy *spy = state;
    rig_say(spy->rig, "~ subscribe, max %zu", weir_outlet_options(consumer)->max_demand);
    if (spy->refuse_with != WEIR_REASON_NORMAL) return spy->refuse_with;
    return weir_demand_dispatcher()->subscribe(spy->inner, consumer, upstream);
}

static uint64_t spy_ask(void *state, weir_outlet *consumer, uint64_t count) {
    struct spy *spy = state;
    rig_say(spy->rig, "~ ask %d", (int)count);
    return weir_demand_dispatcher()->ask(spy->inner, consumer, count);
}

static uint64_t spy_cancel(void *state, weir_outlet *consumer) {
    struct spy *spy = state;
    rig_say(spy->rig, "~ cancel");
    return weir_demand_dispatcher()->cancel(spy->inner, consumer);
}

static void spy_dispatch(void *state, weir_run *run, uint64_t count) {
    struct spy *spy = state;
    rig_say(spy->rig, "~ dispatch %d", (int)count);
    if (count != weir_run_count(run)) rig_say(spy->rig, "~ of %d", (int)weir_run_count(run));
    weir_demand_dispatcher()->dispatch(spy->inner, run, count);
}

static uint64_t spy_open(const void *state) {
    const struct spy *spy = state;
    return weir_demand_dispatcher()->open_demand(spy->inner);
}

static bool spy_give_back(void *state, weir_outlet *consumer, weir_run *events) {
    uint64_t count = weir_run_count(events);
    struct spy *spy = state;
    (void)consumer;
    rig_say(spy->rig, "~ give back %d", (int)count);
    return count != 3; /* three are not wanted */
}

static weir_dispatcher spy_table(void) {
    return (weir_dispatcher){.name = "spy",
                             .state_bytes = sizeof(struct spy),
                             .outlet_bytes = weir_demand_dispatcher()->outlet_bytes,
                             .init = spy_init,
                             .close = spy_close,
                             .subscribe = spy_subscribe,
                             .ask = spy_ask,
                             .cancel = spy_cancel,
                             .dispatch = spy_dispatch,
                             .open_demand = spy_open,
                             .give_back = spy_give_back};
}

static void everything_in_its_order(struct rig *rig) {
    const weir_dispatcher table = spy_table();
    const struct spy spy = {.rig = rig};
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 7};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    player_start(&p, rig, &(weir_stage_options){.dispatcher = &table, .dispatcher_options = &spy});
    player_start(&c, rig, NULL);
    weir_subscription subscription = player_subscribe(&c, &p, &supply_ten);
    rig_rest(rig);
    rig_expect(rig, "c subscribe p\np subscribe c\n~ subscribe, max 10\n~ ask 10\n"
                    "p demand 10\n~ dispatch 7\nc events 0..6\n");
    weir_cancel(rig->runtime, subscription, WEIR_REASON_NORMAL);
    rig_rest(rig);
    /* Forgotten first: what handle_cancel emits is not for who leaves. */
    player_expect(&p, "subscribe c\ndemand 10\ncancel c normal\n");
    const char *cancel = strstr(rig->journal.text, "~ cancel\n");
    assert_non_null(cancel);
    assert_non_null(strstr(cancel, "p cancel c normal\n"));
    rig_expect(rig, rig->journal.text);
    player_cast(&p, 3);
    rig_rest(rig);
    rig_expect(rig, "p cast 3\n~ dispatch 3\n");
    player_stop(&p, WEIR_REASON_NORMAL);
    rig_rest(rig);
    rig_expect(rig, "p discarded 3 stopped\np terminate normal\n~ close\n");
    rig_close(rig);
}

static void a_dispatcher_may_refuse(struct rig *rig) {
    const weir_dispatcher table = spy_table();
    const struct spy spy = {.rig = rig, .refuse_with = WEIR_REASON_USER};
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    player_start(&p, rig, &(weir_stage_options){.dispatcher = &table, .dispatcher_options = &spy});
    player_start(&c, rig, NULL);
    player_subscribe(&c, &p, NULL);
    rig_rest(rig);
    player_expect(&p, "subscribe c\ncancel c user\n");
    player_expect(&c, "subscribe p\ncancel p user\nterminate user\n");
    assert_null(strstr(rig->journal.text, "~ cancel")); /* it knows of nobody */
    assert_null(strstr(rig->journal.text, "~ ask"));
    rig_close(rig);
}

static void a_dispatcher_may_discard_what_comes_back(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        for (int left = 2; left < 5; left++) {
            const weir_dispatcher table = spy_table();
            const struct spy spy = {.rig = &rig};
            struct player p = {.name = "p", .kind = WEIR_PRODUCER};
            struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.events = supply_stop_here};
            player_start(&p, &rig,
                         &(weir_stage_options){.dispatcher = &table, .dispatcher_options = &spy});
            player_start(&c, &rig, NULL);
            player_subscribe(&c, &p,
                             &(weir_subscribe_options){.max_demand = 100, .min_demand = 90});
            rig_rest(&rig);
            player_cast(&p, 20 + (uint64_t)left);
            rig_rest(&rig);
            const char *journals[] = {"down c normal\n", "down c normal\ndiscarded 3 consumer\n"};
            const char *down = strstr(p.journal.text, "down");
            assert_non_null(down);
            assert_string_equal(down, journals[left == 3]);
            player_stop(&p, WEIR_REASON_NORMAL);
            rig_rest(&rig);
            rig_close(&rig);
            assert_true(rig_open_world(&rig, world));
        }
        rig_close(&rig);
    }
}

/* One consumer gets a copy, the other the events themselves: none is counted twice. */
struct tee {
    weir_outlet *outlet[2];
    uint64_t open;
};

static weir_reason tee_subscribe(void *state, weir_outlet *consumer, uint64_t *upstream) {
    struct tee *tee = state;
    *upstream = 0;
    tee->outlet[tee->outlet[0] != NULL] = consumer;
    return WEIR_REASON_NORMAL;
}

static uint64_t tee_ask(void *state, weir_outlet *consumer, uint64_t count) {
    struct tee *tee = state;
    if (consumer == tee->outlet[0]) tee->open += count;
    return consumer == tee->outlet[0] ? count : 0;
}

static uint64_t tee_cancel(void *state, weir_outlet *consumer) {
    struct tee *tee = state;
    if (consumer == tee->outlet[0]) tee->outlet[0] = tee->outlet[1];
    tee->outlet[1] = NULL;
    return 0;
}

static void tee_dispatch(void *state, weir_run *run, uint64_t count) {
    struct tee *tee = state;
    uint64_t sent = count < tee->open ? count : tee->open;
    if (sent == 0 || tee->outlet[0] == NULL) return;
    tee->open -= sent;
    if (tee->outlet[1] != NULL) weir_run_share(run, tee->outlet[1], sent);
    weir_run_send(run, tee->outlet[0], sent);
}

static uint64_t tee_open(const void *state) {
    const struct tee *tee = state;
    return tee->outlet[0] != NULL ? tee->open : 0;
}

static void a_dispatcher_may_share_and_send(struct rig *rig) {
    static const weir_dispatcher table = {.name = "tee",
                                          .state_bytes = sizeof(struct tee),
                                          .subscribe = tee_subscribe,
                                          .ask = tee_ask,
                                          .cancel = tee_cancel,
                                          .dispatch = tee_dispatch,
                                          .open_demand = tee_open};
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER};
    struct player b = {.name = "b", .kind = WEIR_CONSUMER};
    player_start(&p, rig, &(weir_stage_options){.dispatcher = &table});
    PLAYERS_START(rig, &a, &b);
    player_subscribe(&a, &p, &supply_ten);
    rig_rest(rig);
    player_subscribe(&b, &p, &supply_ten);
    rig_rest(rig);
    player_cast(&p, 8);
    rig_rest(rig);
    player_expect(&a, "subscribe p\nevents 0..7\n");
    player_expect(&b, "subscribe p\nevents 0..7\n");
    weir_accounts accounts = rig_accounts(rig);
    assert_null(weir_accounts_check(&accounts));
    rig_close(rig);
}

/* Skips three events more than it has shared, after sending one of those. */
static void hasty_dispatch(void *state, weir_run *run, uint64_t count) {
    struct tee *tee = state;
    if (tee->outlet[0] == NULL || tee->open < 4) return;
    tee->open -= 4;
    weir_run_share(run, tee->outlet[0], 4);
    weir_run_share(run, tee->outlet[0], 0); /* no less was shared for that */
    weir_run_drop(run, 1, WEIR_DISCARD_UNWANTED);
    weir_run_skip(run, 6);
    weir_run_skip(run, 0);
    weir_run_skip(run, count);
}

static void what_was_never_shared_is_not_skipped_but_dropped(struct rig *rig) {
    static const weir_dispatcher table = {.name = "hasty",
                                          .state_bytes = sizeof(struct tee),
                                          .subscribe = tee_subscribe,
                                          .ask = tee_ask,
                                          .cancel = tee_cancel,
                                          .dispatch = hasty_dispatch,
                                          .open_demand = tee_open};
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player a = {.name = "a", .kind = WEIR_CONSUMER};
    player_start(&p, rig, &(weir_stage_options){.dispatcher = &table});
    player_start(&a, rig, NULL);
    player_subscribe(&a, &p, &supply_ten);
    rig_rest(rig);
    player_cast(&p, 9);
    rig_rest(rig);
    player_expect(&a, "subscribe p\nevents 0..3\n");
    player_expect(&p, "subscribe a\ndemand 10\ncast 9\ndiscarded 1 unwanted\ndiscarded 3 unwanted\n"
                      "discarded 2 unwanted\n");
    weir_accounts accounts = rig_accounts(rig);
    assert_null(weir_accounts_check(&accounts));
    assert_int_equal(accounts.discarded, 6);
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(everything_in_its_order),
        TEST_IN_WORLDS(a_dispatcher_may_refuse),
        cmocka_unit_test(a_dispatcher_may_discard_what_comes_back),
        TEST_IN_WORLDS(a_dispatcher_may_share_and_send),
        TEST_IN_WORLDS(what_was_never_shared_is_not_skipped_but_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
