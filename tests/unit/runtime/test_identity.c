/*
 * Identities: what names something in one runtime names nothing in another, ever.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: references, subscriptions, timers, monitors, callers and children are told
 * apart across runtimes, those that live at the same time and those that are closed, in
 * callbacks and in init; a stage that is starting is known in its own runtime only;
 * starts that are refused use up nothing.
 * Method: two runtimes with the same stages in the same places; every call of one with
 * what the other gave out; both go on as if nothing had been said.
 */
#include "support/player.h"
#include "support/worlds.h"

#include "runtime/runtime.h"

#include <string.h>

/* A producer, a consumer subscribed to it, a timer, and a caller who waits. */
struct side {
    struct rig rig;
    struct player p;
    struct player c;
    weir_subscription subscription;
    weir_timer timer;
    weir_from caller;
    weir_pool *pool;
    weir_child child;
    weir_monitor monitor;
};

static struct side sides[2];

static weir_verdict keep_caller(weir_stage *self, struct player *player, weir_from from,
                                uint64_t number) {
    struct side *side = player->own;
    (void)self, (void)number;
    side->caller = from;
    return WEIR_CONTINUE;
}

static weir_verdict watch_producer(weir_stage *self, struct player *player, uint64_t number) {
    struct side *side = player->own;
    (void)number;
    RIG_CHECK(&side->rig, weir_monitor_stage(self, side->p.ref, &side->monitor) == WEIR_OK);
    return WEIR_CONTINUE;
}

static weir_task_result no_work(void *context, const void *event, weir_task *self) {
    (void)context, (void)event, (void)self;
    return WEIR_TASK_OK;
}

static void open_side(struct side *side, weir_runtime_mode mode) {
    memset(side, 0, sizeof *side);
    rig_open(&side->rig, &(weir_runtime_options){.mode = mode, .workers = 2});
    side->p = (struct player){.name = "p", .kind = WEIR_PRODUCER};
    side->c = (struct player){.name = "c",
                              .kind = WEIR_CONSUMER,
                              .own = side,
                              .does = {.call = keep_caller, .cast = watch_producer}};
    player_start(&side->p, &side->rig, &(weir_stage_options){.worker = WEIR_WORKER(1)});
    player_start(&side->c, &side->rig, &(weir_stage_options){.worker = WEIR_WORKER(0)});
    side->subscription = player_subscribe(&side->c, &side->p, NULL);
    player_cast(&side->c, 0);
    side->timer = player_later(&side->c, 5, UINT64_C(3600000000000));
    rig_rest(&side->rig);
    weir_pool_options options = {.event_bytes = 8, .threads = WEIR_NONE, .task = no_work};
    uint64_t event = 0;
    assert_int_equal(weir_pool_open(side->rig.runtime, &options, &side->pool, NULL), WEIR_OK);
    assert_int_equal(weir_pool_start_child(side->pool, &event, &side->child), WEIR_OK);
    side->p.journal.used = 0;
    side->c.journal.used = 0;
    side->p.journal.text[0] = '\0';
    side->c.journal.text[0] = '\0';
}

static void close_side(struct side *side) {
    assert_int_equal(weir_pool_close(side->pool, NULL), WEIR_OK);
    rig_close(&side->rig);
}

