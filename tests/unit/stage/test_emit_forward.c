/*
 * Forwarding: a batch that is passed on arrives whole, once and in order.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: forwarding may be mixed with copying and writing in place; a batch is
 * forwarded once, and only where it fits; it may be changed in place, and
 * others who hold it do not see it; memory is used again.
 * Method: a chain of a producer, a producer_consumer with functions of its own
 * and a consumer; the allocator counts and fails on cue.
 */
#include "support/emit_pair.h"
#include "support/worlds.h"

#include <string.h>

/* ---- forwarding ---------------------------------------------------------- */

struct chain {
    struct rig rig;
    struct player p;
    struct player t;
    struct player c;
};

typedef weir_verdict events_function(weir_stage *self, struct player *player, weir_batch batch);

static void open_chain(struct chain *chain, events_function *events,
                       const weir_stage_options *options) {
    chain->p = (struct player){.name = "p", .kind = WEIR_PRODUCER};
    chain->t = (struct player){.name = "t",
                               .kind = WEIR_PRODUCER_CONSUMER,
                               .emits = PLAYER_FORWARDS,
                               .does.events = events};
    chain->c = (struct player){.name = "c", .kind = WEIR_CONSUMER};
    player_start(&chain->p, &chain->rig, NULL);
    player_start(&chain->t, &chain->rig, options);
    player_start(&chain->c, &chain->rig, NULL);
    const weir_subscribe_options wide = {
        .max_demand = 100, .min_demand = 80, .cancel = WEIR_TEMPORARY};
    player_subscribe(&chain->t, &chain->p, &wide);
    player_subscribe(&chain->c, &chain->t, &wide);
    rig_rest(&chain->rig);
    player_expect(&chain->t, "subscribe p\nsubscribe c\n");
    player_expect(&chain->c, "subscribe t\n");
}

static void a_batch_is_passed_on(void **state) {
    (void)state;
    static struct chain chain;
    for (int world = 0; rig_open_world(&chain.rig, world); world++) {
        open_chain(&chain, NULL, NULL);
        player_cast(&chain.p, 50);
        player_cast(&chain.p, 1); /* inline in the ring: kept, then forwarded */
        rig_rest(&chain.rig);
        player_expect(&chain.c, "events 0..19\nevents 20..39\nevents 40..49\nevents 50\n");
        rig_close(&chain.rig);
    }
}

/* Copies, writes and forwards in one callback: in that order. */
static weir_verdict mix(weir_stage *self, struct player *player, weir_batch batch) {
    uint64_t first = *(const uint64_t *)batch.events;
    size_t count = batch.count;
    player_emit_numbers(self, &(uint64_t){1000 + first}, 1);
    weir_room room = weir_reserve(self, 2);
    uint64_t *out = room.events;
    out[0] = 2000 + first;
    weir_commit(self, 1);
    weir_verdict verdict = weir_forward(self);
    player_emit_numbers(self, &(uint64_t){3000 + first}, 1);
    player->emitted += 1 + count;
    return verdict;
}

static void all_ways_may_be_mixed(void **state) {
    (void)state;
    static struct chain chain;
    for (int world = 0; rig_open_world(&chain.rig, world); world++) {
        open_chain(&chain, mix, NULL);
        player_cast(&chain.p, 10);
        rig_rest(&chain.rig);
        player_expect(&chain.c, "events 1000 2000 0..9 3000\n");
        rig_close(&chain.rig);
    }
}

static weir_verdict forward_twice(weir_stage *self, struct player *player, weir_batch batch) {
    player->emitted += batch.count;
    RIG_CHECK(player->rig, weir_forward(self) == WEIR_CONTINUE);
    return weir_forward(self);
}

static void a_batch_is_passed_on_once(void **state) {
    (void)state;
    static struct chain chain;
    for (int world = 0; rig_open_world(&chain.rig, world); world++) {
        open_chain(&chain, forward_twice, NULL);
        player_cast(&chain.p, 10);
        rig_rest(&chain.rig);
        player_expect(&chain.t, "events 0..9\nterminate bad_return_value\n");
        player_expect(&chain.c, "events 0..9\ndown t bad_return_value\n");
        rig_close(&chain.rig);
    }
}

#define WRONG_SIZE "stage t cannot forward 10 events of 8 bytes: its own have 4 (event_bytes)"

