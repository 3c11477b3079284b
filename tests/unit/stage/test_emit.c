/*
 * Emitting: whatever way events are emitted, they arrive whole, once and in order.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: copying, writing in place and forwarding may be mixed; what is reserved
 * and not committed is not emitted; what does not fit a block spans several and
 * is one message still; a batch may be changed in place, and others who hold it
 * do not see it; where nothing may be emitted nothing is; memory is used again.
 * Method: players with functions of their own between a producer and a
 * consumer; the allocator counts and fails on cue.
 */
#include "support/cmocka.h"
#include "support/player.h"

#include <stdlib.h>
#include <string.h>

/* p of some function for casts, and c that takes everything. */
struct pair {
    struct rig rig;
    struct player p;
    struct player c;
    weir_subscription subscription;
};

typedef weir_verdict cast_function(weir_stage *self, struct player *player, uint64_t number);

static void open_pair(struct pair *pair, cast_function *cast, size_t event_bytes) {
    memset(&pair->p, 0, sizeof pair->p);
    memset(&pair->c, 0, sizeof pair->c);
    pair->p.name = "p";
    pair->p.kind = WEIR_PRODUCER;
    pair->p.does.cast = cast;
    pair->c.name = "c";
    pair->c.kind = WEIR_CONSUMER;
    player_start(&pair->p, &pair->rig, &(weir_stage_options){.event_bytes = event_bytes});
    player_start(&pair->c, &pair->rig, NULL);
    const weir_subscribe_options options = {
        .max_demand = 100000, .min_demand = WEIR_NONE, .cancel = WEIR_TEMPORARY};
    pair->subscription = player_subscribe(&pair->c, &pair->p, &options);
    rig_rest(&pair->rig);
    player_expect(&pair->c, "subscribe p\n");
}

static void cast_and_expect(struct pair *pair, uint64_t number, const char *expected) {
    player_cast(&pair->p, number);
    rig_rest(&pair->rig);
    player_expect(&pair->c, expected);
}

/* ---- reserve and commit -------------------------------------------------- */

