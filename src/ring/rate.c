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
    out->grains = weir__load_relaxed_u64(&terms->grains);
    out->before = weir__load_relaxed_u64(&terms->before);
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
    weir__store_relaxed_u64(&terms->grains, from->grains);
    weir__store_relaxed_u64(&terms->before, from->before);
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

/* The clock's position, in grains. */
struct reading {
    uint64_t down, up; /* rounded */
    bool just;         /* it has come to `down` in this nanosecond */
};

/* So many grains, and `rest` of interval_ns of the next. */
static struct reading reading_of(uint64_t whole, uint64_t rest, uint64_t per_interval) {
    return (struct reading){whole, whole + (rest != 0), rest < per_interval};
}

/* So that interval_ns is not multiplied where the clock has counted long. */
static struct reading read_clock_by_parts(uint64_t since, uint64_t per_interval,
                                          uint64_t interval_ns) {
    uint64_t whole = since / interval_ns * per_interval;
    uint64_t product;
    if (!__builtin_mul_overflow(since % interval_ns, per_interval, &product)) {
        return reading_of(whole + product / interval_ns, product % interval_ns, per_interval);
    }
    wide long_product = (wide)(since % interval_ns) * per_interval;
    return reading_of(whole + (uint64_t)(long_product / interval_ns),
                      (uint64_t)(long_product % interval_ns), per_interval);
}

static struct reading read_clock(const struct weir__rate_terms *terms, uint64_t now_ns) {
    uint64_t since = since_base(terms, now_ns);
    uint64_t per_interval = terms->allowed << terms->grains; /* no more than interval_ns */
    uint64_t product;
    if (WEIR__LIKELY(!__builtin_mul_overflow(since, per_interval, &product))) {
        return reading_of(product / terms->interval_ns, product % terms->interval_ns, per_interval);
    }
    return read_clock_by_parts(since, per_interval, terms->interval_ns);
}

static uint64_t burst_of(const struct weir__rate_terms *terms) {
    return terms->burst << terms->grains;
}

/* The clock has passed it, and in an earlier nanosecond: else who comes as soon as a token is due
 * would lose what is rounded, each time. */
static bool is_idle(uint64_t taken, struct reading at) {
    return taken < at.down || (taken == at.down && !at.just);
}

/* An idle rate begins at the clock's position, rounded up: what has passed of a grain is not
 * saved up, either. */
static uint64_t next_from(uint64_t taken, struct reading at) {
    return is_idle(taken, at) ? at.up : taken;
}

/* When the token that ends there may first be used. */
static uint64_t due_at(const struct weir__rate_terms *terms, uint64_t end) {
    if (end <= burst_of(terms)) {
        return 0;
    }
    wide needed = (wide)(end - burst_of(terms)) * terms->interval_ns;
    uint64_t per_interval = terms->allowed << terms->grains;
    wide after = (needed + per_interval - 1) / per_interval;
    if (after > INT64_MAX) {
        return WEIR__RATE_NEVER;
    }
    uint64_t at = terms->base_ns + (uint64_t)after;
    bool early = terms->base_ns > INT64_MAX; /* the base is before the beginning of time */
    return at <= INT64_MAX ? at : early ? 0 : WEIR__RATE_NEVER;
}

/* ---- life ---------------------------------------------------------------------- */

/* Of which number two to the power is at most that. */
static unsigned power_in(uint64_t number) {
    return 63 - (unsigned)__builtin_clzll(number);
}

/* As fine as a token can be divided: a grain is no less than a nanosecond, and a burst of them can
 * be counted. */
static uint64_t grains_for(const weir_rate_options *options) {
    unsigned grains = power_in(options->interval_ns / options->allowed);
    unsigned most = WEIR__RATE_BURST_BITS - 1 - power_in(options->burst);
    grains = grains < most ? grains : most;
    return grains < WEIR__RATE_GRAINS ? grains : WEIR__RATE_GRAINS;
}

static struct weir__rate_terms terms_from(const weir_rate_options *options, uint64_t base_ns) {
    return (struct weir__rate_terms){.allowed = options->allowed,
                                     .interval_ns = options->interval_ns,
                                     .burst = options->burst,
                                     .base_ns = base_ns,
                                     .grains = grains_for(options)};
}

