/*
 * The rate: so many events a time, for whoever shares it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A clock that counts tokens and a bucket that holds `burst` of them are one position and one
 * rule.  Positions are in grains: a token has 2^g of them, as many as its time has nanoseconds,
 * or a million.  By its terms (so many every interval, from a base on) the clock has come to
 *
 *   position(now) = (now - base) * allowed * 2^g / interval
 *
 * and `taken` says up to which position tokens have been given out.  One of them, which begins at
 * p, may be used at a moment when
 *
 *   position(now) <= p   and   p + 2^g <= position(now) + burst * 2^g
 *
 * so from any moment on, within any time, at most as many are used as the clock counts in it, and
 * `burst`: grains are given out once, and tokens that begin before position(now) are worth nothing
 * any more.
 *
 * An idle rate, whose `taken` the clock has passed, is full: who takes raises it to position(now),
 * rounded up, and has a burst.  What came before was used before, at most as the clock counted.
 * A rate that the clock has passed within this nanosecond is not idle yet: tokens come due at whole
 * nanoseconds, and that adds up to nothing.
 *
 * Where a token comes due the position is rounded down.  But who takes where nobody waits, of a
 * burst of more than one, has it rounded up, so that he has the rest of a burst at once which
 * somebody has begun between two grains: so a token may be taken a grain too early, and no more.
 *
 * With a burst of one a token would last for a moment, and nobody wakes so soon: there it lasts
 * until the next one begins.  The next one then comes earlier than a token's time behind it, by as
 * much as that one was late.
 *
 * Who finds none that may be used now *reserves*: he has the next tokens, and is told when
 * they are due.  That is his place in line: who comes later has later ones.  Who comes
 * too late for what he has reserved (his thread was busy with something else) has lost it; so what
 * was reserved for one time is never used in another, and does not pile up.
 *
 * The terms may change at any moment.  The word has their number beside `taken`; each set of terms
 * has a place of its own, which is written before the word names it, and written anew when
 * as many later ones have been named as there are places.  The base of the new ones
 * lies so that the part of a token that the clock had counted is kept; `taken` goes on behind the
 * new position as far as it was behind the old one, and so do reservations (`shift`), in tokens:
 * their grains may be others.
 *
 *   field    writers                               readers
 *   word     who takes or reserves, by CAS;        any
 *            who sets terms, by CAS
 *   terms    who sets them, under `lock`           any: what was read counts if, afterwards, the
 *                                                  word names these terms, or some of the next few
 *   refs     whoever holds it                      the last one, who frees it
 *
 *   taken < 2^48.  The clock is set back, by whole tokens and by terms that are otherwise the same,
 *   when it has counted 2^46 grains: twenty hours or more.  A debt that the grains of other terms
 *   cannot count is as much as they can.
 *
 * Ordering
 *   RW1 -> RW2  terms are written, then the word names them (CAS) -> the word (acquire), then they
 *               are read.
 *   RW3 -> RW4  the writer's stores to a place come behind a word (CAS) that names later terms ->
 *               terms are read, fence, and the word again: who has read any of them finds that.
 *   RW5 -> RW6  a reference goes (full) -> the last one: all that others did with it is seen.
 *
 * Progress: taking and reserving are lock-free, but for who sets the clock back: once in 2^46
 * grains; setting takes a lock.  Wrap: the terms' number has 16 bits.  Who stops between his look
 * at the word and his CAS while 65,536 sets of terms come and go, and then finds the same number
 * and the same position, takes what the terms of then allowed; once.
 * Model: tests/model/rate.pml.
 */
#ifndef WEIR__RING_RATE_H
#define WEIR__RING_RATE_H

#include "base/attributes.h"
#include "base/forked.h"
#include "memory/allocator.h"

#include <stdbool.h>
#include <stdint.h>
#include <weir/rate.h>

enum {
    WEIR__RATE_TERMS = 8, /* places for terms             */
    WEIR__RATE_POSITION_BITS = 48,
    WEIR__RATE_BACK_BITS = 46,    /* the clock is set back        */
    WEIR__RATE_BURST_BITS = 45,   /* of a burst, in grains        */
    WEIR__RATE_GRAINS = 20,       /* 2^20 a token at most         */
    WEIR__RATE_STRIDE_NS = 100000 /* who waits, waits for so much */
};

#define WEIR__RATE_NEVER UINT64_MAX

struct weir__rate_terms { /* atomic, all of them */
    uint64_t allowed;
    uint64_t interval_ns;
    uint64_t burst;
    uint64_t base_ns; /* modulo 2^64: it may lie before the beginning of time */
    uint64_t shift;   /* tokens: position 0 is this one of the terms before    */
    uint64_t grains;  /* a token has 2^grains                                  */
    uint64_t before;  /* the same of the terms before                          */
};

