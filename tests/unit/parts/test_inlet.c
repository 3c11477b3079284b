/*
 * The inlet: what is pushed comes out, in order of each pusher, or is counted.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each policy does what it says when there is no room, and the bound
 * holds; pushes are all or nothing; who waits is woken by room, by the end and
 * by time; finish lets everything go out first; the handle may outlive the
 * stage and the stage the handle; every event pushed is handled, or discarded
 * and told.
 * Method: stepped runtimes for what is certain, pushing threads for the rest;
 * rig_close compares the accounts with what was accepted.
 */
#include "support/cmocka.h"
#include "support/player.h"

#include "base/atomic.h"
#include "os/thread.h"

#include <stdlib.h>
#include <string.h>

struct discards {
    uint64_t by_cause[4]; /* atomic */
};

static void count_discards(void *context, uint64_t count, weir_discard cause) {
    struct discards *discards = context;
    weir__fetch_add_u64(&discards->by_cause[cause], count);
}

struct fixture {
    struct rig rig;
    weir_inlet *inlet;
    struct player in; /* not a player: lends its reference and name */
    struct player c;
    struct discards discards;
    weir_subscription subscription;
};

static struct fixture f;

/* An inlet of ten numbers, and a consumer that asks by hand. */
static void open_inlet(weir_when_full when_full) {
    memset(&f.in, 0, sizeof f.in);
    memset(&f.c, 0, sizeof f.c);
    memset(&f.discards, 0, sizeof f.discards);
    const weir_inlet_options options = {.name = "in",
                                        .event_bytes = sizeof(uint64_t),
                                        .capacity = 10,
                                        .when_full = when_full,
                                        .discarded = count_discards,
                                        .context = &f.discards};
    assert_int_equal(weir_inlet_open(f.rig.runtime, &options, &f.inlet, &f.in.ref), WEIR_OK);
    f.in.name = "in";
    f.in.rig = &f.rig;
    f.in.started = f.rig.players;
    f.rig.players = &f.in;
    f.c.name = "c";
    f.c.kind = WEIR_CONSUMER;
    f.c.manual = true;
    player_start(&f.c, &f.rig, NULL);
    f.subscription =
        player_subscribe(&f.c, &f.in, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
    rig_rest(&f.rig);
    player_expect(&f.c, "subscribe in\n");
}

/* Pushes the next `count` numbers; f.in counts those that were accepted. */
static weir_status push(size_t count) {
    uint64_t numbers[64];
    for (size_t i = 0; i < count; i++) numbers[i] = f.in.next + i;
    weir_status status = weir_inlet_push(f.inlet, numbers, count, 0);
    memset(numbers, 0xa5, sizeof numbers); /* they were copied */
    if (status == WEIR_OK || status == WEIR_DROPPED) {
        f.in.next += count;
        f.in.emitted += count;
    }
    return status;
}

static void ask(uint64_t count) {
    assert_int_equal(weir_ask(f.rig.runtime, f.subscription, count), WEIR_OK);
    rig_rest(&f.rig);
}

static void close_inlet(void) {
    weir_inlet_close(f.inlet);
    rig_close(&f.rig);
}

/* ---- events come out ----------------------------------------------------- */

static void what_is_pushed_waits_for_demand(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&f.rig, world); world++) {
        open_inlet(WEIR_REFUSE);
        assert_int_equal(push(0), WEIR_OK);
        assert_int_equal(push(3), WEIR_OK);
        assert_int_equal(push(2), WEIR_OK);
        assert_int_equal(weir_inlet_waiting(f.inlet), 5);
        rig_rest(&f.rig);
        assert_int_equal(weir_inlet_waiting(f.inlet), 5);
        player_expect(&f.c, "");
        ask(4); /* from two pushes, as one message */
        player_expect(&f.c, "events 0..3\n");
        assert_int_equal(weir_inlet_waiting(f.inlet), 1);
        ask(4);
        player_expect(&f.c, "events 4\n");
        assert_int_equal(weir_inlet_waiting(f.inlet), 0);
        assert_int_equal(push(2), WEIR_OK); /* what was asked for is remembered */
        rig_rest(&f.rig);
        player_expect(&f.c, "events 5 6\n");
        close_inlet();
    }
}

