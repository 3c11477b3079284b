/*
 * Kafka: sources that are members of a consumer group, and sinks that hear what became of each
 * message.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The library weir-kafka (CMake weir::kafka, pkg-config weir-kafka), upon librdkafka.
 *
 *   const weir_kafka_source_options orders = {
 *       .group = "billing", .topics = (const char *[]){"orders"}, .topic_count = 1};
 *   weir_kafka_source *source;
 *   weir_must(weir_kafka_source_open(&orders, &source));
 *   ... weir_pipeline_open with .source = weir_kafka_source_driver(source),
 *                               .source_contexts = (void *[]){source}, .source_count = 1 ...
 *   ... weir_pipeline_close, weir_runtime_close ...
 *   weir_kafka_source_close(source);
 *
 * Demand.  Each partition has a queue of its own, where librdkafka fetches ahead, `prefetch` and
 * `prefetch_bytes` at most; a pull takes as many messages from these as the pipeline asks for.  A
 * partition whose oldest message is not settled is not taken from while it is `span` ahead of that
 * (its lane is full, source.h), and the others go on; after pause_ns of that it is paused, and what
 * was fetched ahead is let go.
 *
 * Settlements.  A log has no acks of single messages: the source is cumulative (source.h).  A
 * partition's offset is stored when all below it is settled, and stored ones are committed each
 * commit_ns, when partitions are revoked, and at the end.  A nak is weir's: the message is emitted
 * again after a while (weir_source_options.redeliver_ns), `deliveries` one higher, until something
 * acknowledges it, and the partition's offset waits: use dead letters.
 *
 * Order.  Messages of a partition come in the order of their offsets.  Processors keep it where
 * partition_by says the same for the same key (or `origin`).
 *
 * Rebalances.  A partition that is revoked is drained: what is under way of it has revoke_ns to be
 * settled, and is committed; the rest comes to whoever has it next, and what is settled late here
 * changes nothing.  One that was lost (the group has gone on without us) is not waited for.
 *
 * A message's key is its key; its time is its timestamp, in nanoseconds since 1970.
 *
 * What is lost when: docs/connect/kafka.md.
 */
#ifndef WEIR_KAFKA_H
#define WEIR_KAFKA_H

#include <weir/sink.h>
#include <weir/source.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_KAFKA_BROKERS_DEFAULT        "127.0.0.1:9092"
#define WEIR_KAFKA_TIMEOUT_DEFAULT        UINT64_C(2000000000)
#define WEIR_KAFKA_COMMIT_DEFAULT         UINT64_C(1000000000)
#define WEIR_KAFKA_SESSION_DEFAULT        UINT64_C(45000000000)
#define WEIR_KAFKA_REVOKE_DEFAULT         UINT64_C(5000000000)
#define WEIR_KAFKA_PAUSE_DEFAULT          UINT64_C(5000000000)
#define WEIR_KAFKA_PREFETCH_DEFAULT       100000
#define WEIR_KAFKA_PREFETCH_BYTES_DEFAULT 16777216
#define WEIR_KAFKA_CONFIRM_DEFAULT        UINT64_C(10000000000)
#define WEIR_KAFKA_TOPIC_BYTES            250 /* of a topic's name, its end included */

struct rd_kafka_conf_s; /* librdkafka's rd_kafka_conf_t */

/* Which brokers, and who one is to them.  Strings are copied. */
typedef struct weir_kafka_server {
    const char *brokers; /* one or several, with commas between; default 127.0.0.1:9092        */
    const char *name;    /* client.id, for the brokers' logs; default "weir"                   */
    const char *user;    /* with `password`: SASL                                              */
    const char *password;
    const char *mechanism; /* of SASL: PLAIN (default), SCRAM-SHA-256, SCRAM-SHA-512             */
    bool tls;              /* also where one of the following is given                           */
    const char *ca;        /* a file of certificates that the brokers' must come from            */
    const char *certificate; /* a file with the client's own, and `key`                          */
    const char *key;
    uint64_t timeout_ns; /* of each question that is waited for: of topics, of a commit; 1 ms at
                          * least; default 2 s                                                   */
    /* Unless NULL: called before the client is made, behind all the above, to set whatever else
     * librdkafka has (rd_kafka_conf_set...).  0, or it is not made, and the driver is BROKEN.  On
     * the source's or sink's thread.  weir's own are the opaque, and the callbacks of errors,
     * rebalances and delivery reports. */
    int (*configure)(void *context, struct rd_kafka_conf_s *options);
    void *context;
    uintptr_t reserved[4]; /* for later versions (version.h): zero */
} weir_kafka_server;

/* ---- sources ----------------------------------------------------------------------- */

/* Where a partition is begun of which the group has committed nothing, or what is not there. */
typedef enum weir_kafka_from {
    WEIR_KAFKA_FROM_FIRST = 0, /* the oldest that it has                                          */
    WEIR_KAFKA_FROM_NEXT = 1,  /* what comes from now on                                          */
    WEIR_KAFKA_FROM_NOWHERE = 2 /* the source is BROKEN                                           */
} weir_kafka_from;

