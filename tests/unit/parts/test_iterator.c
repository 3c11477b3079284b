/*
 * The iterator: a producer of what a function gives.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: it is asked for exactly what its consumers want, in several calls if need
 * be; after the last event has left its buffer it stops with NORMAL, and closes
 * what it read from, once; when its last consumer leaves it goes on or stops, as
 * it was told; a function that fails, or breaks its word, stops the stage alone; from the moment
 * that it is to end it is asked no more, however much is wanted.
 * Method: a function that counts up and writes down what it was asked for.
 * rig_close compares the accounts with what it made.
 */
#include "support/player.h"
#include "support/worlds.h"

#include "base/atomic.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

static struct rig rig;

/* What the function does: numbers from 0 up to `limit`, at most `step` a call. */
static struct input {
    uint64_t next;
    uint64_t limit;
    uint64_t step;
    uint64_t fail_at;      /* 0: never                    */
    int verdict_at_fail;   /* what it returns there       */
    bool eager;            /* END along with the last one */
    struct rig_text asked; /* "10 5 5 "                   */
    unsigned closed;
    uint64_t told;
} input;

static weir_made next(void *context, weir_room room) {
    struct input *from = context;
    uint64_t *out = room.events;
    size_t made = 0;
    rig_text_add(&from->asked, "%zu ", room.count);
    while (made < room.count && made < from->step && from->next < from->limit) {
        if (from->fail_at > 0 && from->next == from->fail_at)
            return (weir_made){made, (weir_iterator_verdict)from->verdict_at_fail};
        out[made++] = from->next++;
    }
    bool end = from->next == from->limit && (from->eager || made == 0);
    return (weir_made){made, end ? WEIR_ITERATOR_END : WEIR_ITERATOR_MORE};
}

static void note_close(void *context) {
    ((struct input *)context)->closed++;
}

static void count_discarded(void *context, uint64_t count, weir_discard cause) {
    (void)cause;
    ((struct input *)context)->told += count;
}

/* Not a player: lends the iterator's reference and name. */
static struct player it;
static struct player c;

static const weir_iterator_options usual = {.name = "it",
                                            .event_bytes = 8,
                                            .next = next,
                                            .close = note_close,
                                            .discarded = count_discarded,
                                            .context = &input};

static void start(uint64_t limit, uint64_t step, weir_iterator_options options) {
    memset(&input, 0, sizeof input);
    input.limit = limit;
    input.step = step;
    it = (struct player){.name = "it", .rig = &rig, .started = rig.players};
    rig.players = &it;
    assert_int_equal(weir_iterator_start(rig.runtime, &options, &it.ref), WEIR_OK);
}

static void consume(bool manual, size_t max) {
    c = (struct player){.name = "c", .kind = WEIR_CONSUMER, .manual = manual};
    player_start(&c, &rig, NULL);
    player_subscribe(&c, &it,
                     &(weir_subscribe_options){.max_demand = max, .cancel = WEIR_TEMPORARY});
    rig_rest(&rig);
}

static void close_rig(void) {
    it.emitted = input.next;
    weir_runtime_stop(rig.runtime, WEIR_REASON_NORMAL);
    rig_rest(&rig);
    assert_int_equal(input.closed, 1);
    rig_close(&rig);
}

#define EACH_WORLD(world)        \
    int world = 0;               \
    rig_open_world(&rig, world); \
    world++

/* ---- demand -------------------------------------------------------------- */

static void sends_termination_message_on_done(void) {
    start(UINT64_MAX, 100, usual); /* without end: ten are taken, and it goes on */
    const weir_subscribe_to list = {.producer = it.ref, .options = {.max_demand = 10}};
    weir_stream *stream;
    const weir_stream_options options = {
        .event_bytes = 8, .subscribe_to = &list, .subscribe_count = 1};
    assert_int_equal(weir_stream_open(rig.runtime, &options, &stream), WEIR_OK);
    for (uint64_t i = 0; i < 10; i++) {
        uint64_t number;
        assert_int_equal(weir_stream_next(stream, &number, WEIR_FOREVER), WEIR_OK);
        assert_int_equal(number, i);
    }
    rig.handled = 10;
    weir_stream_close(stream);
    rig_rest(&rig);
    assert_int_equal(input.closed, 0);
    assert_true(input.next <= 15); /* no more was ever made than was asked for */
    close_rig();
}

