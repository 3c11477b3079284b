/*
 * NATS JetStream: sources that pull from a consumer, and sinks that publish to a stream.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The library weir-nats (CMake weir::nats, pkg-config weir-nats), upon libnats.
 *
 *   const weir_nats_source_options jobs = {.stream = "JOBS", .consumer = "worker"};
 *   weir_nats_source *source;
 *   weir_must(weir_nats_source_open(&jobs, &source));
 *   ... weir_pipeline_open with .source = weir_nats_source_driver(source),
 *                               .source_contexts = (void *[]){source}, .source_count = 1 ...
 *   ... weir_pipeline_close, weir_runtime_close ...
 *   weir_nats_source_close(source);
 *
 * Demand.  What the pipeline asks for is what the server is asked for: the `batch` of pull
 * requests, and their max_bytes where max_outstanding_bytes is set.  Nothing is asked for while the
 * connection is away; what was is asked for again when it is back.
 *
 * Settlements.  OK and SKIP: an ack; DEAD: a term, the server never delivers it again; FAILED,
 * RETRY and NAK: a nak, with the delay that the source's redeliver_ns says.  What takes longer than
 * ack_wait_ns is told as in progress.  Each lot of them is flushed: the server has it when they
 * count as told.
 * Redeliveries count in message.deliveries.
 *
 * A message's key is its subject, its time the server's in nanoseconds since 1970.
 *
 * What is lost when: docs/connect/nats.md.
 */
#ifndef WEIR_NATS_H
#define WEIR_NATS_H

#include <weir/sink.h>
#include <weir/source.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_NATS_URL_DEFAULT      "nats://127.0.0.1:4222"
#define WEIR_NATS_TIMEOUT_DEFAULT  UINT64_C(2000000000)
#define WEIR_NATS_ACK_WAIT_DEFAULT UINT64_C(30000000000)
#define WEIR_NATS_EXPIRES_DEFAULT  UINT64_C(5000000000)
#define WEIR_NATS_CONFIRM_DEFAULT  UINT64_C(5000000000)
#define WEIR_NATS_SUBJECT_BYTES    256 /* of a subject or an id that is made, its end included */

struct __natsOptions; /* libnats' natsOptions */

/* Which servers, and who one is to them.  Strings are copied. */
typedef struct weir_nats_server {
    /* One address, or up to 16 with commas between; default nats://127.0.0.1:4222.  Their order is
     * drawn once; when one cannot be connected to, or is lost, the next one is tried. */
    const char *url;
    const char *name; /* of the connection, for the server's monitoring; default "weir"          */
    const char *user; /* with `password`                                                         */
    const char *password;
    const char *token;
    const char *credentials; /* a file with a user's JWT and seed                                */
    const char *ca;          /* a file of certificates that the server's must come from: TLS     */
    const char *certificate; /* a file with the client's own, and `key`: TLS                     */
    const char *key;
    /* Of connecting, all addresses together, and of each question and write; 1 ms at least; default
     * 2 s.  A source that ends may take so long beyond its deadline: a pipeline waits 2 s for it.
     */
    uint64_t timeout_ns;
    /* Unless NULL: called before each attempt to connect, behind all the above, to set whatever
     * else libnats has (natsOptions_Set...).  0, or it is BROKEN.  On the source's or sink's
     * thread. */
    int (*configure)(void *context, struct __natsOptions *options);
    void *context;
    uintptr_t reserved[4]; /* for later versions (version.h): zero */
} weir_nats_server;

/* ---- sources ----------------------------------------------------------------------- */

