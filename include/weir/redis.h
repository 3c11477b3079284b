/*
 * Redis Streams: sources that read as members of a consumer group, and sinks that add to streams.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The library weir-redis (CMake weir::redis, pkg-config weir-redis), upon hiredis, for Redis from
 * 6.2 on.
 *
 *   const weir_redis_source_options jobs = {.stream = "jobs", .group = "workers"};
 *   weir_redis_source *source;
 *   weir_must(weir_redis_source_open(&jobs, &source));
 *   ... weir_pipeline_open with .source = weir_redis_source_driver(source),
 *                               .source_contexts = (void *[]){source}, .source_count = 1 ...
 *   ... weir_pipeline_close, weir_runtime_close ...
 *   weir_redis_source_close(source);
 *
 * Demand.  What the pipeline asks for is the COUNT of XREADGROUP; at most one such question is with
 * the server, and it stays there (BLOCK) while settlements go by a second connection.
 *
 * Settlements.  OK, SKIP and DEAD: XACK.  FAILED, RETRY and NAK: it stays pending, and this source
 * takes it again when the pipeline's delay is over; were it gone by then, another would.  What is
 * at work is kept from others (XCLAIM) each third of lease_ns.  What others have left pending for
 * lease_ns is taken over (XAUTOCLAIM), and so is what this consumer had pending in an earlier life.
 * message.deliveries is what Redis has counted.
 *
 * A message is one entry: its data one of the entry's fields; its time the milliseconds of the
 * entry's id, as nanoseconds since 1970.
 *
 * What is lost when: docs/connect/redis.md.
 */
#ifndef WEIR_REDIS_H
#define WEIR_REDIS_H

#include <weir/sink.h>
#include <weir/source.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_REDIS_ADDRESS_DEFAULT "127.0.0.1:6379"
#define WEIR_REDIS_FIELD_DEFAULT   "data"
#define WEIR_REDIS_TIMEOUT_DEFAULT UINT64_C(2000000000)
#define WEIR_REDIS_LEASE_DEFAULT   UINT64_C(30000000000)
#define WEIR_REDIS_LEASE_LEAST     UINT64_C(30000000)
#define WEIR_REDIS_NAKS            65536 /* see docs/connect/redis.md */
#define WEIR_REDIS_NAME_BYTES      256 /* of a stream's name or an id that is made, with its end */

struct redisContext; /* hiredis' */

/* Which server, and who one is to it.  Strings are copied. */
typedef struct weir_redis_server {
    /* "host:port", "host", an IPv6 address in brackets ("[::1]:port", "[::1]"), or
     * "/path/of/a/socket", 107 bytes at most; or several of these, 16 at most, with commas between:
     * the first that can be connected to, beginning behind the one that failed last (a replica that
     * refuses to be written to has failed).  Default 127.0.0.1:6379. */
    const char *address;
    const char *user; /* with `password`: a user of Redis' ACL */
    const char *password;
    const char *name;    /* of the connections, for CLIENT LIST; default "weir"      */
    unsigned database;   /* its number; default 0                                    */
    uint64_t timeout_ns; /* of connecting, and of each answer; 1 ms at least; default 2 s */
    /* Unless NULL: called for each connection when it is made, before anything is sent, to set what
     * else hiredis or the socket has (redisEnableKeepAlive).  0, or it is given up.  On the
     * source's or the sink's thread. */
    int (*configure)(void *context, struct redisContext *connection);
    void *context;
    uintptr_t reserved[4]; /* for later versions (version.h): zero */
} weir_redis_server;

/* ---- sources ----------------------------------------------------------------------- */

typedef struct weir_redis_source_options {
    weir_redis_server server;
    const char *stream; /* required: its key                                                     */
    const char *group;  /* required; stream and group are made if they are not there             */
    bool bind;          /* nothing is made: what is not there is waited for, with back-off        */
    bool only_new;      /* a group that is made begins with what is added later; else with all    */
    /* Its name in the group, which nobody else may have at the same time: who has it takes what was
     * pending under it at once.  NULL: one that nobody else has is made, and removed from the group
     * by weir_pipeline_close if nothing is pending under it. */
    const char *consumer;
    const char *field; /* whose value is a message's data; an entry without it has none; default */
                       /* "data"                                                                  */
    const char *key;   /* whose value is its key; NULL: the key is the entry's id               */
    bool headers;      /* messages have all other fields as headers: lines "name: value\r\n"     */
    /* Who has left an entry pending for so long is deemed dead, and another takes it.  All of a
     * group must have the same.  30 ms at least; default 30 s. */
    uint64_t lease_ns;
    /* What was delivered so often is acked instead, and counted as `poisoned`; default no bound.
     * (Whoever wants it stored looks at message.deliveries, and says DEAD.) */
    uint64_t max_deliver;
    bool delete_acked;     /* what is acked is removed from the stream (XDEL): for one group only */
    uintptr_t reserved[6]; /* for later versions (version.h): zero */
} weir_redis_source_options;

