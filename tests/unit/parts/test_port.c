/*
 * The port: what one thread pushes comes out in its order, or is counted.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each policy does what it says when there is no room, and the bound holds for
 * each port by itself; who waits is woken by room, by the end and by time; finishing
 * lets everything go out first; ports, inlets and stages may end in any order; every
 * event is handled, or discarded and told; every refusal is as documented.
 * Method: stepped runtimes for what is certain, threads for the rest; positions begin
 * just before they wrap; rig_close compares the accounts with what was accepted.
 */
#include "support/cmocka.h"
#include "support/player.h"

#include "base/atomic.h"
#include "os/thread.h"
#include "parts/port.h"

#include <string.h>

enum { CAPACITY = 10 };

static struct {
    struct rig rig;
    weir_inlet *inlet;
    weir_port *port;
    struct player in; /* not a player: lends its reference and name */
    struct player c;
    uint64_t told[8]; /* of discards, by cause (atomic) */
    weir_subscription subscription;
} f;

static void count_discards(void *context, uint64_t count, weir_discard cause) {
    (void)context;
    weir__fetch_add_u64(&f.told[cause], count);
}

static void open_inlet(weir_when_full when_full) {
    memset(&f.in, 0, sizeof f.in);
    memset(&f.c, 0, sizeof f.c);
    memset(&f.told, 0, sizeof f.told);
    const weir_inlet_options options = {.name = "in",
                                        .event_bytes = sizeof(uint64_t),
                                        .capacity = CAPACITY,
                                        .when_full = when_full,
                                        .discarded = count_discards};
    assert_int_equal(weir_inlet_open(f.rig.runtime, &options, &f.inlet, &f.in.ref), WEIR_OK);
    f.in.name = "in";
    f.in.rig = &f.rig;
    f.in.started = f.rig.players;
    f.rig.players = &f.in;
}

/* An inlet of ten numbers with a port, and a consumer that asks by hand. */
static void open_port(weir_when_full when_full) {
    weir__port_start = UINT64_MAX - 13;
    open_inlet(when_full);
    assert_int_equal(weir_port_open(f.inlet, &f.port), WEIR_OK);
    f.c.name = "c";
    f.c.kind = WEIR_CONSUMER;
    f.c.manual = true;
    player_start(&f.c, &f.rig, NULL);
    f.subscription =
        player_subscribe(&f.c, &f.in, &(weir_subscribe_options){.cancel = WEIR_TEMPORARY});
    rig_rest(&f.rig);
    player_expect(&f.c, "subscribe in\n");
}

static weir_status push_into(weir_port *port, size_t count) {
    uint64_t numbers[CAPACITY];
    for (size_t i = 0; i < count; i++) numbers[i] = f.in.next + i;
    weir_status status = weir_port_push(port, numbers, count, 0);
    memset(numbers, 0xa5, sizeof numbers); /* they were copied */
    if (status == WEIR_OK || status == WEIR_DROPPED) {
        f.in.next += count;
        f.in.emitted += count;
    }
    return status;
}

/* Pushes the next `count` numbers. */
static weir_status push(size_t count) {
    return push_into(f.port, count);
}

static void ask(uint64_t count) {
    assert_int_equal(weir_ask(f.rig.runtime, f.subscription, count), WEIR_OK);
    rig_rest(&f.rig);
}

static void close_port(void) {
    weir_port_close(f.port);
    weir_inlet_close(f.inlet);
    rig_close(&f.rig);
}

/* ---- events come out ----------------------------------------------------- */

static void what_is_pushed_waits_for_demand(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&f.rig, world); world++) {
        open_port(WEIR_REFUSE);
        assert_int_equal(push(0), WEIR_OK);
        assert_int_equal(push(3), WEIR_OK);
        assert_int_equal(push(2), WEIR_OK);
        rig_rest(&f.rig);
        assert_int_equal(weir_port_waiting(f.port), 5);
        player_expect(&f.c, "");
        ask(4); /* from two pushes, as one message */
        player_expect(&f.c, "events 0..3\n");
        assert_int_equal(weir_port_waiting(f.port), 1);
        ask(4);
        player_expect(&f.c, "events 4\n");
        assert_int_equal(push(2), WEIR_OK); /* what was asked for is remembered */
        rig_rest(&f.rig);
        player_expect(&f.c, "events 5 6\n");
        close_port();
    }
}