static weir_verdict forward_wrong_size(weir_stage *self, struct player *player, weir_batch batch) {
    (void)batch;
    weir_verdict verdict = weir_forward(self);
    RIG_CHECK(player->rig, verdict == WEIR_STOP);
    RIG_CHECK(player->rig, strcmp(weir_refusal(), WRONG_SIZE) == 0);
    return verdict;
}

static void only_events_of_its_own_size_are_passed_on(void **state) {
    (void)state;
    static struct chain chain;
    for (int world = 0; rig_open_world(&chain.rig, world); world++) {
        open_chain(&chain, forward_wrong_size, &(weir_stage_options){.event_bytes = 4});
        player_cast(&chain.p, 10);
        rig_rest(&chain.rig);
        player_expect(&chain.t, "events 0..9\nterminate bad_return_value\n");
        rig_expect_log(&chain.rig, "error: " WRONG_SIZE "\n");
        rig_close(&chain.rig);
    }
}

static weir_verdict consumer_forwards(weir_stage *self, struct player *player, weir_batch batch) {
    (void)batch;
    RIG_CHECK(player->rig, weir_forward(self) == WEIR_STOP);
    return WEIR_CONTINUE; /* and lives on */
}

static void a_consumer_cannot_forward(void **state) {
    (void)state;
    static struct pair pair;
    rig_open(&pair.rig, NULL);
    open_pair(&pair, NULL, 8);
    pair.c.does.events = consumer_forwards;
    cast_and_expect(&pair, 1, "events 0\n");
    cast_and_expect(&pair, 30, "events 1..30\n");
    rig_close(&pair.rig);
}

static weir_verdict own_after_forwarding(weir_stage *self, struct player *player,
                                         weir_batch batch) {
    struct rig *rig = player->rig;
    player->emitted += batch.count;
    RIG_CHECK(rig, weir_forward(self) == WEIR_CONTINUE);
    RIG_CHECK(rig, weir_own(self) == NULL);
    RIG_CHECK(rig, strcmp(weir_refusal(), "stage t has forwarded the batch: it is not its own any "
                                          "more") == 0);
    return WEIR_CONTINUE;
}

static void what_was_passed_on_is_not_its_own(void **state) {
    (void)state;
    static struct chain chain;
    for (int world = 0; rig_open_world(&chain.rig, world); world++) {
        open_chain(&chain, own_after_forwarding, NULL);
        player_cast(&chain.p, 10);
        rig_rest(&chain.rig);
        player_expect(&chain.c, "events 0..9\n");
        rig_close(&chain.rig);
    }
}

/* ---- the batch at hand ------------------------------------------------------- */

static weir_verdict look_at_it(weir_stage *self, struct player *player, weir_batch batch) {
    weir_subscription from = weir_batch_subscription(self);
    RIG_CHECK(player->rig, from.consumer.bits == weir_self(self).bits && from.id != 0);
    RIG_CHECK(player->rig, weir_batch_event_bytes(self) == sizeof(uint64_t));
    player->emitted += batch.count;
    return weir_forward(self);
}

/* Whatever was handled before: nothing is left of it. */
static weir_verdict forward_in_a_cast(weir_stage *self, struct player *player, uint64_t number) {
    (void)number;
    RIG_CHECK(player->rig, weir_batch_subscription(self).id == 0);
    RIG_CHECK(player->rig, weir_batch_event_bytes(self) == 0);
    RIG_CHECK(player->rig, weir_own(self) == NULL);
    RIG_CHECK(player->rig, strcmp(weir_refusal(), "stage t has no batch at hand to own") == 0);
    weir_verdict verdict = weir_forward(self);
    RIG_CHECK(player->rig, verdict == WEIR_STOP);
    RIG_CHECK(player->rig, strcmp(weir_refusal(), "stage t cannot forward 0 events of 0 bytes: no "
                                                  "batch is at hand") == 0);
    return verdict;
}

static void a_batch_is_at_hand_in_its_callback_only(void **state) {
    (void)state;
    for (uint64_t count = 1; count < 40; count += 19) { /* inline or not */
        static struct chain chain;
        for (int world = 0; rig_open_world(&chain.rig, world); world++) {
            open_chain(&chain, look_at_it, NULL);
            chain.t.does.cast = forward_in_a_cast;
            player_cast(&chain.p, count);
            rig_rest(&chain.rig);
            assert_int_equal(chain.c.handled, count);
            player_cast(&chain.t, 1);
            rig_rest(&chain.rig);
            assert_non_null(strstr(chain.t.journal.text, "terminate bad_return_value\n"));
            rig_close(&chain.rig);
        }
    }
}

