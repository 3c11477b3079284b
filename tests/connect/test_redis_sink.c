/*
 * Goal: what a sink says is stored is in the stream, whatever happens to the server meanwhile; with
 * ids once; what the server will not take is named.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: numbered messages are pushed into a pipeline whose batcher has the sink; streams are read
 * back, into the tally.  The server stores what it says (appendfsync always).
 */
#include "connect/proxy.h"
#include "connect/redis_store.h"

#include <signal.h>

enum { FEW = 300, MANY = 8000 };

/* ---- the pipeline that is tried --------------------------------------------------------- */

static int stream_of(void *context, const weir_message *message, char *stream, size_t room) {
    size_t number = tally_number(message);
    (void)context;
    snprintf(stream, room, "out%zu", number % 3);
    return number == 13 ? -1 : 0;
}

static int id_of(void *context, const weir_message *message, char *id, size_t room) {
    (void)context;
    snprintf(id, room, "%zu-5", tally_number(message) + 1);
    return 0;
}

/* What becomes of these, one after the other. */
static void try_all(const weir_redis_sink_options *options, const weir_message *messages,
                    size_t count, weir_outcome *outcomes) {
    struct store store;
    open_store(&store, options);
    assert_int_equal(
        weir_pipeline_test(store.pipeline, messages, count, WEIR_BATCH_FLUSH, 10 * S, outcomes),
        WEIR_OK);
    close_store(&store);
}

#define SAYS(text)                           \
    {                                        \
        .data = { text, sizeof text - 1, 0 } \
    }

/* ---- the usual ---------------------------------------------------------------------------- */

static void stores_all_in_order(void **state) {
    struct store store;
    weir_redis_sink_options options = usual(address);
    (void)state;
    for (int whole = 0; whole < 2; whole++) {
        options.whole = whole != 0;
        SAY("DEL out");
        tally_begin(MANY);
        open_store(&store, &options);
        assert_false(weir_redis_sink_table(store.sink)->idempotent);
        tally_push(store.pipeline, 0, MANY);
        close_store(&store);
        assert_int_equal(store.stats.done, MANY);
        assert_int_equal(read_stream("out"), MANY);
        tally_check();
        redisReply *reply = redisCommand(client, "XRANGE out - +");
        for (size_t i = 0; i < reply->elements; i++) {
            assert_int_equal(atoi(value_of(reply->element[i], "data")), i);
        }
        freeReplyObject(reply);
    }
}

static void writes_key_and_headers(void **state) {
    weir_redis_sink_options options = usual(address);
    const weir_message messages[] = {
        {.data = {"0 ", 2, 0},
         .key = {"red", 3, 0},
         .headers = {"size: 3\r\nno line\r\nempty: \r\nlast: 4", 34, 0}},
        SAYS("1 "),
    };
    weir_outcome outcomes[2];
    (void)state;
    options.field = "body";
    options.key = "colour";
    options.headers = true;
    try_all(&options, messages, 2, outcomes);
    assert_int_equal(outcomes[0] + outcomes[1], WEIR_MESSAGE_OK);
    redisReply *reply = redisCommand(client, "XRANGE out - +");
    assert_int_equal(reply->elements, 2);
    assert_int_equal(reply->element[0]->element[1]->elements, 10);
    assert_string_equal(value_of(reply->element[0], "body"), "0 ");
    assert_string_equal(value_of(reply->element[0], "colour"), "red");
    assert_string_equal(value_of(reply->element[0], "size"), "3");
    assert_string_equal(value_of(reply->element[0], "empty"), "");
    assert_string_equal(value_of(reply->element[0], "last"), "4");
    assert_int_equal(reply->element[1]->element[1]->elements, 2);
    freeReplyObject(reply);
}

static void names_streams_and_trims_them(void **state) {
    struct store store;
    weir_redis_sink_options options = usual(address);
    (void)state;
    options.stream = NULL;
    options.stream_of = stream_of;
    options.max_length = 200;
    open_store(&store, &options);
    tally_push(store.pipeline, 0, 3000);
    close_store(&store);
    assert_int_equal(store.stats.done, 2999); /* one has no name */
    tally_begin(0);
    for (int i = 0; i < 3; i++) {
        char name[8];
        snprintf(name, sizeof name, "out%d", i);
        assert_in_range(read_stream(name), 200, 400);
    }
    assert_int_equal(tally_of(2999), 1);
    assert_int_equal(tally_of(13), 0);
}

