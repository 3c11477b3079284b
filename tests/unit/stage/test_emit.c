/*
 * Emitting: copied or written in place, events arrive whole, once and in order.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what is reserved and not committed is not emitted; what does not fit a
 * block spans several and is one message still; where nothing may be emitted
 * nothing is; without memory all is emitted or nothing.  (Forwarding:
 * test_emit_forward.c.)
 * Method: a producer with functions of its own and a consumer, a pair; the
 * allocator fails on cue.
 */
#include "support/deeds.h"
#include "support/emit_pair.h"
#include "support/worlds.h"

#include <stdlib.h>
#include <string.h>

/* ---- reserve and commit -------------------------------------------------- */

/* Reserves `number` and commits all but two of them, twice. */
static weir_verdict commit_a_part(weir_stage *self, struct player *player, uint64_t number) {
    for (int i = 0; i < 2; i++) {
        weir_room room = weir_reserve(self, number);
        uint64_t *out = room.events;
        RIG_CHECK(player->rig, out != NULL && room.count == number);
        for (size_t k = 0; k < room.count; k++) out[k] = player->next + k;
        RIG_CHECK(player->rig, weir_commit(self, room.count - 2) == WEIR_OK);
        RIG_CHECK(player->rig, weir_commit(self, 0) == WEIR_OK); /* nothing more */
        RIG_CHECK(player->rig, weir_commit(self, 1) == WEIR_INVALID);
        player->next += room.count - 2;
        player->emitted += room.count - 2;
    }
    return WEIR_CONTINUE;
}

static void a_part_may_be_committed(void **state) {
    (void)state;
    static struct pair pair;
    for (int world = 0; rig_open_world(&pair.rig, world); world++) {
        open_pair(&pair, commit_a_part, 8);
        cast_and_expect(&pair, 7, "events 0..9\n");
        cast_and_expect(&pair, 3, "events 10 11\n");
        cast_and_expect(&pair, 2, ""); /* all given back */
        rig_close(&pair.rig);
    }
}

static void expect_no_room(struct rig *rig, weir_room room) {
    RIG_CHECK(rig, room.events == NULL && room.count == 0);
}

static weir_verdict commit_too_much(weir_stage *self, struct player *player, uint64_t number) {
    struct rig *rig = player->rig;
    weir_room room = weir_reserve(self, number);
    RIG_CHECK(rig, room.events != NULL);
    RIG_CHECK(rig, weir_commit(self, room.count + 1) == WEIR_INVALID);
    RIG_CHECK(rig,
              strcmp(weir_refusal(), "count must be at most the room reserved, 5, got 6") == 0);
    RIG_CHECK(rig, weir_commit(self, WEIR_INFINITY) == WEIR_INVALID);
    RIG_CHECK(rig, weir_reserve(self, number).events != NULL);
    RIG_CHECK(rig, weir_emit(self, &number, 1) == WEIR_OK); /* takes the room's place */
    player->emitted++;
    RIG_CHECK(rig, weir_commit(self, 1) == WEIR_INVALID);
    expect_no_room(rig, weir_reserve(self, 0));
    RIG_CHECK(rig, strcmp(weir_refusal(), "want must be at least 1, got 0") == 0);
    RIG_CHECK(rig, weir_emit(self, NULL, 0) == WEIR_OK);
    return WEIR_CONTINUE;
}

static void more_than_the_room_is_refused(void **state) {
    (void)state;
    static struct pair pair;
    rig_open(&pair.rig, NULL);
    open_pair(&pair, commit_too_much, 8);
    cast_and_expect(&pair, 5, "events 5\n");
    rig_close(&pair.rig);
}

/* What was reserved in one callback is no longer so in the next. */
static weir_verdict commit_later(weir_stage *self, struct player *player, uint64_t number) {
    if (number == 1) RIG_CHECK(player->rig, weir_reserve(self, 3).events != NULL);
    if (number == 2) RIG_CHECK(player->rig, weir_commit(self, 1) == WEIR_INVALID);
    return WEIR_CONTINUE;
}

static void room_does_not_outlive_the_callback(void **state) {
    (void)state;
    static struct pair pair;
    rig_open(&pair.rig, NULL);
    open_pair(&pair, commit_later, 8);
    cast_and_expect(&pair, 1, "");
    cast_and_expect(&pair, 2, "");
    rig_close(&pair.rig);
}

/* ---- one by one ----------------------------------------------------------- */