/* Round and round, with runs that the ring's end cuts, and positions that wrap. */
static void order_is_kept_around_the_ring(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&f.rig, world); world++) {
        open_port(WEIR_REFUSE);
        f.c.quiet = true;
        uint64_t sum = 0;
        for (size_t count = 1; count <= CAPACITY; count++) {
            for (uint64_t i = 0; i < count; i++) sum += f.in.next + i;
            assert_int_equal(push(count), WEIR_OK);
            ask(count);
            assert_int_equal(f.c.sum, sum);
        }
        assert_int_equal(f.c.handled, 55);
        close_port();
    }
}

static weir_verdict check_bytes(weir_stage *self, struct player *player, weir_batch batch) {
    const unsigned char *bytes = batch.events;
    size_t size = weir_batch_event_bytes(self);
    for (size_t i = 0; i < batch.count; i++) {
        unsigned char mark = (unsigned char)(player->next++ % 251);
        const unsigned char *event = bytes + i * size;
        RIG_CHECK(player->rig, event[0] == mark && event[size - 1] == mark);
    }
    return WEIR_CONTINUE;
}

static void events_of_any_size(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 7, 8, 40, 41, 5000, 65536};
    static unsigned char events[4 * 65536];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        rig_open(&f.rig, NULL);
        const weir_inlet_options options = {.event_bytes = sizes[i], .capacity = 5};
        struct player in = {.name = "in", .rig = &f.rig};
        assert_int_equal(weir_inlet_open(f.rig.runtime, &options, &f.inlet, &in.ref), WEIR_OK);
        assert_int_equal(weir_port_open(f.inlet, &f.port), WEIR_OK);
        struct player c = {
            .name = "c", .kind = WEIR_CONSUMER, .quiet = true, .does.events = check_bytes};
        player_start(&c, &f.rig, NULL);
        player_subscribe(&c, &in, NULL);
        for (size_t number = 0; number < 12; number += 3) {
            for (size_t k = 0; k < 3; k++)
                memset(events + k * sizes[i], (int)(number + k), sizes[i]);
            assert_int_equal(weir_port_push(f.port, events, 3, 0), WEIR_OK);
            rig_rest(&f.rig);
        }
        assert_int_equal(c.handled, 12);
        f.rig.emitted = 12;
        close_port();
    }
}

/* Each has its bound and its order; and what is pushed without one comes out as well. */
static void several_ports_and_none(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&f.rig, world); world++) {
        open_port(WEIR_REFUSE);
        weir_port *second;
        assert_int_equal(weir_port_open(f.inlet, &second), WEIR_OK);
        assert_int_equal(push(CAPACITY), WEIR_OK);
        assert_int_equal(push(1), WEIR_FULL);
        assert_int_equal(push_into(second, CAPACITY), WEIR_OK);
        assert_int_equal(push_into(second, 1), WEIR_FULL);
        uint64_t numbers[CAPACITY] = {0};
        assert_int_equal(weir_inlet_push(f.inlet, numbers, CAPACITY, 0), WEIR_OK);
        assert_int_equal(weir_inlet_push(f.inlet, numbers, 1, 0), WEIR_FULL);
        f.rig.emitted += CAPACITY;
        for (int i = 0; i < 4; i++) ask(1); /* all three have their turns */
        assert_true(weir_port_waiting(f.port) < CAPACITY);
        assert_true(weir_port_waiting(second) < CAPACITY);
        assert_true(weir_inlet_waiting(f.inlet) < CAPACITY);
        ask(100);
        assert_int_equal(f.c.handled, 3 * CAPACITY);
        weir_port_close(second);
        assert_int_equal(push(1), WEIR_OK);
        rig_rest(&f.rig);
        assert_int_equal(f.c.handled, 3 * CAPACITY + 1);
        close_port();
    }
}

