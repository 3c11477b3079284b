/*
 * Pieces: a batch that is larger than a block is handed out where it lies.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: such a batch comes as several, in order, each within one block of the producer's, and
 * nothing is copied; for demand it is still one: what it makes due is asked for once all of it
 * has been handled, or has come back from a stream's reader.  Small slices are no pieces of
 * their own.  (Messages of few events: test_intake.c; without memory: famine/flow, parts.)
 * Method: a producer notes where it wrote each number, and what was handled when it was asked;
 * its consumers look whether their events are there.
 */
#include "support/player.h"
#include "support/worlds.h"

#include <string.h>

enum {
    BLOCK = 65536 / sizeof(uint64_t),
    MANY = 600000, /* more blocks than a turn has batches */
    BATCH = 50000,
    WINDOW = 2 * BATCH
};

struct graph {
    struct rig rig;
    struct player p;
    struct player t;
    struct player c;
    const uint64_t *where[MANY];
    uint64_t asked;   /* of p, in sum                                      */
    uint64_t largest; /* batch of c                                        */
    uint64_t made;    /* blocks, when c had its first batch                */
    uint64_t lost;    /* events of a stream's                              */
    bool windowed;    /* its asks are those of WINDOW and BATCH            */
    bool hungry;      /* memory fails                                      */
};

static struct graph graph; /* too large for a stack */

static const weir_subscribe_options window = {.max_demand = WINDOW, .min_demand = WINDOW - BATCH};

/* Writes the next numbers in place, and notes where. */
static void write_down(weir_stage *self, uint64_t count) {
    while (count > 0) {
        weir_room room = weir_reserve(self, count);
        uint64_t *numbers = room.events;
        RIG_CHECK(&graph.rig, numbers != NULL || graph.hungry);
        if (numbers == NULL) return;
        for (size_t i = 0; i < room.count; i++) {
            numbers[i] = graph.p.next;
            graph.where[graph.p.next++] = &numbers[i];
        }
        weir_commit(self, room.count);
        graph.p.emitted += room.count;
        count -= room.count;
    }
}

/* No more than the window may be on its way, and of a batch nothing is asked before its end. */
static weir_verdict answer(weir_stage *self, struct player *player, uint64_t demand) {
    graph.asked += demand;
    RIG_CHECK(player->rig,
              !graph.windowed || graph.asked <= WINDOW + graph.c.handled / BATCH * BATCH);
    RIG_CHECK(player->rig, !graph.hungry || graph.asked <= WINDOW + graph.c.handled + graph.lost);
    uint64_t left = player->limit - player->next;
    write_down(self, demand < left ? demand : left);
    return WEIR_CONTINUE;
}

static void check(struct rig *rig, weir_batch batch, uint64_t first) {
    const uint64_t *numbers = batch.events;
    if (first == 0) graph.made = rig_accounts(rig).blocks_made;
    if (batch.count > graph.largest) graph.largest = batch.count;
    for (size_t i = 0; i < batch.count; i++) {
        bool there = numbers[i] == first + i && &numbers[i] == graph.where[first + i];
        RIG_CHECK(rig, there);
        if (!there) return;
    }
}

static weir_verdict look(weir_stage *self, struct player *player, weir_batch batch) {
    (void)self;
    check(player->rig, batch, player->next);
    player->next += batch.count;
    return WEIR_CONTINUE;
}

static void open_graph(uint64_t limit) {
    graph.asked = 0;
    graph.largest = 0;
    graph.windowed = false;
    graph.hungry = false;
    graph.p = (struct player){
        .name = "p", .kind = WEIR_PRODUCER, .quiet = true, .limit = limit, .does.demand = answer};
    graph.c =
        (struct player){.name = "c", .kind = WEIR_CONSUMER, .quiet = true, .does.events = look};
    graph.t = (struct player){
        .name = "t", .kind = WEIR_PRODUCER_CONSUMER, .quiet = true, .emits = PLAYER_FORWARDS};
}