struct weir_rate *weir__rate_make(const struct weir__allocator *allocator,
                                  const weir_rate_options *options, uint64_t now_ns) {
    struct weir_rate *rate = weir__alloc_zeroed(allocator, sizeof *rate, 128);
    if (rate == NULL) {
        return NULL;
    }
    struct weir__rate_terms terms = terms_from(options, now_ns);
    rate->allocator = *allocator;
    rate->refs = 1;
    rate->forks = weir__forks;
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
    wide ticked = (wide)since_base(before, now_ns) * before->allowed;
    wide part = ticked % before->interval_ns; /* of interval_ns */
    wide passed = part * after->interval_ns / ((wide)before->interval_ns * after->allowed);
    return now_ns - (uint64_t)passed;
}

/* A position by the terms before, as those count that come behind them.  It is no less. */
static uint64_t position_by(const struct weir__rate_terms *terms, uint64_t before) {
    uint64_t passed = terms->shift << terms->before;
    uint64_t rest = before > passed ? before - passed : 0;
    if (terms->grains < terms->before) {
        unsigned coarser = (unsigned)(terms->before - terms->grains);
        return (rest >> coarser) + ((rest & ((UINT64_C(1) << coarser) - 1)) != 0);
    }
    unsigned finer = (unsigned)(terms->grains - terms->before);
    return rest <= position_mask >> finer ? rest << finer : position_mask;
}