static void events_of_any_size(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 7, 40, 41, 5000, 65536};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct rig rig;
        rig_open(&rig, NULL);
        weir_inlet *inlet;
        weir_ref ref;
        const weir_inlet_options options = {.event_bytes = sizes[i], .capacity = 4};
        assert_int_equal(weir_inlet_open(rig.runtime, &options, &inlet, &ref), WEIR_OK);
        unsigned char *events = malloc(4 * sizes[i]);
        assert_non_null(events);
        memset(events, 7, 4 * sizes[i]);
        assert_int_equal(weir_inlet_push(inlet, events, 4, 0), WEIR_OK);
        free(events);
        weir_inlet_close(inlet);
        rig.emitted = 4;
        rig_close(&rig);
        rig_expect_log(&rig, "warning: inlet inlet has discarded 4 events\n");
    }
}

/* ---- without room -------------------------------------------------------- */

static void refuse_refuses(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&f.rig, world); world++) {
        open_inlet(WEIR_REFUSE);
        assert_int_equal(push(8), WEIR_OK);
        assert_int_equal(push(3), WEIR_FULL); /* all or nothing */
        assert_int_equal(push(2), WEIR_OK);
        assert_int_equal(push(1), WEIR_FULL);
        assert_int_equal(weir_inlet_waiting(f.inlet), 10);
        ask(1);
        assert_int_equal(push(2), WEIR_FULL);
        assert_int_equal(push(1), WEIR_OK);
        ask(20);
        player_expect(&f.c, "events 0\nevents 1..10\n");
        assert_int_equal(f.discards.by_cause[WEIR_DISCARD_OVERFLOW], 0);
        close_inlet();
    }
}

static void drop_newest_keeps_what_waits(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&f.rig, world); world++) {
        open_inlet(WEIR_DROP_NEWEST);
        assert_int_equal(push(8), WEIR_OK);
        assert_int_equal(push(3), WEIR_DROPPED); /* 8..10 */
        assert_int_equal(push(2), WEIR_OK);      /* 11 and 12 */
        assert_int_equal(push(4), WEIR_DROPPED);
        assert_int_equal(weir_inlet_waiting(f.inlet), 10);
        rig_rest(&f.rig);
        assert_int_equal(f.discards.by_cause[WEIR_DISCARD_OVERFLOW], 7);
        assert_int_equal(rig_accounts(&f.rig).discarded, 7);
        ask(20);
        player_expect(&f.c, "events 0..7 11 12\n");
        close_inlet();
    }
}

static void drop_oldest_keeps_the_newest(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&f.rig, world); world++) {
        open_inlet(WEIR_DROP_OLDEST);
        assert_int_equal(push(8), WEIR_OK);
        assert_int_equal(push(5), WEIR_DROPPED); /* of the oldest, three */
        rig_rest(&f.rig);
        assert_int_equal(weir_inlet_waiting(f.inlet), 10);
        assert_int_equal(f.discards.by_cause[WEIR_DISCARD_OVERFLOW], 3);
        assert_int_equal(push(10), WEIR_DROPPED);
        rig_rest(&f.rig);
        assert_int_equal(f.discards.by_cause[WEIR_DISCARD_OVERFLOW], 13);
        ask(20);
        player_expect(&f.c, "events 13..22\n");
        close_inlet();
    }
}

/* Before the worker has dropped the oldest, no more than twice the capacity waits. */
static void drop_oldest_is_bounded_too(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&f.rig, world); world++) {
        open_inlet(WEIR_DROP_OLDEST);
        for (int i = 0; i < 100; i++) {
            weir_status status = push(1);
            assert_int_equal(status, i < 10 ? WEIR_OK : WEIR_DROPPED);
            assert_true(weir_inlet_waiting(f.inlet) <= 20);
        }
        rig_rest(&f.rig);
        assert_int_equal(f.discards.by_cause[WEIR_DISCARD_OVERFLOW], 90);
        ask(20);
        player_expect(&f.c, "events 10..19\n");
        close_inlet();
    }
}

/* ---- waiting for room ---------------------------------------------------- */

