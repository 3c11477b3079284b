/*
 * Readiness: who is raised runs once for it, in turn, and no rise is lost.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: an edge that is raised comes to its stage once, and the stage once to
 * its worker, in the order of raising; `raised` is a token that exactly one
 * side holds at every step of cooling; the lists stay whole; a worker that
 * would sleep while something is there does not, and is woken when it comes.
 * Method: the interleavings of publisher and owner are written out by hand, a
 * step at a time on one thread; parking also with a second thread.  All
 * interleavings are the models' (tests/model/ready_park.pml).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "ring/ready.h"

#include "os/clock.h"
#include "os/thread.h"
#include "support/cmocka.h"

#include <sched.h>
#include <string.h>

enum { EDGES = 5 };

struct fixture {
    struct weir__bell bell;
    struct weir__ready_stage stage[3];
    struct weir__ready_edge edge[EDGES]; /* of stage 0 */
    struct weir__ready_edge *taken[EDGES];
    size_t count;
};

static void open_fixture(struct fixture *f) {
    memset(f, 0xa5, sizeof *f);
    weir__bell_open(&f->bell);
    for (int i = 0; i < 3; i++) {
        weir__ready_stage_open(&f->stage[i], &f->bell);
        weir__ready_goes_abroad(&f->stage[i]);
    }
    for (int i = 0; i < EDGES; i++) weir__ready_edge_open(&f->edge[i], WEIR__EVENTS, f);
    f->count = 0;
}

/* As a publisher on another worker does it. */
static bool publish(struct fixture *f, int edge, int stage) {
    weir__fence_full();
    bool raised = weir__ready_raise(&f->edge[edge]);
    if (raised) weir__ready_push(&f->edge[edge], &f->stage[stage]);
    return raised;
}

static void take(void *context, struct weir__ready_edge *edge) {
    struct fixture *f = context;
    assert_true(f->count < EDGES);
    f->taken[f->count++] = edge;
}

static void collect(struct fixture *f, int stage) {
    f->count = 0;
    weir__ready_collect(&f->stage[stage], take, f);
}

static struct weir__ready_stage *next(struct fixture *f) {
    weir__bell_collect(&f->bell);
    return weir__bell_next(&f->bell);
}

/* ---- raising ------------------------------------------------------------- */

static void raised_edges_come_in_order(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f);
    assert_null(next(&f));
    collect(&f, 0);
    assert_int_equal(f.count, 0);
    for (int i = 0; i < EDGES; i++) assert_true(publish(&f, i, 0));
    assert_true(weir__bell_pending(&f.bell));
    assert_ptr_equal(next(&f), &f.stage[0]);
    assert_null(next(&f)); /* once for all of them */
    assert_false(weir__bell_pending(&f.bell));
    collect(&f, 0);
    assert_int_equal(f.count, EDGES);
    for (int i = 0; i < EDGES; i++) assert_ptr_equal(f.taken[i], &f.edge[i]);
    collect(&f, 0);
    assert_int_equal(f.count, 0);
}

static void an_edge_is_raised_once(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f);
    assert_true(publish(&f, 0, 0));
    for (int i = 0; i < 3; i++) assert_false(publish(&f, 0, 0));
    assert_ptr_equal(next(&f), &f.stage[0]);
    collect(&f, 0);
    assert_int_equal(f.count, 1);
    assert_false(publish(&f, 0, 0)); /* the owner looks at it anyway */
}

static void raised_stages_come_in_order(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f);
    publish(&f, 0, 2);
    publish(&f, 1, 0);
    publish(&f, 2, 1);
    publish(&f, 3, 2);
    assert_ptr_equal(next(&f), &f.stage[2]);
    assert_ptr_equal(next(&f), &f.stage[0]);
    assert_ptr_equal(next(&f), &f.stage[1]);
    assert_null(next(&f));
    collect(&f, 2);
    assert_int_equal(f.count, 2);
}

/* ---- the run list -------------------------------------------------------- */

static void the_run_list_is_a_line(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f);
    weir__ready_queue(&f.stage[0], false);
    weir__ready_queue(&f.stage[1], false);
    weir__ready_queue(&f.stage[0], false); /* is in it */
    weir__ready_queue(&f.stage[2], true);  /* goes first */
    assert_int_equal(f.bell.run_count, 3);
    assert_ptr_equal(next(&f), &f.stage[2]);
    weir__ready_queue(&f.stage[2], false);
    assert_ptr_equal(next(&f), &f.stage[0]);
    assert_ptr_equal(next(&f), &f.stage[1]);
    assert_ptr_equal(next(&f), &f.stage[2]);
    assert_null(next(&f));
    assert_int_equal(f.bell.run_count, 0);
    assert_ptr_equal(f.bell.run.next, &f.bell.run);
}

