/*
 * Options: defaults are filled in, and what is wrong is refused in plain words.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: every option out of its range is refused with INVALID (or what fits
 * better) and a sentence that names it, its value and what is allowed; the
 * least and the largest allowed value pass; a refusal changes nothing.
 * Method: tables of options and their sentences.
 */
#include "runtime/options.h"

#include "support/cmocka.h"
#include "support/deeds.h"

#include <string.h>

/* ---- subscriptions ------------------------------------------------------- */

static void subscribe_defaults(void **state) {
    (void)state;
    weir_subscribe_options out;
    assert_int_equal(weir__options_subscribe(NULL, &out), WEIR_OK);
    assert_int_equal(out.max_demand, 1000);
    assert_int_equal(out.min_demand, 500);
    assert_int_equal(out.cancel, WEIR_PERMANENT);
    assert_null(out.user);
    static const size_t cases[][4] = {
        /* max and min as given, as filled in */
        {0, 0, 1000, 500},
        {0, WEIR_NONE, 1000, 0},
        {0, 999, 1000, 999},
        {1, 0, 1, 0},
        {1, WEIR_NONE, 1, 0},
        {2, 0, 2, 1},
        {7, 0, 7, 3},
        {7, 6, 7, 6},
        {10, 5, 10, 5},
        {WEIR_MAX_DEMAND_LIMIT, 0, WEIR_MAX_DEMAND_LIMIT, WEIR_MAX_DEMAND_LIMIT / 2},
        {WEIR_MAX_DEMAND_LIMIT, WEIR_MAX_DEMAND_LIMIT - 1, WEIR_MAX_DEMAND_LIMIT,
         WEIR_MAX_DEMAND_LIMIT - 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int user;
        const weir_subscribe_options options = {.max_demand = cases[i][0],
                                                .min_demand = cases[i][1],
                                                .cancel = WEIR_TRANSIENT,
                                                .user = &user};
        assert_int_equal(weir__options_subscribe(&options, &out), WEIR_OK);
        assert_int_equal(out.max_demand, cases[i][2]);
        assert_int_equal(out.min_demand, cases[i][3]);
        assert_int_equal(out.cancel, WEIR_TRANSIENT);
        assert_ptr_equal(out.user, &user);
    }
}

/* As many events as are 1 MiB, unless one of the three has been said. */
static void an_unsaid_window_fits_the_events(void **state) {
    (void)state;
    static const struct {
        weir_subscribe_options given;
        size_t event_bytes, max, min;
    } cases[] = {
        {{0}, 1, 1000, 500},
        {{0}, 1048, 1000, 500},
        {{0}, 1049, 999, 499},
        {{0}, 8192, 128, 64},
        {{0}, 65536, 16, 8},
        {{.max_demand = 1000}, 65536, 1000, 500},
        {{.min_demand = WEIR_NONE}, 65536, 1000, 0},
        {{.max_bytes = WEIR_INFINITY}, 65536, 1000, 500},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_subscribe_options out;
        assert_int_equal(weir__options_subscribe(&cases[i].given, &out), WEIR_OK);
        weir__options_fit(&cases[i].given, cases[i].event_bytes, &out);
        assert_int_equal(out.max_demand, cases[i].max);
        assert_int_equal(out.min_demand, cases[i].min);
    }
    weir_subscribe_options out;
    assert_int_equal(weir__options_subscribe(NULL, &out), WEIR_OK);
    weir__options_fit(NULL, 8192, &out);
    assert_int_equal(out.max_demand, 128);
}

static void subscribe_refusals(void **state) {
    (void)state;
    static const struct {
        weir_subscribe_options options;
        const char *sentence;
    } cases[] = {
        {{.max_demand = WEIR_NONE}, "max_demand must be at least 1, got WEIR_NONE"},
        {{.max_demand = WEIR_MAX_DEMAND_LIMIT + 1},
         "max_demand must be at most 1000000000, got 1000000001"},
        {{.max_demand = WEIR_INFINITY}, "max_demand must be at most 1000000000, got WEIR_INFINITY"},
        {{.max_demand = 10, .min_demand = 10}, "min_demand must be at most 9, got 10"},
        {{.max_demand = 1, .min_demand = 1}, "min_demand must be at most 0, got 1"},
        {{.min_demand = 1000}, "min_demand must be at most 999, got 1000"},
        {{.min_demand = WEIR_INFINITY}, "min_demand must be at most 999, got WEIR_INFINITY"},
        {{.cancel = (weir_cancel_mode)3},
         "cancel must be one of WEIR_PERMANENT, WEIR_TRANSIENT, WEIR_TEMPORARY, got 3"},
        {{.cancel = (weir_cancel_mode)-1},
         "cancel must be one of WEIR_PERMANENT, WEIR_TRANSIENT, WEIR_TEMPORARY, got -1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_subscribe_options out;
        memset(&out, 0x5a, sizeof out);
        const weir_subscribe_options before = out;
        assert_int_equal(weir__options_subscribe(&cases[i].options, &out), WEIR_INVALID);
        assert_string_equal(weir_refusal(), cases[i].sentence);
        assert_memory_equal(&out, &before, sizeof out);
    }
}

/* ---- runtimes ------------------------------------------------------------ */

static void runtime_defaults(void **state) {
    (void)state;
    weir_runtime_options out;
    assert_int_equal(weir__options_runtime(NULL, 6, &out), WEIR_OK);
    assert_int_equal(out.workers, 6);
    assert_int_equal(out.mode, WEIR_THREADS);
    assert_int_equal(out.idle, WEIR_IDLE_ADAPT);
    assert_false(out.unpinned);
    assert_int_equal(out.mailbox_limit, 65536);
    assert_null(out.log);
    assert_int_equal(weir__options_runtime(NULL, 5000, &out), WEIR_OK);
    assert_int_equal(out.workers, WEIR_WORKERS_LIMIT); /* however many cores there are */
    const weir_runtime_options most = {
        .workers = WEIR_WORKERS_LIMIT, .idle = WEIR_IDLE_PARK, .mailbox_limit = UINT32_MAX / 2};
    assert_int_equal(weir__options_runtime(&most, 1, &out), WEIR_OK);
    assert_int_equal(out.workers, WEIR_WORKERS_LIMIT);
    assert_int_equal(out.mailbox_limit, UINT32_MAX / 2);
}

static void *no_alloc(void *context, size_t bytes, size_t alignment) {
    (void)context;
    (void)bytes;
    (void)alignment;
    return NULL;
}

static void no_free(void *context, void *memory, size_t bytes) {
    (void)context;
    (void)memory;
    (void)bytes;
}

static void runtime_refusals(void **state) {
    (void)state;
    const struct {
        weir_runtime_options options;
        const char *sentence;
    } cases[] = {
        {{.workers = 1025}, "workers must be at most 1024, got 1025"},
        {{.mode = (weir_runtime_mode)3},
         "mode must be one of WEIR_THREADS, WEIR_STEPPED, WEIR_SIMULATED, got 3"},
        {{.mode = (weir_runtime_mode)-1},
         "mode must be one of WEIR_THREADS, WEIR_STEPPED, WEIR_SIMULATED, got -1"},
        {{.idle = (weir_idle)4},
         "idle must be one of WEIR_IDLE_ADAPT, WEIR_IDLE_SPIN, WEIR_IDLE_PARK, "
         "WEIR_IDLE_SPIN_THEN_PARK, got 4"},
        {{.allocator.alloc = no_alloc},
         "allocator must have both alloc and free, or neither: free is missing"},
        {{.allocator.free = no_free},
         "allocator must have both alloc and free, or neither: alloc is missing"},
        {{.threads = &(weir_thread_options){.name = ""}},
         "threads->name must have 1 to 10 characters, got 0: \"\""},
        {{.threads = &(weir_thread_options){.name = "elevenchars"}},
         "threads->name must have 1 to 10 characters, got 11: \"elevenchars\""},
        {{.threads = &(weir_thread_options){.name = "a\nb"}},
         "threads->name must have no control characters, got byte 0x0a at 1"},
        {{.threads = &(weir_thread_options){.stack_bytes = 65535}},
         "threads->stack_bytes must be 0 or at least 65536, got 65535"},
        {{.threads = &(weir_thread_options){.stack_bytes = (1u << 30) + 1}},
         "threads->stack_bytes must be 0 or at most 1073741824, got 1073741825"},
        {{.threads = &(weir_thread_options){.nice = -21}},
         "threads->nice must be from -20 to 19, got -21"},
        {{.threads = &(weir_thread_options){.nice = 20}},
         "threads->nice must be from -20 to 19, got 20"},
        {{.threads = &(weir_thread_options){.realtime = 100}},
         "threads->realtime must be from 0 to 99, got 100"},
        {{.threads = &(weir_thread_options){.realtime = -1}},
         "threads->realtime must be from 0 to 99, got -1"},
        {{.memory = &(weir_memory_options){.lock = true},
          .allocator = {.alloc = no_alloc, .free = no_free}},
         "memory and allocator cannot both be set"},
        {{.memory = &(weir_memory_options){.ready_bytes = (1ull << 40) + 1}},
         "memory->ready_bytes must be at most 1099511627776, got 1099511627777"},
        {{.memory = &(weir_memory_options){.ready_bytes = SIZE_MAX}},
         "memory->ready_bytes must be at most 1099511627776, got WEIR_NONE"},
        {{.mailbox_limit = WEIR_INFINITY},
         "mailbox_limit must be at most 2147483647, got WEIR_INFINITY"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_runtime_options out;
        memset(&out, 0x5a, sizeof out);
        const weir_runtime_options before = out;
        assert_int_equal(weir__options_runtime(&cases[i].options, 2, &out), WEIR_INVALID);
        assert_string_equal(weir_refusal(), cases[i].sentence);
        assert_memory_equal(&out, &before, sizeof out);
        weir_runtime *runtime = NULL;
        assert_int_equal(weir_runtime_open(&cases[i].options, &runtime), WEIR_INVALID);
        assert_null(runtime);
    }
}

/* ---- stages -------------------------------------------------------------- */

#define MAKES             .on.handle_demand = deed_no_demand
#define PRODUCER          .kind = WEIR_PRODUCER, .event_bytes = 8, MAKES
#define CONSUMER_OF(what) .kind = what, .on.handle_events = deed_no_events
#define BOTH              CONSUMER_OF(WEIR_PRODUCER_CONSUMER), .event_bytes = 8
#define CONSUMER          CONSUMER_OF(WEIR_CONSUMER)

static void good_stages_pass(void **state) {
    (void)state;
    static const weir_subscribe_to to = {.options.max_demand = 5};
    static const weir_stage_options cases[] = {
        {PRODUCER},
        {BOTH},
        {CONSUMER},
        {PRODUCER, .worker = WEIR_WORKER(0)},
        {PRODUCER, .worker = WEIR_WORKER(2)},
        {PRODUCER, .buffer_size = WEIR_NONE, .buffer_keep = WEIR_KEEP_FIRST},
        {PRODUCER, .buffer_size = WEIR_INFINITY, .demand = WEIR_ACCUMULATE},
        {BOTH, .subscribe_to = &to, .subscribe_count = 1},
        {CONSUMER, .subscribe_to = &to, .subscribe_count = 1},
        {CONSUMER, .buffer_keep = (weir_keep)7}, /* not a consumer's */
        {CONSUMER, .takes_bytes = 1},
        {BOTH, .takes_bytes = WEIR_EVENT_BYTES_LIMIT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(weir__options_stage(&cases[i], 3), WEIR_OK);
    }
    weir_stage_options sized = {PRODUCER};
    sized.event_bytes = 1;
    assert_int_equal(weir__options_stage(&sized, 3), WEIR_OK);
    sized.event_bytes = WEIR_EVENT_BYTES_LIMIT;
    assert_int_equal(weir__options_stage(&sized, 3), WEIR_OK);
}

static weir_reason half_subscribe(void *state, weir_outlet *consumer, uint64_t *upstream) {
    (void)state;
    (void)consumer;
    *upstream = 0;
    return WEIR_REASON_NORMAL;
}

static const weir_dispatcher half = {.name = "half", .subscribe = half_subscribe};
static const weir_subscribe_to wrong[] = {{.options.max_demand = 5},
                                          {.options = {.max_demand = 5, .min_demand = 5}}};

static void stage_refusals(void **state) {
    (void)state;
    static const struct {
        weir_stage_options options;
        weir_status status;
        const char *sentence;
    } cases[] = {
        {{0},
         WEIR_INVALID,
         "kind must be one of WEIR_PRODUCER, WEIR_PRODUCER_CONSUMER, WEIR_CONSUMER, got 0"},
        {{.kind = (weir_kind)4},
         WEIR_INVALID,
         "kind must be one of WEIR_PRODUCER, WEIR_PRODUCER_CONSUMER, WEIR_CONSUMER, got 4"},
        {{.kind = WEIR_PRODUCER, .event_bytes = 8},
         WEIR_INVALID,
         "on.handle_demand must be set for a producer"},
        {{.kind = WEIR_PRODUCER_CONSUMER, .event_bytes = 8, .on.handle_demand = deed_no_demand},
         WEIR_INVALID,
         "on.handle_events must be set for a producer_consumer"},
        {{.kind = WEIR_CONSUMER}, WEIR_INVALID, "on.handle_events must be set for a consumer"},
        {{CONSUMER, .worker = WEIR_WORKER(3)}, WEIR_INVALID, "worker must be below 3, got 3"},
        {{CONSUMER, .worker = WEIR_WORKER(1000)}, WEIR_INVALID, "worker must be below 3, got 1000"},
        {{CONSUMER, .mailbox_limit = (size_t)WEIR_MAILBOX_LIMIT_MAX + 1},
         WEIR_INVALID,
         "mailbox_limit must be at most 2147483647, got 2147483648"},
        {{CONSUMER, .timers_limit = WEIR_INFINITY},
         WEIR_INVALID,
         "timers_limit must be at most 2147483647, got WEIR_INFINITY"},
        {{CONSUMER, .state_bytes = SIZE_MAX / 4 + 1},
         WEIR_INVALID,
         "state_bytes must be at most 4611686018427387903, got 4611686018427387904"},
        {{.kind = WEIR_PRODUCER, .on.handle_demand = deed_no_demand},
         WEIR_INVALID,
         "event_bytes must be at least 1, got 0"},
        {{.kind = WEIR_PRODUCER_CONSUMER, .event_bytes = 65537, .on.handle_events = deed_no_events},
         WEIR_INVALID,
         "event_bytes must be at most 65536, got 65537"},
        {{PRODUCER, .buffer_keep = (weir_keep)2},
         WEIR_INVALID,
         "buffer_keep must be one of WEIR_KEEP_LAST, WEIR_KEEP_FIRST, got 2"},
        {{PRODUCER, .demand = (weir_demand_mode)2},
         WEIR_INVALID,
         "demand must be one of WEIR_FORWARD, WEIR_ACCUMULATE, got 2"},
        {{BOTH, .demand = WEIR_ACCUMULATE},
         WEIR_INVALID,
         "demand WEIR_ACCUMULATE is for producers only"},
        {{PRODUCER, .dispatcher = &half},
         WEIR_INVALID,
         "dispatcher must have subscribe, ask, cancel, dispatch and open_demand"},
        {{CONSUMER, .subscribe_count = 2},
         WEIR_INVALID,
         "subscribe_to must be set when subscribe_count is 2"},
        {{PRODUCER, .subscribe_to = wrong, .subscribe_count = 1},
         WEIR_NOT_A_CONSUMER,
         "a producer cannot have subscribe_to"},
        {{CONSUMER, .subscribe_to = wrong, .subscribe_count = 2},
         WEIR_INVALID,
         "min_demand must be at most 4, got 5"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(weir__options_stage(&cases[i].options, 3), cases[i].status);
        assert_string_equal(weir_refusal(), cases[i].sentence);
    }
    assert_int_equal(weir__options_stage(NULL, 3), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "options must not be NULL");
}

/* What goes with something else, or is not heeded by a stage of its kind. */
static void slips_are_refused(void **state) {
    (void)state;
    static const struct {
        weir_stage_options options;
        const char *sentence;
    } cases[] = {
        {{PRODUCER, .dispatcher_options = wrong},
         "dispatcher must be set when dispatcher_options is"},
        {{PRODUCER, .registered = true}, "name must be set when registered is"},
        {{PRODUCER, .name = "two\nlines"},
         "name must have no control characters, got byte 0x0a at 3"},
        {{CONSUMER, .event_bytes = 16, .takes_bytes = 8},
         "event_bytes of a consumer must be 0 or its takes_bytes, 8, got 16"},
        {{CONSUMER, .event_bytes = 65537}, "event_bytes must be at most 65536, got 65537"},
        {{CONSUMER, .buffer_size = WEIR_NONE},
         "buffer_size is for producers and producer_consumers only"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(weir__options_stage(&cases[i].options, 3), WEIR_INVALID);
        assert_string_equal(weir_refusal(), cases[i].sentence);
    }
}

/* By its name, or its kind; of options that say neither, just so. */
static void refusals_say_of_which_stage(void **state) {
    (void)state;
    static const struct {
        weir_stage_options options;
        const char *sentence;
    } cases[] = {
        {{CONSUMER, .name = "sink", .event_bytes = 65537},
         "stage sink: event_bytes must be at most 65536, got 65537"},
        {{CONSUMER, .name = "\033[2J"},
         "stage consumer: name must have no control characters, got byte 0x1b at 0"},
        {{.kind = WEIR_PRODUCER}, "stage producer: on.handle_demand must be set for a producer"},
        {{0},
         "stage stage: kind must be one of WEIR_PRODUCER, WEIR_PRODUCER_CONSUMER, "
         "WEIR_CONSUMER, got 0"},
    };
    weir_runtime *runtime;
    assert_int_equal(weir_runtime_open(&(weir_runtime_options){.mode = WEIR_STEPPED}, &runtime),
                     WEIR_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(weir_stage_start(runtime, &cases[i].options, NULL), WEIR_INVALID);
        assert_string_equal(weir_refusal(), cases[i].sentence);
    }
    assert_int_equal(weir_runtime_close(runtime, NULL), WEIR_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subscribe_defaults),
        cmocka_unit_test(an_unsaid_window_fits_the_events),
        cmocka_unit_test(subscribe_refusals),
        cmocka_unit_test(runtime_defaults),
        cmocka_unit_test(runtime_refusals),
        cmocka_unit_test(good_stages_pass),
        cmocka_unit_test(stage_refusals),
        cmocka_unit_test(slips_are_refused),
        cmocka_unit_test(refusals_say_of_which_stage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
