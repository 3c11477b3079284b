/*
 * The mailbox: see mailbox.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ring/mailbox.h"

#include "base/check.h"

enum { TOLD_STOP = 1, TOLD_FINISH = 2, TOLD_OPEN = 4, TOLD_BITS = 3 };

static void open_counter(struct weir__counter *counter, uint64_t generation, uint64_t limit) {
    weir__store_relaxed_u64(&counter->limit, limit);
    weir__store_release_u64(&counter->count, weir__count_of(generation)); /* P5 -> P6 */
}

void weir__mailbox_open(struct weir__mailbox *box, weir_ref ref, uint64_t generation,
                        uint64_t messages_limit, uint64_t timers_limit) {
    WEIR__CHECK(weir__mailbox_home(box));
    box->stop = (struct weir__mail){.to = ref, .kind = WEIR__MAIL_STOP};
    box->finish = (struct weir__mail){.to = ref, .kind = WEIR__MAIL_FINISH};
    open_counter(&box->messages, generation, messages_limit);
    open_counter(&box->timers, generation, timers_limit);
    open_counter(&box->tokens, generation, INT32_MAX);
    box->generation = generation;
    box->within = false;
    weir__store_relaxed_u32(&box->finishes, 0);
    weir__store_release_u64(&box->told, generation << TOLD_BITS | TOLD_OPEN); /* P5 -> P6 */
}

bool weir__mailbox_tell(struct weir__mailbox *box, uint64_t generation, enum weir__mail_kind kind,
                        weir_reason reason, struct weir__mail **mail) {
    bool stops = kind == WEIR__MAIL_STOP;
    uint64_t bit = stops ? TOLD_STOP : TOLD_FINISH;
    uint64_t word = weir__load_acquire_u64(&box->told); /* P9 -> P10 */
    do {
        if ((word & TOLD_OPEN) == 0 || word >> TOLD_BITS != generation) {
            return false;
        }
    } while (!weir__cas_u64(&box->told, &word, word | bit)); /* P1 -> P2, P3 -> P4, P5 -> P6 */
    bool mine = (word & bit) == 0;
    if (mine && stops) {
        box->reason = reason;
    }
    *mail = !mine ? NULL : stops ? &box->stop : &box->finish;
    return true;
}

bool weir__mailbox_is_ending(const struct weir__mailbox *box) {
    return weir__load_relaxed_u32(&box->finishes) != 0 ||
           (weir__load_relaxed_u64(&box->told) & (TOLD_STOP | TOLD_FINISH)) != 0;
}

struct weir__mailbox *weir__mailbox_of(struct weir__mail *mail) {
    return mail->kind == WEIR__MAIL_STOP ? WEIR__CONTAINER_OF(mail, struct weir__mailbox, stop)
                                         : WEIR__CONTAINER_OF(mail, struct weir__mailbox, finish);
}

weir_reason weir__mailbox_take(struct weir__mail *mail) {
    struct weir__mailbox *box = weir__mailbox_of(mail);
    bool stops = mail->kind == WEIR__MAIL_STOP; /* else `reason` may be being written */
    weir_reason reason = stops ? box->reason : WEIR_REASON_NORMAL;
    if ((weir__load_relaxed_u64(&box->told) & TOLD_OPEN) == 0) { /* nobody else's */
        WEIR__CHECK(box->away > 0);
        box->away--;
    } else { /* from here on it may be sent again */
        weir__fetch_sub_u64(&box->told, stops ? TOLD_STOP : TOLD_FINISH); /* P1 -> P2 */
    }
    return reason;
}

/* The word of an open count. */
static uint64_t open_word(const struct weir__mailbox *box, uint64_t number) {
    return weir__count_of(box->generation) | (box->within ? WEIR__COUNT_WITHIN : 0) | number;
}

static bool is_closed(const struct weir__counter *counter) {
    return (weir__load_relaxed_u64(&counter->count) & WEIR__COUNT_OPEN) == 0;
}

/* False: another number is counted. */
static bool close_at(const struct weir__mailbox *box, struct weir__counter *counter,
                     uint64_t number) {
    uint64_t expected = open_word(box, number);
    return weir__cas_u64(&counter->count, &expected, expected & ~WEIR__COUNT_OPEN); /* P7 -> P8 */
}

/* With what is left of the number that it was closed at. */
static void open_again(struct weir__counter *counter) {
    weir__fetch_add_u64(&counter->count, WEIR__COUNT_OPEN); /* P5 -> P6 */
}

static void keep_within(const struct weir__mailbox *box, struct weir__counter *counter) {
    uint64_t word = weir__load_relaxed_u64(&counter->count);
    while (weir__count_is_of(word, box->generation) &&
           !weir__cas_u64(&counter->count, &word, word | WEIR__COUNT_WITHIN)) {} /* P7 -> P8 */
}

void weir__mailbox_keep_within(struct weir__mailbox *box) {
    box->within = true;
    keep_within(box, &box->messages);
    keep_within(box, &box->timers);
    keep_within(box, &box->tokens);
}

bool weir__mailbox_shut(struct weir__mailbox *box) {
    return is_closed(&box->tokens) || close_at(box, &box->tokens, 0);
}

/* Tokens first: while one is out nothing is closed, not for a moment, so whoever holds it is
 * never refused. */
bool weir__mailbox_end(struct weir__mailbox *box, uint64_t timers) {
    bool was_shut = is_closed(&box->tokens);
    if (weir__mailbox_messages(box) > 0 || (!was_shut && !close_at(box, &box->tokens, 0))) {
        return false;
    }
    bool closed = close_at(box, &box->messages, 0);
    if (closed && close_at(box, &box->timers, timers)) {
        return true;
    }
    if (closed) {
        open_again(&box->messages);
    }
    if (!was_shut) {
        open_again(&box->tokens);
    }
    return false;
}

void weir__mailbox_reopen(struct weir__mailbox *box, bool tokens) {
    if (!is_closed(&box->messages)) {
        return;
    }
    if (tokens) {
        open_again(&box->tokens);
    }
    open_again(&box->timers);
    open_again(&box->messages);
}

void weir__mailbox_close(struct weir__mailbox *box) {
    weir__store_release_u64(&box->messages.count, 0);  /* P9 -> P10 */
    weir__store_release_u64(&box->timers.count, 0);    /* P9 -> P10 */
    weir__store_release_u64(&box->tokens.count, 0);    /* P9 -> P10 */
    uint64_t word = weir__exchange_u64(&box->told, 0); /* P3 -> P4, P9 -> P10 */
    box->away = (word & TOLD_STOP ? 1 : 0) + (word & TOLD_FINISH ? 1 : 0);
}

#if WEIR__CHECKED
static void check_counter(const struct weir__mailbox *box, const struct weir__counter *counter) {
    uint64_t word = weir__load_relaxed_u64(&counter->count);
    bool within = (word & WEIR__COUNT_WITHIN) != 0;
    WEIR__CHECK(weir__count_is_of(word, box->generation));
    WEIR__CHECK(weir__count_number(word) <= weir__load_relaxed_u64(&counter->limit));
    WEIR__CHECK(within == box->within);
}

void weir__mailbox_check(const struct weir__mailbox *box) {
    uint64_t told = weir__load_relaxed_u64(&box->told);
    WEIR__CHECK((told & TOLD_OPEN) != 0 && told >> TOLD_BITS == box->generation);
    WEIR__CHECK(box->away == 0); /* nothing of the one before */
    check_counter(box, &box->messages);
    check_counter(box, &box->timers);
    check_counter(box, &box->tokens);
}
#endif