typedef struct weir_kafka_source_options {
    weir_kafka_server server;
    const char *group; /* required: group.id.  Its partitions are shared by all its members: several
                        * sources, also of other processes and machines                          */
    /* topic_count of them, 1 to 64, each once; "^..." is an extended regular expression. */
    const char *const *topics;
    size_t topic_count;
    weir_kafka_from from;
    uint32_t span; /* of a partition: source.h; default 4096                                     */
    /* How often what is stored is committed, in the background; 1 ms at least; default 1 s: that
     * much comes again after a crash.  1: each lot of settlements at once, and waited for. */
    uint64_t commit_ns;
    uint64_t revoke_ns;  /* how long a partition that is revoked is drained; default 5 s; 1: not  */
    uint64_t pause_ns;   /* how long one keeps what was fetched ahead while its lane is full; 1 ms
                          * at least; default 5 s                                                */
    uint64_t session_ns; /* without a sign of life for so long a member is deemed dead; 1 ms at
                          * least; default 45 s                                                  */
    /* What is fetched ahead of each partition: messages, 1 to 10,000,000, default 100,000; and
     * bytes, 1 KiB to 2 GiB, default 16 MiB, which one fetch (1 MiB) may exceed.  When it is there
     * librdkafka may rest for up to a second: with less than is handled in a second there are
     * pauses. */
    size_t prefetch;
    size_t prefetch_bytes;
    const char *member; /* unless NULL: group.instance.id, so that it may go away for session_ns
                         * without a rebalance; each source must have another                    */
    bool headers;       /* messages have their headers: lines "Name: value\r\n"; else none        */
    bool origin;        /* and before them "kafka-topic", "kafka-partition", "kafka-offset"       */
    uintptr_t reserved[6]; /* for later versions (version.h): zero */
} weir_kafka_source_options;

typedef struct weir_kafka_source weir_kafka_source;

/*
 * Makes a source, and connects nothing yet: that is done on its thread when the pipeline is opened.
 * Arguments  options: copied.
 * Errors     INVALID (which option: weir_refusal), NO_MEMORY, SYSTEM (no descriptor was to be had).
 * Lifetime   until weir_kafka_source_close, behind weir_runtime_close of the runtime that has used
 *            it: messages lie in librdkafka's memory, and somebody may keep one to the end.  The
 *            group is left, and what was settled committed, when the pipeline closes it; the client
 *            itself, and its connections, are there until weir_kafka_source_close.
 * Threads    any.
 */
weir_status weir_kafka_source_open(const weir_kafka_source_options *options,
                                   weir_kafka_source **out);

/* Its driver: of this one and all others that were opened with the same span, whose contexts they
 * are.  Lifetime: the source's. */
const weir_source_driver *weir_kafka_source_driver(const weir_kafka_source *source);

/* Blocks until librdkafka's threads have ended.  NULL: nothing.  Threads: any; nobody uses it any
 * more. */
void weir_kafka_source_close(weir_kafka_source *source);

/* ---- sinks ------------------------------------------------------------------------- */

typedef struct weir_kafka_sink_options {
    weir_kafka_server server;
    const char *topic; /* where all messages go; or */
    /* where each goes: writes its name, with its end, into `room` bytes, and returns 0; else the
     * message has FAILED. */
    int (*topic_of)(void *context, const weir_message *message, char *topic, size_t room);
    void *context; /* of that */
    bool headers; /* messages' headers, lines "Name: value\r\n", become the records'; a line without
                    * a colon is left out                                                        */
    /* Without the producer's numbers (enable.idempotence): librdkafka's own retries may then store
     * one twice, or in another order. */
    bool plain;
    uint64_t confirm_ns;   /* how long a message may take to be confirmed, librdkafka's retries
                            * included; 1 ms at least; default 10 s                              */
    uintptr_t reserved[6]; /* for later versions (version.h): zero */
} weir_kafka_sink_options;

typedef struct weir_kafka_sink weir_kafka_sink;

/*
 * Makes a sink, and connects nothing yet.  A batch's messages are produced, to the partition that
 * their key says (as Java's clients reckon it), and each has the outcome that its own delivery
 * report says: OK, stored on all replicas in sync; DEAD, too large or not what the topic takes;
 * RETRY, anything that may pass.  Where none was stored, and it was time or the connection that
 * failed them, the sink is LOST, and the batch is written again when a broker is there.
 * Errors, arguments, threads   as weir_kafka_source_open.
 * Lifetime   until weir_kafka_sink_close, behind the pipeline's close.
 */
weir_status weir_kafka_sink_open(const weir_kafka_sink_options *options, weir_kafka_sink **out);

/* Its table: of all sinks. */
const weir_sink *weir_kafka_sink_table(const weir_kafka_sink *sink);

/* NULL: nothing. */
void weir_kafka_sink_close(weir_kafka_sink *sink);

#ifdef __cplusplus
}
#endif
#endif
