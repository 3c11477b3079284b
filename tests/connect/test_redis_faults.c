/*
 * Goal: whatever happens to the server, the connections and the stream itself: each message that
 * the server has kept is handled, what is wrong is said, and the end comes by its deadline.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: as test_redis_source.c; the server stores what it says (appendfsync always), and is
 * reached directly or by a proxy.
 */
#include "connect/proxy.h"
#include "connect/redis_rig.h"

#include <signal.h>

enum { FEW = 500, MANY = 10000 };

static char through[64];

static proxy *put_between(void) {
    proxy *between = proxy_start(server.port);
    snprintf(through, sizeof through, "127.0.0.1:%u", proxy_port(between));
    return between;
}

/* ---- the server -------------------------------------------------------------------------- */

static void waits_for_a_server(void **state) {
    struct trial trial;
    const weir_redis_source_options options = options_at(address);
    (void)state;
    publish("jobs", 0, FEW, 10);
    disconnect_client();
    engine_kill(&server, SIGTERM);
    tally_begin(FEW);
    begin(&trial, &options, 0, 0);
    assert_true(tally_until(heard, "cannot connect to", 10));
    engine_again(&server);
    connect_client();
    assert_true(tally_wait(20));
    end(&trial);
    tally_check();
}

static weir_outcome brief_nap(size_t number, const weir_message *message) {
    (void)number, (void)message;
    nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    return WEIR_MESSAGE_OK;
}

static void outlives_a_crash_of_the_server(void **state) {
    struct trial trial;
    weir_redis_source_options options = options_at(address);
    (void)state;
    options.lease_ns = 1 * S;
    publish("jobs", 0, MANY, 10);
    disconnect_client();
    tally_begin(MANY);
    handle = brief_nap;
    begin(&trial, &options, 1000, 0);
    for (int round = 0; round < 2; round++) {
        size_t before = tally_missing();
        for (int i = 0; i < 2000 && before - tally_missing() < MANY / 8; i++) {
            nap(1);
        }
        engine_kill(&server, SIGKILL);
        engine_again(&server);
    }
    assert_true(tally_wait(40));
    connect_client();
    assert_true(tally_until(none_pending, NULL, 20));
    end(&trial);
    tally_check();
}

/* What the server sent into a connection that was gone comes at once, not when its lease ends. */
static void outlives_broken_connections(void **state) {
    struct trial trial;
    proxy *between = put_between();
    weir_redis_source_options options = options_at(through);
    (void)state;
    options.lease_ns = 60 * S;
    publish("jobs", 0, MANY, 50);
    tally_begin(MANY);
    proxy_cut_behind(between, 300000); /* amid an answer */
    begin(&trial, &options, 0, 0);
    assert_true(tally_until(heard, "not connected", 20));
    proxy_cut(between, true);
    proxy_cut(between, false);
    assert_true(tally_wait(40));
    assert_true(tally_until(none_pending, NULL, 20));
    end(&trial);
    proxy_end(between);
    tally_check();
}

static bool gate_is_open;

static weir_outcome wait_at_the_gate(size_t number, const weir_message *message) {
    (void)number, (void)message;
    while (!__atomic_load_n(&gate_is_open, __ATOMIC_ACQUIRE)) {
        nap(1);
    }
    return WEIR_MESSAGE_OK;
}

static weir_outcome first_waits(size_t number, const weir_message *message) {
    return number == 0 ? wait_at_the_gate(number, message) : WEIR_MESSAGE_OK;
}

/* It is at work while the connection breaks, and is not taken again. */
static void does_not_take_twice_what_is_at_work(void **state) {
    struct trial trial;
    proxy *between = put_between();
    weir_redis_source_options options = options_at(through);
    (void)state;
    options.consumer = "me";
    publish("jobs", 0, FEW, 50);
    tally_begin(FEW + 1);
    gate_is_open = false;
    handle = first_waits;
    begin(&trial, &options, 0, 0);
    while (pending() < 1) {
        nap(1);
    }
    proxy_cut(between, true);
    assert_true(tally_until(heard, "not connected", 20));
    proxy_cut(between, false);
    assert_true(tally_until(heard, "connected again", 20));
    nap(50);
    __atomic_store_n(&gate_is_open, true, __ATOMIC_RELEASE);
    publish("jobs", FEW, 1, 50);
    assert_true(tally_wait(20));
    assert_true(tally_until(none_pending, NULL, 20));
    end(&trial);
    proxy_end(between);
    assert_int_equal(tally_again(), 0);
    tally_check();
}

/* Acks go into a connection that leads nowhere: they are said again, before any lease ends. */
static void says_again_what_was_not_answered(void **state) {
    struct trial trial;
    proxy *between = put_between();
    weir_redis_source_options options = options_at(through);
    (void)state;
    options.lease_ns = 60 * S;
    publish("jobs", 0, FEW, 50);
    tally_begin(FEW);
    gate_is_open = false;
    handle = wait_at_the_gate;
    begin(&trial, &options, 0, 0);
    while (pending() != FEW) {
        nap(1);
    }
    nap(20); /* until the last answer is here */
    proxy_stall(between, true);
    __atomic_store_n(&gate_is_open, true, __ATOMIC_RELEASE);
    assert_true(tally_wait(20));
    nap(20); /* until acks are on their way */
    proxy_cut(between, true);
    proxy_stall(between, false);
    assert_true(tally_until(heard, "not connected", 20));
    proxy_cut(between, false);
    assert_true(tally_until(none_pending, NULL, 20));
    end(&trial);
    proxy_end(between);
    tally_check();
}

