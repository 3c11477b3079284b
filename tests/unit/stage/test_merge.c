/*
 * Merges: several producers, one consumer, equal shares.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: of producers that have events whenever they are asked each gets as many batches into
 * their consumer as the others, whatever the events weigh and however they come there: over any
 * 1,000 batches in a row.  With unequal windows these are the weights.  Who has less loses
 * nothing of that to the others.
 * Method: a ledger of batches by producer, in stepped and simulated runtimes.  A batch of the
 * ledger is of max_demand - min_demand events, whether it comes whole or in pieces.
 * The bound: between two turns of the consumer each producer gives what it was asked for, which
 * is a window of so many batches.  So any 1,000 have of each its share but for two windows.  Where
 * a turn may end amid a window, which comes in pieces or in more than one message, they have three
 * quarters of it.  Half is promised (docs/decisions/26-merges.md).
 */
#include "support/worlds.h"

#include "memory/pool.h"
#include "stage/stage.h"

#include <string.h>

enum { MOST = 8, WINDOW = 1000, BATCHES = 3 * WINDOW, TEXT = 600 };

/* A producer that has events whenever it is asked. */
struct maker {
    uint8_t who;
    size_t bytes; /* 0: with spans, TEXT bytes each */
    weir_subscribe_options how;
    unsigned worker;
    bool through; /* its events come by a stage between */
    bool slow;    /* it has one at a time               */
};

static struct {
    struct rig *rig;
    struct maker makers[MOST];
    weir_ref producers[MOST];
    unsigned count;
    uint64_t round;          /* batches in a window, of all makers  */
    uint64_t begun[MOST];    /* events of a batch that is not whole */
    uint8_t ledger[BATCHES]; /* whose                               */
    size_t batches;
} merge;

struct line {
    weir_bytes text;
    uint8_t who;
};

static const weir_event_type lines = {.bytes = sizeof(struct line), .spans = 1};

static uint64_t batch_of(const struct maker *maker) {
    size_t min = maker->how.min_demand;
    min = min == WEIR_NONE ? 0 : min == 0 ? maker->how.max_demand / 2 : min;
    return maker->how.max_demand - min;
}

/* ---- the stages ---------------------------------------------------------- */

static weir_verdict make_lines(weir_stage *self, uint64_t demand) {
    static const char text[TEXT];
    const struct maker *maker = weir_state(self);
    const struct line line = {.text = {.at = text, .count = TEXT}, .who = maker->who};
    for (uint64_t i = 0; i < demand && weir_open_demand(self).events > 0; i++) {
        RIG_CHECK(merge.rig, weir_emit(self, &line, 1) == WEIR_OK);
        merge.rig->emitted++;
    }
    return WEIR_CONTINUE;
}

static weir_verdict make(weir_stage *self, uint64_t demand) {
    const struct maker *maker = weir_state(self);
    while (demand > 0) {
        weir_room room = weir_reserve(self, demand);
        for (size_t i = 0; i < room.count; i++) {
            ((uint8_t *)room.events)[i * maker->bytes] = maker->who;
        }
        RIG_CHECK(merge.rig, weir_commit(self, room.count) == WEIR_OK);
        merge.rig->emitted += room.count;
        demand -= room.count;
    }
    return WEIR_CONTINUE;
}

static weir_verdict pass_on(weir_stage *self, weir_batch batch) {
    merge.rig->emitted += batch.count;
    merge.rig->handled += batch.count;
    return weir_forward(self);
}

static unsigned maker_of(const weir_stage *self, weir_batch batch) {
    return weir_batch_event_bytes(self) == sizeof(struct line)
               ? ((const struct line *)batch.events)->who
               : *(const uint8_t *)batch.events;
}

static void enter(unsigned who, size_t count) {
    uint64_t whole = batch_of(&merge.makers[who]);
    merge.rig->handled += count;
    merge.begun[who] += count;
    for (; merge.begun[who] >= whole; merge.begun[who] -= whole) {
        if (merge.batches < BATCHES) merge.ledger[merge.batches++] = (uint8_t)who;
    }
}

static weir_verdict note(weir_stage *self, weir_batch batch) {
    enter(maker_of(self, batch), batch.count);
    return WEIR_CONTINUE;
}

static weir_verdict note_and_pass_on(weir_stage *self, weir_batch batch) {
    note(self, batch);
    merge.rig->emitted += batch.count;
    return weir_forward(self);
}

static weir_verdict swallow(weir_stage *self, weir_batch batch) {
    (void)self;
    merge.rig->handled += batch.count;
    return WEIR_CONTINUE;
}

/* Has one event for each turn of its. */
static struct {
    uint64_t due;
    uint64_t made;
    uint64_t handled;
} slow;