/* All came, in pieces of a block at most. */
static void close_graph(uint64_t handled, uint64_t batches_at_most) {
    assert_int_equal(graph.c.handled, handled);
    assert_int_equal(graph.largest, BLOCK);
    assert_in_range(graph.c.batches, handled / BLOCK, batches_at_most);
    rig_close(&graph.rig);
}

static void an_automatic_batch_comes_in_pieces(void) {
    open_graph(WINDOW);
    PLAYERS_START(&graph.rig, &graph.p, &graph.c);
    graph.windowed = true;
    player_subscribe(&graph.c, &graph.p, &window);
    rig_rest(&graph.rig);
    assert_int_equal(graph.asked, 2 * WINDOW);
    assert_int_equal(rig_accounts(&graph.rig).blocks_made, graph.made);
    close_graph(WINDOW, WINDOW / BLOCK + 3); /* each of the two is cut where it begins and ends */
}

/* The window goes round: each batch in pieces, and one ask for each. */
static void the_ask_is_behind_the_last_piece(void) {
    open_graph(MANY);
    PLAYERS_START(&graph.rig, &graph.p, &graph.c);
    graph.windowed = true;
    player_subscribe(&graph.c, &graph.p, &window);
    rig_rest(&graph.rig);
    assert_int_equal(graph.asked, WINDOW + MANY);
    close_graph(MANY, MANY / BLOCK + 40);
}

static weir_verdict comes_last(weir_stage *self, struct player *player, uint64_t number) {
    (void)self, (void)number;
    RIG_CHECK(player->rig, player->handled == MANY);
    return WEIR_CONTINUE;
}

/* A message of more pieces than a turn takes is resumed, and no mail comes between. */
static void a_manual_message_comes_in_pieces(void) {
    open_graph(MANY);
    graph.c.manual = true;
    graph.c.does.cast = comes_last;
    weir_subscription subscription = players_pair(&graph.rig, &graph.p, &graph.c, NULL);
    assert_int_equal(weir_ask(graph.rig.runtime, subscription, MANY), WEIR_OK);
    while (graph.c.handled == 0) weir_runtime_step(graph.rig.runtime, 1);
    assert_true(graph.c.handled < MANY);
    player_cast(&graph.c, 0);
    rig_rest(&graph.rig);
    assert_int_equal(graph.asked, MANY); /* nothing is asked by itself */
    assert_int_equal(rig_accounts(&graph.rig).blocks_made, graph.made);
    close_graph(MANY, MANY / BLOCK + 1);
}

static void pieces_are_forwarded_as_they_lie(void) {
    open_graph(MANY);
    const weir_subscribe_options wide = {.max_demand = 10 * MANY};
    PLAYERS_START(&graph.rig, &graph.p, &graph.t, &graph.c);
    player_subscribe(&graph.c, &graph.t, &wide);
    player_subscribe(&graph.t, &graph.p, &wide);
    rig_rest(&graph.rig);
    assert_int_equal(graph.t.handled, MANY);
    assert_int_equal(rig_accounts(&graph.rig).blocks_made, graph.made);
    close_graph(MANY, MANY / BLOCK + 1);
}

static void count_lost(void *context, uint64_t count, weir_discard cause) {
    (void)context, (void)cause;
    graph.lost += count;
}

static weir_stream *open_stream(void) {
    graph.lost = 0;
    player_start(&graph.p, &graph.rig, NULL);
    const weir_subscribe_to to = {.producer = graph.p.ref, .options = window};
    const weir_stream_options options = {.event_bytes = sizeof(uint64_t),
                                         .subscribe_to = &to,
                                         .subscribe_count = 1,
                                         .discarded = count_lost};
    weir_stream *stream;
    assert_int_equal(weir_stream_open(graph.rig.runtime, &options, &stream), WEIR_OK);
    return stream;
}