/* Reserves `number` and commits all but two of them, twice. */
static weir_verdict commit_a_part(weir_stage *self, struct player *player, uint64_t number) {
    for (int i = 0; i < 2; i++) {
        size_t room;
        uint64_t *out = weir_reserve(self, number, &room);
        RIG_CHECK(player->rig, out != NULL && room == number);
        for (size_t k = 0; k < room; k++) out[k] = player->next + k;
        RIG_CHECK(player->rig, weir_commit(self, room - 2) == WEIR_OK);
        RIG_CHECK(player->rig, weir_commit(self, 0) == WEIR_OK); /* nothing more */
        RIG_CHECK(player->rig, weir_commit(self, 1) == WEIR_INVALID);
        player->next += room - 2;
        player->emitted += room - 2;
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

static weir_verdict commit_too_much(weir_stage *self, struct player *player, uint64_t number) {
    size_t room;
    struct rig *rig = player->rig;
    RIG_CHECK(rig, weir_reserve(self, number, &room) != NULL);
    RIG_CHECK(rig, weir_commit(self, room + 1) == WEIR_INVALID);
    RIG_CHECK(rig,
              strcmp(weir_refusal(), "count must be at most the room reserved, 5, got 6") == 0);
    RIG_CHECK(rig, weir_commit(self, WEIR_INFINITY) == WEIR_INVALID);
    RIG_CHECK(rig, weir_reserve(self, number, &room) != NULL);
    RIG_CHECK(rig, weir_emit(self, &number, 1) == WEIR_OK); /* takes the room's place */
    player->emitted++;
    RIG_CHECK(rig, weir_commit(self, 1) == WEIR_INVALID);
    RIG_CHECK(rig, weir_reserve(self, 0, &room) == NULL && room == 0);
    RIG_CHECK(rig, strcmp(weir_refusal(), "stage p cannot emit 0 events here") == 0);
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
    size_t room;
    if (number == 1) RIG_CHECK(player->rig, weir_reserve(self, 3, &room) != NULL);
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

static weir_verdict check_sized(weir_stage *self, struct player *player, weir_batch *batch) {
    (void)self;
    struct sized *sized = player->own;
    const unsigned char *event = batch->events;
    RIG_CHECK(player->rig, batch->event_bytes == sized->event_bytes);
    if (sized->event_bytes % 8 == 0) RIG_CHECK(player->rig, (uintptr_t)event % 8 == 0);
    size_t wrong = 0;
    for (size_t i = 0; i < batch->count; i++) {
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
    size_t room;
    RIG_CHECK(player->rig, weir_reserve(self, number, &room) != NULL);
    RIG_CHECK(player->rig, room == 65536 / sizeof number);
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
            cast_and_expect(&pair, 20000, "events 0..19999\n"); /* one message, one batch */
            rig_close(&pair.rig);
        }
    }
}

/* ---- who may emit where -------------------------------------------------- */

static void try_all_ways(weir_stage *self, struct player *player) {
    size_t room = 1;
    uint64_t number = 1;
    struct rig *rig = player->rig;
    RIG_CHECK(rig, weir_reserve(self, 1, &room) == NULL && room == 0);
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
        player_start(&s, &rig, &(weir_stage_options){.buffer_size = 3});
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
    size_t room;
    struct rig *rig = player->rig;
    RIG_CHECK(rig, weir_emit(self, numbers, number) == WEIR_INVALID);
    RIG_CHECK(rig, strcmp(weir_refusal(), "a consumer cannot emit: 4 events discarded") == 0);
    RIG_CHECK(rig, weir_reserve(self, 1, &room) == NULL);
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

static weir_verdict emit_in_info(weir_stage *self, struct player *player, uint64_t number) {
    (void)player;
    player_emit(self, number);
    return WEIR_CONTINUE;
}

static void every_other_callback_may_emit(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        struct player p = {.name = "p",
                           .kind = WEIR_PRODUCER,
                           .does = {.subscribe = emit_in_subscribe,
                                    .cancel = emit_in_cancel,
                                    .info = emit_in_info}};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        struct player d = {.name = "d", .kind = WEIR_CONSUMER};
        player_start(&p, &rig, NULL);
        player_start(&c, &rig, NULL);
        player_start(&d, &rig, NULL);
        player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 50});
        rig_rest(&rig);
        weir_subscription second =
            player_subscribe(&d, &p, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
        rig_rest(&rig);
        weir_cancel(rig.runtime, second, WEIR_REASON_NORMAL);
        rig_rest(&rig);
        player_info(&p, 3);
        rig_rest(&rig);
        /* At its subscribe nobody has asked yet, so it waits for c's ask. */
        player_expect(&c, "subscribe p\nevents 0\nevents 1\nevents 2\nevents 3..5\n");
        player_expect(&d, "subscribe p\ncancel p normal\n");
        rig_close(&rig);
    }
}

/* What a callback emits before it stops goes out. */
static weir_verdict emit_and_stop(weir_stage *self, struct player *player, uint64_t number) {
    (void)player;
    player_emit(self, number);
    return WEIR_STOP;
}

static void what_was_emitted_before_a_stop_goes_out(void **state) {
    (void)state;
    static struct pair pair;
    for (int world = 0; rig_open_world(&pair.rig, world); world++) {
        open_pair(&pair, emit_and_stop, 8);
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
    rig_close(&pair.rig);
}

/* ---- forwarding ---------------------------------------------------------- */

struct chain {
    struct rig rig;
    struct player p;
    struct player t;
    struct player c;
};

typedef weir_verdict events_function(weir_stage *self, struct player *player, weir_batch *batch);

static void open_chain(struct chain *chain, events_function *events,
                       const weir_stage_options *options) {
    memset(&chain->p, 0, sizeof chain->p);
    memset(&chain->t, 0, sizeof chain->t);
    memset(&chain->c, 0, sizeof chain->c);
    chain->p.name = "p";
    chain->p.kind = WEIR_PRODUCER;
    chain->t.name = "t";
    chain->t.kind = WEIR_PRODUCER_CONSUMER;
    chain->t.emits = PLAYER_FORWARDS;
    chain->t.does.events = events;
    chain->c.name = "c";
    chain->c.kind = WEIR_CONSUMER;
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
static weir_verdict mix(weir_stage *self, struct player *player, weir_batch *batch) {
    uint64_t first = *(const uint64_t *)batch->events;
    size_t count = batch->count;
    size_t room;
    player_emit_numbers(self, &(uint64_t){1000 + first}, 1);
    uint64_t *out = weir_reserve(self, 2, &room);
    out[0] = 2000 + first;
    weir_commit(self, 1);
    weir_verdict verdict = weir_forward(self, batch);
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

static weir_verdict forward_twice(weir_stage *self, struct player *player, weir_batch *batch) {
    player->emitted += batch->count;
    RIG_CHECK(player->rig, weir_forward(self, batch) == WEIR_CONTINUE);
    return weir_forward(self, batch);
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

static weir_verdict forward_wrong_size(weir_stage *self, struct player *player, weir_batch *batch) {
    weir_verdict verdict = weir_forward(self, batch);
    RIG_CHECK(player->rig, verdict == WEIR_STOP);
    const char *last = strrchr(weir_refusal(), ':');
    RIG_CHECK(player->rig, strcmp(last, ": the stage's events have another size") == 0);
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
        rig_close(&chain.rig);
    }
}

static weir_verdict consumer_forwards(weir_stage *self, struct player *player, weir_batch *batch) {
    RIG_CHECK(player->rig, weir_forward(self, batch) == WEIR_STOP);
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

/* ---- owning -------------------------------------------------------------- */

static weir_verdict add_a_hundred(weir_stage *self, struct player *player, weir_batch *batch) {
    const void *before = batch->events;
    uint64_t *numbers = weir_batch_own(self, batch);
    RIG_CHECK(player->rig, numbers != NULL && (const void *)numbers == batch->events);
    if (player->own != NULL) {
        /* Who holds it alone changes it where it lies. */
        RIG_CHECK(player->rig, ((const void *)numbers == before) == *(bool *)player->own);
    }
    for (size_t i = 0; i < batch->count; i++) numbers[i] += 100;
    player->sum = numbers[0];
    if (player->kind == WEIR_CONSUMER) return WEIR_CONTINUE;
    player->emitted += batch->count;
    return weir_forward(self, batch);
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

static void who_shares_a_batch_gets_a_copy(void **state) {
    (void)state;
    struct rig rig;
    for (int world = 0; rig_open_world(&rig, world); world++) {
        bool in_place = false;
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        struct player t = {.name = "t",
                           .kind = WEIR_PRODUCER_CONSUMER,
                           .own = &in_place,
                           .does.events = add_a_hundred};
        struct player d = {.name = "d", .kind = WEIR_CONSUMER};
        player_start(&p, &rig, &(weir_stage_options){.dispatcher = weir_broadcast_dispatcher()});
        player_start(&t, &rig, NULL);
        player_start(&c, &rig, NULL);
        player_start(&d, &rig, NULL);
        const weir_subscribe_options options = {.max_demand = 100, .min_demand = WEIR_NONE};
        player_subscribe(&t, &p, &options);
        player_subscribe(&c, &p, &options);
        player_subscribe(&d, &t, &options);
        rig_rest(&rig);
        player_cast(&p, 50);
        rig_rest(&rig);
        player_expect(&c, "subscribe p\nevents 0..49\n");
        player_expect(&d, "subscribe t\nevents 100..149\n");
        rig_close(&rig);
    }
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
        player_start(&p, &rig, NULL);
        player_start(&c, &rig, NULL);
        player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 100000});
        rig_rest(&rig);
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
    size_t room = 1;
    struct rig *rig = player->rig;
    test_memory_fail(&rig->memory, 1, true);
    RIG_CHECK(rig, weir_reserve(self, number, &room) == NULL && room == 0);
    RIG_CHECK(rig, strcmp(weir_refusal(), "no memory for 5 events of 8 bytes") == 0);
    RIG_CHECK(rig, weir_commit(self, 1) == WEIR_INVALID);
    test_memory_fail_never(&rig->memory);
    RIG_CHECK(rig, weir_reserve(self, number, &room) != NULL && room == number);
    test_memory_fail(&rig->memory, 1, true);
    weir_status status = weir_commit(self, number); /* the queue has no memory yet */
    RIG_CHECK(rig, status == WEIR_NO_MEMORY);
    RIG_CHECK(rig, strcmp(weir_refusal(), "no memory to emit 5 events") == 0);
    test_memory_fail_never(&rig->memory);
    return WEIR_CONTINUE;
}

static void without_memory_there_is_no_room(void **state) {
    (void)state;
    static struct pair pair;
    rig_open(&pair.rig, NULL);
    open_pair(&pair, reserve_without, 8);
    cast_and_expect(&pair, 5, "");
    pair.p.does.cast = NULL;
    cast_and_expect(&pair, 5, "events 0..4\n");
    rig_close(&pair.rig);
}

/* A shared batch that cannot be copied stays as it is; forwarding needs a queue. */
static weir_verdict own_and_forward_without(weir_stage *self, struct player *player,
                                            weir_batch *batch) {
    struct rig *rig = player->rig;
    test_memory_fail(&rig->memory, 1, true);
    RIG_CHECK(rig, weir_batch_own(self, batch) == NULL);
    RIG_CHECK(rig, *(const uint64_t *)batch->events == 0);
    weir_verdict verdict = weir_forward(self, batch);
    RIG_CHECK(rig, verdict == WEIR_STOP);
    test_memory_fail_never(&rig->memory);
    return verdict;
}

static void without_memory_a_batch_is_neither_owned_nor_forwarded(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, NULL);
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    struct player t = {
        .name = "t", .kind = WEIR_PRODUCER_CONSUMER, .does.events = own_and_forward_without};
    player_start(&p, &rig, &(weir_stage_options){.dispatcher = weir_broadcast_dispatcher()});
    player_start(&t, &rig, NULL);
    player_start(&c, &rig, NULL);
    const weir_subscribe_options options = {.max_demand = 20000, .min_demand = WEIR_NONE};
    player_subscribe(&t, &p, &options);
    player_subscribe(&c, &p, &options);
    struct player d = {.name = "d", .kind = WEIR_CONSUMER};
    player_start(&d, &rig, NULL);
    player_subscribe(&d, &t, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
    rig_rest(&rig);
    player_cast(&p, 5000);
    rig_rest(&rig);
    player_expect(&t, "subscribe p\nsubscribe d\nevents 0..4999\nterminate no_memory\n");
    player_expect(&c, "subscribe p\nevents 0..4999\n");
    rig_close(&rig);
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
    player_start(&p, &rig, NULL);
    player_start(&t, &rig, NULL);
    player_start(&c, &rig, NULL);
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
        cmocka_unit_test(a_part_may_be_committed),
        cmocka_unit_test(more_than_the_room_is_refused),
        cmocka_unit_test(room_does_not_outlive_the_callback),
        cmocka_unit_test(events_of_any_size_cross_whole),
        cmocka_unit_test(one_emission_may_span_blocks),
        cmocka_unit_test(not_in_init_discarded_or_terminate),
        cmocka_unit_test(what_a_consumer_emits_is_discarded),
        cmocka_unit_test(every_other_callback_may_emit),
        cmocka_unit_test(what_was_emitted_before_a_stop_goes_out),
        cmocka_unit_test(an_unknown_verdict_is_a_stop),
        cmocka_unit_test(a_batch_is_passed_on),
        cmocka_unit_test(all_ways_may_be_mixed),
        cmocka_unit_test(a_batch_is_passed_on_once),
        cmocka_unit_test(only_events_of_its_own_size_are_passed_on),
        cmocka_unit_test(a_consumer_cannot_forward),
        cmocka_unit_test(who_holds_a_batch_alone_changes_it_in_place),
        cmocka_unit_test(a_consumer_may_write_to_its_batch),
        cmocka_unit_test(who_shares_a_batch_gets_a_copy),
        cmocka_unit_test(without_memory_nothing_is_emitted),
        cmocka_unit_test(without_memory_there_is_no_room),
        cmocka_unit_test(without_memory_a_batch_is_neither_owned_nor_forwarded),
        cmocka_unit_test(a_running_pipe_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
