/*
 * Worker pools with events that own something.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a child's event is dropped once, when the child has ended and `exited` has seen it, for
 * what its task made of it; what was not begun goes back whole; what a task takes is its own, and
 * what others have is dropped behind the last of them.
 * Method: tasks that do what a letter says, in every world of the rig's; then with threads, and
 * with allocations that fail, one after the other.  A ledger knows each event's fate.
 */
#include "base/atomic.h"
#include "support/cmocka.h"
#include "support/owned_scene.h"
#include "support/worlds.h"

#include <sched.h>
#include <string.h>
#include <weir/dispatcher.h>

enum { MOST = 5000 };

static struct owned_ledger *const ledger = &owned_scene.ledger;

/*
 * What the task of each event does, a letter for each time it is begun, the last again and again:
 *   o  is done              f  fails              b  returns nonsense
 *   t  takes it, is done    x  takes it, fails    e  waits until it is asked to stop, and fails
 * and what `start` says: s, i(gnore), e(rror).
 */
static const char *does[MOST];
static const char *starts[MOST];
static uint32_t runs[MOST];   /* atomic */
static uint32_t begins[MOST]; /* atomic */
static uint32_t taken[MOST];  /* atomic: its own was, no copy */
static uint32_t begun;        /* atomic: tasks */
static uint64_t discarded;    /* atomic */
static uint64_t no_memory;    /* of those discarded, in a stepped runtime */
static weir_child_exit exits[MOST];
static weir_pool *pool;
static weir_ref stage;

static char letter(const char *word, char usual, uint32_t time) {
    if (word == NULL) return usual;
    size_t length = strlen(word);
    return word[time < length ? time : length - 1];
}

static void take(weir_task *self, uint64_t number) {
    struct owned mine;
    struct owned again;
    RIG_CHECK(owned_scene.rig, weir_task_take(self, &mine) == WEIR_OK);
    RIG_CHECK(owned_scene.rig, weir_task_take(self, &again) == WEIR_INVALID);
    if (mine.number == number) weir__store_relaxed_u32(&taken[number], 1);
    owned_release(ledger, mine);
}

static weir_task_result run(void *context, const void *event, weir_task *self) {
    const struct owned *owned = event;
    uint64_t number = owned->number;
    (void)context;
    owned_look(ledger, owned);
    weir__fetch_add_u32(&begun, 1);
    char act = letter(does[number], 'o', weir__fetch_add_u32(&runs[number], 1));
    if (act == 't' || act == 'x') take(self, number);
    while (act == 'e' && !weir_task_ending(self)) sched_yield();
    if (act == 'b') return (weir_task_result)77;
    return act == 'o' || act == 't' ? WEIR_TASK_OK : WEIR_TASK_FAILED;
}

static weir_start_verdict begin(void *context, const void *event) {
    const struct owned *owned = event;
    (void)context;
    owned_look(ledger, owned);
    char act = letter(starts[owned->number], 's', weir__fetch_add_u32(&begins[owned->number], 1));
    return act == 's' ? WEIR_CHILD_START : act == 'i' ? WEIR_CHILD_IGNORE : WEIR_CHILD_ERROR;
}

/* It is alive, but for what its task took. */
static void see_exit(void *context, weir_child child, const void *event, weir_child_exit how) {
    const struct owned *owned = event;
    (void)context, (void)child;
    if (weir__load_relaxed_u32(&taken[owned->number]) == 0) owned_look(ledger, owned);
    exits[owned->number] = how;
}

static void count_discarded(void *context, uint64_t count, weir_discard cause) {
    (void)context;
    weir__fetch_add_u64(&discarded, count);
    if (cause == WEIR_DISCARD_NO_MEMORY) no_memory += count;
}

static void prepare(struct rig *rig) {
    owned_scene_open(rig);
    memset(does, 0, sizeof does);
    memset(starts, 0, sizeof starts);
    memset(runs, 0, sizeof runs);
    memset(begins, 0, sizeof begins);
    memset(taken, 0, sizeof taken);
    memset(exits, 0, sizeof exits);
    begun = 0;
    discarded = 0;
    no_memory = 0;
}

static weir_status try_pool(weir_ref producer, size_t max_demand,
                            const weir_pool_options *options) {
    const weir_subscribe_to to = {
        .producer = producer,
        .options = {.max_demand = max_demand, .min_demand = 1, .cancel = WEIR_TEMPORARY}};
    weir_pool_options used = {0};
    if (options != NULL) used = *options;
    used.event_bytes = sizeof(struct owned);
    used.task = run;
    used.start = begin;
    used.exited = see_exit;
    used.discarded = count_discarded;
    used.subscribe_to = &to;
    used.subscribe_count = producer.bits != 0 ? 1 : 0;
    return weir_pool_open(owned_scene.rig->runtime, &used, &pool, &stage);
}

