/*
 * A stage's life: it begins whole or not at all, and its end leaves nothing behind.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: init comes first, with the state as promised, and terminate last, with
 * the reason; a stage may stop from any callback; its peers see it go down;
 * what it held is discarded and counted.  (What it had not begun: test_life_back.)
 * Method: players that stop on cue, in every kind of runtime that is stepped;
 * their journals; the accounts and the memory at the end (rig_close).
 */
#include "support/deeds.h"
#include "support/player.h"
#include "support/worlds.h"

#include <string.h>

/* ---- the beginning ------------------------------------------------------- */

struct first_state {
    struct player *player;
    unsigned char rest[100];
};

static weir_verdict look_at_state(weir_stage *self, void *argument) {
    const struct first_state *is = weir_state(self);
    assert_ptr_equal(argument, weir_stage_runtime(self));
    assert_int_equal((uintptr_t)is % 64, 0);
    assert_int_equal(is->rest[0], 0);
    assert_int_equal(is->rest[99], 99);
    return WEIR_CONTINUE;
}

static void the_state_is_a_copy(struct rig *rig) {
    struct first_state first;
    memset(&first, 0, sizeof first);
    first.rest[99] = 99;
    weir_stage_options options = {.kind = WEIR_CONSUMER,
                                  .state_bytes = sizeof first,
                                  .state = &first,
                                  .argument = rig->runtime,
                                  .on = {.init = look_at_state, .handle_events = deed_no_events}};
    assert_int_equal(weir_stage_start(rig->runtime, &options, NULL), WEIR_OK);
    rig_close(rig);
}

static weir_verdict look_at_zeros(weir_stage *self, void *argument) {
    static const unsigned char zeros[1000];
    (void)argument;
    assert_memory_equal(weir_state(self), zeros, sizeof zeros);
    return WEIR_CONTINUE;
}

static void the_state_is_zero_unless_it_is_given(struct rig *rig) {
    weir_stage_options options = {.kind = WEIR_CONSUMER,
                                  .state_bytes = 1000,
                                  .on = {.init = look_at_zeros, .handle_events = deed_no_events}};
    assert_int_equal(weir_stage_start(rig->runtime, &options, NULL), WEIR_OK);
    options.state_bytes = 0;
    options.on.init = NULL;
    assert_int_equal(weir_stage_start(rig->runtime, &options, NULL), WEIR_OK);
    rig_close(rig);
}

static weir_verdict stop_with_user(weir_stage *self, struct player *player) {
    (void)player;
    return weir_stop_with(self, WEIR_REASON_USER);
}

/* To nobody: what it keeps until init has returned is let go all the same. */
static weir_verdict answer_and_stop(weir_stage *self, struct player *player) {
    RIG_CHECK(player->rig, weir_reply_after(self, (weir_from){0}, "x", 1) == WEIR_OK);
    return stop_with_user(self, player);
}

static void init_may_stop_it(void **state) {
    (void)state;
    for (int kind = WEIR_PRODUCER; kind <= WEIR_CONSUMER; kind++) {
        struct rig rig;
        rig_open(&rig, NULL);
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        player_start(&p, &rig, NULL);
        struct player s = {.name = "s", .kind = (weir_kind)kind, .does.init = stop_with_user};
        const weir_subscribe_to to = {.producer = p.ref};
        const weir_stage_options options = {.subscribe_to = kind != WEIR_PRODUCER ? &to : NULL,
                                            .subscribe_count = kind != WEIR_PRODUCER};
        s.ref.bits = 77;
        assert_int_equal(player_try_start(&s, &rig, &options), WEIR_INIT_STOPPED);
        assert_string_equal(weir_refusal(), "init of stage s stopped it: user");
        assert_int_equal(s.ref.bits, 77);
        assert_int_equal(weir_runtime_stages(rig.runtime), 1);
        struct player a = {.name = "a", .kind = (weir_kind)kind, .does.init = answer_and_stop};
        assert_int_equal(player_try_start(&a, &rig, &options), WEIR_INIT_STOPPED);
        rig_rest(&rig);
        rig_expect(&rig, ""); /* p was not told; s did not terminate */
        rig_close(&rig);
    }
}

