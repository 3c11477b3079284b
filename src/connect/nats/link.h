/*
 * A connection to NATS servers, and what of a stream is made through it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A connection that is lost is not mended by the client library: whoever has it is LOST, lets go of
 * it and makes another, by weir's back-off.  So there is one place that decides, and nothing that
 * was written before the loss is sent behind it.
 */
#ifndef WEIR__CONNECT_NATS_LINK_H
#define WEIR__CONNECT_NATS_LINK_H

#include "connect/nats/address.h"

#include <nats/nats.h>
#include <pthread.h>
#include <time.h>
#include <weir/nats.h>

enum { WEIR__NATS_SUBJECTS = 16, WEIR__NATS_MS = 1000000 };
enum { WEIR__NATS_NAME_MOST = 255 }; /* what a server takes as a stream's or a consumer's name */

/* Whole milliseconds, rounded up; the client reckons with an int of them. */
static inline int64_t weir__nats_in_ms(uint64_t ns) {
    const uint64_t ms = ns / WEIR__NATS_MS + (ns % WEIR__NATS_MS != 0);
    return ms > INT32_MAX ? INT32_MAX : (int64_t)ms;
}

/* Of a clock that nobody sets. */
static inline uint64_t weir__nats_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Somebody else has asked for an end. */
struct weir__nats_end {
    pthread_mutex_t lock;
    bool asked; /* under the lock */
};

static inline void weir__nats_end_set(struct weir__nats_end *end, bool asked) {
    pthread_mutex_lock(&end->lock);
    end->asked = asked;
    pthread_mutex_unlock(&end->lock);
}

static inline bool weir__nats_end_asked(struct weir__nats_end *end) {
    pthread_mutex_lock(&end->lock);
    bool asked = end->asked;
    pthread_mutex_unlock(&end->lock);
    return asked;
}

/* How long an attempt to connect goes on. */
struct weir__nats_attempt {
    uint64_t within_ns;         /* of all addresses together */
    struct weir__nats_end *end; /* no other address is tried when that is asked for; or NULL */
};

/* A stream that is made where it is not. */
struct weir__nats_stream {
    const char *name;
    const char *subjects[WEIR__NATS_SUBJECTS];
    size_t subject_count;
    unsigned replicas;
    bool in_memory;
};

/* Whether any of what is for later versions is not zero. */
static inline bool weir__nats_is_set(const uintptr_t *reserved, size_t count) {
    uintptr_t all = 0;
    for (size_t i = 0; i < count; i++) {
        all |= reserved[i];
    }
    return all != 0;
}

/* Checks, and copies with its texts.  INVALID. */
weir_status weir__nats_copy_server(struct weir__texts *texts, const weir_nats_server *from,
                                   weir_nats_server *to, struct weir__nats_addresses *addresses);
weir_status weir__nats_copy_stream(struct weir__texts *texts, const char *name,
                                   const char *const *subjects, size_t count, unsigned replicas,
                                   bool in_memory, struct weir__nats_stream *to);

/* A name of a stream or consumer: INVALID where it is one that no server takes. */
weir_status weir__nats_check_name(const char *what, const char *name);

/*
 * Tries one address after the other, from that on where it was last; the next time goes on with the
 * one behind the last that was tried.  So one that takes all the time there is, since nobody
 * answers there, is no reason why the others are never reached.
 * asap: each write leaves at once; else they are gathered, for up to a millisecond, or until a
 * flush.
 * Returns PULLED; LOST or BROKEN, with a sentence.
 */
weir_pulled weir__nats_connect(const weir_nats_server *server,
                               struct weir__nats_addresses *addresses,
                               const struct weir__nats_attempt *attempt, bool asap,
                               natsConnection **out);

/* Refuses with what the client said, about what was tried: LOST. */
weir_pulled weir__nats_lost(const char *tried, natsStatus said);

/* Makes the stream if it is not there and there are subjects for it. */
weir_pulled weir__nats_have_stream(jsCtx *stream, const struct weir__nats_stream *options);

#endif
