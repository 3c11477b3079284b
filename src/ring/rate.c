/*
 * The rate: see rate.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ring/rate.h"

#include "base/atomic.h"
#include "os/lock.h"

__extension__ typedef unsigned __int128 wide;

static const uint64_t position_mask = (UINT64_C(1) << WEIR__RATE_POSITION_BITS) - 1;
static const uint64_t position_back = UINT64_C(1) << WEIR__RATE_BACK_BITS;

/* ---- words and terms ------------------------------------------------------- */

static uint64_t rate_word(uint32_t number, uint64_t taken) {
    return ((uint64_t)number << WEIR__RATE_POSITION_BITS) | taken;
}

static uint32_t terms_in(uint64_t word) {
    return (uint32_t)(word >> WEIR__RATE_POSITION_BITS);
}

static uint64_t taken_in(uint64_t word) {
    return word & position_mask;
}

static uint32_t terms_after(uint32_t number) {
    return (number + 1) & UINT16_MAX;
}

static void read_terms(const struct weir_rate *rate, uint32_t number,
                       struct weir__rate_terms *out) {
    const struct weir__rate_terms *terms = &rate->terms[number % WEIR__RATE_TERMS];
    out->allowed = weir__load_relaxed_u64(&terms->allowed);
    out->interval_ns = weir__load_relaxed_u64(&terms->interval_ns);
    out->burst = weir__load_relaxed_u64(&terms->burst);
    out->base_ns = weir__load_relaxed_u64(&terms->base_ns);
    out->shift = weir__load_relaxed_u64(&terms->shift);
}

/* Before the word names them (RW1 -> RW2). */
static void write_terms(struct weir_rate *rate, uint32_t number,
                        const struct weir__rate_terms *from) {
    struct weir__rate_terms *terms = &rate->terms[number % WEIR__RATE_TERMS];
    weir__store_relaxed_u64(&terms->allowed, from->allowed);
    weir__store_relaxed_u64(&terms->interval_ns, from->interval_ns);
    weir__store_relaxed_u64(&terms->burst, from->burst);
    weir__store_relaxed_u64(&terms->base_ns, from->base_ns);
    weir__store_relaxed_u64(&terms->shift, from->shift);
}

/* How many sets of terms have come since that number. */
static uint32_t terms_between(uint32_t number, uint32_t current) {
    return (current - number) & UINT16_MAX;
}

/* What was read of terms from that number on is what was written for it. */
static bool are_unwritten(const struct weir_rate *rate, uint32_t number) {
    weir__fence_acquire(); /* RW3 -> RW4 */
    uint64_t word = weir__load_relaxed_u64(&rate->word);
    return terms_between(number, terms_in(word)) < WEIR__RATE_TERMS - 1;
}

/* The terms of now, and the word that names them. */
static uint64_t terms_now(const struct weir_rate *rate, struct weir__rate_terms *out) {
    uint64_t word;
    do {
        word = weir__load_acquire_u64(&rate->word); /* RW1 -> RW2 */
        read_terms(rate, terms_in(word), out);
    } while (!are_unwritten(rate, terms_in(word)));
    return word;
}

/* ---- the clock --------------------------------------------------------------- */

static uint64_t since_base(const struct weir__rate_terms *terms, uint64_t now_ns) {
    uint64_t since = now_ns - terms->base_ns;
    return since > INT64_MAX ? 0 : since; /* by a look at an older clock */
}

/* Tokens counted since the base, times the interval. */
static wide ticked(const struct weir__rate_terms *terms, uint64_t now_ns) {
    return (wide)since_base(terms, now_ns) * terms->allowed;
}

static uint64_t clock_at(const struct weir__rate_terms *terms, uint64_t now_ns) {
    uint64_t product; /* it is large when it has counted for hours */
    if (WEIR__LIKELY(
            !__builtin_mul_overflow(since_base(terms, now_ns), terms->allowed, &product))) {
        return product / terms->interval_ns;
    }
    return (uint64_t)(ticked(terms, now_ns) / terms->interval_ns);
}

/* When token number p may first be used. */
static uint64_t due_at(const struct weir__rate_terms *terms, uint64_t p) {
    if (p <= terms->burst) {
        return 0;
    }
    wide needed = (wide)(p - terms->burst) * terms->interval_ns;
    wide after = (needed + terms->allowed - 1) / terms->allowed;
    if (after > INT64_MAX) {
        return WEIR__RATE_NEVER;
    }
    uint64_t at = terms->base_ns + (uint64_t)after;
    bool early = terms->base_ns > INT64_MAX; /* the base is before the beginning of time */
    return at <= INT64_MAX ? at : early ? 0 : WEIR__RATE_NEVER;
}

/* ---- life ---------------------------------------------------------------------- */

static struct weir__rate_terms terms_from(const weir_rate_options *options, uint64_t base_ns,
                                          uint64_t shift) {
    return (struct weir__rate_terms){.allowed = options->allowed,
                                     .interval_ns = options->interval_ns,
                                     .burst = options->burst,
                                     .base_ns = base_ns,
                                     .shift = shift};
}