static weir_status refusing_init(void *state, weir_desk *desk, const void *options) {
    (void)desk;
    (void)state;
    return *(const weir_status *)options;
}

static void the_dispatcher_may_refuse_to_begin(struct rig *rig) {
    weir_dispatcher table = *weir_demand_dispatcher();
    table.init = refusing_init;
    static const weir_status refusals[] = {WEIR_INVALID, WEIR_NO_MEMORY, WEIR_FULL};
    for (size_t i = 0; i < 3; i++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .does.init = stop_with_user};
        const weir_stage_options options = {.dispatcher = &table,
                                            .dispatcher_options = &refusals[i]};
        assert_int_equal(player_try_start(&p, rig, &options), refusals[i]);
        rig->players = p.started;
    }
    assert_int_equal(weir_runtime_stages(rig->runtime), 0);
    rig_close(rig);
}

/* ---- the end ------------------------------------------------------------- */

static void terminate_is_the_last_callback(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        players_pair(&rig, &p, &c, &(weir_subscribe_options){.max_demand = 10});
        assert_int_equal(c.handled, 100);
        player_stop(&c, WEIR_REASON_USER);
        player_cast(&c, 1); /* too late */
        rig_rest(&rig);
        assert_non_null(strstr(c.journal.text, "terminate user\n"));
        assert_string_equal(strstr(c.journal.text, "terminate"), "terminate user\n");
        assert_non_null(strstr(p.journal.text, "down c user\n"));
        assert_int_equal(weir_runtime_stages(rig.runtime), 1);
        rig_close(&rig);
        assert_string_equal(strstr(p.journal.text, "terminate"), "terminate shutdown\n");
    }
}

/* Consumers learn of a producer's end behind all that it sent. */
static void consumers_see_a_producer_go_down_after_its_events(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 1000};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &p, &c);
    player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 1000});
    while (p.next == 0) weir_runtime_step(rig->runtime, 1);
    player_stop(&p, WEIR_REASON_SHUTDOWN);
    rig_rest(rig);
    player_expect(&c, "subscribe p\nevents 0..499\nevents 500..999\ndown p shutdown\n"
                      "terminate shutdown\n");
    rig_close(rig);
}

/* ---- stopping from every callback ---------------------------------------- */

enum where { DEMAND, EVENTS, SUBSCRIBE, CANCEL, CAST, INFO, PLACES };

static bool it_is_time(struct player *player, enum where where) {
    const int *stops_at = player->own;
    return *stops_at == (int)where;
}

static weir_verdict verdict(weir_stage *self, struct player *player, enum where where) {
    return it_is_time(player, where) ? weir_stop_with(self, WEIR_REASON_USER) : WEIR_CONTINUE;
}

static weir_verdict in_demand(weir_stage *self, struct player *player, uint64_t demand) {
    player_emit(self, demand);
    return verdict(self, player, DEMAND);
}

static weir_verdict in_events(weir_stage *self, struct player *player, weir_batch batch) {
    if (player->kind == WEIR_PRODUCER_CONSUMER) {
        player_emit_numbers(self, batch.events, batch.count);
    }
    return verdict(self, player, EVENTS);
}

static weir_subscribe_verdict in_subscribe(weir_stage *self, struct player *player,
                                           const weir_peer *peer) {
    (void)peer;
    verdict(self, player, SUBSCRIBE);
    return it_is_time(player, SUBSCRIBE) ? WEIR_SUBSCRIBE_STOP : WEIR_AUTOMATIC;
}

static weir_verdict in_cancel(weir_stage *self, struct player *player, const weir_peer *peer) {
    (void)peer;
    return verdict(self, player, CANCEL);
}