static void who_waits_may_be_next(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f);
    for (int i = 0; i < 3; i++) weir__ready_queue(&f.stage[i], false);
    weir__ready_run_next(&f.stage[2], false);
    weir__ready_run_next(&f.stage[1], false); /* somebody was said before */
    assert_ptr_equal(next(&f), &f.stage[2]);
    weir__ready_run_next(&f.stage[0], false);
    weir__ready_run_next(&f.stage[1], true); /* before him, too */
    assert_ptr_equal(next(&f), &f.stage[1]);
    weir__ready_run_next(&f.stage[2], false); /* is not in the list: it comes into it */
    assert_ptr_equal(next(&f), &f.stage[2]);
    assert_ptr_equal(next(&f), &f.stage[0]);
    assert_null(next(&f));
    assert_int_equal(f.bell.run_count, 0);
}

static void who_is_always_next_does_not_starve_the_others(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f);
    for (int i = 0; i < 3; i++) weir__ready_queue(&f.stage[i], false);
    bool came = false;
    for (int visits = 0; visits < 4 * WEIR__RUN_STREAK && !came; visits++) {
        /* Two stages that work for each other. */
        weir__ready_run_next(&f.stage[visits % 2], true);
        struct weir__ready_stage *stage = next(&f);
        came = stage == &f.stage[2];
        weir__ready_queue(stage, false);
    }
    assert_true(came);
}

/* It is put ahead in its own turn, each time: by what it has sent itself. */
static void who_goes_ahead_by_itself_does_not_starve_the_others(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f);
    for (int i = 0; i < 3; i++) weir__ready_queue(&f.stage[i], false);
    int came[3] = {0};
    for (int visits = 0; visits < 10 * WEIR__RUN_STREAK; visits++) {
        struct weir__ready_stage *stage = next(&f);
        came[stage - f.stage]++;
        weir__ready_queue(stage, stage == &f.stage[0]);
    }
    assert_in_range(came[1], 4, 6); /* in turn */
    assert_in_range(came[2], 4, 6);
    assert_int_equal(f.bell.run_count, 3);
}

static void a_stage_that_is_being_raised_is_left_to_the_stack(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f);
    publish(&f, 0, 0);
    weir__ready_queue(&f.stage[0], true); /* the owner has a reason of its own */
    assert_int_equal(f.bell.run_count, 0);
    assert_ptr_equal(next(&f), &f.stage[0]);
    assert_null(next(&f));
}

static void a_stage_that_is_queued_is_not_pushed(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f);
    weir__ready_queue(&f.stage[0], false);
    assert_true(publish(&f, 0, 0));
    assert_false(weir__bell_pending(&f.bell)); /* the owner will look */
    assert_ptr_equal(next(&f), &f.stage[0]);
    assert_null(next(&f));
    collect(&f, 0);
    assert_int_equal(f.count, 1);
}

/* ---- cooling ------------------------------------------------------------- */

static void a_cold_stage_is_raised_anew(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f);
    weir__ready_queue(&f.stage[0], false);
    assert_ptr_equal(next(&f), &f.stage[0]);
    assert_true(weir__ready_cool_stage(&f.stage[0]));
    assert_int_equal(f.stage[0].raised, 0);
    assert_true(publish(&f, 0, 0));
    assert_ptr_equal(next(&f), &f.stage[0]);
}

/* Until somebody else may raise it: from then on it cools. */
static void a_stage_known_here_alone_keeps_its_token(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f);
    weir__ready_stage_open(&f.stage[0], &f.bell);
    weir__ready_queue(&f.stage[0], false);
    for (int i = 0; i < 2; i++) {
        assert_ptr_equal(next(&f), &f.stage[0]);
        assert_true(weir__ready_cool_stage(&f.stage[0]));
        assert_true(f.stage[0].owned);
        assert_int_equal(f.stage[0].raised, 1);
        assert_null(next(&f));
        weir__ready_queue(&f.stage[0], false);
    }
    weir__ready_goes_abroad(&f.stage[0]);
    assert_ptr_equal(next(&f), &f.stage[0]);
    assert_true(weir__ready_cool_stage(&f.stage[0]));
    assert_false(f.stage[0].owned);
    assert_int_equal(f.stage[0].raised, 0);
}