static weir_verdict make_one(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    static const uint8_t event[64]; /* the first maker's */
    RIG_CHECK(merge.rig, slow.made - slow.handled <= 2);
    RIG_CHECK(merge.rig, weir_emit(self, event, 1) == WEIR_OK);
    merge.rig->emitted++;
    slow.made++;
    if (--slow.due > 0) {
        RIG_CHECK(merge.rig, weir_cast(merge.rig->runtime, weir_self(self), NULL, 0) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

static weir_verdict owe(weir_stage *self, uint64_t demand) {
    bool idle = slow.due == 0;
    slow.due += demand;
    return idle ? make_one(self, NULL, 0) : WEIR_CONTINUE;
}

/* ---- the scene ----------------------------------------------------------- */

static weir_ref start(weir_stage_options options) {
    weir_ref ref;
    assert_int_equal(weir_stage_start(merge.rig->runtime, &options, &ref), WEIR_OK);
    return ref;
}

static weir_ref start_maker(const struct maker *maker) {
    bool flat = maker->bytes > 0;
    weir_ref ref = start((weir_stage_options){
        .kind = WEIR_PRODUCER,
        .name = "maker",
        .event_bytes = flat ? maker->bytes : sizeof(struct line),
        .type = flat ? NULL : &lines,
        .state = maker,
        .state_bytes = sizeof *maker,
        .worker = WEIR_WORKER(maker->worker),
        .on = {.handle_demand = maker->slow ? owe
                                : flat      ? make
                                            : make_lines,
               .handle_cast = make_one},
    });
    if (!maker->through) return ref;
    const weir_subscribe_to to = {.producer = ref, .options = maker->how};
    return start((weir_stage_options){.kind = WEIR_PRODUCER_CONSUMER,
                                      .name = "between",
                                      .event_bytes = maker->bytes,
                                      .worker = WEIR_WORKER(maker->worker),
                                      .subscribe_to = &to,
                                      .subscribe_count = 1,
                                      .on.handle_events = pass_on});
}

/* All of them of events of that size, with windows like that, on the first worker. */
static void scene_open(struct rig *rig, unsigned count, size_t bytes, weir_subscribe_options how) {
    memset(&merge, 0, sizeof merge);
    merge.rig = rig;
    merge.count = count;
    for (unsigned i = 0; i < count; i++) {
        merge.makers[i] = (struct maker){.who = (uint8_t)i, .bytes = bytes, .how = how};
    }
    merge.round = how.max_demand / batch_of(&merge.makers[0]);
}

/* Starts the makers, and in worker 0 the consumer of all of them. */
static weir_ref scene_start(weir_kind kind,
                            weir_verdict (*handle)(weir_stage *self, weir_batch batch)) {
    weir_subscribe_to to[MOST] = {{.producer = {0}}};
    for (unsigned i = 0; i < merge.count; i++) {
        merge.producers[i] = start_maker(&merge.makers[i]);
        to[i].producer = merge.producers[i];
        to[i].options = merge.makers[i].how;
    }
    return start(
        (weir_stage_options){.kind = kind,
                             .name = "merge",
                             .event_bytes = kind == WEIR_CONSUMER ? 0 : merge.makers[0].bytes,
                             .worker = WEIR_WORKER(0),
                             .subscribe_to = to,
                             .subscribe_count = merge.count,
                             .on.handle_events = handle});
}

static weir_ref start_sink(weir_ref producer, weir_subscribe_options how) {
    const weir_subscribe_to to = {.producer = producer, .options = how};
    return start((weir_stage_options){.kind = WEIR_CONSUMER,
                                      .name = "sink",
                                      .worker = WEIR_WORKER(0),
                                      .subscribe_to = &to,
                                      .subscribe_count = 1,
                                      .on.handle_events = swallow});
}

static void fill_the_ledger(void) {
    while (merge.batches < BATCHES) {
        assert_int_equal(weir_runtime_step(merge.rig->runtime, 1000), 1000);
    }
}

/* What the least served of those from `first` on got of any WINDOW batches in a row. */
static uint64_t least_of_any_window(unsigned first) {
    uint64_t got[MOST] = {0};
    uint64_t least = WINDOW;
    for (size_t i = 0; i < merge.batches; i++) {
        got[merge.ledger[i]]++;
        if (i >= WINDOW) got[merge.ledger[i - WINDOW]]--;
        for (unsigned who = first; who < merge.count && i + 1 >= WINDOW; who++) {
            if (got[who] < least) least = got[who];
        }
    }
    return least;
}

/* A window of each fits into one turn of the consumer, and into one message. */
static bool is_even(void) {
    bool even = true;
    for (unsigned i = 0; i < merge.count; i++) {
        uint64_t bytes = batch_of(&merge.makers[i]) * merge.makers[i].bytes;
        even = even && bytes > 0 && bytes <= WEIR__BLOCK_BYTES_MAX;
    }
    return even;
}

/* Each has had its share of any 1,000 batches. */
static void expect_shares(void) {
    uint64_t share = WINDOW / merge.count;
    assert_in_range(least_of_any_window(0), is_even() ? share - 2 * merge.round : share * 3 / 4,
                    share);
    rig_close(merge.rig);
}

static void expect_equal_shares(void) {
    fill_the_ledger();
    expect_shares();
}

/* ---- equal producers ----------------------------------------------------- */

static const unsigned counts[] = {2, 3, 8};
static const size_t sizes[] = {8, 17, 64, 0};
static const weir_subscribe_options windows[] = {
    {.max_demand = 1},
    {.max_demand = 1000},
    {.max_demand = 1200, .min_demand = WEIR_NONE},
    {.max_demand = 64, .min_demand = 60},
    {.max_demand = 2048, .min_demand = 1792},
};

enum { COUNTS = 3, SIZES = 4, WINDOWS = 5, USUAL = 1 };

static void on_one_worker(void **state) {
    (void)state;
    for (unsigned i = 0; i < COUNTS * SIZES * WINDOWS; i++) {
        struct rig rig;
        rig_open(&rig, NULL);
        scene_open(&rig, counts[i % COUNTS], sizes[i / COUNTS % SIZES],
                   windows[i / COUNTS / SIZES]);
        scene_start(WEIR_CONSUMER, note);
        expect_equal_shares();
    }
}

/* Some beside their consumer, some elsewhere: each worker has a step in turn. */
static void across_workers(void **state) {
    (void)state;
    for (unsigned i = 0; i < COUNTS * SIZES * WINDOWS; i++) {
        struct rig rig;
        unsigned workers = 2 + i % 2;
        rig_open(&rig, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = workers});
        scene_open(&rig, counts[i % COUNTS], sizes[i / COUNTS % SIZES],
                   windows[i / COUNTS / SIZES]);
        for (unsigned k = 0; k < merge.count; k++) merge.makers[k].worker = k % workers;
        scene_start(WEIR_CONSUMER, note);
        expect_equal_shares();
    }
}

/* Of 8, 32 ... bytes, and of 64 every other one. */
static void of_unequal_events(void **state) {
    (void)state;
    for (unsigned i = 0; i < COUNTS; i++) {
        struct rig rig;
        rig_open(&rig, NULL);
        scene_open(&rig, counts[i], 64, windows[USUAL]);
        for (unsigned k = 0; k < merge.count; k += 2) merge.makers[k].bytes = 8u << k;
        scene_start(WEIR_CONSUMER, note);
        expect_equal_shares();
    }
}

/* Batches of many pieces, of which a turn has room for 64: as many of a long message's as of a
 * short one's. */
static void in_pieces(void **state) {
    (void)state;
    static const weir_subscribe_options large[] = {{.max_demand = 1000},
                                                   {.max_demand = 4096, .min_demand = 3584}};
    for (unsigned i = 0; i < COUNTS * 2; i++) {
        struct rig rig;
        rig_open(&rig, NULL);
        scene_open(&rig, counts[i % COUNTS], 1000, large[i / COUNTS]);
        scene_start(WEIR_CONSUMER, note);
        expect_equal_shares();
    }
}

/* ---- unequal ones -------------------------------------------------------- */

/* In each round each gives its window: of twice as many events, and of one batch for two. */
static void windows_are_weights(struct rig *rig) {
    scene_open(rig, 3, 64, windows[USUAL]);
    merge.makers[1].how.max_demand = 100;
    merge.makers[2].how = (weir_subscribe_options){.max_demand = 1000, .min_demand = 750};
    scene_start(WEIR_CONSUMER, note);
    fill_the_ledger();
    uint64_t got[3] = {0};
    for (size_t i = 0; i < merge.batches; i++) got[merge.ledger[i]]++;
    for (unsigned who = 0; who < 3; who++) {
        uint64_t due = who == 2 ? BATCHES / 2 : BATCHES / 4;
        assert_in_range(got[who], due - 8, due + 8);
    }
    rig_close(rig);
}

static weir_verdict note_beside_slow(weir_stage *self, weir_batch batch) {
    if (maker_of(self, batch) == 0) slow.handled += batch.count;
    return note(self, batch);
}

/* What it has comes through at once, and the others share the rest. */
static void who_is_slow_keeps_nobody_waiting(struct rig *rig) {
    memset(&slow, 0, sizeof slow);
    scene_open(rig, 3, 64, windows[USUAL]);
    merge.makers[0].slow = true;
    scene_start(WEIR_CONSUMER, note_beside_slow);
    fill_the_ledger();
    assert_true(slow.handled > BATCHES / 8);
    assert_in_range(least_of_any_window(1), WINDOW / 2 - 5, WINDOW / 2);
    rig_close(rig);
}

/* ---- other graphs -------------------------------------------------------- */

/* A stage between, which is put ahead again and again by what it is sent. */
static void behind_a_chain(struct rig *rig) {
    scene_open(rig, 3, 64, windows[USUAL]);
    merge.makers[0].through = true;
    scene_start(WEIR_CONSUMER, note);
    expect_equal_shares();
}

/* Somebody else's asks put one of them ahead. */
static void beside_another_consumer(struct rig *rig) {
    scene_open(rig, 3, 64, windows[USUAL]);
    scene_start(WEIR_CONSUMER, note);
    start_sink(merge.producers[1], windows[USUAL]);
    expect_equal_shares();
}

/* The merge is asked by who handles large batches, which would put it ahead. */
static void before_a_chain(void **state) {
    (void)state;
    for (unsigned workers = 1; workers <= 2; workers++) {
        struct rig rig;
        rig_open(&rig, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = workers});
        scene_open(&rig, 3, 64, windows[USUAL]);
        merge.makers[1].worker = workers - 1;
        start_sink(scene_start(WEIR_PRODUCER_CONSUMER, note_and_pass_on), windows[USUAL]);
        expect_equal_shares();
    }
}

/* ---- to a reader outside ------------------------------------------------- */

static void to_a_stream(struct rig *rig) {
    scene_open(rig, 3, 64, windows[USUAL]);
    weir_subscribe_to to[3];
    for (unsigned i = 0; i < merge.count; i++) {
        to[i] = (weir_subscribe_to){.producer = start_maker(&merge.makers[i]),
                                    .options = merge.makers[i].how};
    }
    weir_stream *stream;
    const weir_stream_options options = {
        .event_bytes = 64, .subscribe_to = to, .subscribe_count = merge.count};
    assert_int_equal(weir_stream_open(rig->runtime, &options, &stream), WEIR_OK);
    while (merge.batches < BATCHES) {
        weir_status status;
        weir_batch batch = weir_stream_batch(stream, 0, WEIR_FOREVER, &status);
        assert_int_equal(status, WEIR_OK);
        enter(*(const uint8_t *)batch.events, batch.count);
    }
    weir_stream_close(stream);
    expect_shares();
}

/* ---- in any order -------------------------------------------------------- */

/* Of each edge: batches of others since what is at hand of it waits. */
static uint64_t waits[MOST];

static weir_verdict note_who_waits(weir_stage *self, weir_batch batch) {
    struct weir__edge *edge = self->producers;
    uint64_t id = weir_batch_subscription(self).id;
    for (unsigned i = 0; edge != NULL; i++, edge = edge->producers_next) {
        bool waiting = edge->id.id != id && !weir__ring_empty(&edge->ring);
        waits[i] = waiting ? waits[i] + 1 : 0;
        RIG_CHECK(merge.rig, waits[i] <= 2 * (merge.count - 1) * merge.round);
    }
    return note(self, batch);
}

/* Workers run in whatever order: who has nothing gets nothing, and whose events are there waits
 * for a turn of the others, or the rest of one and another. */
static void who_has_events_waits_for_a_round(void **state) {
    (void)state;
    for (unsigned seed = 1; seed <= 40; seed++) {
        struct rig rig;
        unsigned workers = 1 + seed % 3;
        rig_open(&rig,
                 &(weir_runtime_options){.mode = WEIR_SIMULATED, .workers = workers, .seed = seed});
        scene_open(&rig, counts[seed % COUNTS], sizes[seed % 3], windows[seed % WINDOWS]);
        for (unsigned k = 0; k < merge.count; k++) merge.makers[k].worker = k % workers;
        memset(waits, 0, sizeof waits);
        scene_start(WEIR_CONSUMER, note_who_waits);
        if (workers == 1) {
            expect_equal_shares();
        } else {
            fill_the_ledger();
            rig_close(&rig);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_one_worker),
        cmocka_unit_test(across_workers),
        cmocka_unit_test(of_unequal_events),
        TEST_STEPPED(windows_are_weights),
        TEST_STEPPED(behind_a_chain),
        TEST_STEPPED(beside_another_consumer),
        cmocka_unit_test(before_a_chain),
        TEST_STEPPED(who_is_slow_keeps_nobody_waiting),
        cmocka_unit_test(in_pieces),
        TEST_STEPPED(to_a_stream),
        cmocka_unit_test(who_has_events_waits_for_a_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