static weir_verdict in_cast(weir_stage *self, struct player *player, uint64_t number) {
    player_emit(self, player->kind == WEIR_CONSUMER ? 0 : number);
    return verdict(self, player, CAST);
}

static weir_verdict in_info(weir_stage *self, struct player *player, uint64_t number) {
    (void)number;
    return verdict(self, player, INFO);
}

static void play(struct player *player, struct rig *rig, int *stops_at) {
    player->own = stops_at;
    player->does.demand = in_demand;
    player->does.events = in_events;
    player->does.subscribe = in_subscribe;
    player->does.cancel = in_cancel;
    player->does.cast = in_cast;
    player->does.info = in_info;
    player_start(player, rig, NULL);
}

/* A chain of three; one of them (0..2) stops at one place; the others live on. */
static void chain_in_which_one_stops(struct rig *rig, int who, enum where where) {
    int stops_at[3] = {-1, -1, -1};
    struct player stages[3] = {{.name = "p", .kind = WEIR_PRODUCER},
                               {.name = "t", .kind = WEIR_PRODUCER_CONSUMER},
                               {.name = "c", .kind = WEIR_CONSUMER}};
    stops_at[who] = (int)where;
    for (int i = 0; i < 3; i++) play(&stages[i], rig, &stops_at[i]);
    const weir_subscribe_options options = {.max_demand = 20, .cancel = WEIR_TEMPORARY};
    weir_subscription upper = player_subscribe(&stages[1], &stages[0], &options);
    weir_subscription lower = player_subscribe(&stages[2], &stages[1], &options);
    weir_runtime_step(rig->runtime, 18);
    for (int i = 0; i < 3; i++) {
        uint64_t number = 7;
        weir_cast(rig->runtime, stages[i].ref, &number, sizeof number);
        weir_info(rig->runtime, stages[i].ref, &number, sizeof number);
    }
    weir_runtime_step(rig->runtime, 18);
    weir_cancel(rig->runtime, upper, WEIR_REASON_NORMAL);
    weir_cancel(rig->runtime, lower, WEIR_REASON_NORMAL);
    rig_rest(rig);
    const char *end = strstr(stages[who].journal.text, "terminate");
    assert_non_null(end);
    assert_string_equal(end, "terminate user\n");
    assert_int_equal(weir_runtime_stages(rig->runtime), 2);
    rig_close(rig);
}

static void may_stop_from_any_callback(void **state) {
    (void)state;
    for (int who = 0; who < 3; who++) {
        for (int where = 0; where < PLACES; where++) {
            if (where == DEMAND && who > 0) continue;
            if (where == EVENTS && who == 0) continue;
            struct rig rig;
            for (int world = 0; rig_open_world(&rig, world); world++) {
                chain_in_which_one_stops(&rig, who, (enum where)where);
            }
        }
    }
}

/* ---- what it held -------------------------------------------------------- */

static void what_it_buffered_is_discarded(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, NULL);
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    player_start(&p, &rig, NULL);
    player_cast(&p, 30);
    rig_rest(&rig);
    assert_int_equal(rig_accounts(&rig).buffered, 30);
    player_info(&p, 1); /* stays behind them, and is dropped with them */
    player_stop(&p, WEIR_REASON_NORMAL);
    rig_rest(&rig);
    player_expect(&p, "cast 30\ndiscarded 30 stopped\nterminate normal\n");
    assert_int_equal(rig_close(&rig).discarded, 30);
}