/* What the reader has looked at is handled when it comes back for more. */
static void take(weir_stream *stream, uint64_t *read) {
    graph.c.handled = *read;
    weir_batch batch = weir_stream_batch(stream, 0, WEIR_FOREVER, NULL);
    assert_true(batch.count > 0);
    rig_rest(&graph.rig);
    check(&graph.rig, batch, *read);
    *read += batch.count;
}

/* The pieces of a batch come back one by one, and the ask behind the last. */
static void a_reader_is_lent_pieces(void) {
    open_graph(3 * WINDOW);
    graph.windowed = true;
    weir_stream *stream = open_stream();
    uint64_t read = 0;
    while (read < 3 * WINDOW) take(stream, &read);
    graph.c.handled = read;
    weir_status status;
    assert_int_equal(weir_stream_batch(stream, 0, 0, &status).count, 0);
    assert_int_equal(status, WEIR_TIMEOUT);
    rig_rest(&graph.rig);
    assert_int_equal(graph.asked, 4 * WINDOW);
    assert_int_equal(graph.largest, BLOCK);
    weir_stream_close(stream);
    graph.rig.handled = read;
    rig_close(&graph.rig);
}

/*
 * Each allocation fails in turn.  What a reader cannot be lent is lost as a batch, whole: of a
 * batch that is half with the reader the window would be asked for twice.
 */
static bool lend_without(uint64_t call) {
    rig_open(&graph.rig, NULL);
    open_graph(3 * WINDOW);
    graph.hungry = true;
    weir_stream *stream = open_stream();
    test_memory_fail(&graph.rig.memory, call, false);
    weir_batch batch;
    uint64_t next = 0;
    rig_rest(&graph.rig);
    while ((batch = weir_stream_batch(stream, 0, 0, NULL)).count > 0) {
        const uint64_t *numbers = batch.events;
        for (size_t i = 0; i < batch.count; i++) {
            assert_true(numbers[i] >= next);
            next = numbers[i] + 1;
        }
        graph.c.handled += batch.count;
        rig_rest(&graph.rig);
    }
    assert_int_equal(graph.c.handled + graph.lost + graph.p.discarded, graph.p.emitted);
    bool failed = graph.rig.memory.calls >= graph.rig.memory.fail_at;
    test_memory_fail_never(&graph.rig.memory);
    weir_stream_close(stream);
    graph.rig.handled = graph.c.handled;
    graph.c.handled = 0;
    rig_close(&graph.rig);
    return failed;
}

static void a_batch_is_lent_whole_or_not_at_all(void **state) {
    (void)state;
    int batches = 0;
    for (uint64_t call = 1; lend_without(call); call++) batches += graph.lost == BATCH;
    assert_true(batches > 0);
}

/* Passes on one event at a time, with one of its own before it: slices of one event. */
static weir_verdict alternate(weir_stage *self, struct player *player, weir_batch batch) {
    player_emit_numbers(self, batch.events, 1);
    player->emitted += batch.count;
    return weir_forward(self);
}

static weir_verdict expect_twice(weir_stage *self, struct player *player, weir_batch batch) {
    (void)self;
    const uint64_t *numbers = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        RIG_CHECK(player->rig, numbers[i] == player->next++ / 2);
    }
    return WEIR_CONTINUE;
}

static void small_slices_are_one_piece(void **state) {
    (void)state;
    enum { EVENTS = 20000 };
    for (int world = 0; rig_open_world(&graph.rig, world); world++) {
        open_graph(EVENTS);
        graph.t.does.events = alternate;
        graph.c.does.events = expect_twice;
        graph.c.manual = true;
        PLAYERS_START(&graph.rig, &graph.p, &graph.t, &graph.c);
        weir_subscription subscription = player_subscribe(&graph.c, &graph.t, NULL);
        weir_ask(graph.rig.runtime, subscription, 1);
        player_subscribe(&graph.t, &graph.p,
                         &(weir_subscribe_options){.max_demand = EVENTS, .min_demand = EVENTS - 1});
        rig_rest(&graph.rig);
        assert_int_equal(graph.t.batches, EVENTS);
        assert_int_equal(graph.c.batches, 1);
        weir_ask(graph.rig.runtime, subscription, 2 * EVENTS);
        rig_rest(&graph.rig);
        assert_int_equal(graph.c.handled, 2 * EVENTS);
        assert_true(graph.c.batches < 20);
        rig_close(&graph.rig);
    }
}

