/*
 * Goal: a server that has no room, in memory or on its disk, is waited for at both ends: nothing is
 * lost, and the reason is said.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: as test_redis_sink.c and test_redis_source.c.  The server appends to its file each
 * second, for with `always` it ends where it cannot; a limit of its process plays the full disk.
 */
#include "connect/redis_store.h"

#include <signal.h>
#include <sys/resource.h>

enum { FEW = 300 };

/* ---- no memory ------------------------------------------------------------------------------ */

static void waits_while_there_is_no_memory(void **state) {
    struct store store;
    weir_redis_sink_options options = usual(address);
    (void)state;
    for (int whole = 0; whole < 2; whole++) {
        options.whole = whole != 0;
        SAY("DEL out");
        open_store(&store, &options);
        tally_push(store.pipeline, 0, FEW);
        SAY("CONFIG SET maxmemory 1");
        tally_push(store.pipeline, FEW, FEW);
        assert_true(tally_until(heard, "OOM command not allowed", 10));
        SAY("CONFIG SET maxmemory 0");
        close_store(&store);
        assert_int_equal(store.stats.done, 2 * FEW);
        tally_begin(2 * FEW);
        size_t count = read_stream("out");
        assert_true(whole != 0 ? count == 2 * FEW
                               : count >= 2 * FEW); /* none in part: none twice */
        tally_check();
    }
}

/* ---- no disk -------------------------------------------------------------------------------- */

/* Of all that the server writes from now on. */
static void limit_disk(rlim_t bytes) {
    struct rlimit limit;
    assert_int_equal(prlimit(server.pid, RLIMIT_FSIZE, NULL, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(prlimit(server.pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

static bool refuses_writes(void *context) {
    (void)context;
    return SAY("SET probe 1") == -1;
}

static bool takes_writes(void *context) {
    return !refuses_writes(context);
}

static void sink_waits_while_there_is_no_disk(void **state) {
    struct store store;
    weir_redis_sink_options options = usual(address);
    (void)state;
    for (int whole = 0; whole < 2; whole++) {
        options.whole = whole != 0;
        SAY("DEL out");
        open_store(&store, &options);
        tally_push(store.pipeline, 0, FEW);
        limit_disk(1);
        assert_true(tally_until(refuses_writes, NULL, 10));
        tally_push(store.pipeline, FEW, FEW);
        assert_true(tally_until(heard, "MISCONF", 10));
        limit_disk(RLIM_INFINITY);
        close_store(&store);
        assert_int_equal(store.stats.done, 2 * FEW);
        tally_begin(2 * FEW);
        size_t count = read_stream("out");
        assert_true(whole != 0 ? count == 2 * FEW : count >= 2 * FEW);
        tally_check();
    }
}

static bool may_end;

static weir_outcome wait_for_the_end(size_t number, const weir_message *message) {
    (void)number, (void)message;
    while (!__atomic_load_n(&may_end, __ATOMIC_ACQUIRE)) {
        nap(1);
    }
    return WEIR_MESSAGE_OK;
}

/* What is settled meanwhile is told when it can be. */
static void source_waits_while_there_is_no_disk(void **state) {
    struct trial trial;
    const weir_redis_source_options options = options_at(address);
    (void)state;
    publish("jobs", 0, FEW, 10);
    tally_begin(FEW + 1);
    may_end = false;
    handle = wait_for_the_end;
    begin(&trial, &options, 0, 0);
    while (pending() != FEW) {
        nap(1);
    }
    limit_disk(1);
    assert_true(tally_until(refuses_writes, NULL, 10));
    __atomic_store_n(&may_end, true, __ATOMIC_RELEASE);
    assert_true(tally_until(heard, "MISCONF", 10));
    assert_true(pending() > 0);
    limit_disk(RLIM_INFINITY);
    assert_true(tally_until(takes_writes, NULL, 10));
    publish("jobs", FEW, 1, 10);
    assert_true(tally_wait(20));
    assert_true(tally_until(none_pending, NULL, 20));
    end(&trial);
    tally_check();
}

static int start_server(void **state) {
    (void)state;
    signal(SIGXFSZ, SIG_IGN); /* the server, too */
    return begin_server("appendonly yes\nappendfsync everysec");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(waits_while_there_is_no_memory),
        TEST(sink_waits_while_there_is_no_disk),
        TEST(source_waits_while_there_is_no_disk),
    };
    return engine_found(ENGINE_REDIS) ? cmocka_run_group_tests(tests, start_server, end_server)
                                      : ENGINE_SKIPPED;
}