static void open_pool(weir_ref producer, size_t max_demand, const weir_pool_options *options) {
    assert_int_equal(try_pool(producer, max_demand, options), WEIR_OK);
}

static weir_ref start_source(uint64_t limit) {
    return owned_scene_source((struct owned_source){.limit = limit}, (weir_stage_options){0});
}

static void close_pool(const char *expected) {
    assert_int_equal(weir_pool_close(pool, NULL), WEIR_OK);
    rig_rest(owned_scene.rig);
    owned_scene_close(expected);
}

/* ---- what tasks make of them ---------------------------------------------------- */

static void what_a_task_returns_is_its_events_fate(struct rig *rig) {
    prepare(rig);
    does[2] = "f";
    does[3] = "b";
    does[4] = "t";
    does[5] = "x";
    starts[6] = "i";
    starts[7] = "e";
    open_pool(start_source(100), 10, NULL);
    rig_rest(rig);
    owned_expect(ledger, "handled 95, abandoned 3, released 2");
    owned_expect_one(ledger, 2, WEIR_DISCARD_ABANDONED);
    owned_expect_one(ledger, 3, WEIR_DISCARD_ABANDONED);
    owned_expect_one(ledger, 6, WEIR_DISCARD_HANDLED);
    owned_expect_one(ledger, 7, WEIR_DISCARD_ABANDONED);
    assert_int_equal(rig_accounts(rig).taken, 2);
    close_pool("handled 95, abandoned 3, released 2");
}

static void a_restart_goes_on_with_the_event(struct rig *rig) {
    prepare(rig);
    does[1] = "ffo";
    does[2] = "ff";
    starts[2] = "si";
    does[3] = "fo";
    starts[3] = "sees";
    does[4] = "xo"; /* it is the task's: it is not begun again */
    does[5] = "ft";
    open_pool(start_source(10), 10,
              &(weir_pool_options){.restart = WEIR_CHILD_TRANSIENT, .max_restarts = 100});
    rig_rest(rig);
    assert_int_equal(runs[1], 3);
    assert_int_equal(runs[2], 1);
    assert_int_equal(runs[3], 2);
    assert_int_equal(runs[4], 1);
    assert_int_equal(exits[4], WEIR_CHILD_FAILED);
    owned_expect_one(ledger, 2, WEIR_DISCARD_ABANDONED);
    close_pool("handled 7, abandoned 1, released 2");
}

/* What was not begun goes back; who gave up has begun with one. */
static void a_pool_that_gives_up(struct rig *rig) {
    prepare(rig);
    weir_ref source = start_source(20);
    does[3] = "f";
    open_pool(source, 10, &(weir_pool_options){.restart = WEIR_CHILD_TRANSIENT, .max_restarts = 2});
    rig_rest(rig);
    assert_int_equal(exits[3], WEIR_CHILD_FAILED);
    owned_expect_one(ledger, 3, WEIR_DISCARD_ABANDONED);
    uint64_t gone = rig_accounts(rig).dropped;
    assert_int_equal(rig_accounts(rig).handled, gone);
    assert_int_equal(weir_pool_close(pool, NULL), WEIR_OK);
    rig_rest(rig);
    owned_scene_sink(source, owned_scene_look, (weir_subscribe_options){.max_demand = 5});
    rig_rest(rig);
    assert_int_equal(owned_scene.seen, 20 - gone);
    owned_scene_close("handled 19, abandoned 1");
}

/* Closed after each number of turns; way % 2: the producer has gone, too. */
static void a_pool_that_is_closed(struct rig *rig, int way) {
    prepare(rig);
    weir_ref source = start_source(20);
    open_pool(source, 10, NULL);
    weir_runtime_step(rig->runtime, (uint64_t)way / 2);
    if (way % 2 > 0) weir_stop(rig->runtime, source, WEIR_REASON_USER);
    assert_int_equal(weir_pool_close(pool, NULL), WEIR_OK);
    rig_rest(rig);
    if (way % 2 == 0) {
        assert_int_equal(discarded, 0);
        owned_scene_sink(source, owned_scene_look, (weir_subscribe_options){.max_demand = 5});
        rig_rest(rig);
        owned_scene_close("handled 20");
        return;
    }
    uint64_t stopped = weir_runtime_dropped(rig->runtime, WEIR_DISCARD_STOPPED);
    assert_int_equal(stopped + weir_runtime_dropped(rig->runtime, WEIR_DISCARD_HANDLED),
                     ledger->made);
    for (uint64_t i = 1; i <= ledger->made; i++) {
        owned_expect_one(ledger, i, runs[i] > 0 ? WEIR_DISCARD_HANDLED : WEIR_DISCARD_STOPPED);
    }
    owned_scene_close(NULL);
}