static void block_waits_until_its_time_is_up(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&f.rig, world); world++) {
        open_inlet(WEIR_BLOCK);
        uint64_t numbers[10] = {0};
        assert_int_equal(push(10), WEIR_OK);
        assert_int_equal(weir_inlet_push(f.inlet, numbers, 1, 0), WEIR_TIMEOUT);
        assert_int_equal(weir_inlet_push(f.inlet, numbers, 1, 100000), WEIR_TIMEOUT);
        assert_int_equal(weir_inlet_waiting(f.inlet), 10);
        ask(2);
        assert_int_equal(weir_inlet_push(f.inlet, numbers, 3, 0), WEIR_TIMEOUT);
        assert_int_equal(push(2), WEIR_OK);
        close_inlet();
    }
}

struct pusher {
    weir_inlet *inlet;
    uint64_t number;
    uint64_t count;
    uint64_t accepted; /* events pushed with OK or DROPPED */
    weir_status last;
    uint32_t pushing; /* atomic: the last push begins */
    struct weir__thread thread;
};

/* Pushes number << 32 | 0, 1, ... in runs of one to three, until refused for good. */
static void push_all(void *argument) {
    struct pusher *pusher = argument;
    for (uint64_t at = 0; at < pusher->count;) {
        uint64_t run[3];
        size_t size = 1 + at % 3;
        for (size_t i = 0; i < size; i++) run[i] = pusher->number << 32 | (at + i);
        do {
            pusher->last = weir_inlet_push(pusher->inlet, run, size, WEIR_FOREVER);
        } while (pusher->last == WEIR_FULL);
        if (pusher->last != WEIR_OK && pusher->last != WEIR_DROPPED) return;
        pusher->accepted += size;
        at += size;
    }
}

enum { PUSHERS = 3 };

struct origins {
    uint64_t next[PUSHERS];
    uint64_t seen[PUSHERS];
};

/* Each pusher's numbers rise; without drops none is missing. */
static weir_verdict sort_out(weir_stage *self, struct player *player, weir_batch batch) {
    (void)self;
    struct origins *origins = player->own;
    const uint64_t *numbers = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        uint64_t from = numbers[i] >> 32;
        uint64_t number = numbers[i] & 0xffffffff;
        RIG_CHECK(player->rig, from < PUSHERS && number >= origins->next[from]);
        origins->next[from] = number + 1;
        origins->seen[from]++;
    }
    return WEIR_CONTINUE;
}

static void push_from_threads(weir_when_full when_full, size_t capacity) {
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 2});
    struct origins origins;
    memset(&origins, 0, sizeof origins);
    struct discards discards;
    memset(&discards, 0, sizeof discards);
    const weir_inlet_options options = {.event_bytes = 8,
                                        .capacity = capacity,
                                        .when_full = when_full,
                                        .discarded = count_discards,
                                        .context = &discards};
    weir_inlet *inlet;
    struct player in = {.name = "in", .rig = &rig};
    assert_int_equal(weir_inlet_open(rig.runtime, &options, &inlet, &in.ref), WEIR_OK);
    struct player c = {.name = "c",
                       .kind = WEIR_CONSUMER,
                       .quiet = true,
                       .own = &origins,
                       .does.events = sort_out};
    player_start(&c, &rig, NULL);
    player_subscribe(&c, &in, &(weir_subscribe_options){.max_demand = 50});
    struct pusher pushers[PUSHERS];
    for (uint64_t i = 0; i < PUSHERS; i++) {
        pushers[i] = (struct pusher){.inlet = inlet, .number = i, .count = 3000};
        assert_int_equal(weir__thread_start(&pushers[i].thread, "pusher", push_all, &pushers[i]),
                         0);
    }
    for (int i = 0; i < PUSHERS; i++) weir__thread_join(&pushers[i].thread);
    weir_inlet_close(inlet); /* what waits goes out first, then the consumer sees it end */
    assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_OK);
    uint64_t seen = 0;
    for (int i = 0; i < PUSHERS; i++) {
        assert_true(pushers[i].last == WEIR_OK || pushers[i].last == WEIR_DROPPED);
        rig.emitted += pushers[i].accepted;
        seen += origins.seen[i];
        bool drops = when_full >= WEIR_DROP_NEWEST;
        if (!drops) assert_int_equal(origins.seen[i], pushers[i].accepted);
    }
    assert_int_equal(seen + discards.by_cause[WEIR_DISCARD_OVERFLOW], rig.emitted);
    rig_close(&rig);
}