static void a_stage_with_a_raised_edge_does_not_cool(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f);
    weir__ready_queue(&f.stage[0], false);
    assert_ptr_equal(next(&f), &f.stage[0]);
    publish(&f, 0, 0); /* the stage is raised still, so only the edge is pushed */
    assert_false(weir__ready_cool_stage(&f.stage[0]));
    assert_true(f.stage[0].owned);
    assert_int_equal(f.stage[0].raised, 1);
    weir__ready_queue(&f.stage[0], false);
    assert_ptr_equal(next(&f), &f.stage[0]);
    collect(&f, 0);
    assert_int_equal(f.count, 1);
}

/* The publisher comes between the owner's lowering and its second look. */
static void a_stage_raised_while_it_cools_is_left_to_the_stack(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f);
    weir__ready_queue(&f.stage[0], false);
    assert_ptr_equal(next(&f), &f.stage[0]);
    weir__ready_lower(&f.stage[0].raised); /* the first half of cooling */
    publish(&f, 0, 0);
    assert_false(weir__ready_retake(&f.stage[0].raised)); /* and the second */
    f.stage[0].owned = false;
    assert_ptr_equal(next(&f), &f.stage[0]);
    assert_true(f.stage[0].owned);
    assert_null(next(&f));
}

static void an_edge_is_cooled_by_one_side_only(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct weir__ready_edge *edge = &f.edge[0];
    publish(&f, 0, 0);
    next(&f);
    collect(&f, 0);
    weir__ready_lower(&edge->raised);
    assert_true(weir__ready_retake(&edge->raised)); /* nobody came: it is the owner's again */
    weir__ready_lower(&edge->raised);
    assert_true(publish(&f, 0, 0));
    assert_false(weir__ready_retake(&edge->raised)); /* somebody came: it is on the stack */
    collect(&f, 0);
    assert_int_equal(f.count, 1);
    assert_ptr_equal(f.taken[0], edge);
}

/* ---- hot lists ----------------------------------------------------------- */

/* The list from `first` on, as numbers of edges. */
static void assert_hot(const struct fixture *f, const int *expected, uint32_t count) {
    const struct weir__ready_list *list = &f->stage[0].hot[WEIR__EVENTS];
    assert_int_equal(list->count, count);
    if (count == 0) {
        assert_null(list->first);
        return;
    }
    const struct weir__ready_edge *edge = list->first;
    for (uint32_t i = 0; i < count; i++) {
        assert_ptr_equal(edge, &f->edge[expected[i]]);
        assert_true(edge->hot);
        assert_ptr_equal(edge->hot_next->hot_previous, edge);
        edge = edge->hot_next;
    }
    assert_ptr_equal(edge, list->first);
}

#define ASSERT_HOT(f, ...)                                           \
    do {                                                             \
        const int expected[] = {__VA_ARGS__};                        \
        assert_hot(f, expected, sizeof expected / sizeof *expected); \
    } while (0)

static void hot_edges_stand_in_a_circle(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct weir__ready_stage *stage = &f.stage[0];
    for (int i = 0; i < 4; i++) {
        f.edge[i].polls = 9;
        weir__ready_heat(stage, &f.edge[i]);
        assert_int_equal(f.edge[i].polls, 0);
    }
    ASSERT_HOT(&f, 0, 1, 2, 3);
    weir__ready_unheat(stage, &f.edge[0]); /* the first */
    ASSERT_HOT(&f, 1, 2, 3);
    weir__ready_unheat(stage, &f.edge[2]); /* one between */
    ASSERT_HOT(&f, 1, 3);
    weir__ready_heat(stage, &f.edge[0]);
    ASSERT_HOT(&f, 1, 3, 0);
    weir__ready_unheat(stage, &f.edge[0]); /* the last */
    weir__ready_unheat(stage, &f.edge[1]);
    ASSERT_HOT(&f, 3);
    weir__ready_unheat(stage, &f.edge[3]);
    assert_hot(&f, NULL, 0);
    assert_false(f.edge[3].hot);
    weir__ready_heat(stage, &f.edge[2]);
    ASSERT_HOT(&f, 2);
    assert_int_equal(stage->hot[WEIR__DEMAND].count, 0);
}

/* ---- parking ------------------------------------------------------------- */