/* Under the lock. */
static void change_terms(struct weir_rate *rate, const weir_rate_options *options,
                         uint64_t now_ns) {
    struct weir__rate_terms before;
    uint64_t word = weir__load_relaxed_u64(&rate->word);
    uint32_t number = terms_in(word);
    read_terms(rate, number, &before);
    struct weir__rate_terms after = terms_from(options, base_for(&before, options, now_ns));
    after.shift = read_clock(&before, now_ns).down >> before.grains;
    after.before = before.grains;
    write_terms(rate, terms_after(number), &after);
    uint64_t taken;
    do {
        taken = position_by(&after, taken_in(word));
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
    if (read_clock(&terms, now_ns).down >= position_back) {
        weir_rate_options same = {
            .allowed = terms.allowed, .interval_ns = terms.interval_ns, .burst = terms.burst};
        change_terms(rate, &same, now_ns);
    }
    weir__unlock(&rate->lock);
}

/* ---- taking and reserving ----------------------------------------------------------- */

/* The word, its terms and the clock's position by them, which is not too far. */
static uint64_t look_at_rate(struct weir_rate *rate, uint64_t now_ns,
                             struct weir__rate_terms *terms, struct reading *at) {
    uint64_t word = terms_now(rate, terms);
    *at = read_clock(terms, now_ns);
    while (WEIR__UNLIKELY(at->down >= position_back)) {
        set_clock_back(rate, now_ns);
        word = terms_now(rate, terms);
        *at = read_clock(terms, now_ns);
    }
    return word;
}

static bool give_out(struct weir_rate *rate, uint64_t *word, const struct weir__rate_terms *terms,
                     struct weir__reserved *out) {
    uint64_t taken = out->first + (out->count << terms->grains);
    out->terms = terms_in(*word);
    out->grains = (uint32_t)terms->grains;
    return weir__cas_u64(&rate->word, word, rate_word(out->terms, taken)); /* RW1 -> RW2 */
}

/* How many there are from there on that end before `at` and a burst. */
static uint64_t room_from(const struct weir__rate_terms *terms, uint64_t at, uint64_t from) {
    uint64_t until = at + burst_of(terms);
    return until > from ? (until - from) >> terms->grains : 0;
}

/* How many may be taken now.  Of a burst that somebody has begun in this grain others have the
 * rest. */
static uint64_t tokens_for(const struct weir__rate_terms *terms, struct reading at,
                           uint64_t taken) {
    return is_idle(taken, at) ? terms->burst
                              : room_from(terms, terms->burst > 1 ? at.up : at.down, taken);
}

/* Somebody else was first: what the terms say holds still, if the word names the same. */
uint64_t weir__rate_take(struct weir_rate *rate, uint64_t most, uint64_t now_ns,
                         struct weir__reserved *out) {
    for (;;) {
        struct weir__rate_terms terms;
        struct reading at;
        uint64_t word = look_at_rate(rate, now_ns, &terms, &at);
        uint32_t number = terms_in(word);
        while (terms_in(word) == number) {
            uint64_t room = tokens_for(&terms, at, taken_in(word));
            uint64_t count = room < most ? room : most;
            if (count == 0) {
                return 0;
            }
            *out = (struct weir__reserved){.first = next_from(taken_in(word), at), .count = count};
            if (give_out(rate, &word, &terms, out)) {
                return count;
            }
        }
    }
}

/* *at_once: they may be used now, since the rate is idle. */
static bool reserve_next(struct weir_rate *rate, uint64_t count, uint64_t now_ns,
                         struct weir__reserved *out, bool *at_once) {
    for (;;) {
        struct weir__rate_terms terms;
        struct reading at;
        uint64_t word = look_at_rate(rate, now_ns, &terms, &at);
        struct weir__reserved next = {.first = next_from(taken_in(word), at), .count = count};
        *at_once = is_idle(taken_in(word), at) && count <= terms.burst;
        if (count > (position_mask - next.first) >> terms.grains) {
            return false;
        }
        if (give_out(rate, &word, &terms, &next)) {
            *out = next;
            return true;
        }
    }
}

bool weir__rate_reserve(struct weir_rate *rate, uint64_t count, uint64_t now_ns,
                        struct weir__reserved *out) {
    bool at_once;
    return reserve_next(rate, count, now_ns, out, &at_once);
}

bool weir__rate_book(struct weir_rate *rate, uint64_t count, uint64_t now_ns, uint64_t *due_ns) {
    struct weir__reserved reserved;
    bool at_once;
    if (!reserve_next(rate, count, now_ns, &reserved, &at_once)) {
        return false;
    }
    uint64_t due = at_once ? now_ns : weir__rate_due(rate, &reserved);
    *due_ns = due > now_ns ? due : now_ns;
    return true;
}

uint64_t weir__rate_stride(const struct weir_rate *rate) {
    struct weir__rate_terms terms;
    terms_now(rate, &terms);
    wide come = (wide)terms.allowed * WEIR__RATE_STRIDE_NS / terms.interval_ns;
    uint64_t stride = come < 1 ? 1 : (uint64_t)come;
    uint64_t most = terms.burst > 1 ? terms.burst - 1 : 1; /* the first of them lasts until then */
    return stride < most ? stride : most;
}

/* ---- what is reserved ---------------------------------------------------------------- */

/* The first `count` numbers are no longer among them. */
static void pass_tokens(struct weir__reserved *reserved, uint64_t count) {
    reserved->first += count << reserved->grains;
    reserved->count -= count;
}

void weir__reserved_join(struct weir__reserved *reserved, const struct weir__reserved *last,
                         uint64_t count) {
    uint64_t some = last->count < count ? last->count : count;
    uint64_t first = last->first + ((last->count - some) << last->grains);
    uint64_t end = last->first + (last->count << last->grains);
    if (reserved->count == 0) {
        *reserved = *last;
        reserved->first = first;
        reserved->count = some;
    } else if (last->terms == reserved->terms && end == reserved->first) {
        reserved->first = first; /* those that were reserved with them are not due yet */
        reserved->count += some;
    }
}

/* Those of them that ended, or began, before `from`. */
static void pass_before(struct weir__reserved *reserved, uint64_t from) {
    if (from > reserved->first) {
        uint64_t late = ((from - reserved->first - 1) >> reserved->grains) + 1;
        pass_tokens(reserved, late < reserved->count ? late : reserved->count);
    }
}

/* Counts them as the terms of that number do.  Each one that those have behind them goes. */
static void shift_to(const struct weir_rate *rate, uint32_t number,
                     struct weir__reserved *reserved) {
    while (reserved->terms != number) {
        struct weir__rate_terms terms;
        reserved->terms = terms_after(reserved->terms);
        read_terms(rate, reserved->terms, &terms);
        pass_before(reserved, terms.shift << terms.before);
        reserved->first = position_by(&terms, reserved->first);
        reserved->grains = (uint32_t)terms.grains;
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
    struct reading at = read_clock(&terms, now_ns);
    uint64_t grace = terms.burst > 1 ? 0 : (UINT64_C(1) << terms.grains) - 1;
    pass_before(reserved, at.up > grace ? at.up - grace : 0);
    uint64_t may = room_from(&terms, at.down, reserved->first);
    uint64_t count = reserved->count < may ? reserved->count : may;
    count = count < most ? count : most;
    pass_tokens(reserved, count);
    return count;
}

uint64_t weir__rate_due(const struct weir_rate *rate, const struct weir__reserved *reserved) {
    struct weir__rate_terms terms;
    struct weir__reserved now = *reserved;
    bring_up(rate, &now, &terms);
    return due_at(&terms, now.first + (now.count << now.grains));
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
    uint64_t when = due_at(&terms, taken_in(word) + (UINT64_C(1) << terms.grains));
    return when > now_ns ? when : now_ns;
}