struct weir_rate *weir__rate_make(const struct weir__allocator *allocator,
                                  const weir_rate_options *options, uint64_t now_ns) {
    struct weir_rate *rate = weir__alloc_zeroed(allocator, sizeof *rate, 128);
    if (rate == NULL) {
        return NULL;
    }
    struct weir__rate_terms terms = terms_from(options, now_ns, 0);
    rate->allocator = *allocator;
    rate->refs = 1;
    write_terms(rate, 0, &terms);
    return rate;
}

void weir__rate_hold(struct weir_rate *rate) {
    weir__fetch_add_u32(&rate->refs, 1);
}

void weir__rate_release(struct weir_rate *rate) {
    if (weir__fetch_sub_u32(&rate->refs, 1) == 1) {               /* RW5 -> RW6 */
        const struct weir__allocator allocator = rate->allocator; /* RW5 -> RW6: the last one */
        weir__free(&allocator, rate, sizeof *rate);
    }
}

/* ---- changing the terms ---------------------------------------------------------- */

/* The base from which the clock, by these terms, has counted now what it had of a token. */
static uint64_t base_for(const struct weir__rate_terms *before, const weir_rate_options *after,
                         uint64_t now_ns) {
    wide part = ticked(before, now_ns) % before->interval_ns; /* of interval_ns */
    wide passed = part * after->interval_ns / ((wide)before->interval_ns * after->allowed);
    return now_ns - (uint64_t)passed;
}

/* Under the lock. */
static void change_terms(struct weir_rate *rate, const weir_rate_options *options,
                         uint64_t now_ns) {
    struct weir__rate_terms before;
    uint64_t word = weir__load_relaxed_u64(&rate->word);
    uint32_t number = terms_in(word);
    read_terms(rate, number, &before);
    uint64_t shift = clock_at(&before, now_ns);
    struct weir__rate_terms after = terms_from(options, base_for(&before, options, now_ns), shift);
    write_terms(rate, terms_after(number), &after);
    uint64_t taken;
    do {
        taken = taken_in(word) > shift ? taken_in(word) - shift : 0;
    } while (!weir__cas_u64(&rate->word, &word, rate_word(terms_after(number), taken)));
    /* RW1 -> RW2, RW3 -> RW4 */
}

void weir__rate_change(struct weir_rate *rate, const weir_rate_options *options, uint64_t now_ns) {
    weir__lock(&rate->lock);
    change_terms(rate, options, now_ns);
    weir__unlock(&rate->lock);
}

void weir__rate_look(const struct weir_rate *rate, weir_rate_options *out) {
    struct weir__rate_terms terms;
    terms_now(rate, &terms);
    *out = (weir_rate_options){
        .allowed = terms.allowed, .interval_ns = terms.interval_ns, .burst = terms.burst};
}

/* It has counted far: it begins again at 0, by the same terms. */
static void set_clock_back(struct weir_rate *rate, uint64_t now_ns) {
    struct weir__rate_terms terms;
    weir__lock(&rate->lock);
    read_terms(rate, terms_in(weir__load_relaxed_u64(&rate->word)), &terms);
    if (clock_at(&terms, now_ns) >= position_back) {
        weir_rate_options same = {
            .allowed = terms.allowed, .interval_ns = terms.interval_ns, .burst = terms.burst};
        change_terms(rate, &same, now_ns);
    }
    weir__unlock(&rate->lock);
}

/* ---- taking and reserving ----------------------------------------------------------- */

/* The word, its terms and the clock's position by them, which is not too far. */
static uint64_t look_at_rate(struct weir_rate *rate, uint64_t now_ns,
                             struct weir__rate_terms *terms, uint64_t *at) {
    uint64_t word = terms_now(rate, terms);
    *at = clock_at(terms, now_ns);
    while (WEIR__UNLIKELY(*at >= position_back)) {
        set_clock_back(rate, now_ns);
        word = terms_now(rate, terms);
        *at = clock_at(terms, now_ns);
    }
    return word;
}

static bool give_out(struct weir_rate *rate, uint64_t *word, uint64_t from, uint64_t count,
                     struct weir__reserved *out) {
    uint32_t number = terms_in(*word);
    if (!weir__cas_u64(&rate->word, word, rate_word(number, from + count))) { /* RW1 -> RW2 */
        return false;
    }
    *out = (struct weir__reserved){.first = from, .count = count, .terms = number};
    return true;
}

/* Somebody else was first: what the terms say holds still, if the word names the same. */
uint64_t weir__rate_take(struct weir_rate *rate, uint64_t most, uint64_t now_ns,
                         struct weir__reserved *out) {
    for (;;) {
        struct weir__rate_terms terms;
        uint64_t at;
        uint64_t word = look_at_rate(rate, now_ns, &terms, &at);
        uint32_t number = terms_in(word);
        while (terms_in(word) == number) {
            uint64_t from = taken_in(word) > at ? taken_in(word) : at;
            uint64_t room = at + terms.burst > from ? at + terms.burst - from : 0;
            uint64_t count = room < most ? room : most;
            if (count == 0 || give_out(rate, &word, from, count, out)) {
                return count;
            }
        }
    }
}