static void sends_termination_message_on_halt(void **state) {
    (void)state;
    for (int eager = 0; eager < 2; eager++) {
        for (EACH_WORLD(world)) {
            start(10, 100, usual);
            input.eager = eager > 0;
            consume(false, 1000);
            player_expect(&c, "subscribe it\nevents 0..9\ndown it normal\n");
            rig_text_expect(&input.asked, eager > 0 ? "1000 " : "1000 990 ");
            assert_int_equal(input.closed, 1);
            close_rig();
        }
    }
}

/* Four at most in one call: ten are asked for, then five each time. */
static void it_is_asked_for_exactly_what_is_wanted(void) {
    start(20, 4, usual);
    consume(false, 10);
    input.asked.text[7] = '\0'; /* from then on asks may come together, or not */
    input.asked.used = 7;
    rig_text_expect(&input.asked, "10 6 2 ");
    player_expect(&c, "subscribe it\nevents 0..4\nevents 5..9\nevents 10..14\n"
                      "events 15..19\ndown it normal\n");
    close_rig();
}

/* A demand larger than a block comes in several calls, each of a block's room. */
static void a_large_demand_comes_in_pieces(void **state) {
    (void)state;
    rig_open(&rig, NULL);
    start(100000, UINT64_MAX, usual);
    consume(false, 30000);
    assert_int_equal(c.handled, 100000);
    assert_int_equal(c.sum, (uint64_t)99999 * 50000);
    close_rig();
}

/* ---- the end ------------------------------------------------------------- */

static uint32_t by_parity(void *context, const void *event) {
    (void)context;
    return *(const uint64_t *)event % 2;
}

/* The odd numbers wait for the consumer of their partition, and so does the end. */
static void it_stops_behind_what_waits(void) {
    const weir_partition_dispatcher_options halves = {.partitions = 2, .hash = by_parity};
    weir_iterator_options options = usual;
    options.dispatcher = weir_partition_dispatcher();
    options.dispatcher_options = &halves;
    start(8, 100, options);
    c = (struct player){.name = "c", .kind = WEIR_CONSUMER};
    player_start(&c, &rig, NULL);
    player_subscribe(&c, &it, &(weir_subscribe_options){.partition = WEIR_PARTITION(0)});
    rig_rest(&rig);
    player_expect(&c, "subscribe it\nevents 0 2 4 6\n");
    struct player d = {.name = "d", .kind = WEIR_CONSUMER};
    player_start(&d, &rig, NULL);
    player_subscribe(&d, &it, &(weir_subscribe_options){.partition = WEIR_PARTITION(1)});
    rig_rest(&rig);
    player_expect(&d, "subscribe it\nevents 1 3 5 7\ndown it normal\nterminate normal\n");
    player_expect(&c, "down it normal\nterminate normal\n");
    close_rig();
}

static weir_verdict die_at_once(weir_stage *self, struct player *player, weir_batch batch) {
    (void)self, (void)player, (void)batch;
    return WEIR_STOP;
}

/* What a dead consumer gave back waits for the next, and so does the end. */
static void the_end_waits_for_what_came_back(void **state) {
    (void)state;
    rig_open(&rig, NULL);
    start(8, 100, usual);
    struct player d = {.name = "d", .kind = WEIR_CONSUMER, .does.events = die_at_once};
    player_start(&d, &rig, NULL);
    it.ref = it.ref;
    player_subscribe(&d, &it, &(weir_subscribe_options){.max_demand = 6, .min_demand = 4});
    rig_rest(&rig); /* six were made; d died with two of them */
    consume(false, 100);
    assert_int_equal(c.handled, 6);
    assert_int_equal(input.closed, 1);
    close_rig();
}

