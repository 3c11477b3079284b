/*
 * What comes into a pipeline from the program: push, test.  See pipeline.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Both go by a source without a driver, which tells what became of a push when all of it is
 * settled.  A test waits for that: `settled` is set by whoever settles the last of them (release),
 * and read by who waits (acquire), P1 -> P2; between looks that one steps the runtime, or sleeps at
 * that word.  He may give up; so what they share has two references, and goes with the last.
 */
#include "base/refusal.h"
#include "os/clock.h"
#include "os/futex.h"
#include "pipeline/pipeline.h"
#include "runtime/errand.h"
#include "runtime/runtime.h"

#include <string.h>

struct test {
    const struct weir__allocator *allocator;
    size_t count;
    uint32_t references; /* atomic */
    uint32_t settled;    /* atomic */
    weir_outcome outcomes[];
};

/* Later nobody would know whose fault it was. */
static weir_status check_batchers_of(const weir_pipeline *pipeline, const weir_message *messages,
                                     size_t count) {
    const size_t batchers = pipeline->options.batcher_count;
    for (size_t i = 0; batchers > 0 && i < count; i++) {
        if (messages[i].batcher >= batchers) {
            return weir__refuse(WEIR_INVALID,
                                "messages[%zu].batcher must be below batcher_count, %zu, got %u", i,
                                batchers, (unsigned)messages[i].batcher);
        }
    }
    return WEIR_OK;
}

static weir_status push_settled(weir_pipeline *pipeline, const weir_message *messages, size_t count,
                                weir_pushed *settled, void *context) {
    weir_status status = check_batchers_of(pipeline, messages, count);
    return status == WEIR_OK
               ? weir_source_push(pipeline->push, messages, count, 0, settled, context)
               : status;
}

weir_status weir_pipeline_push(weir_pipeline *pipeline, const weir_message *messages,
                               size_t count) {
    if (weir__pipeline_unfit(pipeline) || (count > 0 && weir__missing(messages, "messages"))) {
        return weir__refused();
    }
    return count == 0 ? WEIR_OK : push_settled(pipeline, messages, count, NULL, NULL);
}

static size_t test_bytes(size_t count) {
    return sizeof(struct test) + count * sizeof(weir_outcome);
}

static void leave_test(struct test *test) {
    if (weir__fetch_sub_u32(&test->references, 1) == 1) {
        weir__free(test->allocator, test, test_bytes(test->count));
    }
}

/* On the thread that settles the last of them. */
static void test_settled(void *context, const weir_ack *acks, size_t count) {
    struct test *test = context;
    for (size_t i = 0; i < count; i++) {
        test->outcomes[acks[i].token] =
            acks[i].why == WEIR_DISCARD_HANDLED ? acks[i].outcome : WEIR_MESSAGE_NAK;
    }
    weir__store_release_u32(&test->settled, 1); /* P1 -> P2 */
    weir__futex_wake(&test->settled, 1);
    leave_test(test);
}

static bool test_over(const struct test *test) {
    return weir__load_acquire_u32(&test->settled) != 0; /* P1 -> P2 */
}

/* Sleeps until all are settled, where there are threads; else steps the runtime. */
static bool await_test(weir_pipeline *pipeline, struct test *test, uint64_t timeout_ns) {
    weir_runtime *runtime = pipeline->runtime;
    const uint64_t deadline = weir__clock_deadline(weir_runtime_now(runtime), timeout_ns);
    bool on = true;
    while (on && !test_over(test)) {
        if (runtime->options.mode == WEIR_THREADS) {
            weir__futex_wait(&test->settled, 0, deadline);
            on = weir_runtime_now(runtime) < deadline;
        } else {
            on = weir__runtime_go_on(runtime, 1, deadline, NULL);
        }
    }
    return test_over(test);
}

static struct test *make_test(const weir_pipeline *pipeline, size_t count) {
    struct test *test = weir__alloc_zeroed(pipeline->allocator, test_bytes(count), 64);
    if (test == NULL) {
        weir__refuse(WEIR_NO_MEMORY, "no memory for a test of %zu messages", count);
        return NULL;
    }
    test->allocator = pipeline->allocator;
    test->count = count;
    test->references = 2;
    for (size_t i = 0; i < count; i++) {
        test->outcomes[i] = WEIR_MESSAGE_RETRY;
    }
    return test;
}

static weir_status push_test(weir_pipeline *pipeline, const weir_message *messages, size_t count,
                             weir_batch_mode mode, struct test *test) {
    if (mode == WEIR_BATCH_BULK) {
        return push_settled(pipeline, messages, count, test_settled, test);
    }
    weir_message *copies = weir__alloc(pipeline->allocator, count * sizeof *copies, 64);
    if (copies == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a test of %zu messages", count);
    }
    for (size_t i = 0; i < count; i++) {
        copies[i] = messages[i];
        copies[i].flush = 1;
    }
    weir_status status = push_settled(pipeline, copies, count, test_settled, test);
    weir__free(pipeline->allocator, copies, count * sizeof *copies);
    return status;
}

weir_status weir_pipeline_test(weir_pipeline *pipeline, const weir_message *messages, size_t count,
                               weir_batch_mode mode, uint64_t timeout_ns, weir_outcome *outcomes) {
    if (weir__pipeline_unfit(pipeline) || weir__missing(messages, "messages") ||
        weir__missing(outcomes, "outcomes")) {
        return weir__refused();
    }
    if ((unsigned)mode > WEIR_BATCH_FLUSH) {
        return weir__refuse(WEIR_INVALID,
                            "mode must be WEIR_BATCH_BULK or WEIR_BATCH_FLUSH, got %d", (int)mode);
    }
    weir_status status = weir__stepping_begin_from(pipeline->runtime, "weir_pipeline_test");
    if (status != WEIR_OK || count == 0) {
        if (status == WEIR_OK) {
            weir__stepping_end(pipeline->runtime);
        }
        return status;
    }
    struct test *test = make_test(pipeline, count);
    status = test == NULL ? WEIR_NO_MEMORY : push_test(pipeline, messages, count, mode, test);
    if (status == WEIR_OK) {
        status = await_test(pipeline, test, timeout_ns) ? WEIR_OK : WEIR_TIMEOUT;
        for (size_t i = 0; i < count; i++) {
            outcomes[i] = status == WEIR_OK ? test->outcomes[i] : WEIR_MESSAGE_RETRY;
        }
        leave_test(test);
    } else if (test != NULL) {
        weir__free(pipeline->allocator, test, test_bytes(count));
    }
    weir__stepping_end(pipeline->runtime);
    return status;
}