static void many_threads_push_at_once(void **state) {
    (void)state;
    static const size_t capacities[] = {3, 64, 100000};
    for (int when_full = WEIR_REFUSE; when_full <= WEIR_DROP_OLDEST; when_full++) {
        for (int i = 0; i < 3; i++) push_from_threads((weir_when_full)when_full, capacities[i]);
    }
}

/* One push, with a word before it begins. */
static void push_once(void *argument) {
    struct pusher *pusher = argument;
    uint64_t numbers[10] = {0};
    weir__store_release_u32(&pusher->pushing, 1);
    pusher->last = weir_inlet_push(pusher->inlet, numbers, pusher->count, WEIR_FOREVER);
}

static void start_blocked(struct pusher *pusher) {
    *pusher = (struct pusher){.inlet = f.inlet, .count = 4, .last = WEIR_INVALID};
    assert_int_equal(weir__thread_start(&pusher->thread, "blocked", push_once, pusher), 0);
    while (weir__load_acquire_u32(&pusher->pushing) == 0) weir__cpu_relax();
}

/* Each would wait for ever if it were not woken (or, when late, did not look). */
static void who_waits_is_woken_by_room(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++) {
        rig_open(&f.rig, &(weir_runtime_options){.workers = 1});
        open_inlet(WEIR_BLOCK);
        assert_int_equal(push(10), WEIR_OK);
        struct pusher pusher;
        start_blocked(&pusher);
        for (int k = 0; k < 4; k++) ask(1);
        weir__thread_join(&pusher.thread);
        assert_int_equal(pusher.last, WEIR_OK);
        f.rig.emitted += 4;
        close_inlet();
    }
}

static void who_waits_is_woken_by_the_end(void **state) {
    (void)state;
    for (int how = 0; how < 2; how++) {
        for (int i = 0; i < 20; i++) {
            rig_open(&f.rig, &(weir_runtime_options){.workers = 1});
            open_inlet(WEIR_BLOCK);
            assert_int_equal(push(10), WEIR_OK);
            struct pusher pusher;
            start_blocked(&pusher);
            if (how == 0) player_stop(&f.in, WEIR_REASON_NORMAL);
            if (how == 1) weir_inlet_finish(f.inlet); /* nobody asks, so it lives on */
            weir__thread_join(&pusher.thread);
            assert_int_equal(pusher.last, WEIR_NO_STAGE);
            close_inlet();
        }
    }
}

static weir_verdict push_inside(weir_stage *self, struct player *player, uint64_t number) {
    (void)self;
    uint64_t numbers[10] = {0};
    struct rig *rig = player->rig;
    RIG_CHECK(rig, weir_inlet_push(f.inlet, numbers, number, WEIR_FOREVER) == WEIR_OK);
    RIG_CHECK(rig, weir_inlet_push(f.inlet, numbers, 1, WEIR_FOREVER) == WEIR_WRONG_THREAD);
    RIG_CHECK(rig, strcmp(weir_refusal(), "a callback cannot wait for room in an inlet") == 0);
    return WEIR_CONTINUE;
}

static void callbacks_push_but_do_not_wait(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&f.rig, world); world++) {
        open_inlet(WEIR_BLOCK);
        struct player other = {
            .name = "other", .kind = WEIR_CONSUMER, .quiet = true, .does.cast = push_inside};
        player_start(&other, &f.rig, NULL);
        player_cast(&other, 10);
        rig_rest(&f.rig);
        assert_int_equal(weir_inlet_waiting(f.inlet), 10);
        f.rig.emitted += 10;
        close_inlet();
    }
}

/* ---- the end ------------------------------------------------------------- */