static void does_not_park_beside_work(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f);
    publish(&f, 0, 0);
    assert_false(weir__bell_park(&f.bell, UINT64_MAX)); /* else this would hang */
    assert_int_equal(f.bell.parked, 0);
    assert_int_equal(f.bell.wakes, 0);
    next(&f);
    ck_stack_entry_t mail;
    weir__stack_push(&f.bell.mail, &mail);
    assert_false(weir__bell_park(&f.bell, UINT64_MAX));
    assert_int_equal(f.bell.wakes, 0);
}

static void parks_no_longer_than_to_the_deadline(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f);
    assert_false(weir__bell_park(&f.bell, 1)); /* long past */
    assert_int_equal(f.bell.parked, 0);
    assert_int_equal(f.bell.wakes, 0);
}

static void ringing_an_awake_worker_does_nothing(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f);
    weir__bell_ring(&f.bell);
    assert_int_equal(f.bell.parked, 0);
    assert_int_equal(f.bell.wakes, 0);
    assert_int_equal(f.bell.rung_ns, 0);
    f.bell.parked = 1;
    weir__bell_ring(&f.bell);
    assert_int_equal(f.bell.parked, 0);
}

static void a_ring_that_wakes_says_when_and_from_where(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f);
    cpu_set_t before, one;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    for (unsigned core = 0; core < CPU_SETSIZE; core++) {
        if (!CPU_ISSET(core, &before)) continue;
        CPU_ZERO(&one);
        CPU_SET(core, &one);
        assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
        uint64_t begun = weir__clock_now_ns();
        f.bell.parked = 1;
        weir__bell_ring(&f.bell);
        assert_true(f.bell.rung_ns >= begun && f.bell.rung_ns <= weir__clock_now_ns());
        assert_int_equal(f.bell.rung_core, core);
    }
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

enum { ROUNDS = 2000 };

struct partner {
    struct fixture *f;
    uint32_t heard; /* atomic: rounds that the owner has seen */
};

static void ring_in_rounds(void *argument) {
    struct partner *partner = argument;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        while (!publish(partner->f, 0, 0)) weir__cpu_relax();
        while (weir__load_acquire_u32(&partner->heard) <= i) weir__cpu_relax();
    }
}

/* The owner cools whenever it has seen a rise, so each round is a new race of both. */
static void no_rise_is_lost(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct partner partner = {&f, 0};
    struct weir__thread thread;
    assert_int_equal(weir__thread_start(&thread, "publisher", ring_in_rounds, &partner), 0);
    for (uint32_t heard = 0; heard < ROUNDS;) {
        struct weir__ready_stage *stage = next(&f);
        if (stage == NULL) {
            weir__bell_park(&f.bell, UINT64_MAX);
            continue;
        }
        collect(&f, 0);
        if (f.count > 0) {
            weir__ready_lower(&f.edge[0].raised);
            weir__store_release_u32(&partner.heard, ++heard);
        }
        if (!weir__ready_cool_stage(stage) && stage->owned) weir__ready_queue(stage, false);
    }
    weir__thread_join(&thread);
    assert_true(f.bell.wakes <= ROUNDS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raised_edges_come_in_order),
        cmocka_unit_test(an_edge_is_raised_once),
        cmocka_unit_test(raised_stages_come_in_order),
        cmocka_unit_test(the_run_list_is_a_line),
        cmocka_unit_test(who_waits_may_be_next),
        cmocka_unit_test(who_is_always_next_does_not_starve_the_others),
        cmocka_unit_test(who_goes_ahead_by_itself_does_not_starve_the_others),
        cmocka_unit_test(a_stage_that_is_being_raised_is_left_to_the_stack),
        cmocka_unit_test(a_stage_that_is_queued_is_not_pushed),
        cmocka_unit_test(a_cold_stage_is_raised_anew),
        cmocka_unit_test(a_stage_known_here_alone_keeps_its_token),
        cmocka_unit_test(a_stage_with_a_raised_edge_does_not_cool),
        cmocka_unit_test(a_stage_raised_while_it_cools_is_left_to_the_stack),
        cmocka_unit_test(an_edge_is_cooled_by_one_side_only),
        cmocka_unit_test(hot_edges_stand_in_a_circle),
        cmocka_unit_test(does_not_park_beside_work),
        cmocka_unit_test(parks_no_longer_than_to_the_deadline),
        cmocka_unit_test(ringing_an_awake_worker_does_nothing),
        cmocka_unit_test(a_ring_that_wakes_says_when_and_from_where),
        cmocka_unit_test(no_rise_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
