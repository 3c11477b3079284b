/*
 * A client of Kafka's: what it is configured with, and what it has to say.
 * SPDX-License-Identifier: Apache-2.0
 *
 * librdkafka mends connections by itself, so a client is kept while a source or a sink is LOST:
 * that says no more than that nothing is asked of it until it has answered again.
 *
 * What it says comes in two ways: lines of its log, on threads of its own (`words`, under the lock:
 * the last that tells of a failure), and errors, on the thread that polls it (`trouble`).
 */
#ifndef WEIR__CONNECT_KAFKA_LINK_H
#define WEIR__CONNECT_KAFKA_LINK_H

#include "connect/texts.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <weir/kafka.h>

enum { WEIR__KAFKA_MS = 1000000, WEIR__KAFKA_WORDS = 192 };

/* The client's opaque: the first member of a source, and of a sink. */
struct weir__kafka_link {
    pthread_mutex_t lock;
    char words[WEIR__KAFKA_WORDS];
    rd_kafka_resp_err_t trouble; /* the worst since it was asked; or none */
};

void weir__kafka_link_init(struct weir__kafka_link *link);
void weir__kafka_link_free(struct weir__kafka_link *link);

/* Whether any of what is for later versions is not zero. */
static inline bool weir__kafka_is_set(const uintptr_t *reserved, size_t count) {
    uintptr_t all = 0;
    for (size_t i = 0; i < count; i++) {
        all |= reserved[i];
    }
    return all != 0;
}

/* Checks, and copies with its texts.  INVALID. */
weir_status weir__kafka_copy_server(struct weir__texts *texts, const weir_kafka_server *from,
                                    weir_kafka_server *to);

/* A topic's name: INVALID where it is one that no broker takes. */
weir_status weir__kafka_check_topic_name(const char *what, const char *name);

/* What a source or a sink adds: before the user's hook, and behind it.  False: refused. */
struct weir__kafka_role {
    rd_kafka_type_t type;
    bool (*usual)(const struct weir__kafka_link *link, rd_kafka_conf_t *conf);
    bool (*own)(const struct weir__kafka_link *link, rd_kafka_conf_t *conf);
};

/* For these: false and a sentence. */
bool weir__kafka_set(rd_kafka_conf_t *conf, const char *name, const char *value);
bool weir__kafka_set_number(rd_kafka_conf_t *conf, const char *name, uint64_t value);

/* PULLED; BROKEN, with a sentence: what it is configured with is wrong; LOST: no threads. */
weir_pulled weir__kafka_make(struct weir__kafka_link *link, const weir_kafka_server *server,
                             const struct weir__kafka_role *role, rd_kafka_t **out);

/* Waits until brokers have answered of that topic; NULL: have answered.  LOST, with a sentence. */
weir_pulled weir__kafka_check_topic(rd_kafka_t *client, struct weir__kafka_link *link,
                                    const weir_kafka_server *server, const char *topic);

/* Refuses with what was tried, and what the client said about it: LOST. */
weir_pulled weir__kafka_lost(struct weir__kafka_link *link, const char *tried,
                             rd_kafka_resp_err_t said);

/* What the errors that came are: PULLED: none that matters. */
weir_pulled weir__kafka_trouble(rd_kafka_t *client, struct weir__kafka_link *link,
                                const weir_kafka_server *server);

/* Of a monotonic clock; so much later, or never; and whole milliseconds, rounded up. */
uint64_t weir__kafka_now(void);
static inline uint64_t weir__kafka_later(uint64_t time_ns, uint64_t ns) {
    return ns > UINT64_MAX - time_ns ? UINT64_MAX : time_ns + ns;
}
static inline int weir__kafka_in_ms(uint64_t ns) {
    uint64_t ms = ns / WEIR__KAFKA_MS + (ns % WEIR__KAFKA_MS != 0);
    return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

#endif