static void finish_lets_everything_go_out(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&f.rig, world); world++) {
        open_inlet(WEIR_REFUSE);
        assert_int_equal(push(7), WEIR_OK);
        assert_int_equal(weir_inlet_finish(f.inlet), WEIR_OK);
        assert_int_equal(push(1), WEIR_NO_STAGE);
        assert_string_equal(weir_refusal(), "the inlet was finished");
        assert_int_equal(weir_inlet_finish(f.inlet), WEIR_OK); /* again */
        rig_rest(&f.rig);
        assert_int_equal(weir_runtime_stages(f.rig.runtime), 2); /* it waits for demand */
        assert_false(weir_inlet_stopped(f.inlet));
        ask(5);
        player_expect(&f.c, "events 0..4\n");
        ask(5);
        player_expect(&f.c, "events 5 6\ndown in normal\n");
        assert_int_equal(push(1), WEIR_NO_STAGE);
        assert_string_equal(weir_refusal(), "the inlet has stopped: normal");
        assert_true(weir_inlet_stopped(f.inlet));
        assert_int_equal(weir_inlet_reason(f.inlet), WEIR_REASON_NORMAL);
        close_inlet();
    }
}

static void an_empty_inlet_finishes_at_once(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&f.rig, world); world++) {
        open_inlet(WEIR_REFUSE);
        weir_inlet_finish(f.inlet);
        rig_rest(&f.rig);
        player_expect(&f.c, "down in normal\n");
        close_inlet();
    }
}

/* The handle given back: the stage goes on with what waits. */
static void the_stage_outlives_the_handle(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&f.rig, world); world++) {
        open_inlet(WEIR_REFUSE);
        assert_int_equal(push(7), WEIR_OK);
        weir_inlet_close(f.inlet);
        rig_rest(&f.rig);
        ask(100);
        player_expect(&f.c, "events 0..6\ndown in normal\n");
        rig_close(&f.rig);
    }
}

static void the_handle_outlives_the_stage(void **state) {
    (void)state;
    for (int when_full = WEIR_REFUSE; when_full <= WEIR_DROP_OLDEST; when_full++) {
        for (int world = 0; rig_open_world(&f.rig, world); world++) {
            open_inlet((weir_when_full)when_full);
            assert_int_equal(push(7), WEIR_OK);
            player_stop(&f.in, WEIR_REASON_USER);
            rig_rest(&f.rig);
            player_expect(&f.c, "down in user\n");
            assert_int_equal(f.discards.by_cause[WEIR_DISCARD_STOPPED], 7);
            assert_int_equal(push(1), WEIR_NO_STAGE);
            assert_int_equal(push(9), WEIR_NO_STAGE);
            assert_int_equal(weir_inlet_finish(f.inlet), WEIR_OK);
            rig_rest(&f.rig);
            close_inlet();
        }
    }
}

/* Pushed when the stage has been told to stop and has not yet: told and counted. */
static void what_is_pushed_at_the_last_moment_is_counted(void **state) {
    (void)state;
    for (uint64_t steps = 0; steps < 4; steps++) {
        for (int world = 0; rig_open_world(&f.rig, world); world++) {
            open_inlet(WEIR_DROP_NEWEST);
            assert_int_equal(push(3), WEIR_OK);
            player_stop(&f.in, WEIR_REASON_USER);
            weir_runtime_step(f.rig.runtime, steps);
            for (int i = 0; i < 5; i++) push(4);
            rig_rest(&f.rig);
            const uint64_t *told = f.discards.by_cause;
            assert_int_equal(told[WEIR_DISCARD_STOPPED] + told[WEIR_DISCARD_OVERFLOW],
                             f.in.emitted);
            close_inlet();
        }
    }
}