/* Whatever `other` gave out, in this side's runtime. */
static void assert_unknown(struct side *side, const struct side *other) {
    weir_runtime *runtime = side->rig.runtime;
    const struct { weir_ref refs[2]; } theirs = {{other->p.ref, other->c.ref}};
    for (int i = 0; i < 2; i++) {
        weir_ref ref = theirs.refs[i];
        assert_int_equal(weir_cast(runtime, ref, "x", 1), WEIR_NO_STAGE);
        assert_int_equal(weir_info(runtime, ref, "x", 1), WEIR_NO_STAGE);
        assert_int_equal(weir_send_after(runtime, ref, "x", 1, 0, NULL), WEIR_NO_STAGE);
        assert_int_equal(weir_call(runtime, ref, NULL, 0, NULL, 0), WEIR_NO_STAGE);
        assert_int_equal(weir_stop(runtime, ref, WEIR_REASON_USER), WEIR_NO_STAGE);
        assert_int_equal(weir_stop_wait(runtime, ref, WEIR_REASON_USER, 0), WEIR_NO_STAGE);
        assert_int_equal(weir_finish(runtime, ref), WEIR_NO_STAGE);
        assert_int_equal(weir_register(runtime, ref, "name"), WEIR_NO_STAGE);
    }
    assert_int_equal(weir_subscribe(runtime, other->c.ref, side->p.ref, NULL, NULL), WEIR_NO_STAGE);
    if (weir__ref_kind(other->p.ref) == WEIR_PRODUCER) {
        assert_int_equal(weir_demand(runtime, other->p.ref, WEIR_ACCUMULATE), WEIR_NO_STAGE);
        assert_int_equal(weir_subscribe(runtime, side->c.ref, other->p.ref, NULL, NULL),
                         WEIR_NO_STAGE);
    }
    assert_int_equal(weir_cancel(runtime, other->subscription, WEIR_REASON_USER), WEIR_NO_STAGE);
    assert_int_equal(weir_ask(runtime, other->subscription, 1), WEIR_NO_STAGE);
    assert_int_equal(weir_cancel_timer(runtime, other->timer), WEIR_NO_STAGE);
    assert_int_equal(weir_reply(runtime, other->caller, "x", 1), WEIR_NO_CALLER);
    assert_int_equal(weir_pool_end_child(side->pool, other->child), WEIR_NO_CHILD);
}

/* As if nobody had said anything: it still waits to be answered by its own. */
static void assert_untouched(struct side *side) {
    rig_rest(&side->rig);
    player_expect(&side->p, "");
    player_expect(&side->c, "");
    assert_int_equal(weir_cancel_timer(side->rig.runtime, side->timer), WEIR_OK);
    rig_rest(&side->rig);
    player_expect(&side->c, "");
}

static void runtimes_do_not_know_each_others_names(void **state) {
    (void)state;
    for (int mode = WEIR_STEPPED; mode <= WEIR_SIMULATED; mode++) {
        for (int i = 0; i < 2; i++) open_side(&sides[i], (weir_runtime_mode)mode);
        assert_int_equal(weir__ref_index(sides[0].c.ref), weir__ref_index(sides[1].c.ref));
        assert_int_equal(sides[0].subscription.id, sides[1].subscription.id);
        assert_int_equal(sides[0].child.place, sides[1].child.place);
        for (int i = 0; i < 2; i++) assert_unknown(&sides[i], &sides[1 - i]);
        for (int i = 0; i < 2; i++) assert_untouched(&sides[i]);
        for (int i = 0; i < 2; i++) close_side(&sides[i]);
    }
}

static void nor_do_those_that_come_later(void **state) {
    (void)state;
    for (int mode = WEIR_STEPPED; mode <= WEIR_SIMULATED; mode++) {
        open_side(&sides[0], (weir_runtime_mode)mode);
        close_side(&sides[0]);
        for (int times = 0; times < 3; times++) {
            open_side(&sides[1], (weir_runtime_mode)mode);
            assert_unknown(&sides[1], &sides[0]);
            assert_untouched(&sides[1]);
            close_side(&sides[1]);
        }
    }
}

/* Who waits in one runtime is not answered by what another's caller is called. */
static weir_verdict call_other(weir_stage *self, struct player *player, uint64_t number) {
    struct side *other = player->own;
    char answer = '-';
    weir_answer room = {.bytes = &answer, .room = 1};
    (void)self, (void)number;
    /* Another runtime's stage is called from here: nobody will answer, and it is at rest. */
    RIG_CHECK(player->rig, weir_call(other->rig.runtime, other->c.ref, &number, sizeof number,
                                     &room, 0) == WEIR_TIMEOUT);
    RIG_CHECK(player->rig, answer == '-');
    return WEIR_CONTINUE;
}