static void one_that_is_ended_unbegun(struct rig *rig) {
    prepare(rig);
    open_pool(start_source(10), 10, NULL);
    weir_child_info infos[10];
    size_t count;
    do {
        weir_runtime_step(rig->runtime, 1);
        count = weir_pool_children(pool, infos, 10);
    } while (count == 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(infos[i].state, WEIR_CHILD_QUEUED);
        assert_int_equal(weir_pool_end_child(pool, infos[i].child), WEIR_OK);
    }
    rig_rest(rig);
    assert_int_equal(discarded, count);
    assert_int_equal(weir_runtime_dropped(rig->runtime, WEIR_DISCARD_STOPPED), count);
    close_pool(count == 10 ? "stopped 10" : NULL);
}

/* Its bytes are the program's, whatever else the pool is given. */
static void a_child_by_hand_owns_nothing(struct rig *rig) {
    prepare(rig);
    open_pool((weir_ref){0}, 0, NULL);
    struct owned mine = owned_make(ledger);
    does[1] = "f";
    assert_int_equal(weir_pool_start_child(pool, &mine, NULL), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(exits[1], WEIR_CHILD_FAILED);
    owned_release(ledger, mine);
    close_pool("released 1");
}

static weir_task_result take_in_vain(void *context, const void *event, weir_task *self) {
    uint64_t number = 77;
    (void)event;
    RIG_CHECK(context, weir_task_take(NULL, &number) == WEIR_INVALID);
    RIG_CHECK(context, weir_task_take(self, NULL) == WEIR_INVALID);
    RIG_CHECK(context, weir_task_take(self, &number) == WEIR_INVALID);
    RIG_CHECK(context, strcmp(weir_refusal(), "a task of pool pool cannot take its event: it owns "
                                              "nothing: copy it") == 0);
    RIG_CHECK(context, number == 77);
    return WEIR_TASK_OK;
}

static void what_owns_nothing_is_not_taken(struct rig *rig) {
    const weir_pool_options options = {
        .event_bytes = sizeof(uint64_t), .task = take_in_vain, .context = rig};
    assert_int_equal(weir_pool_open(rig->runtime, &options, &pool, NULL), WEIR_OK);
    assert_int_equal(weir_pool_start_child(pool, &(uint64_t){7}, NULL), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(weir_pool_close(pool, NULL), WEIR_OK);
    rig_close(rig);
}

/* ---- shared with others ----------------------------------------------------------- */

static weir_ref start_broadcast(uint64_t limit) {
    return owned_scene_source(
        (struct owned_source){.limit = limit},
        (weir_stage_options){.dispatcher = weir_broadcast_dispatcher(), .demand = WEIR_ACCUMULATE});
}

/* One drop, behind the last, with the worst fate; no copy but for who takes.  way 1: no copies. */
static void what_others_have_is_not_copied(struct rig *rig, int way) {
    prepare(rig);
    ledger->type.copy = way == 1 ? NULL : ledger->type.copy;
    weir_ref source = start_broadcast(20);
    owned_scene_sink(source, owned_scene_look, (weir_subscribe_options){.max_demand = 10});
    does[2] = "f";
    does[3] = "ffo";
    starts[4] = "e";
    starts[5] = "i";
    open_pool(source, 10,
              &(weir_pool_options){.restart = WEIR_CHILD_TRANSIENT, .max_restarts = WEIR_NONE});
    rig_rest(rig);
    weir_demand(rig->runtime, source, WEIR_FORWARD);
    rig_rest(rig);
    assert_int_equal(rig_accounts(rig).copied, 0);
    owned_expect_one(ledger, 2, WEIR_DISCARD_ABANDONED);
    close_pool(NULL);
}

static void what_others_have_is_copied_for_who_takes_it(struct rig *rig) {
    prepare(rig);
    weir_ref source = start_broadcast(20);
    weir_subscribe_to to = {.producer = source, .options.max_demand = 20};
    weir_stream *stream; /* which holds all of them, while the tasks run */
    assert_int_equal(weir_stream_open(rig->runtime,
                                      &(weir_stream_options){.event_bytes = sizeof(struct owned),
                                                             .subscribe_to = &to,
                                                             .subscribe_count = 1,
                                                             .demand = WEIR_STREAM_LEAVE},
                                      &stream),
                     WEIR_OK);
    does[2] = "t";
    does[3] = "x";
    open_pool(source, 20, NULL);
    rig_rest(rig);
    weir_demand(rig->runtime, source, WEIR_FORWARD);
    rig_rest(rig);
    assert_int_equal(rig_accounts(rig).copied, 2);
    owned_expect(ledger, "released 2, left 20");
    assert_int_equal(weir_stream_close(stream), WEIR_OK);
    rig_rest(rig);
    owned_expect_one(ledger, 3, WEIR_DISCARD_ABANDONED);
    close_pool(NULL);
}

/* ---- threads -------------------------------------------------------------------------- */

/* All letters, in a rig of threads; the pool is closed amid them, and another goes on. */
static void threads_run_them(void **state) {
    (void)state;
    static const char *const words[] = {NULL, "fo", "ffo", "t", "fx", "x", "fft", "o"};
    static struct rig rig;
    for (int way = 0; way < 8; way++) {
        rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
        prepare(&rig);
        for (size_t i = 0; i < MOST; i++) does[i] = words[i % 8];
        weir_ref source = way % 2 == 0 ? start_source(2000) : start_broadcast(2000);
        if (way % 2 > 0) {
            owned_scene_sink(source, owned_scene_look, (weir_subscribe_options){.max_demand = 50});
        }
        const weir_pool_options options = {.threads = 3,
                                           .restart = way < 4 ? WEIR_CHILD_TRANSIENT
                                                              : WEIR_CHILD_TEMPORARY,
                                           .max_restarts = 10000};
        open_pool(source, 20, &options);
        if (way % 2 > 0) {
            rig_rest(&rig);
            weir_demand(rig.runtime, source, WEIR_FORWARD);
        }
        if (way % 4 < 2) {
            while (weir__load_relaxed_u32(&begun) < 100 + 50 * (uint32_t)way) sched_yield();
            assert_int_equal(weir_pool_close(pool, NULL), WEIR_OK);
            open_pool(source, 20, &options);
        }
        rig_rest(&rig);
        close_pool(NULL);
    }
}

/* A task that is asked to stop has begun; one that does its work all the same has done it. */
static void one_that_is_ended_as_it_runs(void **state) {
    (void)state;
    static struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 1, .unpinned = true});
    prepare(&rig);
    does[1] = does[2] = "e";
    open_pool(start_source(2), 10, &(weir_pool_options){.threads = 2});
    for (size_t i = 1; i <= 2; i++) {
        while (weir__load_acquire_u32(&runs[i]) == 0) sched_yield();
    }
    assert_int_equal(weir_pool_close(pool, NULL), WEIR_OK);
    assert_int_equal(exits[1], WEIR_CHILD_ENDED);
    rig_rest(&rig);
    owned_scene_close("abandoned 2");
}