/* Single events, several at once and room written in place, in turn, past a block's end. */
static weir_verdict emit_in_turn(weir_stage *self, struct player *player, uint64_t number) {
    for (uint64_t round = 0; round < number; round++) {
        uint64_t events[3];
        for (int i = 0; i < 5; i++) {
            events[0] = player->next++;
            RIG_CHECK(player->rig, weir_emit(self, events, 1) == WEIR_OK);
        }
        for (int i = 0; i < 3; i++) events[i] = player->next++;
        RIG_CHECK(player->rig, weir_emit(self, events, 3) == WEIR_OK);
        weir_room room = weir_reserve(self, 2);
        uint64_t *out = room.events;
        RIG_CHECK(player->rig, out != NULL && room.count == 2);
        out[0] = player->next++;
        RIG_CHECK(player->rig, weir_commit(self, 1) == WEIR_OK); /* the other goes back */
        RIG_CHECK(player->rig, weir_emit(self, NULL, 0) == WEIR_OK);
        RIG_CHECK(player->rig, weir_commit(self, 1) == WEIR_INVALID);
        player->emitted += 9;
    }
    return WEIR_CONTINUE;
}

static void one_by_one_and_in_place_keep_their_order(void **state) {
    (void)state;
    static struct pair pair;
    for (int world = 0; rig_open_world(&pair.rig, world); world++) {
        open_pair(&pair, emit_in_turn, 8);
        cast_and_expect(&pair, 1, "events 0..8\n");
        cast_and_expect(&pair, 100, "events 9..908\n");
        rig_close(&pair.rig);
    }
}

/* ---- sizes --------------------------------------------------------------- */

/* An event of any size: every byte of it follows from its number. */
static unsigned char byte_of(uint64_t number, size_t at) {
    return (unsigned char)(number * 31 + at * 7 + (at >> 8));
}

struct sized {
    size_t event_bytes;
    uint64_t seen;
    unsigned char *scratch;
};

static weir_verdict emit_sized(weir_stage *self, struct player *player, uint64_t number) {
    struct sized *sized = player->own;
    for (uint64_t i = 0; i < number; i++) {
        unsigned char *event = sized->scratch + i * sized->event_bytes;
        for (size_t k = 0; k < sized->event_bytes; k++) event[k] = byte_of(player->next, k);
        player->next++;
    }
    RIG_CHECK(player->rig, weir_emit(self, sized->scratch, number) == WEIR_OK);
    player->emitted += number;
    return WEIR_CONTINUE;
}

static weir_verdict check_sized(weir_stage *self, struct player *player, weir_batch batch) {
    struct sized *sized = player->own;
    const unsigned char *event = batch.events;
    RIG_CHECK(player->rig, weir_batch_event_bytes(self) == sized->event_bytes);
    if (sized->event_bytes % 8 == 0) RIG_CHECK(player->rig, (uintptr_t)event % 8 == 0);
    size_t wrong = 0;
    for (size_t i = 0; i < batch.count; i++) {
        for (size_t k = 0; k < sized->event_bytes; k++) {
            wrong += event[k] != byte_of(sized->seen, k);
        }
        sized->seen++;
        event += sized->event_bytes;
    }
    RIG_CHECK(player->rig, wrong == 0);
    return WEIR_CONTINUE;
}

static void events_of_any_size_cross_whole(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 2, 3, 5, 7, 8, 13, 24, 40, 41, 64, 1000, 4096, 4097, 65536};
    enum { MOST = 9 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        static struct pair pair;
        struct sized sized = {.event_bytes = sizes[i], .scratch = malloc(MOST * sizes[i])};
        assert_non_null(sized.scratch);
        for (int world = 0; rig_open_world(&pair.rig, world); world++) {
            open_pair(&pair, emit_sized, sizes[i]);
            sized.seen = 0;
            pair.p.own = &sized;
            pair.c.own = &sized;
            pair.c.does.events = check_sized;
            pair.c.quiet = true;
            for (uint64_t k = 0; k < 3 * MOST; k++) player_cast(&pair.p, 1 + k % MOST);
            rig_rest(&pair.rig);
            assert_int_equal(sized.seen, 3 * MOST * (MOST + 1) / 2);
            rig_close(&pair.rig);
        }
        free(sized.scratch);
    }
}

/* 20,000 numbers do not fit a block of 64 KiB; nor is room for them in one. */
static weir_verdict emit_more_than_a_block(weir_stage *self, struct player *player,
                                           uint64_t number) {
    RIG_CHECK(player->rig, weir_reserve(self, number).count == 65536 / sizeof number);
    player_emit(self, number);
    return WEIR_CONTINUE;
}

static void one_emission_may_span_blocks(void **state) {
    (void)state;
    for (int how = PLAYER_COPIES; how <= PLAYER_WRITES; how++) {
        static struct pair pair;
        for (int world = 0; rig_open_world(&pair.rig, world); world++) {
            open_pair(&pair, emit_more_than_a_block, 8);
            pair.p.emits = (enum player_emits)how;
            cast_and_expect(&pair, 20000, /* one batch, in pieces as it lies */
                            "events 0..8191\nevents 8192..16383\nevents 16384..19999\n");
            rig_close(&pair.rig);
        }
    }
}