/* ---- options ------------------------------------------------------------- */

static void accepts_an_on_cancel_option(void **state) {
    (void)state;
    for (int stop = 0; stop < 2; stop++) {
        for (EACH_WORLD(world)) {
            weir_iterator_options options = usual;
            options.on_cancel = stop > 0 ? WEIR_ON_CANCEL_STOP : WEIR_ON_CANCEL_CONTINUE;
            start(UINT64_MAX, 100, options);
            struct player d = {.name = "d", .kind = WEIR_CONSUMER, .quiet = true, .manual = true};
            player_start(&d, &rig, NULL);
            player_subscribe(&d, &it, NULL);
            consume(true, 10);
            player_stop(&c, WEIR_REASON_NORMAL);
            rig_rest(&rig);
            assert_int_equal(weir_runtime_stages(rig.runtime), 2); /* not the last one */
            player_stop(&d, WEIR_REASON_NORMAL);
            rig_rest(&rig);
            assert_int_equal(weir_runtime_stages(rig.runtime), stop > 0 ? 0 : 1);
            assert_int_equal(input.closed, stop);
            close_rig();
        }
    }
}

static void accepts_a_name_option(void **state) {
    (void)state;
    rig_open(&rig, NULL);
    weir_iterator_options options = usual;
    options.registered = true;
    start(5, 100, options);
    weir_ref found;
    assert_int_equal(weir_whereis(rig.runtime, "it", &found), WEIR_OK);
    assert_int_equal(found.bits, it.ref.bits);
    close_rig();
}

static void it_may_begin_accumulating(void) {
    weir_iterator_options options = usual;
    options.demand = WEIR_ACCUMULATE;
    start(5, 100, options);
    consume(false, 10);
    rig_text_expect(&input.asked, "");
    player_demand(&it, WEIR_FORWARD);
    rig_rest(&rig);
    player_expect(&c, "subscribe it\nevents 0..4\ndown it normal\n");
    input.asked.used = 0;
    close_rig();
}

/* ---- what goes wrong ----------------------------------------------------- */

static void a_failing_function_stops_its_stage(void **state) {
    (void)state;
    static const struct {
        int verdict;
        weir_reason wished;
        const char *journal;
        const char *log;
    } cases[] = {
        {WEIR_ITERATOR_ERROR, WEIR_REASON_NORMAL, "subscribe it\nevents 0..2\ndown it user\n", ""},
        {WEIR_ITERATOR_ERROR, WEIR_REASON_SHUTDOWN, "subscribe it\nevents 0..2\ndown it shutdown\n",
         ""},
        {7, WEIR_REASON_NORMAL, "subscribe it\nevents 0..2\ndown it bad_return_value\n",
         "error: iterator it: next returned an unknown verdict, made 3 of 10 events\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (EACH_WORLD(world)) {
            weir_iterator_options options = usual;
            options.error_reason = cases[i].wished;
            start(10, 100, options);
            input.fail_at = 3;
            input.verdict_at_fail = cases[i].verdict;
            consume(false, 10);
            player_expect(&c, cases[i].journal);
            rig_expect_log(&rig, cases[i].log);
            close_rig();
        }
    }
}

static weir_made makes_nothing(void *context, weir_room room) {
    (void)context, (void)room;
    return (weir_made){0, WEIR_ITERATOR_MORE};
}

static weir_made makes_too_much(void *context, weir_room room) {
    (void)context;
    return (weir_made){room.count + 1, WEIR_ITERATOR_MORE};
}