typedef struct weir_redis_source weir_redis_source;

/*
 * Makes a source, and connects nothing yet: that is done on its thread when the pipeline is opened,
 * and again whenever the connection is lost.
 * Arguments  options: copied.
 * Errors     INVALID (which option: weir_refusal), NO_MEMORY, SYSTEM (no descriptor is left).
 * Lifetime   until weir_redis_source_close, behind weir_runtime_close of the runtime that has used
 *            it: messages lie in its replies, and somebody may keep one to the end.  It has one
 *            pipeline at a time.
 * Threads    any.
 */
weir_status weir_redis_source_open(const weir_redis_source_options *options,
                                   weir_redis_source **out);

/* Its driver: of this one and all others that were opened with the same lease_ns, whose contexts
 * they are.  Lifetime: the source's. */
const weir_source_driver *weir_redis_source_driver(const weir_redis_source *source);

/* What weir_source_stats does not know.  Each figure is a recent one. */
typedef struct weir_redis_source_stats {
    uint64_t redelivered; /* taken again after a nak                                         */
    uint64_t claimed;  /* taken over: of the dead, of an earlier life, of replies that were lost */
    uint64_t poisoned; /* acked instead of delivered: max_deliver                          */
    uint64_t gone;     /* trimmed or deleted while they were pending: acked, and lost      */
    uintptr_t reserved[4];
} weir_redis_source_stats;

/* What the source has done so far.  Errors: INVALID.  Threads: any; wait-free. */
weir_status weir_redis_source_read_stats(const weir_redis_source *source,
                                         weir_redis_source_stats *out);

/* NULL: nothing.  Threads: any; nobody uses it any more. */
void weir_redis_source_close(weir_redis_source *source);

/* ---- sinks ------------------------------------------------------------------------- */

/* A message's `reason` where the sink says that it is FAILED or DEAD. */
typedef enum weir_redis_reason {
    WEIR_REDIS_TOO_LARGE = 1, /* DEAD: the server's proto-max-bulk-len                        */
    WEIR_REDIS_NO_NAME = 2,   /* FAILED: stream_of or id_of has no name for it                */
    WEIR_REDIS_ID_PASSED = 3, /* FAILED: the stream has a later id already, and not this one  */
    WEIR_REDIS_REFUSED = 4    /* FAILED: an id that is none, a key that is no stream ...      */
} weir_redis_reason;

typedef struct weir_redis_sink_options {
    weir_redis_server server;
    const char *stream; /* where all messages are added; or */
    /* where each is: writes its name, with its end, into `room` bytes, and returns 0; else the
     * message has FAILED. */
    int (*stream_of)(void *context, const weir_message *message, char *stream, size_t room);
    /* Unless NULL: writes the entry's id, "MS-N", as stream_of does; else the server makes one.
     * Ids must rise within a stream, for which it must have one writer.  An id that is in the
     * stream already is not stored again, so the sink is idempotent; `whole` is set. */
    int (*id_of)(void *context, const weir_message *message, char *id, size_t room);
    void *context;     /* of these two                                                          */
    const char *field; /* which data becomes; default "data"                                    */
    const char *key;   /* which the key becomes, if it is not empty; NULL: none                 */
    bool headers;      /* lines "name: value\r\n" of headers become fields                      */
    uint64_t
        max_length; /* streams are trimmed to about so many entries (MAXLEN ~); default never */
    /* A batch is stored as a whole, or not at all (MULTI): none is stored in part where the server
     * is out of memory, say, and nobody's entries come between. */
    bool whole;
    /* So many of the server's replicas have a batch, too, before it counts as stored (WAIT, for
     * half of server.timeout_ns); default 0. */
    unsigned replicas;
    uintptr_t reserved[6]; /* for later versions (version.h): zero */
} weir_redis_sink_options;

typedef struct weir_redis_sink weir_redis_sink;

/*
 * Makes a sink, and connects nothing yet.  A batch is sent at once; a message is OK when the server
 * has answered with its id.
 * Errors, arguments, threads   as weir_redis_source_open.
 * Lifetime   until weir_redis_sink_close, behind the pipeline's close.
 */
weir_status weir_redis_sink_open(const weir_redis_sink_options *options, weir_redis_sink **out);

/* Its table: of all sinks of which the same options say whether there are ids. */
const weir_sink *weir_redis_sink_table(const weir_redis_sink *sink);

/* NULL: nothing. */
void weir_redis_sink_close(weir_redis_sink *sink);

#ifdef __cplusplus
}
#endif
#endif