/* A server that says nothing more: the end comes by the deadline, and is not held up. */
static void ends_beside_a_stalled_server(void **state) {
    struct trial trial;
    proxy *between = put_between();
    weir_redis_source_options options = options_at(through);
    (void)state;
    options.server.timeout_ns = 200 * MS;
    publish("jobs", 0, FEW, 10);
    tally_begin(FEW);
    begin(&trial, &options, 0, 0);
    assert_true(tally_wait(20));
    proxy_stall(between, true);
    publish("jobs", FEW, FEW, 10);
    end(&trial);
    proxy_end(between);
    tally_check();
}

static void ends_while_the_server_is_away(void **state) {
    struct trial trial;
    const weir_redis_source_options options = options_at(address);
    (void)state;
    publish("jobs", 0, FEW, 10);
    tally_begin(FEW);
    begin(&trial, &options, 0, 0);
    assert_true(tally_wait(20));
    assert_true(tally_until(none_pending, NULL, 10));
    disconnect_client();
    engine_kill(&server, SIGKILL);
    end(&trial);
    engine_again(&server);
    connect_client();
}

/* ---- the stream and its group -------------------------------------------------------------- */

static void makes_again_what_was_deleted(void **state) {
    struct trial trial;
    weir_redis_source_options options = options_at(address);
    (void)state;
    options.only_new = true; /* of a group that was lost, nothing is old */
    tally_begin(2 * FEW);
    begin(&trial, &options, 0, 0);
    while (SAY("XINFO GROUPS jobs") != 1) {
        nap(1);
    }
    publish("jobs", 0, FEW, 10);
    while (tally_missing() > FEW) {
        nap(1);
    }
    assert_true(tally_until(none_pending, NULL, 10));
    SAY("DEL jobs");
    publish("jobs", FEW, FEW, 10);
    assert_true(tally_wait(20));
    assert_true(heard("not connected"));
    end(&trial);
    tally_check();
}

static void says_what_is_wrong(void **state) {
    static const struct {
        const char *make;
        weir_redis_server server;
        const char *says;
        bool bind;
    } rows[] = {
        {"PING", {.password = "wrong"}, "AUTH", false},
        {"PING", {.user = "nobody", .password = "wrong"}, "WRONGPASS", false},
        {"PING", {.database = 99}, "DB index is out of range", false},
        {"PING", {.database = 0}, "group workers of stream jobs: NOGROUP", true},
        {"SET jobs 1", {.database = 0}, "its driver is broken (redis: group workers", false},
        {"CONFIG SET maxmemory 1", {.database = 0}, "OOM command not allowed", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct trial trial;
        weir_redis_source_options options = options_at(address);
        options.server = rows[i].server;
        options.server.address = address;
        options.bind = rows[i].bind;
        tally_begin(0);
        SAY(rows[i].make);
        begin(&trial, &options, 0, 0);
        assert_true(tally_until(heard, (void *)rows[i].says, 10));
        end(&trial);
        SAY("CONFIG SET maxmemory 0");
        SAY("DEL jobs");
    }
}

/* It has the right to read, and not to make; and is known by a name. */
static void may_do_what_it_is_allowed_to(void **state) {
    struct trial trial;
    char places[160];
    weir_redis_source_options options = options_at(places);
    (void)state;
    snprintf(places, sizeof places, "127.0.0.1:1, %s/socket", server.folder);
    options.server.user = "reader";
    options.server.password = "secret";
    options.server.database = 3;
    options.server.name = "weir-test";
    options.bind = true;
    SAY("ACL SETUSER reader on >secret ~jobs +auth +select +xreadgroup +xack +xpending +xclaim "
        "+xautoclaim");
    SAY("SELECT 3");
    publish("jobs", 0, FEW, 10);
    SAY("XGROUP CREATE jobs workers 0");
    tally_begin(FEW);
    begin(&trial, &options, 0, 0);
    assert_true(tally_wait(20));
    assert_true(tally_until(none_pending, NULL, 10));
    end(&trial);
    tally_check();
    SAY("DEL jobs");
    SAY("SELECT 0");
}

/* A replica is passed over, as long as another is named. */
static void passes_over_a_replica(void **state) {
    struct trial trial;
    struct engine replica;
    char of[64], both[160];
    (void)state;
    snprintf(of, sizeof of, "replicaof 127.0.0.1 %u", server.port);
    engine_start(&replica, ENGINE_REDIS, of);
    snprintf(both, sizeof both, "127.0.0.1:%u", replica.port);
    weir_redis_source_options options = options_at(both);
    publish("jobs", 0, FEW, 10);
    tally_begin(FEW);
    begin(&trial, &options, 0, 0);
    assert_true(tally_until(heard, "READONLY", 20));
    end(&trial);
    snprintf(both, sizeof both, "127.0.0.1:%u,%s", replica.port, address);
    begin(&trial, &options, 0, 0);
    assert_true(tally_wait(20));
    end(&trial);
    engine_end(&replica);
    tally_check();
}

/* ---- all of them --------------------------------------------------------------------------- */

static int start_server(void **state) {
    (void)state;
    return begin_server(
        "appendonly yes\nappendfsync always\nunixsocket socket\nrepl-diskless-sync-delay 0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(waits_for_a_server),
        TEST(outlives_a_crash_of_the_server),
        TEST(outlives_broken_connections),
        TEST(does_not_take_twice_what_is_at_work),
        TEST(says_again_what_was_not_answered),
        TEST(ends_beside_a_stalled_server),
        TEST(ends_while_the_server_is_away),
        TEST(makes_again_what_was_deleted),
        TEST(says_what_is_wrong),
        TEST(may_do_what_it_is_allowed_to),
        TEST(passes_over_a_replica),
    };
    return engine_found(ENGINE_REDIS) ? cmocka_run_group_tests(tests, start_server, end_server)
                                      : ENGINE_SKIPPED;
}