static void a_function_that_breaks_its_word(void **state) {
    (void)state;
    static const struct {
        weir_made (*function)(void *, weir_room);
        const char *log;
    } cases[] = {
        {makes_nothing,
         "error: iterator it: next has more but makes nothing, made 0 of 10 events\n"},
        {makes_too_much,
         "error: iterator it: next made more than was wanted, made 11 of 10 events\n"},
    };
    for (int i = 0; i < 2; i++) {
        rig_open(&rig, NULL);
        weir_iterator_options options = usual;
        options.next = cases[i].function;
        start(10, 100, options);
        consume(false, 10);
        player_expect(&c, "subscribe it\ndown it bad_return_value\n");
        rig_expect_log(&rig, cases[i].log);
        close_rig();
    }
}

/* A consumer of broadcast that leaves with demand: surplus is told, or logged. */
static void discards_are_told(void **state) {
    (void)state;
    for (int logged = 0; logged < 2; logged++) {
        rig_open(&rig, NULL);
        weir_iterator_options options = usual;
        if (logged > 0) options.discarded = NULL;
        options.on_cancel = WEIR_ON_CANCEL_STOP;
        start(100, 100, options);
        struct player d = {.name = "d", .kind = WEIR_CONSUMER, .does.events = die_at_once};
        player_start(&d, &rig, NULL);
        player_subscribe(&d, &it, &(weir_subscribe_options){.max_demand = 6, .min_demand = 4});
        rig_rest(&rig);
        assert_int_equal(rig_accounts(&rig).discarded, 4);
        assert_int_equal(input.told, logged > 0 ? 0 : 4);
        if (logged > 0) rig_expect_log(&rig, "warning: iterator it has discarded 4 events\n");
        input.closed = 1;
        rig.handled = 0;
        close_rig();
    }
}

static void bad_options_are_refused(void **state) {
    (void)state;
    rig_open(&rig, NULL);
    weir_ref ref = {7};
    static const struct {
        weir_iterator_options options;
        const char *sentence;
    } cases[] = {
        {{.event_bytes = 8}, "next must not be NULL"},
        {{.event_bytes = 0, .next = next}, "stage iterator: event_bytes must be at least 1, got 0"},
        {{.event_bytes = 8, .next = next, .on_cancel = (weir_on_cancel)2},
         "stage iterator: on_cancel must be one of WEIR_ON_CANCEL_CONTINUE, WEIR_ON_CANCEL_STOP, "
         "got 2"},
        {{.event_bytes = 8, .next = next, .worker = WEIR_WORKER(3)},
         "stage iterator: worker must be below 1, got 3"},
    };
    assert_int_equal(weir_iterator_start(rig.runtime, NULL, &ref), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "options must not be NULL");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_iterator_options options = cases[i].options;
        options.close = note_close;
        options.context = &input;
        input.closed = 0;
        assert_int_equal(weir_iterator_start(rig.runtime, &options, &ref), WEIR_INVALID);
        assert_string_equal(weir_refusal(), cases[i].sentence);
        assert_int_equal(input.closed, 0);
    }
    assert_int_equal(ref.bits, 7);
    rig_close(&rig);
}

static void without_memory_it_does_not_start(void **state) {
    (void)state;
    rig_open(&rig, NULL);
    weir_status status = WEIR_NO_MEMORY;
    c = (struct player){.name = "c", .kind = WEIR_CONSUMER};
    player_start(&c, &rig, NULL);
    memset(&input, 0, sizeof input);
    input.limit = 10;
    input.step = 100;
    it = (struct player){.name = "it", .rig = &rig, .started = rig.players};
    rig.players = &it;
    for (uint64_t at = 1; status != WEIR_OK; at++) {
        uint64_t live = rig.memory.live;
        test_memory_fail(&rig.memory, at, false);
        status = weir_iterator_start(rig.runtime, &usual, &it.ref);
        test_memory_fail_never(&rig.memory);
        assert_true(status == WEIR_OK || (status == WEIR_NO_MEMORY && rig.memory.live == live));
    }
    player_subscribe(&c, &it, NULL);
    rig_rest(&rig);
    assert_int_equal(c.handled, 10);
    close_rig();
}