/* ---- without room -------------------------------------------------------- */

static void refuse_refuses(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&f.rig, world); world++) {
        open_port(WEIR_REFUSE);
        assert_int_equal(push(8), WEIR_OK);
        assert_int_equal(push(3), WEIR_FULL); /* all or nothing */
        assert_int_equal(push(2), WEIR_OK);
        assert_int_equal(push(1), WEIR_FULL);
        assert_int_equal(weir_port_waiting(f.port), CAPACITY);
        ask(1);
        assert_int_equal(push(2), WEIR_FULL);
        assert_int_equal(push(1), WEIR_OK);
        ask(20);
        player_expect(&f.c, "events 0\nevents 1..10\n");
        close_port();
    }
}

static void drop_newest_keeps_what_waits(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&f.rig, world); world++) {
        open_port(WEIR_DROP_NEWEST);
        assert_int_equal(push(8), WEIR_OK);
        assert_int_equal(push(3), WEIR_DROPPED); /* 8..10 */
        assert_int_equal(push(2), WEIR_OK);      /* 11 and 12 */
        assert_int_equal(push(4), WEIR_DROPPED);
        rig_rest(&f.rig);
        assert_int_equal(f.told[WEIR_DISCARD_OVERFLOW], 7); /* nobody has asked yet */
        assert_int_equal(rig_accounts(&f.rig).discarded, 7);
        ask(20);
        player_expect(&f.c, "events 0..7 11 12\n");
        close_port();
    }
}

static void block_waits_until_its_time_is_up(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&f.rig, world); world++) {
        open_port(WEIR_BLOCK);
        uint64_t numbers[CAPACITY] = {0};
        assert_int_equal(push(CAPACITY), WEIR_OK);
        assert_int_equal(weir_port_push(f.port, numbers, 1, 0), WEIR_TIMEOUT);
        assert_int_equal(weir_port_push(f.port, numbers, 1, 100000), WEIR_TIMEOUT);
        /* All stages rest: in a runtime without threads nothing would ever change. */
        assert_int_equal(weir_port_push(f.port, numbers, 1, WEIR_FOREVER), WEIR_TIMEOUT);
        assert_int_equal(weir_port_waiting(f.port), CAPACITY);
        assert_int_equal(weir_ask(f.rig.runtime, f.subscription, 2), WEIR_OK);
        assert_int_equal(weir_port_push(f.port, numbers, 2, WEIR_FOREVER), WEIR_OK);
        f.in.emitted += 2;
        close_port();
    }
}

struct pusher {
    weir_port *port;
    uint64_t count;    /* of one push */
    uint64_t most;     /* of all      */
    uint64_t accepted; /* events      */
    weir_status last;
    uint32_t pushing; /* atomic: it has begun */
    struct weir__thread thread;
};

/* Pushes 0, 1, ... until refused, or there are no more. */
static void push_all(void *argument) {
    struct pusher *pusher = argument;
    uint64_t numbers[CAPACITY];
    weir__store_release_u32(&pusher->pushing, 1);
    while (pusher->accepted < pusher->most) {
        for (uint64_t i = 0; i < pusher->count; i++) numbers[i] = pusher->accepted + i;
        do {
            pusher->last = weir_port_push(pusher->port, numbers, pusher->count, WEIR_FOREVER);
        } while (pusher->last == WEIR_FULL);
        if (pusher->last != WEIR_OK && pusher->last != WEIR_DROPPED) return;
        pusher->accepted += pusher->count;
    }
}

static void start_pusher(struct pusher *pusher, weir_port *port, uint64_t count, uint64_t most) {
    *pusher = (struct pusher){.port = port, .count = count, .most = most, .last = WEIR_INVALID};
    assert_int_equal(weir__thread_start(&pusher->thread, "pusher", push_all, pusher), 0);
    while (weir__load_acquire_u32(&pusher->pushing) == 0) weir__cpu_relax();
}

