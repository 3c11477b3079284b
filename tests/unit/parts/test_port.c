/*
 * The port: what one thread pushes comes out in its order, or is counted.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: order is kept around the ring, and the bound holds for each port by itself; ports,
 * inlets and stages may end in any order; every event is handled, or discarded and told;
 * every refusal is as documented.  (What holds without a port as well: test_push.c)
 * Method: stepped runtimes for what is certain, threads for the rest; positions begin
 * just before they wrap; rig_close compares the accounts with what was accepted.
 */
#include "support/inlet_scene.h"
#include "support/worlds.h"

#include "base/atomic.h"
#include "os/thread.h"
#include "parts/port.h"

#include <string.h>

static struct inlet_scene f;

/* ---- events come out ----------------------------------------------------- */

/* Round and round, with runs that the ring's end cuts, and positions that wrap. */
static void order_is_kept_around_the_ring(void) {
    inlet_scene_open_port(&f, WEIR_REFUSE);
    f.c.quiet = true;
    uint64_t sum = 0;
    for (size_t count = 1; count <= INLET_CAPACITY; count++) {
        for (uint64_t i = 0; i < count; i++) sum += f.in.next + i;
        assert_int_equal(inlet_scene_push(&f, count), WEIR_OK);
        inlet_scene_ask(&f, count);
        assert_int_equal(f.c.sum, sum);
    }
    assert_int_equal(f.c.handled, 55);
    inlet_scene_close(&f);
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
        inlet_scene_close(&f);
    }
}

/* Each has its bound and its order; and what is pushed without one comes out as well. */
static void several_ports_and_none(void) {
    inlet_scene_open_port(&f, WEIR_REFUSE);
    weir_port *second;
    assert_int_equal(weir_port_open(f.inlet, &second), WEIR_OK);
    assert_int_equal(inlet_scene_push(&f, INLET_CAPACITY), WEIR_OK);
    assert_int_equal(inlet_scene_push(&f, 1), WEIR_FULL);
    assert_int_equal(inlet_scene_push_into(&f, second, INLET_CAPACITY), WEIR_OK);
    assert_int_equal(inlet_scene_push_into(&f, second, 1), WEIR_FULL);
    uint64_t numbers[INLET_CAPACITY] = {0};
    assert_int_equal(weir_inlet_push(f.inlet, numbers, INLET_CAPACITY, 0), WEIR_OK);
    assert_int_equal(weir_inlet_push(f.inlet, numbers, 1, 0), WEIR_FULL);
    f.rig.emitted += INLET_CAPACITY;
    for (int i = 0; i < 4; i++) inlet_scene_ask(&f, 1); /* all three have their turns */
    assert_true(weir_port_waiting(f.port) < INLET_CAPACITY);
    assert_true(weir_port_waiting(second) < INLET_CAPACITY);
    assert_true(weir_inlet_waiting(f.inlet) < INLET_CAPACITY);
    inlet_scene_ask(&f, 100);
    assert_int_equal(f.c.handled, 3 * INLET_CAPACITY);
    weir_port_close(second);
    assert_int_equal(inlet_scene_push(&f, 1), WEIR_OK);
    rig_rest(&f.rig);
    assert_int_equal(f.c.handled, 3 * INLET_CAPACITY + 1);
    inlet_scene_close(&f);
}

/* ---- the end ------------------------------------------------------------- */

/* A drain is a finish that comes from the runtime. */
static void a_drain_lets_everything_go_out(void) {
    inlet_scene_open_port(&f, WEIR_REFUSE);
    assert_int_equal(inlet_scene_push(&f, 7), WEIR_OK);
    rig_rest(&f.rig);
    assert_int_equal(weir_finish(f.rig.runtime, f.in.ref), WEIR_OK);
    rig_rest(&f.rig);
    assert_int_equal(inlet_scene_push(&f, 1), WEIR_NO_STAGE);
    inlet_scene_ask(&f, 20);
    player_expect(&f.c, "events 0..6\ndown in normal\n");
    inlet_scene_close(&f);
}

/* The port closed, with events in it: they go out, and others may follow. */
static void what_waits_outlives_the_port(void) {
    inlet_scene_open_port(&f, WEIR_REFUSE);
    assert_int_equal(inlet_scene_push(&f, 7), WEIR_OK);
    weir_port_close(f.port);
    rig_rest(&f.rig);
    inlet_scene_ask(&f, 3);
    player_expect(&f.c, "events 0..2\n");
    assert_int_equal(weir_port_open(f.inlet, &f.port), WEIR_OK);
    assert_int_equal(inlet_scene_push(&f, 2), WEIR_OK);
    inlet_scene_ask(&f, 100);
    assert_int_equal(f.c.handled, 9);
    inlet_scene_close(&f);
}

/* Long before the stage ends. */
static void closed_ports_are_let_go(void) {
    inlet_scene_open_port(&f, WEIR_REFUSE);
    uint64_t live = 0;
    for (int i = 0; i < 50; i++) {
        weir_port *other;
        assert_int_equal(weir_port_open(f.inlet, &other), WEIR_OK);
        assert_int_equal(inlet_scene_push_into(&f, other, 1 + (size_t)i % 3), WEIR_OK);
        if (i % 2 == 0) inlet_scene_ask(&f, 100);
        weir_port_close(other);
        if (i % 2 != 0) inlet_scene_ask(&f, 100);
        rig_rest(&f.rig);
        live = i == 10 ? f.rig.memory.live : live;
        assert_true(i < 10 || f.rig.memory.live <= live);
    }
    inlet_scene_close(&f);
}