static void a_caller_is_answered_in_its_own_runtime(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, NULL);
    open_side(&sides[1], WEIR_THREADS);
    struct player c = {
        .name = "c", .kind = WEIR_CONSUMER, .own = &sides[1], .does.cast = call_other};
    player_start(&c, &rig, NULL);
    player_cast(&c, 1);
    rig_rest(&rig);
    rig_rest(&sides[1].rig);
    assert_int_not_equal(sides[1].caller.bits, 0);
    assert_int_equal(weir_reply(rig.runtime, sides[1].caller, "x", 1), WEIR_NO_CALLER);
    assert_int_equal(weir_reply(sides[1].rig.runtime, sides[1].caller, "x", 1), WEIR_NO_CALLER);
    rig_close(&rig);
    close_side(&sides[1]);
}

/* ---- init ---------------------------------------------------------------- */

/* The stage itself, which only its own runtime knows. */
static weir_verdict speak_to_wrong_runtime(weir_stage *self, struct player *player) {
    struct side *other = player->own;
    struct side me = {.p.ref = weir_self(self), .c.ref = weir_self(self)};
    weir_ref found;
    me.subscription.consumer = weir_self(self);
    me.timer.stage = weir_self(self);
    assert_unknown(other, &me);
    RIG_CHECK(player->rig, weir_whereis(other->rig.runtime, "name", &found) == WEIR_NO_NAME);
    RIG_CHECK(player->rig, weir_unregister(other->rig.runtime, "name") == WEIR_NO_NAME);
    weir_runtime *own = player->rig->runtime;
    uint64_t number = 3;
    RIG_CHECK(player->rig, weir_cast(own, weir_self(self), &number, sizeof number) == WEIR_OK);
    RIG_CHECK(player->rig, weir_register(own, weir_self(self), "name") == WEIR_OK);
    return WEIR_CONTINUE;
}

static weir_verdict only_hear(weir_stage *self, struct player *player, uint64_t number) {
    (void)self, (void)player, (void)number;
    return WEIR_CONTINUE;
}

static void who_is_starting_is_known_in_one_runtime(struct rig *rig) {
    open_side(&sides[1], WEIR_STEPPED);
    struct player c = {.name = "c",
                       .kind = WEIR_CONSUMER,
                       .own = &sides[1],
                       .does = {.init = speak_to_wrong_runtime, .cast = only_hear}};
    player_start(&c, rig, NULL);
    rig_rest(rig);
    player_expect(&c, "cast 3\n");
    assert_untouched(&sides[1]);
    player_cast(&c, 4); /* its mailbox has room */
    rig_rest(rig);
    player_expect(&c, "cast 4\n");
    assert_int_equal(weir_register(sides[1].rig.runtime, sides[1].c.ref, "name"), WEIR_OK);
    close_side(&sides[1]);
    rig_close(rig);
}

/* ---- monitors ------------------------------------------------------------ */

static weir_verdict forget(weir_stage *self, struct player *player, uint64_t number) {
    (void)number;
    struct side *other = player->own;
    RIG_CHECK(player->rig, weir_demonitor(self, other->monitor) == WEIR_OK);
    RIG_CHECK(player->rig, weir_demonitor(self, (weir_monitor){.id = 1}) == WEIR_OK);
    return WEIR_CONTINUE;
}

/* Both are the first monitors of their stages. */
static void a_monitor_is_of_one_stage(void **state) {
    (void)state;
    open_side(&sides[0], WEIR_STEPPED);
    open_side(&sides[1], WEIR_STEPPED);
    assert_int_equal(sides[0].monitor.id, sides[1].monitor.id);
    sides[0].c.does.cast = forget;
    sides[0].c.own = &sides[1];
    player_cast(&sides[0].c, 1);
    rig_rest(&sides[0].rig);
    player_stop(&sides[0].p, WEIR_REASON_NORMAL);
    rig_rest(&sides[0].rig);
    assert_non_null(strstr(sides[0].c.journal.text, "gone p normal"));
    close_side(&sides[0]);
    close_side(&sides[1]);
}