/* Each would wait for ever if it were not woken (or, when late, did not look). */
static void who_waits_is_woken(void **state) {
    (void)state;
    static const weir_idle idles[] = {WEIR_IDLE_SPIN_THEN_PARK, WEIR_IDLE_PARK};
    enum { BY_ROOM, BY_STOP, BY_FINISH, WAYS };
    for (int round = 0; round < 20 * WAYS; round++) {
        int way = round % WAYS;
        rig_open(&f.rig, &(weir_runtime_options){.workers = 1, .idle = idles[round / WAYS % 2]});
        open_port(WEIR_BLOCK);
        assert_int_equal(push(CAPACITY), WEIR_OK);
        struct pusher pusher;
        start_pusher(&pusher, f.port, 4, 4);
        if (way == BY_ROOM)
            for (int i = 0; i < 4; i++) ask(1);
        if (way == BY_STOP) player_stop(&f.in, WEIR_REASON_NORMAL);
        if (way == BY_FINISH) weir_inlet_finish(f.inlet); /* nobody asks, so it lives on */
        weir__thread_join(&pusher.thread);
        assert_int_equal(pusher.last, way == BY_ROOM ? WEIR_OK : WEIR_NO_STAGE);
        f.rig.emitted += pusher.accepted;
        close_port();
    }
}

static weir_verdict push_inside(weir_stage *self, struct player *player, uint64_t number) {
    (void)self;
    uint64_t numbers[CAPACITY] = {0};
    struct rig *rig = player->rig;
    RIG_CHECK(rig, weir_port_push(f.port, numbers, number, WEIR_FOREVER) == WEIR_OK);
    RIG_CHECK(rig, weir_port_push(f.port, numbers, 1, WEIR_FOREVER) == WEIR_WRONG_THREAD);
    RIG_CHECK(rig, strcmp(weir_refusal(), "a callback cannot wait for room in a port") == 0);
    return WEIR_CONTINUE;
}

static void callbacks_push_but_do_not_wait(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&f.rig, world); world++) {
        open_port(WEIR_BLOCK);
        struct player other = {
            .name = "other", .kind = WEIR_CONSUMER, .quiet = true, .does.cast = push_inside};
        player_start(&other, &f.rig, NULL);
        player_cast(&other, CAPACITY);
        rig_rest(&f.rig);
        assert_int_equal(weir_port_waiting(f.port), CAPACITY);
        f.rig.emitted += CAPACITY;
        close_port();
    }
}

/* ---- the end ------------------------------------------------------------- */

static void finish_lets_everything_go_out(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&f.rig, world); world++) {
        open_port(WEIR_REFUSE);
        assert_int_equal(push(7), WEIR_OK);
        assert_int_equal(weir_inlet_finish(f.inlet), WEIR_OK);
        assert_int_equal(push(1), WEIR_NO_STAGE);
        assert_string_equal(weir_refusal(), "the inlet was finished");
        assert_int_equal(push(9), WEIR_NO_STAGE); /* without room, too */
        rig_rest(&f.rig);
        assert_int_equal(weir_port_waiting(f.port), 7);
        ask(5);
        player_expect(&f.c, "events 0..4\n");
        ask(5);
        player_expect(&f.c, "events 5 6\ndown in normal\n");
        assert_int_equal(push(1), WEIR_NO_STAGE);
        assert_string_equal(weir_refusal(), "the inlet has stopped: normal");
        close_port();
    }
}

/* A drain is a finish that comes from the runtime. */
static void a_drain_lets_everything_go_out(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&f.rig, world); world++) {
        open_port(WEIR_REFUSE);
        assert_int_equal(push(7), WEIR_OK);
        rig_rest(&f.rig);
        assert_int_equal(weir_finish(f.rig.runtime, f.in.ref), WEIR_OK);
        rig_rest(&f.rig);
        assert_int_equal(push(1), WEIR_NO_STAGE);
        ask(20);
        player_expect(&f.c, "events 0..6\ndown in normal\n");
        close_port();
    }
}

/* The port closed, with events in it: they go out, and others may follow. */
static void what_waits_outlives_the_port(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&f.rig, world); world++) {
        open_port(WEIR_REFUSE);
        assert_int_equal(push(7), WEIR_OK);
        weir_port_close(f.port);
        rig_rest(&f.rig);
        ask(3);
        player_expect(&f.c, "events 0..2\n");
        assert_int_equal(weir_port_open(f.inlet, &f.port), WEIR_OK);
        assert_int_equal(push(2), WEIR_OK);
        ask(100);
        assert_int_equal(f.c.handled, 9);
        close_port();
    }
}