static void the_port_outlives_the_stage(void) {
    inlet_scene_open_port(&f, WEIR_REFUSE);
    assert_int_equal(inlet_scene_push(&f, 7), WEIR_OK);
    player_stop(&f.in, WEIR_REASON_USER);
    rig_rest(&f.rig);
    assert_int_equal(weir_port_waiting(f.port), 0);
    weir_port *late;
    assert_int_equal(weir_port_open(f.inlet, &late), WEIR_NO_STAGE);
    assert_string_equal(weir_refusal(), "the inlet has stopped: user");
    inlet_scene_close(&f);
}

/* Opened and never looked at by the stage, which stops first. */
static void a_port_that_comes_with_the_end(void) {
    inlet_scene_open_port(&f, WEIR_REFUSE);
    weir_port *late;
    player_stop(&f.in, WEIR_REASON_USER);
    assert_int_equal(weir_port_open(f.inlet, &late), WEIR_OK);
    assert_int_equal(inlet_scene_push_into(&f, late, 3), WEIR_OK);
    rig_rest(&f.rig);
    assert_int_equal(f.told[WEIR_DISCARD_STOPPED], 3);
    weir_port_close(late);
    inlet_scene_close(&f);
}

/* Threads push while the inlet ends: nothing is lost sight of. */
static void ending_amid_pushes_counts_everything(void **state) {
    (void)state;
    static const weir_when_full policies[] = {WEIR_REFUSE, WEIR_BLOCK, WEIR_DROP_NEWEST};
    for (int round = 0; round < 60; round++) {
        rig_open(&f.rig, &(weir_runtime_options){.workers = 1});
        inlet_scene_open_port(&f, policies[round % 3]);
        bool finishes = round / 3 % 2 == 0;
        f.c.quiet = true;
        weir_port *second;
        assert_int_equal(weir_port_open(f.inlet, &second), WEIR_OK);
        struct inlet_pusher pushers[2];
        weir_ask(f.rig.runtime, f.subscription, finishes ? WEIR_MAX_DEMAND_LIMIT : 50);
        inlet_pusher_start(
            &pushers[0], (struct inlet_pusher){.port = f.port, .per_push = 1, .most = UINT64_MAX});
        inlet_pusher_start(
            &pushers[1], (struct inlet_pusher){.port = second, .per_push = 3, .most = UINT64_MAX});
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
        inlet_scene_close(&f);
        uint64_t told = f.told[WEIR_DISCARD_STOPPED] + f.told[WEIR_DISCARD_OVERFLOW];
        assert_int_equal(f.c.handled + told, f.rig.emitted);
        bool drops = policies[round % 3] == WEIR_DROP_NEWEST; /* perhaps after the end */
        if (finishes && !drops) assert_int_equal(told, 0);
    }
}

/* ---- refusals ------------------------------------------------------------ */

static void a_port_goes_somewhere(void **state) {
    (void)state;
    rig_open(&f.rig, NULL);
    inlet_scene_open_port(&f, WEIR_REFUSE);
    assert_int_equal(weir_port_open(f.inlet, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "out must not be NULL");
    weir_port_close(NULL);
    inlet_scene_close(&f);
}

static void who_drops_the_oldest_has_no_ports(void **state) {
    (void)state;
    rig_open(&f.rig, NULL);
    inlet_scene_open_bare(&f, WEIR_DROP_OLDEST);
    f.port = NULL;
    assert_int_equal(weir_port_open(f.inlet, &f.port), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "an inlet with WEIR_DROP_OLDEST has no ports: what is in "
                                        "a port is not its stage's to drop");
    assert_null(f.port);
    inlet_scene_close(&f);
}

static void without_memory_there_is_no_port(void **state) {
    (void)state;
    rig_open(&f.rig, NULL);
    inlet_scene_open_port(&f, WEIR_REFUSE);
    weir_port *other = NULL;
    uint64_t live = f.rig.memory.live;
    test_memory_fail(&f.rig.memory, 1, true);
    assert_int_equal(weir_port_open(f.inlet, &other), WEIR_NO_MEMORY);
    assert_string_equal(weir_refusal(), "no memory for a port of 10 events of 8 bytes");
    assert_null(other);
    assert_int_equal(f.rig.memory.live, live);
    assert_int_equal(inlet_scene_push(&f, INLET_CAPACITY), WEIR_OK); /* needs none */
    test_memory_fail_never(&f.rig.memory);
    inlet_scene_close(&f);
}

#define IN_WORLDS(test) TEST_IN_WORLDS_OF(&f.rig, test)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLDS(order_is_kept_around_the_ring),
        cmocka_unit_test(events_of_any_size),
        IN_WORLDS(several_ports_and_none),
        IN_WORLDS(a_drain_lets_everything_go_out),
        IN_WORLDS(what_waits_outlives_the_port),
        IN_WORLDS(closed_ports_are_let_go),
        IN_WORLDS(the_port_outlives_the_stage),
        IN_WORLDS(a_port_that_comes_with_the_end),
        cmocka_unit_test(ending_amid_pushes_counts_everything),
        cmocka_unit_test(a_port_goes_somewhere),
        cmocka_unit_test(who_drops_the_oldest_has_no_ports),
        cmocka_unit_test(without_memory_there_is_no_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
