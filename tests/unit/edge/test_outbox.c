/*
 * The outbox: the other end is told once, and an edge that is told of is held.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: an edge that was touched any number of times is raised once, at the
 * flush, for the stage at the right end, with one reference; an edge of one
 * worker is made hot at once, if its end there has begun; letting a hot edge
 * go gives its reference back.
 * Method: edges between ready stages of two bells, by hand; references are read.
 */
#include "edge/outbox.h"

#include "support/cmocka.h"
#include "support/edge_scene.h"
#include "support/memory.h"

#include <string.h>

enum { EDGES = WEIR__OUTBOX_EDGES + 3 };

struct fixture {
    struct test_memory memory;
    struct weir__bell bell[2];
    struct weir__ready_stage stage[2]; /* by direction: producer, consumer */
    struct weir__edge *edge[EDGES];
    struct weir__outbox outbox;
    uint32_t taken;
};

/* local: both stages belong to the first bell's worker. */
static void open_fixture(struct fixture *f, bool local) {
    memset(f, 0, sizeof *f);
    test_memory_open(&f->memory);
    for (int i = 0; i < 2; i++) {
        weir__bell_open(&f->bell[i]);
        weir__ready_stage_open(&f->stage[i], &f->bell[local ? 0 : i]);
    }
    const weir_subscribe_options options = {.max_demand = 1};
    for (int i = 0; i < EDGES; i++) {
        const weir_subscription id = {{1}, {2}, (uint64_t)i};
        f->edge[i] =
            weir__edge_open(&f->memory.allocator, id, &options, false, &f->stage[0], &f->stage[1]);
        assert_non_null(f->edge[i]);
    }
}

static void close_fixture(struct fixture *f) {
    for (int i = 0; i < EDGES; i++) {
        assert_int_equal(f->edge[i]->refs, 2);
        edge_scene_release(f->edge[i]);
    }
    test_memory_close(&f->memory);
}

/* As the owner of the stage does it. */
static void take(void *context, struct weir__ready_edge *ready) {
    struct fixture *f = context;
    struct weir__edge *edge = ready->edge;
    f->taken++;
    assert_int_equal(edge->refs, 3);
    weir__ready_lower(&ready->raised);
    weir__edge_release(edge);
}

static uint32_t collect(struct fixture *f, enum weir__direction direction) {
    f->taken = 0;
    weir__ready_collect(&f->stage[direction], take, f);
    return f->taken;
}

/* ---- edges to another worker --------------------------------------------- */

static void many_touches_are_one_rise(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, false);
    for (int i = 0; i < 3; i++) weir__outbox_touch(&f.outbox, f.edge[0], WEIR__EVENTS);
    assert_int_equal(f.outbox.count, 1);
    assert_int_equal(f.edge[0]->refs, 2);
    assert_false(weir__bell_pending(&f.bell[1])); /* nobody is told before the flush */
    weir__outbox_flush(&f.outbox);
    assert_int_equal(f.outbox.count, 0);
    assert_true(weir__bell_pending(&f.bell[1]));
    assert_false(weir__bell_pending(&f.bell[0]));
    weir__outbox_touch(&f.outbox, f.edge[0], WEIR__EVENTS);
    weir__outbox_flush(&f.outbox); /* is raised still */
    assert_int_equal(f.edge[0]->refs, 3);
    assert_int_equal(collect(&f, WEIR__EVENTS), 1);
    close_fixture(&f);
}

static void each_direction_tells_its_own_end(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, false);
    weir__outbox_touch(&f.outbox, f.edge[0], WEIR__DEMAND);
    weir__outbox_touch(&f.outbox, f.edge[1], WEIR__EVENTS);
    assert_int_equal(f.outbox.count, 2);
    weir__outbox_flush(&f.outbox);
    assert_true(weir__bell_pending(&f.bell[0]));
    assert_true(weir__bell_pending(&f.bell[1]));
    assert_int_equal(collect(&f, WEIR__DEMAND), 1);
    assert_int_equal(collect(&f, WEIR__EVENTS), 1);
    close_fixture(&f);
}

static void a_full_outbox_flushes_itself(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, false);
    for (int i = 0; i < WEIR__OUTBOX_EDGES; i++) {
        weir__outbox_touch(&f.outbox, f.edge[i], WEIR__EVENTS);
    }
    assert_false(weir__bell_pending(&f.bell[1]));
    for (int i = WEIR__OUTBOX_EDGES; i < EDGES; i++) {
        weir__outbox_touch(&f.outbox, f.edge[i], WEIR__EVENTS);
    }
    assert_int_equal(f.outbox.count, EDGES - WEIR__OUTBOX_EDGES);
    weir__outbox_flush(&f.outbox);
    assert_int_equal(collect(&f, WEIR__EVENTS), EDGES);
    close_fixture(&f);
}