static void what_it_held_back_is_discarded(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    player_start(&p, rig, &(weir_stage_options){.demand = WEIR_ACCUMULATE});
    player_start(&c, rig, NULL);
    player_subscribe(&c, &p, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
    rig_rest(rig);
    player_cast(&p, 30);
    player_info(&p, 1);
    player_cast(&p, 12);
    rig_rest(rig);
    assert_int_equal(rig_accounts(rig).buffered, 42);
    player_stop(&p, WEIR_REASON_NORMAL);
    rig_rest(rig);
    player_expect(&p, "subscribe c\ncast 30\ncast 12\ndiscarded 42 stopped\nterminate normal\n");
    player_expect(&c, "subscribe p\ndown p normal\n");
    rig_close(rig);
}

/* Without a `discarded` callback somebody still has to be told. */
static weir_verdict emit_on_cast(weir_stage *self, const void *message, size_t bytes) {
    (void)message;
    uint64_t numbers[5] = {0};
    return bytes == 0 && weir_emit(self, numbers, 5) == WEIR_OK ? WEIR_CONTINUE : WEIR_STOP;
}

static void a_discard_that_nobody_hears_is_logged(struct rig *rig) {
    const weir_stage_options options = {
        .kind = WEIR_PRODUCER,
        .event_bytes = 8,
        .buffer_size = 3,
        .on = {.handle_demand = deed_no_demand, .handle_cast = emit_on_cast}};
    weir_ref p;
    assert_int_equal(weir_stage_start(rig->runtime, &options, &p), WEIR_OK);
    assert_int_equal(weir_cast(rig->runtime, p, NULL, 0), WEIR_OK);
    rig_rest(rig);
    rig_expect_log(rig, "warning: stage producer has discarded 2 events from its buffer\n");
    assert_int_equal(weir_stop(rig->runtime, p, WEIR_REASON_NORMAL), WEIR_OK);
    rig_rest(rig);
    rig_expect_log(rig, "warning: stage producer has discarded 3 events when it stopped\n");
    rig->emitted = 5;
    rig_close(rig);
}

/* ---- no memory ----------------------------------------------------------- */

static void without_memory_nothing_begins(void **state) {
    (void)state;
    for (int kind = WEIR_PRODUCER; kind <= WEIR_CONSUMER; kind++) {
        struct rig rig;
        rig_open(&rig, NULL);
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        player_start(&p, &rig, NULL);
        struct player s;
        weir_status status = WEIR_NO_MEMORY;
        for (uint64_t at = 1; status != WEIR_OK; at++) {
            memset(&s, 0, sizeof s);
            s.name = "s";
            s.kind = (weir_kind)kind;
            const weir_subscribe_to to[] = {{.producer = p.ref}, {.producer = p.ref}};
            const weir_stage_options options = {.subscribe_to = kind == WEIR_PRODUCER ? NULL : to,
                                                .subscribe_count = kind == WEIR_PRODUCER ? 0 : 2};
            uint64_t live = rig.memory.live;
            test_memory_fail(&rig.memory, at, false);
            status = player_try_start(&s, &rig, &options);
            test_memory_fail_never(&rig.memory);
            if (status == WEIR_OK) {
                assert_true(at >= (kind == WEIR_CONSUMER ? 4 : 3));
                break;
            }
            rig.players = s.started;
            assert_int_equal(status, WEIR_NO_MEMORY);
            assert_string_equal(strstr(weir_refusal(), "no memory"), weir_refusal());
            assert_int_equal(rig.memory.live, live);
            assert_int_equal(weir_runtime_stages(rig.runtime), 1);
        }
        weir_runtime_stop(rig.runtime, WEIR_REASON_NORMAL);
        rig_close(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_STEPPED(the_state_is_a_copy),
        TEST_STEPPED(the_state_is_zero_unless_it_is_given),
        cmocka_unit_test(init_may_stop_it),
        TEST_STEPPED(the_dispatcher_may_refuse_to_begin),
        cmocka_unit_test(terminate_is_the_last_callback),
        TEST_IN_WORLDS(consumers_see_a_producer_go_down_after_its_events),
        cmocka_unit_test(may_stop_from_any_callback),
        cmocka_unit_test(what_it_buffered_is_discarded),
        TEST_STEPPED(what_it_held_back_is_discarded),
        TEST_STEPPED(a_discard_that_nobody_hears_is_logged),
        cmocka_unit_test(without_memory_nothing_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