/* Tokens that one has, side by side. */
struct weir__reserved {
    uint64_t first; /* where they begin, in grains */
    uint64_t count;
    uint32_t terms;  /* number of those that they are counted by */
    uint32_t grains; /* of those                                 */
};

struct weir__rate_user; /* runtime/rates.c */

struct weir_rate {
    WEIR__APART uint64_t word; /* atomic: the terms' number << 48 | taken */
    WEIR__APART struct weir__rate_terms terms[WEIR__RATE_TERMS];
    uint32_t lock; /* of who sets terms   */
    uint32_t refs; /* atomic: its owner, subscriptions that name it, runtimes */
    struct weir__allocator allocator;
    /* runtime/rates.c, under its lock */
    weir_runtime
        *runtime;   /* whose clock it has and whose stages share it; NULL: any with real time */
    bool bound;     /* it was opened for one                                             */
    bool closed;    /* by its owner */
    uint32_t forks; /* constant: base/forked.h */
    struct weir__rate_user *users;
};

/* True, and a refusal: there is none, or it is of the parent of this process. */
static inline bool weir__rate_unfit(const struct weir_rate *rate) {
    return weir__missing(rate, "rate") || weir__forked(rate->forks);
}

/* options: checked and filled in.  NULL: no memory.  One reference. */
struct weir_rate *weir__rate_make(const struct weir__allocator *allocator,
                                  const weir_rate_options *options, uint64_t now_ns);
void weir__rate_hold(struct weir_rate *rate);
void weir__rate_release(struct weir_rate *rate);

/* Other terms from now on. */
void weir__rate_change(struct weir_rate *rate, const weir_rate_options *options, uint64_t now_ns);

/* Those of now. */
void weir__rate_look(const struct weir_rate *rate, weir_rate_options *out);

/*
 * Takes at most `most` tokens that may be used now, and that nobody has reserved.  Returns how
 * many; *out: which, if any.
 */
uint64_t weir__rate_take(struct weir_rate *rate, uint64_t most, uint64_t now_ns,
                         struct weir__reserved *out);

/* Reserves the next `count`.  false: so many were reserved that they cannot be counted. */
bool weir__rate_reserve(struct weir_rate *rate, uint64_t count, uint64_t now_ns,
                        struct weir__reserved *out);

/* The same, and when the last of them may be used: for who does not come back for them. */
bool weir__rate_book(struct weir_rate *rate, uint64_t count, uint64_t now_ns, uint64_t *due_ns);

/* Those that weir__rate_use has just said that may be used. */
static inline struct weir__reserved weir__reserved_used(const struct weir__reserved *reserved,
                                                        uint64_t count) {
    struct weir__reserved used = *reserved;
    used.first -= count << used.grains;
    used.count = count;
    return used;
}

/* The last `count` of those were not used after all: they join what is reserved, where that is
 * nothing, or goes on behind them. */
void weir__reserved_join(struct weir__reserved *reserved, const struct weir__reserved *last,
                         uint64_t count);

/* How many it is worth to wait for at once, so that who waits does not wake for each: as many as
 * come in a tenth of a millisecond, one at least, and fewer than burst: of so many as that the
 * first would be late when the last is due. */
uint64_t weir__rate_stride(const struct weir_rate *rate);

/* Uses at most `most` of those reserved that are due now; those that are worth nothing any more
 * go.  Returns how many. */
uint64_t weir__rate_use(const struct weir_rate *rate, struct weir__reserved *reserved,
                        uint64_t most, uint64_t now_ns);

/* When the last of them may be used (0: at once); WEIR__RATE_NEVER: beyond the end of time. */
uint64_t weir__rate_due(const struct weir_rate *rate, const struct weir__reserved *reserved);

/*
 * One token, for who waits in line with what he has reserved there (at first nothing).  true: it
 * is his.  false: there is none, and he has reserved some, of at most `most` that he is to want,
 * as many as it is worth to wait for; *due_ns is when to come again, or WEIR__RATE_NEVER.  He comes
 * sooner where the terms change: what he has reserved may be due by then.
 */
bool weir__rate_line(struct weir_rate *rate, struct weir__reserved *line, uint64_t most,
                     uint64_t now_ns, uint64_t *due_ns);

/* When the next one comes due that nobody has reserved. */
uint64_t weir__rate_next(const struct weir_rate *rate, uint64_t now_ns);

#endif
