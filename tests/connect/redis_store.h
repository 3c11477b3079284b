/*
 * For tests of sinks of Redis Streams: a pipeline whose batcher has the sink, and streams that are
 * read back, into the tally.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_CONNECT_REDIS_STORE_H
#define TESTS_CONNECT_REDIS_STORE_H

#include "connect/redis_rig.h"

/* ---- streams, read back ------------------------------------------------------------------ */

/* The value of a field; NULL: it has none. */
static inline const char *value_of(const redisReply *entry, const char *name) {
    const redisReply *fields = entry->element[1];
    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        if (strcmp(fields->element[i]->str, name) == 0) {
            return fields->element[i + 1]->str;
        }
    }
    return NULL;
}

/* Notes each entry; returns how many there are. */
static inline size_t read_stream(const char *name) {
    redisReply *reply = redisCommand(client, "XRANGE %s - +", name);
    assert_non_null(reply);
    for (size_t i = 0; i < reply->elements; i++) {
        const char *data = value_of(reply->element[i], "data");
        const weir_message as = {.data = {data, (uint32_t)strlen(data), 0}};
        tally_note(tally_number(&as));
    }
    size_t count = reply->elements;
    freeReplyObject(reply);
    return count;
}

/* ---- the pipeline that is tried --------------------------------------------------------- */

struct store {
    weir_redis_sink *sink;
    weir_runtime *runtime;
    weir_pipeline *pipeline;
    weir_pipeline_stats stats;
};

static inline weir_redis_sink_options usual(const char *where) {
    return (weir_redis_sink_options){.server = {.address = where, .timeout_ns = 500 * MS},
                                     .stream = "out"};
}

static inline void open_store(struct store *store, const weir_redis_sink_options *options) {
    heard_begin();
    assert_int_equal(weir_redis_sink_open(options, &store->sink), WEIR_OK);
    assert_int_equal(
        weir_runtime_open(&(weir_runtime_options){.workers = 1, .log = heard_log}, &store->runtime),
        WEIR_OK);
    const weir_pipeline_batcher batcher = {.name = "out",
                                           .size = 200,
                                           .timeout_ns = 20 * MS,
                                           .sink = weir_redis_sink_table(store->sink),
                                           .sink_contexts = (void *[]){store->sink},
                                           .retry = {.tries = 1, .delay = {.first_ns = 50 * MS}}};
    assert_int_equal(weir_pipeline_open(store->runtime,
                                        &(weir_pipeline_options){.processors = {.count = 1},
                                                                 .batchers = &batcher,
                                                                 .batcher_count = 1,
                                                                 .shutdown_ns = 20 * S},
                                        &store->pipeline),
                     WEIR_OK);
}

static inline void close_store(struct store *store) {
    assert_int_equal(weir_pipeline_close(store->pipeline, &store->stats), WEIR_OK);
    assert_int_equal(weir_runtime_close(store->runtime, NULL), WEIR_OK);
    weir_redis_sink_close(store->sink);
}

#endif
