/*
 * Pins: which cores a runtime's workers get.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: by default the least used cores, but for those that are spared; named ones in their
 * order; what cannot be is refused in plain words; what was taken is given back.
 * Method: a process that is said to have six cores, 2, 3, 4, 7, 9 and 10; then runtimes on the
 * cores that there are.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "runtime/pins.h"

#include "os/topology.h"
#include "runtime/runtime.h"
#include "support/cmocka.h"

#include <sched.h>
#include <string.h>

static const struct weir__allowed six = {6, 6, {2, 3, 4, 7, 9, 10}};

/* ---- how many, and which --------------------------------------------------- */

static void there_are_as_many_workers_as_cores(void **state) {
    (void)state;
    struct weir__pins pins;
    assert_int_equal(weir__pins_open_in(&pins, NULL, &six), WEIR_OK);
    assert_int_equal(pins.workers, 6);
    assert_int_equal(pins.count, 6);
    assert_false(pins.in_order);
    assert_memory_equal(pins.cores, six.cores, 6 * sizeof(unsigned));
}

static void spared_cores_and_a_quota_count(void **state) {
    (void)state;
    static const struct {
        unsigned at_once, spare, workers, cores;
    } cases[] = {
        {6, 0, 6, 6}, {6, 1, 5, 5}, {6, 5, 1, 1}, {6, 6, 1, 1}, {6, 4000000000u, 1, 1},
        {2, 0, 2, 6}, {2, 1, 1, 5}, {2, 2, 1, 4}, {1, 0, 1, 6}, {1, 1, 1, 5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct weir__pins pins;
        struct weir__allowed allowed = six;
        allowed.at_once = cases[i].at_once;
        const weir_runtime_options options = {.spare_cores = cases[i].spare};
        assert_int_equal(weir__pins_open_in(&pins, &options, &allowed), WEIR_OK);
        assert_int_equal(pins.workers, cases[i].workers);
        assert_int_equal(pins.count, cases[i].cores);
        assert_memory_equal(pins.cores, six.cores, cases[i].cores * sizeof(unsigned));
    }
}

static void named_cores_are_taken_as_named(void **state) {
    (void)state;
    struct weir__pins pins;
    struct weir__allowed allowed = six;
    allowed.at_once = 1; /* who names them knows */
    static const unsigned cores[] = {9, 2, 7};
    const weir_runtime_options options = {.cores = cores, .core_count = 3};
    assert_int_equal(weir__pins_open_in(&pins, &options, &allowed), WEIR_OK);
    assert_int_equal(pins.workers, 3);
    for (unsigned worker = 0; worker < 5; worker++) {
        assert_int_equal(weir__pins_take(&pins, worker), cores[worker % 3]);
    }
    for (unsigned worker = 0; worker < 5; worker++) weir__pins_give(cores[worker % 3]);
}

static void the_least_used_come_first(void **state) {
    (void)state;
    struct weir__pins pins;
    static const unsigned first[] = {2, 4};
    const weir_runtime_options named = {.cores = first, .core_count = 2};
    assert_int_equal(weir__pins_open_in(&pins, &named, &six), WEIR_OK);
    for (unsigned worker = 0; worker < 2; worker++) weir__pins_take(&pins, worker);

    static const unsigned second[] = {3, 7, 9, 10, 2, 3, 4};
    assert_int_equal(weir__pins_open_in(&pins, NULL, &six), WEIR_OK);
    for (unsigned worker = 0; worker < 7; worker++) {
        assert_int_equal(weir__pins_take(&pins, worker), second[worker]);
    }
    weir__pins_give(9); /* of either: a core has no owner */
    assert_int_equal(weir__pins_take(&pins, 7), 9);
    assert_int_equal(weir__pins_take(&pins, 8), 7);

    static const unsigned all[] = {2, 4, 3, 7, 9, 10, 2, 3, 4, 7};
    for (unsigned i = 0; i < 10; i++) weir__pins_give(all[i]);
    assert_int_equal(weir__pins_take(&pins, 0), 2);
    weir__pins_give(2);
}

/* ---- refusals ---------------------------------------------------------------- */

static void says_what_is_wrong(void **state) {
    (void)state;
    static const unsigned twice[] = {2, 3, 2}, foreign[] = {3, 5}, high[] = {UINT32_MAX};
    static const struct {
        weir_runtime_options options;
        const char *sentence;
    } cases[] = {
        {{.core_count = 2}, "cores must be set when core_count is 2"},
        {{.cores = twice}, "core_count must be at least 1, got 0"},
        {{.cores = twice, .core_count = 1025}, "core_count must be at most 1024, got 1025"},
        {{.cores = twice, .core_count = 3}, "cores must differ: core 2 is named twice"},
        {{.cores = foreign, .core_count = 2},
         "cores must be of those that this process may use, 2-4,7,9-10, got 5"},
        {{.cores = high, .core_count = 1},
         "cores must be of those that this process may use, 2-4,7,9-10, got 4294967295"},
        {{.cores = twice, .core_count = 2, .spare_cores = 1},
         "cores and spare_cores cannot both be set"},
        {{.cores = twice, .core_count = 2, .unpinned = true},
         "cores and unpinned cannot both be set"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct weir__pins pins;
        assert_int_equal(weir__pins_open_in(&pins, &cases[i].options, &six), WEIR_INVALID);
        assert_string_equal(weir_refusal(), cases[i].sentence);
    }
}

static void a_long_list_is_cut(void **state) {
    (void)state;
    struct weir__pins pins;
    struct weir__allowed allowed = {40, 40, {0}};
    for (unsigned i = 0; i < 40; i++) allowed.cores[i] = 100 + 2 * i;
    static const unsigned odd[] = {101};
    const weir_runtime_options options = {.cores = odd, .core_count = 1};
    assert_int_equal(weir__pins_open_in(&pins, &options, &allowed), WEIR_INVALID);
    assert_string_equal(weir_refusal(),
                        "cores must be of those that this process may use, "
                        "100,102,104,106,108,110,112,114,116,118,120,122,124,126,128,..., got 101");
}

/* ---- runtimes ----------------------------------------------------------------- */

static weir_runtime *open_with(weir_runtime_options options) {
    weir_runtime *runtime;
    assert_int_equal(weir_runtime_open(&options, &runtime), WEIR_OK);
    return runtime;
}

/* How often each of the process's cores has been taken. */
static void expect_cores(weir_runtime *const *runtimes, int count, unsigned least, unsigned most) {
    unsigned cores[WEIR_WORKERS_LIMIT];
    unsigned core_count = weir__topology_cores(cores, WEIR_WORKERS_LIMIT);
    for (unsigned c = 0; c < core_count; c++) {
        unsigned used = 0;
        for (int r = 0; r < count; r++) {
            for (unsigned w = 0; w < runtimes[r]->worker_count; w++) {
                used += runtimes[r]->workers[w].core == cores[c];
            }
        }
        assert_in_range(used, least, most);
    }
}

static void two_runtimes_share_no_core_while_one_is_free(void **state) {
    (void)state;
    unsigned cores = weir__topology_cores(NULL, 0);
    if (cores < 2) skip();
    weir_runtime *both[2];
    both[0] = open_with((weir_runtime_options){.workers = 1});
    both[1] = open_with((weir_runtime_options){.workers = cores - 1});
    expect_cores(both, 2, 1, 1);
    weir_runtime_close(both[1], NULL);
    both[1] = open_with((weir_runtime_options){.workers = 2 * cores - 1});
    expect_cores(both, 2, 2, 2); /* what the first one that was closed had was given back */
    weir_runtime_close(both[0], NULL);
    weir_runtime_close(both[1], NULL);
    both[0] = open_with((weir_runtime_options){.workers = cores});
    expect_cores(both, 1, 1, 1);
    weir_runtime_close(both[0], NULL);
}

static void who_is_not_pinned_takes_none(void **state) {
    (void)state;
    unsigned cores = weir__topology_cores(NULL, 0);
    weir_runtime *unpinned = open_with((weir_runtime_options){.workers = 1, .unpinned = true});
    weir_runtime *stepped = open_with((weir_runtime_options){.workers = 1, .mode = WEIR_STEPPED});
    weir_runtime *pinned = open_with((weir_runtime_options){.workers = cores + 1});
    expect_cores(&pinned, 1, 1, 2);
    assert_int_equal(pinned->workers[0].core, pinned->workers[cores].core);
    weir_runtime_close(pinned, NULL);
    weir_runtime_close(stepped, NULL);
    weir_runtime_close(unpinned, NULL);
    pinned = open_with((weir_runtime_options){.workers = cores});
    expect_cores(&pinned, 1, 1, 1); /* nor gave any back */
    weir_runtime_close(pinned, NULL);
}

/* The last core is spared by both. */
static void two_runtimes_spare_the_same(void **state) {
    (void)state;
    unsigned cores[WEIR_WORKERS_LIMIT];
    unsigned count = weir__topology_cores(cores, WEIR_WORKERS_LIMIT);
    if (count < 2 || weir__topology_at_once() < count) skip();
    weir_runtime *both[2];
    for (int r = 0; r < 2; r++) {
        both[r] = open_with((weir_runtime_options){.spare_cores = 1});
        assert_int_equal(weir_runtime_workers(both[r]), count - 1);
        for (unsigned w = 0; w < count - 1; w++) {
            assert_int_not_equal(both[r]->workers[w].core, cores[count - 1]);
        }
    }
    weir_runtime_close(both[0], NULL);
    weir_runtime_close(both[1], NULL);
}

static weir_verdict look(weir_stage *self, const void *message, size_t bytes) {
    (void)bytes;
    *(int *)*(void *const *)message = sched_getcpu();
    return weir_stop_with(self, WEIR_REASON_NORMAL);
}

static weir_verdict none(weir_stage *self, weir_batch batch) {
    (void)self;
    (void)batch;
    return WEIR_CONTINUE;
}

static void a_worker_runs_where_it_was_told_to(void **state) {
    (void)state;
    unsigned cores[WEIR_WORKERS_LIMIT];
    unsigned count = weir__topology_cores(cores, WEIR_WORKERS_LIMIT);
    weir_runtime *runtime =
        open_with((weir_runtime_options){.cores = &cores[count - 1], .core_count = 1});
    assert_int_equal(weir_runtime_workers(runtime), 1);
    int seen = -1;
    void *where = &seen;
    weir_ref stage;
    const weir_stage_options options = {.kind = WEIR_CONSUMER,
                                        .on = {.handle_events = none, .handle_cast = look}};
    assert_int_equal(weir_stage_start(runtime, &options, &stage), WEIR_OK);
    assert_int_equal(weir_cast(runtime, stage, &where, sizeof where), WEIR_OK);
    assert_int_equal(weir_runtime_run(runtime, WEIR_FOREVER), WEIR_OK);
    weir_runtime_close(runtime, NULL);
    assert_int_equal(seen, cores[count - 1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_are_as_many_workers_as_cores),
        cmocka_unit_test(spared_cores_and_a_quota_count),
        cmocka_unit_test(named_cores_are_taken_as_named),
        cmocka_unit_test(the_least_used_come_first),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(a_long_list_is_cut),
        cmocka_unit_test(two_runtimes_share_no_core_while_one_is_free),
        cmocka_unit_test(who_is_not_pinned_takes_none),
        cmocka_unit_test(two_runtimes_spare_the_same),
        cmocka_unit_test(a_worker_runs_where_it_was_told_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
