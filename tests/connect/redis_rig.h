/*
 * For tests of Redis Streams: a client of the test's own, and a pipeline whose source is tried.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each test program has one server, one such client and one such pipeline at a time.
 */
#ifndef TESTS_CONNECT_REDIS_RIG_H
#define TESTS_CONNECT_REDIS_RIG_H

#include "connect/engine.h"
#include "connect/heard.h"
#include "connect/tally.h"
#include "support/cmocka.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <weir/redis.h>
#include <weir/weir.h>

#define MS UINT64_C(1000000)
#define S  (1000 * MS)

/* ---- the test's own client --------------------------------------------------------------- */

static struct engine server;
static char address[64];
static redisContext *client;

/* Waits until the server has loaded what it had. */
static void connect_client(void) {
    client = redisConnect("127.0.0.1", (int)server.port);
    assert_non_null(client);
    assert_int_equal(client->err, 0);
    for (bool loads = true; loads;) {
        redisReply *reply = redisCommand(client, "PING");
        assert_non_null(reply);
        loads = reply->type == REDIS_REPLY_ERROR;
        freeReplyObject(reply);
    }
}

static void disconnect_client(void) {
    if (client != NULL) {
        redisFree(client);
    }
    client = NULL;
}

/* What an answer that is an integer, or has so many items, says; -1: an error. */
static long long figure_of(redisReply *reply) {
    assert_non_null(reply);
    long long figure = reply->type == REDIS_REPLY_INTEGER ? reply->integer
                       : reply->type == REDIS_REPLY_ARRAY ? (long long)reply->elements
                       : reply->type == REDIS_REPLY_ERROR ? -1
                                                          : 0;
    freeReplyObject(reply);
    return figure;
}

#define SAY(...) figure_of(redisCommand(client, __VA_ARGS__))

/* `count` entries from `first` on, each with its number and `bytes` more. */
static inline void publish(const char *stream, size_t first, size_t count, size_t bytes) {
    char *text = calloc(1, bytes + 32);
    for (size_t i = first; i < first + count; i++) {
        size_t length = (size_t)snprintf(text, 32, "%zu ", i);
        memset(text + length, 'x', bytes);
        redisAppendCommand(client, "XADD %s * data %b kind k%u", stream, text, length + bytes,
                           (unsigned)(i % 7));
    }
    for (size_t i = 0; i < count; i++) {
        redisReply *reply = NULL;
        assert_int_equal(redisGetReply(client, (void **)&reply), REDIS_OK);
        assert_int_equal(reply->type, REDIS_REPLY_STRING);
        freeReplyObject(reply);
    }
    free(text);
}

/* How many the group has pending, and of its stream not delivered. */
static inline long long pending(void) {
    redisReply *reply = redisCommand(client, "XPENDING jobs workers");
    long long count =
        reply != NULL && reply->type == REDIS_REPLY_ARRAY ? reply->element[0]->integer : -1;
    freeReplyObject(reply);
    return count;
}

static inline bool none_pending(void *context) {
    (void)context;
    return pending() == 0;
}

/* ---- the pipeline that is tried ------------------------------------------------------------ */

struct trial {
    weir_redis_source *source;
    weir_runtime *runtime;
    weir_pipeline *pipeline;
    weir_pipeline_stats stats;
    weir_redis_source_stats more;
};

static weir_outcome (*handle)(size_t number, const weir_message *message);

static inline weir_outcome handle_message(void *context, weir_work *work, weir_message *message) {
    size_t number = tally_number(message);
    (void)context, (void)work;
    weir_outcome outcome = handle == NULL ? WEIR_MESSAGE_OK : handle(number, message);
    if (outcome == WEIR_MESSAGE_OK) {
        tally_note(number);
    }
    return outcome;
}

static inline void begin(struct trial *trial, const weir_redis_source_options *options,
                         size_t outstanding, size_t bytes) {
    heard_begin();
    assert_int_equal(weir_redis_source_open(options, &trial->source), WEIR_OK);
    assert_int_equal(
        weir_runtime_open(&(weir_runtime_options){.workers = 1, .log = heard_log}, &trial->runtime),
        WEIR_OK);
    assert_int_equal(
        weir_pipeline_open(
            trial->runtime,
            &(weir_pipeline_options){.source = weir_redis_source_driver(trial->source),
                                     .source_contexts = (void *[]){trial->source},
                                     .source_count = 1,
                                     .max_outstanding = outstanding,
                                     .max_outstanding_bytes = bytes,
                                     .shutdown_ns = 1 * S,
                                     .processors = {.count = 2, .handle_message = handle_message}},
            &trial->pipeline),
        WEIR_OK);
}

static inline void end(struct trial *trial) {
    assert_int_equal(weir_pipeline_close(trial->pipeline, &trial->stats), WEIR_OK);
    assert_int_equal(weir_runtime_close(trial->runtime, NULL), WEIR_OK);
    assert_int_equal(weir_redis_source_read_stats(trial->source, &trial->more), WEIR_OK);
    weir_redis_source_close(trial->source);
    handle = NULL;
}

static inline weir_redis_source_options options_at(const char *where) {
    return (weir_redis_source_options){.server = {.address = where, .timeout_ns = 1 * S},
                                       .stream = "jobs",
                                       .group = "workers",
                                       .lease_ns = 5 * S};
}

static inline void nap(unsigned ms) {
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

/* ---- the server, for all tests of a program ------------------------------------------------ */

/* more: further lines of its configuration. */
static inline int begin_server(const char *more) {
    engine_start(&server, ENGINE_REDIS, more);
    snprintf(address, sizeof address, "127.0.0.1:%u", server.port);
    connect_client();
    return 0;
}

static inline int end_server(void **state) {
    (void)state;
    disconnect_client();
    engine_end(&server);
    return 0;
}

/* Before each test. */
static inline int forget_all(void **state) {
    (void)state;
    handle = NULL;
    SAY("FLUSHALL");
    return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, forget_all)

#endif
