/*
 * Messages of any length: what is written, and read, by every row of payload.cc.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A stream goes round a cycle of messages, which lie in a source small enough for the nearest
 * cache: writing one is a memcpy, and the cost is that of its transport.  Whoever gets one reads
 * all of it, 8 bytes at a time, and adds those up.
 *
 * Peers in other languages make the same streams, and know the sum of a cycle of each: who
 * changes one here changes it there (peers/managed/{go,genstage}/messages.*).
 */
#ifndef BENCH_MESSAGES_H
#define BENCH_MESSAGES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum messages_lengths {
    MESSAGES_LINES, /* 20..219 bytes, 120 in the mean    */
    MESSAGES_MIXED, /* 20..2000 bytes, 1,010 in the mean */
    MESSAGES_KINDS
};

enum { MESSAGES_CYCLE = 512, MESSAGES_MOST = 2000 /* bytes */ };

struct message {
    const char *from;
    uint32_t bytes;
};

struct messages {
    struct message cycle[MESSAGES_CYCLE];
    uint64_t sums[MESSAGES_CYCLE + 1]; /* of so many from the first on */
    char source[4096 + MESSAGES_MOST];
};

void messages_make(struct messages *messages, enum messages_lengths lengths);

static inline const struct message *messages_at(const struct messages *messages, uint64_t number) {
    return &messages->cycle[number % MESSAGES_CYCLE];
}

/* The words of a message, added up, the last of them 8 bytes before its end.  bytes: 8 or more. */
uint64_t messages_add(const char *from, size_t bytes);

/* The sum of a stream of `count` messages. */
uint64_t messages_expected(const struct messages *messages, uint64_t count);

#ifdef __cplusplus
}
#endif

#endif