bool weir__rate_reserve(struct weir_rate *rate, uint64_t count, uint64_t now_ns,
                        struct weir__reserved *out) {
    for (;;) {
        struct weir__rate_terms terms;
        uint64_t at;
        uint64_t word = look_at_rate(rate, now_ns, &terms, &at);
        uint64_t from = taken_in(word) > at ? taken_in(word) : at;
        if (count > position_mask - from) {
            return false;
        }
        if (give_out(rate, &word, from, count, out)) {
            return true;
        }
    }
}

uint64_t weir__rate_stride(const struct weir_rate *rate) {
    struct weir__rate_terms terms;
    terms_now(rate, &terms);
    wide come = (wide)terms.allowed * WEIR__RATE_STRIDE_NS / terms.interval_ns;
    uint64_t stride = come < 1 ? 1 : (uint64_t)come;
    return stride < terms.burst ? stride : terms.burst;
}

/* ---- what is reserved ---------------------------------------------------------------- */

/* The first `count` numbers are no longer among them. */
static void pass_tokens(struct weir__reserved *reserved, uint64_t count) {
    reserved->first += count;
    reserved->count -= count;
}

/* Counts them as the terms of that number do.  Each one that those have behind them goes. */
static void shift_to(const struct weir_rate *rate, uint32_t number,
                     struct weir__reserved *reserved) {
    while (reserved->terms != number) {
        struct weir__rate_terms terms;
        reserved->terms = terms_after(reserved->terms);
        read_terms(rate, reserved->terms, &terms);
        uint64_t last = reserved->first + reserved->count;
        uint64_t first = reserved->first > terms.shift ? reserved->first - terms.shift : 0;
        last = last > terms.shift ? last - terms.shift : 0;
        reserved->first = first;
        reserved->count = last - first;
    }
}

/* Brings what is reserved to the terms of now. */
static void bring_up(const struct weir_rate *rate, struct weir__reserved *reserved,
                     struct weir__rate_terms *terms) {
    for (;;) {
        struct weir__reserved shifted = *reserved;
        uint64_t word = weir__load_acquire_u64(&rate->word); /* RW1 -> RW2 */
        uint32_t oldest = reserved->terms;
        if (terms_between(oldest, terms_in(word)) >= WEIR__RATE_TERMS - 2) {
            shifted = (struct weir__reserved){.terms = terms_in(word)}; /* nobody knows any more */
            oldest = terms_in(word);
        }
        read_terms(rate, terms_in(word), terms);
        shift_to(rate, terms_in(word), &shifted);
        if (are_unwritten(rate, oldest)) {
            *reserved = shifted;
            return;
        }
    }
}

uint64_t weir__rate_use(const struct weir_rate *rate, struct weir__reserved *reserved,
                        uint64_t most, uint64_t now_ns) {
    struct weir__rate_terms terms;
    bring_up(rate, reserved, &terms);
    uint64_t at = clock_at(&terms, now_ns);
    if (at > reserved->first) {
        uint64_t late = at - reserved->first;
        pass_tokens(reserved, late < reserved->count ? late : reserved->count);
    }
    uint64_t until = at + terms.burst;
    uint64_t may = until > reserved->first ? until - reserved->first : 0;
    uint64_t count = reserved->count < may ? reserved->count : may;
    count = count < most ? count : most;
    pass_tokens(reserved, count);
    return count;
}

uint64_t weir__rate_due(const struct weir_rate *rate, const struct weir__reserved *reserved) {
    struct weir__rate_terms terms;
    struct weir__reserved now = *reserved;
    bring_up(rate, &now, &terms);
    return due_at(&terms, now.first + now.count);
}

bool weir__rate_line(struct weir_rate *rate, struct weir__reserved *line, uint64_t most,
                     uint64_t now_ns, uint64_t *due_ns) {
    struct weir__reserved taken;
    if (weir__rate_use(rate, line, 1, now_ns) > 0 ||
        (line->count == 0 && weir__rate_take(rate, 1, now_ns, &taken) > 0)) {
        return true;
    }
    if (line->count == 0) {
        uint64_t stride = weir__rate_stride(rate);
        if (!weir__rate_reserve(rate, stride < most ? stride : most, now_ns, line)) {
            *due_ns = WEIR__RATE_NEVER;
            return false;
        }
    }
    *due_ns = weir__rate_due(rate, line);
    return false;
}

uint64_t weir__rate_next(const struct weir_rate *rate, uint64_t now_ns) {
    struct weir__rate_terms terms;
    uint64_t word = terms_now(rate, &terms);
    uint64_t at = clock_at(&terms, now_ns);
    uint64_t from = taken_in(word) > at ? taken_in(word) : at;
    uint64_t when = due_at(&terms, from + 1);
    return when > now_ns ? when : now_ns;
}