/* ---- without memory --------------------------------------------------------------------- */

static void each_allocation_fails(void **state) {
    (void)state;
    static struct rig rig;
    uint64_t asked = UINT64_MAX;
    uint64_t lost = 0;
    for (uint64_t at = 1; at / 2 <= asked; at++) {
        rig_open(&rig, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = 1});
        prepare(&rig);
        weir_ref source = start_source(200);
        does[3] = does[50] = "fo";
        does[4] = "x";
        uint64_t before = rig.memory.calls;
        test_memory_fail(&rig.memory, (at + 1) / 2, at % 2 == 0);
        pool = NULL;
        (void)try_pool(source, 100, &(weir_pool_options){.restart = WEIR_CHILD_TRANSIENT});
        weir_runtime_step(rig.runtime, 40);
        if (pool != NULL) weir_stop(rig.runtime, stage, WEIR_REASON_USER);
        weir_runtime_step(rig.runtime, 1000);
        asked = rig.memory.calls - before;
        test_memory_fail_never(&rig.memory);
        assert_int_equal(weir_pool_close(pool, NULL), WEIR_OK);
        lost += no_memory;
        assert_true(weir_runtime_dropped(rig.runtime, WEIR_DISCARD_NO_MEMORY) >= no_memory);
        owned_scene_sink(source, owned_scene_look, (weir_subscribe_options){.max_demand = 5});
        rig_rest(&rig);
        owned_scene_close(NULL);
    }
    assert_in_range(asked, 10, 1000);
    assert_true(lost > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(what_a_task_returns_is_its_events_fate),
        TEST_IN_WORLDS(a_restart_goes_on_with_the_event),
        TEST_IN_WORLDS(a_pool_that_gives_up),
        TEST_IN_WORLDS_AND_WAYS(a_pool_that_is_closed, 2 * 30),
        TEST_IN_WORLDS(one_that_is_ended_unbegun),
        TEST_IN_WORLDS(a_child_by_hand_owns_nothing),
        TEST_IN_WORLDS(what_owns_nothing_is_not_taken),
        TEST_IN_WORLDS_AND_WAYS(what_others_have_is_not_copied, 2),
        TEST_IN_WORLDS(what_others_have_is_copied_for_who_takes_it),
        cmocka_unit_test(threads_run_them),
        cmocka_unit_test(one_that_is_ended_as_it_runs),
        cmocka_unit_test(each_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