/* Long before the stage ends. */
static void closed_ports_are_let_go(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&f.rig, world); world++) {
        open_port(WEIR_REFUSE);
        uint64_t live = 0;
        for (int i = 0; i < 50; i++) {
            weir_port *other;
            assert_int_equal(weir_port_open(f.inlet, &other), WEIR_OK);
            assert_int_equal(push_into(other, 1 + (size_t)i % 3), WEIR_OK);
            if (i % 2 == 0) ask(100);
            weir_port_close(other);
            if (i % 2 != 0) ask(100);
            rig_rest(&f.rig);
            live = i == 10 ? f.rig.memory.live : live;
            assert_true(i < 10 || f.rig.memory.live <= live);
        }
        close_port();
    }
}

static void the_port_outlives_the_stage(void **state) {
    (void)state;
    static const weir_when_full policies[] = {WEIR_REFUSE, WEIR_BLOCK, WEIR_DROP_NEWEST};
    for (int i = 0; i < 3; i++) {
        for (int world = 0; rig_open_world(&f.rig, world); world++) {
            open_port(policies[i]);
            assert_int_equal(push(7), WEIR_OK);
            player_stop(&f.in, WEIR_REASON_USER);
            rig_rest(&f.rig);
            player_expect(&f.c, "down in user\n");
            assert_int_equal(f.told[WEIR_DISCARD_STOPPED], 7);
            assert_int_equal(weir_port_waiting(f.port), 0);
            assert_int_equal(push(1), WEIR_NO_STAGE);
            assert_int_equal(push(9), WEIR_NO_STAGE);
            weir_port *late;
            assert_int_equal(weir_port_open(f.inlet, &late), WEIR_NO_STAGE);
            assert_string_equal(weir_refusal(), "the inlet has stopped: user");
            close_port();
        }
    }
}

/* Opened and never looked at by the stage, which stops first. */
static void a_port_that_comes_with_the_end(void **state) {
    (void)state;
    for (int world = 0; rig_open_world(&f.rig, world); world++) {
        open_port(WEIR_REFUSE);
        weir_port *late;
        player_stop(&f.in, WEIR_REASON_USER);
        assert_int_equal(weir_port_open(f.inlet, &late), WEIR_OK);
        assert_int_equal(push_into(late, 3), WEIR_OK);
        rig_rest(&f.rig);
        assert_int_equal(f.told[WEIR_DISCARD_STOPPED], 3);
        weir_port_close(late);
        close_port();
    }
}

/* Threads push while the inlet ends: nothing is lost sight of. */
static void ending_amid_pushes_counts_everything(void **state) {
    (void)state;
    static const weir_when_full policies[] = {WEIR_REFUSE, WEIR_BLOCK, WEIR_DROP_NEWEST};
    for (int round = 0; round < 60; round++) {
        rig_open(&f.rig, &(weir_runtime_options){.workers = 1});
        open_port(policies[round % 3]);
        bool finishes = round / 3 % 2 == 0;
        f.c.quiet = true;
        weir_port *second;
        assert_int_equal(weir_port_open(f.inlet, &second), WEIR_OK);
        struct pusher pushers[2];
        weir_ask(f.rig.runtime, f.subscription, finishes ? WEIR_MAX_DEMAND_LIMIT : 50);
        start_pusher(&pushers[0], f.port, 1, UINT64_MAX);
        start_pusher(&pushers[1], second, 3, UINT64_MAX);
        while (weir_port_waiting(second) == 0) weir__cpu_relax();
        if (finishes) weir_inlet_finish(f.inlet);
        if (!finishes) player_stop(&f.in, WEIR_REASON_NORMAL);
        for (int i = 0; i < 2; i++) {
            weir__thread_join(&pushers[i].thread);
            assert_int_equal(pushers[i].last, WEIR_NO_STAGE);
            f.rig.emitted += pushers[i].accepted;
        }
        rig_rest(&f.rig);
        weir_port_close(second);
        close_port();
        uint64_t told = f.told[WEIR_DISCARD_STOPPED] + f.told[WEIR_DISCARD_OVERFLOW];
        assert_int_equal(f.c.handled + told, f.rig.emitted);
        bool drops = policies[round % 3] == WEIR_DROP_NEWEST; /* perhaps after the end */
        if (finishes && !drops) assert_int_equal(told, 0);
    }
}