/* ---- owning -------------------------------------------------------------- */

static weir_verdict add_a_hundred(weir_stage *self, struct player *player, weir_batch batch) {
    const void *before = batch.events;
    uint64_t *numbers = weir_own(self);
    RIG_CHECK(player->rig, numbers != NULL && weir_own(self) == numbers);
    if (player->own != NULL) {
        /* Who holds it alone changes it where it lies. */
        RIG_CHECK(player->rig, ((const void *)numbers == before) == *(bool *)player->own);
    }
    for (size_t i = 0; i < batch.count; i++) numbers[i] += 100;
    /* What it was copied from is there, as it was. */
    const uint64_t *shown = batch.events;
    RIG_CHECK(player->rig, shown == numbers || shown[0] + 100 == numbers[0]);
    player->sum = numbers[0];
    if (player->kind == WEIR_CONSUMER) return WEIR_CONTINUE;
    player->emitted += batch.count;
    return weir_forward(self);
}

static void who_holds_a_batch_alone_changes_it_in_place(void **state) {
    (void)state;
    static struct chain chain;
    for (int world = 0; rig_open_world(&chain.rig, world); world++) {
        bool in_place = true;
        open_chain(&chain, add_a_hundred, NULL);
        chain.t.own = &in_place;
        player_cast(&chain.p, 50);
        player_cast(&chain.p, 1);
        rig_rest(&chain.rig);
        player_expect(&chain.c, "events 100..119\nevents 120..139\nevents 140..149\nevents 150\n");
        rig_close(&chain.rig);
    }
}

static void a_consumer_may_write_to_its_batch(void **state) {
    (void)state;
    for (uint64_t count = 1; count < 40; count += 19) { /* inline or not */
        static struct pair pair;
        for (int world = 0; rig_open_world(&pair.rig, world); world++) {
            bool in_place = true;
            open_pair(&pair, NULL, 8);
            pair.c.does.events = add_a_hundred;
            pair.c.own = &in_place;
            player_cast(&pair.p, count);
            rig_rest(&pair.rig);
            assert_int_equal(pair.c.sum, 100);
            rig_close(&pair.rig);
        }
    }
}

static void who_shares_a_batch_gets_a_copy(struct rig *rig) {
    bool in_place = false;
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    struct player t = {.name = "t",
                       .kind = WEIR_PRODUCER_CONSUMER,
                       .own = &in_place,
                       .does.events = add_a_hundred};
    struct player d = {.name = "d", .kind = WEIR_CONSUMER};
    player_start(&p, rig, &(weir_stage_options){.dispatcher = weir_broadcast_dispatcher()});
    PLAYERS_START(rig, &t, &c, &d);
    const weir_subscribe_options options = {.max_demand = 100, .min_demand = WEIR_NONE};
    player_subscribe(&t, &p, &options);
    player_subscribe(&c, &p, &options);
    player_subscribe(&d, &t, &options);
    rig_rest(rig);
    player_cast(&p, 50);
    rig_rest(rig);
    player_expect(&c, "subscribe p\nevents 0..49\n");
    player_expect(&d, "subscribe t\nevents 100..149\n");
    rig_close(rig);
}

/* ---- memory -------------------------------------------------------------- */

/* A shared batch that cannot be copied stays as it is; forwarding needs a queue. */
static weir_verdict own_and_forward_without(weir_stage *self, struct player *player,
                                            weir_batch batch) {
    struct rig *rig = player->rig;
    test_memory_fail(&rig->memory, 1, true);
    RIG_CHECK(rig, weir_own(self) == NULL);
    RIG_CHECK(rig, strcmp(weir_refusal(), "no memory for a copy of 5000 events") == 0);
    RIG_CHECK(rig, *(const uint64_t *)batch.events == 0);
    weir_verdict verdict = weir_forward(self);
    RIG_CHECK(rig, verdict == WEIR_STOP);
    RIG_CHECK(rig, strcmp(weir_refusal(), "no memory to forward 5000 events") == 0);
    player->emitted += batch.count; /* discarded, and told, as what is emitted is */
    RIG_CHECK(rig, weir_forward(self) == WEIR_STOP); /* it is used up */
    verdict = weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    test_memory_fail_never(&rig->memory);
    return verdict;
}