static void flushing_an_empty_outbox_tells_nobody(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, false);
    weir__outbox_flush(&f.outbox);
    weir__outbox_flush_pending(&f.outbox);
    assert_false(weir__bell_pending(&f.bell[0]));
    assert_false(weir__bell_pending(&f.bell[1]));
    close_fixture(&f);
}

/* ---- edges of one worker ------------------------------------------------- */

static void a_local_edge_is_hot_at_once(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, true);
    struct weir__edge *edge = f.edge[0];
    weir__consumer_move(&edge->consumer_state, WEIR__CONSUMER_OPEN);
    weir__producer_move(&edge->producer_state, WEIR__PRODUCER_ATTACHED);
    for (int i = 0; i < 2; i++) {
        weir__outbox_touch(&f.outbox, edge, WEIR__EVENTS);
        weir__outbox_touch(&f.outbox, edge, WEIR__DEMAND);
        assert_int_equal(f.outbox.count, 0);
        assert_int_equal(edge->refs, 4);
    }
    assert_false(weir__bell_pending(&f.bell[0]));
    assert_int_equal(f.bell[0].run_count, 2);
    assert_ptr_equal(f.stage[1].hot[WEIR__EVENTS].first, &edge->ready[WEIR__EVENTS]);
    assert_ptr_equal(f.stage[0].hot[WEIR__DEMAND].first, &edge->ready[WEIR__DEMAND]);
    /* Both wait already: who has events, which are in the cache, runs first. */
    assert_ptr_equal(weir__bell_next(&f.bell[0]), &f.stage[1]);
    assert_ptr_equal(weir__bell_next(&f.bell[0]), &f.stage[0]);
    weir__edge_unheat(edge, WEIR__EVENTS);
    weir__edge_unheat(edge, WEIR__DEMAND);
    close_fixture(&f);
}

/* What was published is found when that end begins: it looks by itself. */
static void an_end_that_has_not_begun_is_left_alone(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, true);
    weir__outbox_touch(&f.outbox, f.edge[0], WEIR__EVENTS);
    weir__outbox_touch(&f.outbox, f.edge[0], WEIR__DEMAND);
    weir__consumer_move(&f.edge[0]->consumer_state, WEIR__CONSUMER_OPEN);
    weir__outbox_touch(&f.outbox, f.edge[0], WEIR__DEMAND); /* the other end */
    assert_int_equal(f.edge[0]->refs, 2);
    assert_int_equal(f.bell[0].run_count, 0);
    close_fixture(&f);
}

/* ---- heating ------------------------------------------------------------- */

static void a_hot_edge_is_held_once(void **state) {
    (void)state;
    for (int local = 0; local < 2; local++) {
        struct fixture f;
        open_fixture(&f, local);
        weir__edge_heat(f.edge[0], WEIR__EVENTS);
        weir__edge_heat(f.edge[0], WEIR__EVENTS);
        assert_int_equal(f.edge[0]->refs, 3);
        assert_int_equal(f.edge[0]->ready[WEIR__EVENTS].raised, 1);
        weir__edge_unheat(f.edge[0], WEIR__EVENTS);
        assert_int_equal(f.stage[1].hot[WEIR__EVENTS].count, 0);
        close_fixture(&f);
    }
}

/* A publisher has raised it: it comes by the stack, with the publisher's reference. */
static void an_edge_on_its_way_is_not_heated(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f, false);
    weir__outbox_touch(&f.outbox, f.edge[0], WEIR__EVENTS);
    weir__outbox_flush(&f.outbox);
    weir__edge_heat(f.edge[0], WEIR__EVENTS);
    assert_false(f.edge[0]->ready[WEIR__EVENTS].hot);
    assert_int_equal(f.edge[0]->refs, 3);
    assert_int_equal(collect(&f, WEIR__EVENTS), 1);
    close_fixture(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_touches_are_one_rise),
        cmocka_unit_test(each_direction_tells_its_own_end),
        cmocka_unit_test(a_full_outbox_flushes_itself),
        cmocka_unit_test(flushing_an_empty_outbox_tells_nobody),
        cmocka_unit_test(a_local_edge_is_hot_at_once),
        cmocka_unit_test(an_end_that_has_not_begun_is_left_alone),
        cmocka_unit_test(a_hot_edge_is_held_once),
        cmocka_unit_test(an_edge_on_its_way_is_not_heated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