/* ---- faults ------------------------------------------------------------------------------- */

static void waits_for_a_server(void **state) {
    struct store store;
    const weir_redis_sink_options options = usual(address);
    (void)state;
    disconnect_client();
    engine_kill(&server, SIGKILL);
    open_store(&store, &options);
    tally_push(store.pipeline, 0, FEW);
    assert_true(tally_until(heard, "cannot connect to", 10));
    engine_again(&server);
    close_store(&store);
    connect_client();
    tally_begin(FEW);
    assert_int_equal(store.stats.done, FEW);
    assert_int_equal(read_stream("out"), FEW);
    tally_check();
}

/* Without ids at least once, with ids once. */
static void outlives_crashes_of_the_server(void **state) {
    struct store store;
    weir_redis_sink_options options = usual(address);
    (void)state;
    for (int ids = 0; ids < 2; ids++) {
        options.id_of = ids != 0 ? id_of : NULL;
        SAY("DEL out");
        disconnect_client();
        open_store(&store, &options);
        assert_int_equal(weir_redis_sink_table(store.sink)->idempotent, ids != 0);
        for (size_t i = 0; i < 3; i++) {
            tally_push(store.pipeline, i * MANY / 3, (i + 1) * MANY / 3 - i * MANY / 3);
            engine_kill(&server, SIGKILL);
            engine_again(&server);
        }
        close_store(&store);
        connect_client();
        tally_begin(MANY);
        assert_int_equal(store.stats.done, MANY);
        size_t count = read_stream("out");
        assert_true(ids != 0 ? count == MANY : count >= MANY);
        tally_check();
    }
}

/* The server stores, and its answers are lost: by their ids they are not stored again. */
static void stores_once_though_answers_are_lost(void **state) {
    struct store store;
    char through[64];
    proxy *between = proxy_start(server.port);
    snprintf(through, sizeof through, "127.0.0.1:%u", proxy_port(between));
    weir_redis_sink_options options = usual(through);
    (void)state;
    options.id_of = id_of;
    open_store(&store, &options);
    tally_push(store.pipeline, 0, FEW);
    for (int i = 0; i < 6; i++) {
        proxy_cut_behind(between, 20000);
        tally_push(store.pipeline, FEW + (size_t)i * FEW, FEW);
        nap(30);
        proxy_cut(between, false);
    }
    close_store(&store);
    proxy_end(between);
    tally_begin(7 * FEW);
    assert_int_equal(store.stats.done, 7 * FEW);
    assert_int_equal(read_stream("out"), 7 * FEW);
    tally_check();
}

static void waits_for_replicas(void **state) {
    struct store store;
    struct engine replica;
    char of[64];
    weir_redis_sink_options options = usual(address);
    (void)state;
    options.replicas = 1;
    options.server.timeout_ns = 1 * S;
    open_store(&store, &options);
    tally_push(store.pipeline, 0, 10);
    assert_true(tally_until(heard, "0 of 1 replicas have a batch", 10));
    snprintf(of, sizeof of, "replicaof 127.0.0.1 %u", server.port);
    engine_start(&replica, ENGINE_REDIS, of);
    close_store(&store);
    assert_int_equal(store.stats.done, 10);
    engine_end(&replica);
}

/* ---- what it will not take ------------------------------------------------------------------ */

static void names_what_is_too_large(void **state) {
    const weir_redis_sink_options options = usual(address);
    const uint32_t count = 2 * 1024 * 1024;
    char *large = malloc(count);
    weir_outcome outcomes[3];
    (void)state;
    memset(large, '1', count);
    const weir_message messages[] = {SAYS("0 "), {.data = {large, count, 0}}, SAYS("1 ")};
    try_all(&options, messages, 3, outcomes);
    free(large);
    assert_int_equal(outcomes[0], WEIR_MESSAGE_OK);
    assert_int_equal(outcomes[1], WEIR_MESSAGE_DEAD);
    assert_int_equal(outcomes[2], WEIR_MESSAGE_OK);
    assert_int_equal(SAY("XLEN out"), 2);
}