static void without_memory_for_events_it_stops(void **state) {
    (void)state;
    rig_open(&rig, NULL);
    weir_iterator_options options = usual;
    options.demand = WEIR_ACCUMULATE;
    start(10, 100, options);
    consume(false, 10);
    player_demand(&it, WEIR_FORWARD);
    test_memory_fail(&rig.memory, 1, true);
    rig_rest(&rig);
    test_memory_fail_never(&rig.memory);
    player_expect(&c, "subscribe it\ndown it no_memory\n");
    assert_int_equal(input.next, 0);
    close_rig();
}

/* ---- its end ------------------------------------------------------------- */

enum { LAST_CALL = 3 };

static struct {
    int way; /* 0, 1: at the last call, by itself; 2, 3: by another thread, which is waited for */
    unsigned calls;
    uint32_t called; /* atomic */
} ends;

/* One number a call, without end. */
static weir_made next_until_the_end(void *context, weir_room room) {
    (void)context;
    *(uint64_t *)room.events = input.next++;
    if (++ends.calls == LAST_CALL) {
        if (ends.way == 0) weir_finish(rig.runtime, it.ref);
        if (ends.way == 1) weir_stop(rig.runtime, it.ref, WEIR_REASON_NORMAL);
        weir__store_release_u32(&ends.called, 1);
        while (!weir_ending_here()) sched_yield();
    }
    return (weir_made){1, WEIR_ITERATOR_MORE};
}

static void *tell_it(void *unused) {
    (void)unused;
    while (weir__load_acquire_u32(&ends.called) == 0) sched_yield();
    if (ends.way == 2) weir_stop(rig.runtime, it.ref, WEIR_REASON_NORMAL);
    if (ends.way == 3) weir_runtime_drain(rig.runtime, WEIR_FOREVER, NULL);
    return NULL;
}

/* Much demand is open, and all of it is one turn's. */
static void at_its_end_it_is_asked_no_more(void **state) {
    (void)state;
    weir_iterator_options options = usual;
    options.next = next_until_the_end;
    options.demand = WEIR_ACCUMULATE;
    for (int way = 0; way < 4; way++) {
        pthread_t teller;
        memset(&ends, 0, sizeof ends);
        ends.way = way;
        rig_open(&rig, way < 2 ? NULL : &(weir_runtime_options){.workers = 1, .unpinned = true});
        start(0, 0, options);
        consume(false, 1000);
        if (way >= 2) assert_int_equal(pthread_create(&teller, NULL, tell_it, NULL), 0);
        player_demand(&it, WEIR_FORWARD);
        if (way >= 2) assert_int_equal(pthread_join(teller, NULL), 0);
        rig_rest(&rig);
        assert_int_equal(ends.calls, LAST_CALL);
        assert_int_equal(c.handled, LAST_CALL);
        close_rig();
    }
}

#define IN_WORLDS(test) TEST_IN_WORLDS_OF(&rig, test)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLDS(sends_termination_message_on_done),
        cmocka_unit_test(sends_termination_message_on_halt),
        IN_WORLDS(it_is_asked_for_exactly_what_is_wanted),
        cmocka_unit_test(a_large_demand_comes_in_pieces),
        IN_WORLDS(it_stops_behind_what_waits),
        cmocka_unit_test(the_end_waits_for_what_came_back),
        cmocka_unit_test(accepts_an_on_cancel_option),
        cmocka_unit_test(accepts_a_name_option),
        IN_WORLDS(it_may_begin_accumulating),
        cmocka_unit_test(a_failing_function_stops_its_stage),
        cmocka_unit_test(a_function_that_breaks_its_word),
        cmocka_unit_test(discards_are_told),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(without_memory_it_does_not_start),
        cmocka_unit_test(without_memory_for_events_it_stops),
        cmocka_unit_test(at_its_end_it_is_asked_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