/* ---- who may emit where -------------------------------------------------- */

static void try_all_ways(weir_stage *self, struct player *player) {
    uint64_t number = 1;
    struct rig *rig = player->rig;
    expect_no_room(rig, weir_reserve(self, 1));
    RIG_CHECK(rig, weir_commit(self, 1) == WEIR_INVALID);
    if (player->kind != WEIR_CONSUMER) RIG_CHECK(rig, weir_emit(self, &number, 1) == WEIR_INVALID);
}

static weir_verdict in_init(weir_stage *self, struct player *player) {
    try_all_ways(self, player);
    return WEIR_CONTINUE;
}

static void in_discarded(weir_stage *self, struct player *player, uint64_t count) {
    (void)count;
    try_all_ways(self, player);
}

static void in_terminate(weir_stage *self, struct player *player) {
    try_all_ways(self, player);
}

static void not_in_init_discarded_or_terminate(void **state) {
    (void)state;
    for (int kind = WEIR_PRODUCER; kind <= WEIR_CONSUMER; kind++) {
        struct rig rig;
        rig_open(&rig, NULL);
        struct player s = {
            .name = "s",
            .kind = (weir_kind)kind,
            .does = {.init = in_init, .discarded = in_discarded, .terminate = in_terminate}};
        player_start(&s, &rig, &(weir_stage_options){.buffer_size = kind == WEIR_CONSUMER ? 0 : 3});
        if (kind != WEIR_CONSUMER) player_cast(&s, 5);
        rig_rest(&rig);
        player_stop(&s, WEIR_REASON_NORMAL);
        rig_rest(&rig);
        player_expect(&s, kind == WEIR_CONSUMER
                              ? "terminate normal\n"
                              : "cast 5\ndiscarded 2 overflow\ndiscarded 3 stopped\n"
                                "terminate normal\n");
        rig_close(&rig);
    }
}

/* The events are discarded and counted, as in GenStage. */
static weir_verdict emit_as_consumer(weir_stage *self, struct player *player, uint64_t number) {
    uint64_t numbers[10] = {0};
    struct rig *rig = player->rig;
    RIG_CHECK(rig, weir_emit(self, numbers, number) == WEIR_INVALID);
    RIG_CHECK(rig, strcmp(weir_refusal(), "a consumer cannot emit: 4 events discarded") == 0);
    expect_no_room(rig, weir_reserve(self, 1));
    player->emitted += number; /* it counts as an emission */
    return WEIR_CONTINUE;
}

static void what_a_consumer_emits_is_discarded(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, NULL);
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .does.cast = emit_as_consumer};
    player_start(&c, &rig, NULL);
    player_cast(&c, 4);
    rig_rest(&rig);
    player_expect(&c, "cast 4\ndiscarded 4 consumer\n");
    assert_int_equal(rig_close(&rig).discarded, 4);
}

/* Every callback that may emit: its events go out when it returns. */
static weir_subscribe_verdict emit_in_subscribe(weir_stage *self, struct player *player,
                                                const weir_peer *peer) {
    (void)player;
    (void)peer;
    player_emit(self, 1);
    return WEIR_AUTOMATIC;
}

static weir_verdict emit_in_cancel(weir_stage *self, struct player *player, const weir_peer *peer) {
    (void)player;
    (void)peer;
    player_emit(self, 1);
    return WEIR_CONTINUE;
}

static void every_other_callback_may_emit(struct rig *rig) {
    struct player p = {
        .name = "p",
        .kind = WEIR_PRODUCER,
        .does = {.subscribe = emit_in_subscribe, .cancel = emit_in_cancel, .info = deed_emit}};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    struct player d = {.name = "d", .kind = WEIR_CONSUMER};
    PLAYERS_START(rig, &p, &c, &d);
    player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 50});
    rig_rest(rig);
    weir_subscription second =
        player_subscribe(&d, &p, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
    rig_rest(rig);
    weir_cancel(rig->runtime, second, WEIR_REASON_NORMAL);
    rig_rest(rig);
    player_info(&p, 3);
    rig_rest(rig);
    /* At its subscribe nobody has asked yet, so it waits for c's ask. */
    player_expect(&c, "subscribe p\nevents 0\nevents 1\nevents 2\nevents 3..5\n");
    player_expect(&d, "subscribe p\ncancel p normal\n");
    rig_close(rig);
}