static void tells_apart_whose_fault_it_is(void **state) {
    weir_redis_sink_options options = usual(address);
    const weir_message messages[] = {SAYS("0 "), SAYS("1 "), SAYS("2 ")};
    weir_outcome outcomes[3];
    (void)state;
    options.stream = NULL;
    options.stream_of = stream_of;
    SAY("SET out1 1");
    for (int whole = 0; whole < 2; whole++) {
        options.whole = whole != 0;
        try_all(&options, messages, 3, outcomes);
        assert_int_equal(outcomes[0], WEIR_MESSAGE_OK);
        assert_int_equal(outcomes[1], WEIR_MESSAGE_FAILED);
        assert_int_equal(outcomes[2], WEIR_MESSAGE_OK);
        assert_true(heard("has not stored 1 of 1 messages, reason 4 (redis: XADD: WRONGTYPE"));
    }
}

static void stores_no_id_twice_and_none_that_is_passed(void **state) {
    weir_redis_sink_options options = usual(address);
    const weir_message messages[] = {SAYS("4 "), SAYS("3 "), SAYS("5 ")};
    weir_outcome outcomes[3];
    (void)state;
    options.id_of = id_of;
    SAY("XADD out 5-5 data 4");
    try_all(&options, messages, 3, outcomes);
    assert_int_equal(outcomes[0], WEIR_MESSAGE_OK);     /* it is there */
    assert_int_equal(outcomes[1], WEIR_MESSAGE_FAILED); /* it is not, and cannot be */
    assert_int_equal(outcomes[2], WEIR_MESSAGE_OK);
    assert_int_equal(SAY("XLEN out"), 2);
}

/* Who may not say MULTI would store a batch message by message, and again with each try. */
static void stores_nothing_where_whole_cannot_be(void **state) {
    struct store store;
    weir_redis_sink_options options = usual(address);
    (void)state;
    SAY("ACL SETUSER single on >secret ~* +@all -multi");
    options.server.user = "single";
    options.server.password = "secret";
    options.whole = true;
    open_store(&store, &options);
    tally_push(store.pipeline, 0, 5);
    nap(1500);
    assert_int_equal(SAY("XLEN out"), 0);
    SAY("ACL SETUSER single +multi");
    close_store(&store);
    assert_true(store.stats.reopened > 0);
    assert_int_equal(store.stats.done, 5);
    assert_int_equal(SAY("XLEN out"), 5);
    SAY("ACL DELUSER single");
}

static void refuses_bad_options(void **state) {
    static const struct {
        weir_redis_sink_options options;
        const char *says;
    } rows[] = {
        {{.stream = NULL}, "one of stream and stream_of"},
        {{.stream = "a", .stream_of = stream_of}, "one of stream and stream_of"},
        {{.stream = ""}, "stream must not be empty"},
        {{.stream = "a", .field = ""}, "field must not be empty"},
        {{.stream = "a", .key = ""}, "key must not be empty"},
        {{.stream = "a", .max_length = UINT64_MAX}, "max_length must be at most"},
        {{.stream = "a", .reserved = {1}}, "reserved must be zero"},
        {{.stream = "a", .server = {.user = "u"}}, "server.password"},
    };
    weir_redis_sink *sink = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(weir_redis_sink_open(&rows[i].options, &sink), WEIR_INVALID);
        assert_non_null(strstr(weir_refusal(), rows[i].says));
        assert_null(sink);
    }
    weir_redis_sink_close(NULL);
}

/* ---- all of them --------------------------------------------------------------------------- */

static int start_server(void **state) {
    (void)state;
    return begin_server("appendonly yes\nappendfsync always\nproto-max-bulk-len 1mb\n"
                        "repl-diskless-sync-delay 0\nstream-node-max-entries 50");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(refuses_bad_options),
        TEST(stores_nothing_where_whole_cannot_be),
        TEST(stores_all_in_order),
        TEST(writes_key_and_headers),
        TEST(names_streams_and_trims_them),
        TEST(waits_for_a_server),
        TEST(outlives_crashes_of_the_server),
        TEST(stores_once_though_answers_are_lost),
        TEST(waits_for_replicas),
        TEST(names_what_is_too_large),
        TEST(tells_apart_whose_fault_it_is),
        TEST(stores_no_id_twice_and_none_that_is_passed),
    };
    return engine_found(ENGINE_REDIS) ? cmocka_run_group_tests(tests, start_server, end_server)
                                      : ENGINE_SKIPPED;
}