typedef struct weir_nats_source_options {
    weir_nats_server server;
    const char *stream; /* required */
    /* Required: a durable pull consumer of it, which several sources, also of other processes and
     * machines, may share.  It is made, with what follows, if it is not there.  If it is, it must
     * have what is given here: else the source is BROKEN, and says what differs. */
    const char *consumer;
    bool bind; /* nothing is made: what is not there is waited for, with back-off      */
    /* Of a stream that is made, if it is not there; NULL: none is. */
    const char *const *subjects;
    size_t subject_count;
    unsigned replicas; /* of the stream, and so of its consumers; 1 to 5; default 1              */
    bool in_memory;    /* the stream is kept in memory, not in files                             */
    /* Of a consumer that is made. */
    const char *filter;   /* only messages of this subject, wildcards included; default all; with */
                          /* `bind`: default what it has                                          */
    uint64_t ack_wait_ns; /* who has not answered so long is deemed lost, and his message is
                              * delivered again; 10 ms at least; default 30 s.  A consumer that is
                              * there must not have less                                          */
    uint64_t max_deliver; /* deliveries of one message at most; default no bound               */
    uint64_t
        max_ack_pending; /* messages that are not acked, of all who share it; default 65536   */
    /* How long a pull request stays with the server, at most; 100 ms at least; default 5 s: so long
     * it may take until one that was lost is made again. */
    uint64_t expires_ns;
    bool headers; /* messages have their headers: lines "Name: value\r\n"; else none              */
    uintptr_t reserved[6]; /* for later versions (version.h): zero */
} weir_nats_source_options;

typedef struct weir_nats_source weir_nats_source;

/*
 * Makes a source, and connects nothing yet: that is done on its thread when the pipeline is opened,
 * and again whenever the connection is lost.
 * Arguments  options: copied.
 * Errors     INVALID (which option: weir_refusal), NO_MEMORY.
 * Lifetime   until weir_nats_source_close, behind weir_runtime_close of the runtime that has used
 *            it: messages lie in libnats' memory, and somebody may keep one to the end.
 * Threads    any.
 */
weir_status weir_nats_source_open(const weir_nats_source_options *options, weir_nats_source **out);

/* Its driver: of this one and all others that were opened with the same ack_wait_ns, whose contexts
 * they are.  Lifetime: the source's. */
const weir_source_driver *weir_nats_source_driver(const weir_nats_source *source);

/* NULL: nothing.  Threads: any; nobody uses it any more. */
void weir_nats_source_close(weir_nats_source *source);

/* ---- sinks ------------------------------------------------------------------------- */

typedef struct weir_nats_sink_options {
    weir_nats_server server;
    const char *subject; /* where all messages are published, up to 255 characters; or */
    /* where each is: writes it, with its end, into `room` bytes, and returns 0; else the message
     * has FAILED, as it has where that is no subject: tokens with dots between them, none of them
     * empty, without blanks, controls, * and >. */
    int (*subject_of)(void *context, const weir_message *message, char *subject, size_t room);
    /* Unless NULL: writes what tells a message from all others, as subject_of does.  The server
     * stores one id once within its stream's duplicate window (two minutes by default), so what is
     * published again is not stored again: the sink is idempotent. */
    int (*id_of)(void *context, const weir_message *message, char *id, size_t room);
    void *context; /* of these two */
    /* Of a stream that is made if it is not there; NULL: none is. */
    const char *stream;
    const char *const *subjects;
    size_t subject_count;
    unsigned replicas;
    bool in_memory;
    uint64_t confirm_ns;   /* how long a batch's confirmations are waited for; then it is written
                          * again; default 5 s                                                   */
    uintptr_t reserved[6]; /* for later versions (version.h): zero */
} weir_nats_sink_options;

typedef struct weir_nats_sink weir_nats_sink;

/*
 * Makes a sink, and connects nothing yet.  A message's data is published; it is OK when the server
 * has confirmed that it is stored, and FAILED where the server refuses it: it is too large, or no
 * stream takes its subject.
 * Errors, arguments, threads   as weir_nats_source_open.
 * Lifetime   until weir_nats_sink_close, behind the pipeline's close.
 */
weir_status weir_nats_sink_open(const weir_nats_sink_options *options, weir_nats_sink **out);

/* Its table: of all sinks of which the same options say whether there are ids. */
const weir_sink *weir_nats_sink_table(const weir_nats_sink *sink);

/* NULL: nothing. */
void weir_nats_sink_close(weir_nats_sink *sink);

#ifdef __cplusplus
}
#endif
#endif