/* ---- refusals ------------------------------------------------------------ */

static void bad_calls_are_refused(void **state) {
    (void)state;
    rig_open(&f.rig, NULL);
    open_port(WEIR_REFUSE);
    uint64_t numbers[CAPACITY + 1] = {0};
    assert_int_equal(weir_port_push(f.port, numbers, CAPACITY + 1, 0), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "count must be at most the capacity, 10, got 11");
    assert_int_equal(weir_port_push(f.port, NULL, 2, 0), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "events must not be NULL when count is 2");
    assert_int_equal(weir_port_push(f.port, NULL, 0, 0), WEIR_OK);
    assert_int_equal(weir_port_open(f.inlet, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "out must not be NULL");
    assert_int_equal(weir_port_waiting(f.port), 0);
    weir_port_close(NULL);
    close_port();
}

static void who_drops_the_oldest_has_no_ports(void **state) {
    (void)state;
    rig_open(&f.rig, NULL);
    open_inlet(WEIR_DROP_OLDEST);
    f.port = NULL;
    assert_int_equal(weir_port_open(f.inlet, &f.port), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "an inlet with WEIR_DROP_OLDEST has no ports: what is in "
                                        "a port is not its stage's to drop");
    assert_null(f.port);
    close_port();
}

static void without_memory_there_is_no_port(void **state) {
    (void)state;
    rig_open(&f.rig, NULL);
    open_port(WEIR_REFUSE);
    weir_port *other = NULL;
    uint64_t live = f.rig.memory.live;
    test_memory_fail(&f.rig.memory, 1, true);
    assert_int_equal(weir_port_open(f.inlet, &other), WEIR_NO_MEMORY);
    assert_string_equal(weir_refusal(), "no memory for a port of 10 events of 8 bytes");
    assert_null(other);
    assert_int_equal(f.rig.memory.live, live);
    assert_int_equal(push(CAPACITY), WEIR_OK); /* needs none */
    test_memory_fail_never(&f.rig.memory);
    weir_ask(f.rig.runtime, f.subscription, 4);
    test_memory_fail(&f.rig.memory, 1, true);
    rig_rest(&f.rig); /* emitting does */
    test_memory_fail_never(&f.rig.memory);
    player_expect(&f.c, "down in no_memory\n");
    assert_int_equal(f.told[WEIR_DISCARD_STOPPED], CAPACITY);
    close_port();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_pushed_waits_for_demand),
        cmocka_unit_test(order_is_kept_around_the_ring),
        cmocka_unit_test(events_of_any_size),
        cmocka_unit_test(several_ports_and_none),
        cmocka_unit_test(refuse_refuses),
        cmocka_unit_test(drop_newest_keeps_what_waits),
        cmocka_unit_test(block_waits_until_its_time_is_up),
        cmocka_unit_test(who_waits_is_woken),
        cmocka_unit_test(callbacks_push_but_do_not_wait),
        cmocka_unit_test(finish_lets_everything_go_out),
        cmocka_unit_test(a_drain_lets_everything_go_out),
        cmocka_unit_test(what_waits_outlives_the_port),
        cmocka_unit_test(closed_ports_are_let_go),
        cmocka_unit_test(the_port_outlives_the_stage),
        cmocka_unit_test(a_port_that_comes_with_the_end),
        cmocka_unit_test(ending_amid_pushes_counts_everything),
        cmocka_unit_test(bad_calls_are_refused),
        cmocka_unit_test(who_drops_the_oldest_has_no_ports),
        cmocka_unit_test(without_memory_there_is_no_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