/* Threads push while the stage is stopped: nothing is lost sight of. */
static void stopping_amid_pushes_counts_everything(void **state) {
    (void)state;
    for (int round = 0; round < 30; round++) {
        rig_open(&f.rig, &(weir_runtime_options){.workers = 1});
        open_inlet(round % 2 ? WEIR_DROP_OLDEST : WEIR_BLOCK);
        struct pusher pushers[PUSHERS];
        for (uint64_t i = 0; i < PUSHERS; i++) {
            pushers[i] = (struct pusher){.inlet = f.inlet, .number = i, .count = UINT64_MAX};
            assert_int_equal(
                weir__thread_start(&pushers[i].thread, "pusher", push_all, &pushers[i]), 0);
        }
        weir_ask(f.rig.runtime, f.subscription, 100);
        while (weir_inlet_waiting(f.inlet) == 0) weir__cpu_relax();
        player_stop(&f.in, WEIR_REASON_NORMAL);
        uint64_t accepted = 0;
        for (int i = 0; i < PUSHERS; i++) {
            weir__thread_join(&pushers[i].thread);
            assert_int_equal(pushers[i].last, WEIR_NO_STAGE);
            accepted += pushers[i].accepted;
        }
        rig_rest(&f.rig);
        f.rig.emitted += accepted;
        uint64_t told =
            f.discards.by_cause[WEIR_DISCARD_STOPPED] + f.discards.by_cause[WEIR_DISCARD_OVERFLOW];
        assert_int_equal(f.c.handled + told, accepted);
        close_inlet();
    }
}

/* ---- refusals ------------------------------------------------------------ */

static void bad_pushes_are_refused(void **state) {
    (void)state;
    rig_open(&f.rig, NULL);
    open_inlet(WEIR_DROP_OLDEST);
    uint64_t numbers[11] = {0};
    assert_int_equal(weir_inlet_push(f.inlet, numbers, 11, 0), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "count must be at most the capacity, 10, got 11");
    assert_int_equal(weir_inlet_push(f.inlet, NULL, 2, 0), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "events must not be NULL when count is 2");
    assert_int_equal(weir_inlet_push(f.inlet, NULL, 0, 0), WEIR_OK);
    assert_int_equal(weir_inlet_waiting(f.inlet), 0);
    /* It is poked, not cast. */
    assert_int_equal(weir_cast(f.rig.runtime, f.in.ref, "hello", 5), WEIR_OK);
    assert_int_equal(weir_cast(f.rig.runtime, f.in.ref, NULL, 0), WEIR_OK);
    rig_rest(&f.rig);
    rig_expect_log(&f.rig,
                   "warning: stage in has no handle_cast: a message of 5 bytes was dropped\n"
                   "warning: stage in has no handle_cast: a message of 0 bytes was dropped\n");
    close_inlet();
}

/* No memory to emit with: it stops, and what it held is counted. */
static void without_memory_to_emit_it_stops(void **state) {
    (void)state;
    rig_open(&f.rig, NULL);
    open_inlet(WEIR_REFUSE);
    assert_int_equal(push(10), WEIR_OK);
    rig_rest(&f.rig);
    weir_ask(f.rig.runtime, f.subscription, 4);
    test_memory_fail(&f.rig.memory, 1, true);
    rig_rest(&f.rig);
    test_memory_fail_never(&f.rig.memory);
    player_expect(&f.c, "down in no_memory\n");
    assert_int_equal(f.discards.by_cause[WEIR_DISCARD_STOPPED], 10);
    close_inlet();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_pushed_waits_for_demand),
        cmocka_unit_test(events_of_any_size),
        cmocka_unit_test(refuse_refuses),
        cmocka_unit_test(drop_newest_keeps_what_waits),
        cmocka_unit_test(drop_oldest_keeps_the_newest),
        cmocka_unit_test(drop_oldest_is_bounded_too),
        cmocka_unit_test(block_waits_until_its_time_is_up),
        cmocka_unit_test(many_threads_push_at_once),
        cmocka_unit_test(who_waits_is_woken_by_room),
        cmocka_unit_test(who_waits_is_woken_by_the_end),
        cmocka_unit_test(callbacks_push_but_do_not_wait),
        cmocka_unit_test(finish_lets_everything_go_out),
        cmocka_unit_test(an_empty_inlet_finishes_at_once),
        cmocka_unit_test(the_stage_outlives_the_handle),
        cmocka_unit_test(the_handle_outlives_the_stage),
        cmocka_unit_test(what_is_pushed_at_the_last_moment_is_counted),
        cmocka_unit_test(stopping_amid_pushes_counts_everything),
        cmocka_unit_test(bad_pushes_are_refused),
        cmocka_unit_test(without_memory_to_emit_it_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