/* Whoever dies amid a batch gives the rest of it back. */
static weir_verdict stop_in_the_second(weir_stage *self, struct player *player, weir_batch batch) {
    look(self, player, batch);
    return player->batches == 2 ? WEIR_STOP : WEIR_CONTINUE;
}

static void the_rest_of_a_batch_goes_back(void) {
    open_graph(WINDOW);
    graph.c.manual = true;
    struct player d = graph.c;
    graph.c.does.events = stop_in_the_second;
    player_start(&graph.p, &graph.rig, &(weir_stage_options){.buffer_size = WEIR_INFINITY});
    PLAYERS_START(&graph.rig, &graph.c, &d);
    weir_ask(graph.rig.runtime, player_subscribe(&graph.c, &graph.p, NULL), WINDOW);
    rig_rest(&graph.rig);
    assert_int_equal(graph.c.batches, 2);
    assert_int_equal(graph.c.handled, 2 * BLOCK);
    d.next = graph.c.next;
    weir_ask(graph.rig.runtime, player_subscribe(&d, &graph.p, NULL), WINDOW);
    rig_rest(&graph.rig);
    assert_int_equal(d.handled, WINDOW - 2 * BLOCK);
    rig_close(&graph.rig);
}

/* Of what others see as well, a piece is copied to be written to, and no more. */
static weir_verdict own(weir_stage *self, struct player *player, weir_batch batch) {
    const uint64_t *before = batch.events;
    uint64_t *numbers = weir_own(self);
    RIG_CHECK(player->rig, numbers != NULL && numbers != before);
    for (size_t i = 0; numbers != NULL && i < batch.count; i++) {
        RIG_CHECK(player->rig, numbers[i] == player->next++);
        numbers[i] = 0;
    }
    return WEIR_CONTINUE;
}

static void a_shared_piece_is_owned_alone(void) {
    open_graph(WINDOW);
    graph.c.manual = true;
    struct player d = {
        .name = "d", .kind = WEIR_CONSUMER, .quiet = true, .manual = true, .does.events = own};
    player_start(&graph.p, &graph.rig,
                 &(weir_stage_options){.dispatcher = weir_broadcast_dispatcher()});
    PLAYERS_START(&graph.rig, &graph.c, &d);
    weir_subscription of_c = player_subscribe(&graph.c, &graph.p, NULL);
    weir_subscription of_d = player_subscribe(&d, &graph.p, NULL);
    rig_rest(&graph.rig);
    weir_ask(graph.rig.runtime, of_c, WINDOW);
    weir_ask(graph.rig.runtime, of_d, WINDOW);
    rig_rest(&graph.rig);
    assert_int_equal(d.handled, WINDOW);
    assert_int_equal(graph.c.handled, WINDOW);
    assert_true(d.batches > WINDOW / BLOCK);
    rig_close(&graph.rig);
}

#define IN_WORLDS(test) TEST_IN_WORLDS_OF(&graph.rig, test)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLDS(an_automatic_batch_comes_in_pieces),
        IN_WORLDS(the_ask_is_behind_the_last_piece),
        IN_WORLDS(a_manual_message_comes_in_pieces),
        IN_WORLDS(pieces_are_forwarded_as_they_lie),
        IN_WORLDS(a_reader_is_lent_pieces),
        cmocka_unit_test(a_batch_is_lent_whole_or_not_at_all),
        cmocka_unit_test(small_slices_are_one_piece),
        IN_WORLDS(the_rest_of_a_batch_goes_back),
        IN_WORLDS(a_shared_piece_is_owned_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