static void without_memory_a_batch_is_neither_owned_nor_forwarded(struct rig *rig) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    struct player t = {
        .name = "t", .kind = WEIR_PRODUCER_CONSUMER, .does.events = own_and_forward_without};
    player_start(&p, rig, &(weir_stage_options){.dispatcher = weir_broadcast_dispatcher()});
    PLAYERS_START(rig, &t, &c);
    const weir_subscribe_options options = {.max_demand = 20000, .min_demand = WEIR_NONE};
    player_subscribe(&t, &p, &options);
    player_subscribe(&c, &p, &options);
    struct player d = {.name = "d", .kind = WEIR_CONSUMER};
    player_start(&d, rig, NULL);
    player_subscribe(&d, &t, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
    rig_rest(rig);
    player_cast(&p, 5000);
    rig_rest(rig);
    player_expect(&t, "subscribe p\nsubscribe d\nevents 0..4999\ndiscarded 5000 no memory\n"
                      "terminate no_memory\n");
    player_expect(&c, "subscribe p\nevents 0..4999\n");
    rig_close(rig);
}

/* A running pipe allocates nothing: the same blocks go round. */
static void steady(enum player_emits emits, size_t max_demand, bool forward,
                   const weir_runtime_options *options) {
    struct rig rig;
    rig_open(&rig, options);
    struct player p = {
        .name = "p", .kind = WEIR_PRODUCER, .emits = emits, .limit = UINT64_MAX, .quiet = true};
    struct player t = {.name = "t",
                       .kind = WEIR_PRODUCER_CONSUMER,
                       .emits = forward ? PLAYER_FORWARDS : PLAYER_COPIES,
                       .quiet = true};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    PLAYERS_START(&rig, &p, &t, &c);
    const weir_subscribe_options subscribe = {.max_demand = max_demand};
    player_subscribe(&t, &p, &subscribe);
    player_subscribe(&c, &t, &subscribe);
    weir_runtime_step(rig.runtime, 400);
    uint64_t calls = rig.memory.calls;
    uint64_t handled = c.handled;
    uint64_t made = rig_accounts(&rig).blocks_made;
    weir_runtime_step(rig.runtime, 400);
    assert_true(c.handled > handled + 20);
    assert_int_equal(rig.memory.calls, calls);
    assert_int_equal(rig_accounts(&rig).blocks_made, made);
    assert_true(made <= 16);
    rig_close(&rig);
}

static void a_running_pipe_allocates_nothing(void **state) {
    (void)state;
    static const size_t demands[] = {1, 10, 1000, 9000};
    static const weir_runtime_options options[] = {
        {.mode = WEIR_STEPPED, .workers = 1},
        {.mode = WEIR_STEPPED, .workers = 2},
        {.mode = WEIR_STEPPED, .workers = 3},
        {.mode = WEIR_SIMULATED, .workers = 2, .seed = 7},
    };
    for (size_t world = 0; world < sizeof options / sizeof *options; world++) {
        for (size_t i = 0; i < sizeof demands / sizeof *demands; i++) {
            for (int how = PLAYER_COPIES; how <= PLAYER_WRITES; how++) {
                for (int forward = 0; forward < 2; forward++) {
                    steady((enum player_emits)how, demands[i], forward, &options[world]);
                }
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_is_passed_on),
        cmocka_unit_test(all_ways_may_be_mixed),
        cmocka_unit_test(a_batch_is_passed_on_once),
        cmocka_unit_test(only_events_of_its_own_size_are_passed_on),
        cmocka_unit_test(a_consumer_cannot_forward),
        cmocka_unit_test(what_was_passed_on_is_not_its_own),
        cmocka_unit_test(a_batch_is_at_hand_in_its_callback_only),
        cmocka_unit_test(who_holds_a_batch_alone_changes_it_in_place),
        cmocka_unit_test(a_consumer_may_write_to_its_batch),
        TEST_IN_WORLDS(who_shares_a_batch_gets_a_copy),
        TEST_STEPPED(without_memory_a_batch_is_neither_owned_nor_forwarded),
        cmocka_unit_test(a_running_pipe_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
