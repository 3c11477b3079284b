/*
 * A source's options: checked, and copied.  See weir/redis.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/redis/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { HOST_NAME_BYTES = 128 };

static weir_status check_given(const char *what, const char *name, bool required) {
    if (name == NULL ? required : *name == '\0') {
        return weir_refuse(WEIR_INVALID, "%s must %s", what,
                           name == NULL ? "be given" : "not be empty");
    }
    return WEIR_OK;
}

static weir_status check_source(const weir_redis_source_options *options) {
    const struct {
        const char *what, *name;
        bool required;
    } names[] = {{"stream", options->stream, true},
                 {"group", options->group, true},
                 {"consumer", options->consumer, false},
                 {"field", options->field, false},
                 {"key", options->key, false}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        weir_status status = check_given(names[i].what, names[i].name, names[i].required);
        if (status != WEIR_OK) {
            return status;
        }
    }
    if (options->lease_ns != 0 &&
        (options->lease_ns < WEIR_REDIS_LEASE_LEAST || options->lease_ns > INT64_MAX)) {
        return weir_refuse(WEIR_INVALID,
                           "lease_ns must be %" PRIu64 " to %" PRId64 ", got %" PRIu64,
                           WEIR_REDIS_LEASE_LEAST, INT64_MAX, options->lease_ns);
    }
    if (options->max_deliver > UINT32_MAX) {
        return weir_refuse(WEIR_INVALID, "max_deliver must be at most %" PRIu32 ", got %" PRIu64,
                           UINT32_MAX, options->max_deliver);
    }
    if (options->bind && options->only_new) {
        return weir_refuse(WEIR_INVALID, "only_new must not be given with bind: no group is made");
    }
    for (size_t i = 0; i < sizeof options->reserved / sizeof *options->reserved; i++) {
        if (options->reserved[i] != 0) {
            return weir_refuse(WEIR_INVALID, "reserved must be zero");
        }
    }
    return WEIR_OK;
}

/* Of this machine, process, moment and place: nobody else has it. */
static const char *name_consumer(weir_redis_source *source) {
    char host[HOST_NAME_BYTES] = "", name[HOST_NAME_BYTES + 80];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    gethostname(host, sizeof host - 1);
    snprintf(name, sizeof name, "%s-%ld-%lx%09lx-%" PRIxPTR, host, (long)getpid(),
             (unsigned long)now.tv_sec, (unsigned long)now.tv_nsec, (uintptr_t)source >> 4);
    return weir__text_keep(&source->texts, name);
}

weir_status weir__redis_copy_source(weir_redis_source *source,
                                    const weir_redis_source_options *from) {
    weir_redis_source_options *to = &source->options;
    struct weir__texts *texts = &source->texts;
    weir_status status = check_source(from);
    if (status == WEIR_OK) {
        status = weir__redis_copy_server(texts, &from->server, &source->server);
    }
    if (status != WEIR_OK) {
        return status;
    }
    *to = *from;
    to->server = source->server.options;
    to->field =
        weir__text_keep(texts, from->field != NULL ? from->field : WEIR_REDIS_FIELD_DEFAULT);
    to->key = weir__text_keep(texts, from->key);
    to->consumer = weir__text_keep(texts, from->consumer);
    to->lease_ns = from->lease_ns != 0 ? from->lease_ns : WEIR_REDIS_LEASE_DEFAULT;
    source->group = (struct weir__redis_group){
        .stream = weir__text_keep(texts, from->stream),
        .group = weir__text_keep(texts, from->group),
        .consumer = to->consumer != NULL ? to->consumer : name_consumer(source),
        .lease_ms = to->lease_ns / WEIR__REDIS_MS};
    to->stream = source->group.stream;
    to->group = source->group.group;
    return texts->failed
               ? weir_refuse(WEIR_NO_MEMORY, "no memory for the options of a source of redis")
               : WEIR_OK;
}