/* What a callback emits before it stops goes out. */
static void what_was_emitted_before_a_stop_goes_out(void **state) {
    (void)state;
    static struct pair pair;
    for (int world = 0; rig_open_world(&pair.rig, world); world++) {
        open_pair(&pair, deed_emit_and_stop, 8);
        cast_and_expect(&pair, 5, "events 0..4\ndown p normal\n");
        rig_close(&pair.rig);
    }
}

static weir_verdict unknown_verdict(weir_stage *self, struct player *player, uint64_t number) {
    (void)self;
    (void)player;
    return (weir_verdict)(number + 2);
}

static void an_unknown_verdict_is_a_stop(void **state) {
    (void)state;
    static struct pair pair;
    rig_open(&pair.rig, NULL);
    open_pair(&pair, unknown_verdict, 8);
    cast_and_expect(&pair, 5, "down p bad_return_value\n");
    rig_expect_log(&pair.rig, "error: stage p stops: handle_cast has returned 7\n");
    rig_close(&pair.rig);
}

/* ---- memory -------------------------------------------------------------- */

static weir_verdict emit_or_nothing(weir_stage *self, struct player *player, uint64_t number) {
    uint64_t *numbers = calloc(number, sizeof *numbers);
    for (uint64_t i = 0; i < number; i++) numbers[i] = i;
    test_memory_fail(&player->rig->memory, *(uint64_t *)player->own, true);
    weir_status status = player_emit_numbers(self, numbers, number);
    test_memory_fail_never(&player->rig->memory);
    free(numbers);
    player_say(player, "%s", weir_status_name(status));
    return WEIR_CONTINUE;
}

/* However far it gets, all is emitted or nothing is. */
static void without_memory_nothing_is_emitted(void **state) {
    (void)state;
    uint64_t at = 1;
    bool done = false;
    for (; !done; at++) {
        struct rig rig;
        rig_open(&rig, NULL);
        struct player p = {
            .name = "p", .kind = WEIR_PRODUCER, .own = &at, .does.cast = emit_or_nothing};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
        players_pair(&rig, &p, &c, &(weir_subscribe_options){.max_demand = 100000});
        player_cast(&p, 30000);
        rig_rest(&rig);
        done = c.handled == 30000;
        assert_true(done || c.handled == 0);
        player_expect(&p, done ? "subscribe c\ndemand 100000\ncast 30000\nWEIR_OK\n"
                               : "subscribe c\ndemand 100000\ncast 30000\nWEIR_NO_MEMORY\n");
        rig_close(&rig);
    }
    assert_true(at > 3); /* several blocks and a queue */
}

static weir_verdict reserve_without(weir_stage *self, struct player *player, uint64_t number) {
    struct rig *rig = player->rig;
    test_memory_fail(&rig->memory, 1, true);
    expect_no_room(rig, weir_reserve(self, number));
    RIG_CHECK(rig, strcmp(weir_refusal(), "no memory for 5 events of 8 bytes") == 0);
    RIG_CHECK(rig, weir_commit(self, 1) == WEIR_INVALID);
    test_memory_fail_never(&rig->memory);
    weir_room room = weir_reserve(self, number);
    uint64_t *to = room.events;
    RIG_CHECK(rig, to != NULL && room.count == number);
    for (uint64_t i = 0; i < number; i++) to[i] = 100 + i;
    test_memory_fail(&rig->memory, 1, true);
    RIG_CHECK(rig, weir_commit(self, number) == WEIR_OK); /* all it needs was taken before */
    player->emitted += number;
    test_memory_fail_never(&rig->memory);
    return WEIR_CONTINUE;
}

static void without_memory_there_is_no_room_and_with_room_no_loss(void **state) {
    (void)state;
    static struct pair pair;
    rig_open(&pair.rig, NULL);
    open_pair(&pair, reserve_without, 8);
    cast_and_expect(&pair, 5, "events 100..104\n");
    pair.p.does.cast = NULL;
    cast_and_expect(&pair, 5, "events 0..4\n");
    rig_close(&pair.rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_may_be_committed),
        cmocka_unit_test(more_than_the_room_is_refused),
        cmocka_unit_test(room_does_not_outlive_the_callback),
        cmocka_unit_test(one_by_one_and_in_place_keep_their_order),
        cmocka_unit_test(events_of_any_size_cross_whole),
        cmocka_unit_test(one_emission_may_span_blocks),
        cmocka_unit_test(not_in_init_discarded_or_terminate),
        cmocka_unit_test(what_a_consumer_emits_is_discarded),
        TEST_IN_WORLDS(every_other_callback_may_emit),
        cmocka_unit_test(what_was_emitted_before_a_stop_goes_out),
        cmocka_unit_test(an_unknown_verdict_is_a_stop),
        cmocka_unit_test(without_memory_nothing_is_emitted),
        cmocka_unit_test(without_memory_there_is_no_room_and_with_room_no_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