static weir_verdict watch_stranger(weir_stage *self, struct player *player, uint64_t number) {
    (void)number;
    const struct side *other = player->own;
    static const uint64_t bits[] = {1, UINT64_MAX, UINT64_C(0x7fffffff)};
    RIG_CHECK(player->rig, weir_monitor_stage(self, other->p.ref, NULL) == WEIR_OK);
    for (int i = 0; i < 3; i++) {
        RIG_CHECK(player->rig, weir_monitor_stage(self, (weir_ref){bits[i]}, NULL) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

static weir_verdict count_gone(weir_stage *self, struct player *player, weir_ref stage) {
    (void)self, (void)stage;
    player->next++;
    return WEIR_CONTINUE;
}

/* Where such a reference comes from cannot be told: its stage has gone, as far as we know. */
static void who_never_was_here_is_gone(void **state) {
    (void)state;
    struct rig rig;
    open_side(&sides[1], WEIR_STEPPED);
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player c = {.name = "c",
                           .kind = WEIR_CONSUMER,
                           .own = &sides[1],
                           .quiet = true,
                           .does = {.cast = watch_stranger, .gone = count_gone}};
        player_start(&c, &rig, NULL);
        player_cast(&c, 0);
        rig_rest(&rig);
        assert_int_equal(c.next, 4);
        rig_close(&rig);
    }
    close_side(&sides[1]);
}

/* ---- starts that are refused --------------------------------------------- */

static weir_verdict refuse(weir_stage *self, struct player *player) {
    (void)self, (void)player;
    return WEIR_STOP;
}

/* It has been put on the list each time that it was to start. */
static void expect_player(struct rig *rig, struct player *player) {
    player->started = NULL;
    rig->players = player;
}

/* With one place left, and that in a chunk for which there is no memory at first. */
static void refused_starts_use_up_no_place(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, NULL);
    rig.runtime->registry.slots.used = WEIR__REGISTRY_STAGES_MAX - 1;
    test_memory_fail(&rig.memory, 1, true);
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    for (int i = 0; i < 10; i++) {
        assert_int_equal(player_try_start(&c, &rig, NULL), WEIR_NO_MEMORY);
    }
    test_memory_fail_never(&rig.memory);
    weir_subscribe_to none = {.producer = {5}};
    weir_subscribe_to nameless = {.name = "nobody"};
    c.does.init = refuse;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(player_try_start(&c, &rig, NULL), WEIR_INIT_STOPPED);
        assert_int_equal(
            player_try_start(&c, &rig,
                             &(weir_stage_options){.subscribe_to = &none, .subscribe_count = 1}),
            WEIR_NO_STAGE);
        assert_int_equal(
            player_try_start(
                &c, &rig, &(weir_stage_options){.subscribe_to = &nameless, .subscribe_count = 1}),
            WEIR_NO_NAME);
        test_memory_fail(&rig.memory, 1, true);
        assert_int_equal(player_try_start(&c, &rig, NULL), WEIR_NO_MEMORY);
        test_memory_fail_never(&rig.memory);
    }
    c.does.init = NULL;
    player_start(&c, &rig, NULL);
    struct player d = {.name = "d", .kind = WEIR_CONSUMER};
    assert_int_equal(player_try_start(&d, &rig, NULL), WEIR_NO_MEMORY); /* that was the last */
    expect_player(&rig, &c);
    rig_close(&rig);
}

static void without_references_nothing_starts(struct rig *rig) {
    uint64_t used = weir__generations.used;
    weir__generations.used = weir__generations.last;
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(player_try_start(&c, rig, &(weir_stage_options){.registered = true}),
                         WEIR_SYSTEM);
        assert_string_equal(weir_refusal(), "this process has used up all references to stages");
    }
    weir__generations.used = used;
    assert_int_equal(rig->runtime->registry.slots.used, 1);
    player_start(&c, rig, &(weir_stage_options){.registered = true});
    expect_player(rig, &c);
    rig_close(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runtimes_do_not_know_each_others_names),
        cmocka_unit_test(nor_do_those_that_come_later),
        cmocka_unit_test(a_caller_is_answered_in_its_own_runtime),
        TEST_IN_WORLDS(who_is_starting_is_known_in_one_runtime),
        cmocka_unit_test(a_monitor_is_of_one_stage),
        cmocka_unit_test(who_never_was_here_is_gone),
        cmocka_unit_test(refused_starts_use_up_no_place),
        TEST_STEPPED(without_references_nothing_starts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
