/*
 * The ledger's records: see ledger.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline/ledger.h"

#include "base/attributes.h"
#include "base/check.h"
#include "pipeline/room.h"

static uint64_t weight_of(unsigned exponent) {
    return UINT64_C(1) << exponent;
}

/* ---- parts of a record ---------------------------------------------------------- */

uint64_t weir__message_halve(uint64_t *ack) {
    struct weir__record *record = weir__message_record(*ack);
    unsigned exponent = weir__message_exponent(*ack);
    if (WEIR__UNLIKELY(exponent == 0)) { /* the message has some, so the record is out */
        weir__fetch_add_u64(&record->out, weight_of(WEIR__WEIGHT_MORE) - 1);
        exponent = WEIR__WEIGHT_MORE;
    }
    *ack = (uintptr_t)record | (exponent - 1);
    return *ack;
}

uint64_t weir__message_another(uint64_t ack) {
    struct weir__record *record = weir__message_record(ack);
    weir__fetch_add_u64(&record->out, weight_of(WEIR__WEIGHT_MORE));
    return (uintptr_t)record | WEIR__WEIGHT_MORE;
}

/* ---- settling ------------------------------------------------------------------- */

uint64_t weir__message_fate(const weir_message *message, weir_discard why) {
    if (WEIR__LIKELY(why == WEIR_DISCARD_HANDLED)) {
        bool known = message->outcome < WEIR_MESSAGE_OUTCOMES;
        weir_outcome outcome = known ? (weir_outcome)message->outcome : WEIR_MESSAGE_NAK;
        return weir__fate_make(outcome, why, message->reason);
    }
    return weir__fate_make(why == WEIR_DISCARD_UNWANTED ? WEIR_MESSAGE_OK : WEIR_MESSAGE_NAK, why,
                           0);
}

static void make_worse(struct weir__record *record, uint64_t fate) {
    uint64_t seen = weir__load_relaxed_u64(&record->worst);
    while (seen < fate && !weir__cas_u64(&record->worst, &seen, fate)) {}
}

/* So much of the record, which others have some of, comes back; true: it was the last of it. */
static bool part_comes_back(struct weir__record *record, uint64_t weight, uint64_t fate) {
    make_worse(record, fate);
    uint64_t before = weir__fetch_sub_u64(&record->out, weight); /* WT1 -> WT2 */
    WEIR__CHECK(before >= weight);
    return before == weight;
}

/* The same of any record; if it was the last of it, the record is at rest, and *fate the worst. */
static bool weight_comes_back(struct weir__record *record, unsigned exponent, uint64_t *fate) {
    uint64_t weight = weight_of(exponent);
    bool alone = weir__load_acquire_u64(&record->out) == weight; /* WT1 -> WT2 */
    if (WEIR__UNLIKELY(!alone && !part_comes_back(record, weight, *fate))) {
        return false;
    }
    uint64_t worst = weir__load_relaxed_u64(&record->worst);
    if (WEIR__UNLIKELY(worst != 0 || !alone || exponent != WEIR__WEIGHT_WHOLE)) {
        *fate = worst > *fate ? worst : *fate;
        weir__record_rest(record);
    }
    return true;
}

/* Settled records of one ledger that it has not been given yet; the last run is not closed. */
struct settled {
    struct weir__ledger *ledger;
    struct weir__record *first; /* heads */
    struct weir__record *last;
    uint64_t bits; /* of the last run */
    uint64_t fate;
    uint32_t count; /* records */
};

static void close_run(const struct settled *settled) {
    weir__store_relaxed_u64(&settled->last->out, settled->bits);
    weir__store_relaxed_u64(&settled->last->worst, settled->fate);
}

static void tell_ledger(const struct settled *settled) {
    if (settled->count > 0) {
        close_run(settled);
        settled->ledger->took(settled->ledger, settled->first, settled->last, settled->count);
    }
}

static bool is_of_group(const struct weir__record *record, const struct weir__record *head) {
    const uintptr_t group = WEIR__RUN_RECORDS * sizeof *record;
    return (((uintptr_t)record ^ (uintptr_t)head) & ~(group - 1)) == 0;
}

static void begin_run(struct settled *settled, struct weir__record *record, uint64_t fate) {
    if (settled->count > 0 && settled->ledger == record->ledger) {
        close_run(settled);
        settled->last->next = record;
    } else {
        tell_ledger(settled);
        *settled = (struct settled){.ledger = record->ledger, .first = record};
    }
    settled->last = record;
    settled->bits = 0;
    settled->fate = fate;
}

static void add_settled(struct settled *settled, struct weir__record *record, uint64_t fate) {
    if (WEIR__UNLIKELY(settled->count == 0 || !is_of_group(record, settled->last) ||
                       settled->ledger != record->ledger || settled->fate != fate)) {
        begin_run(settled, record, fate);
    }
    settled->bits |= UINT64_C(1) << weir__record_number(record);
    settled->count++;
}

/* Messages whose bytes are in one block, side by side, give it back together. */
static void give_rooms_back(const weir_message *messages, size_t count) {
    uint64_t any = 0;
    uint64_t room = 0;
    uint32_t held = 0;
    for (size_t i = 0; i < count; i++) {
        any |= messages[i].room;
    }
    if (WEIR__LIKELY(any == 0)) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (messages[i].room != room) {
            weir__room_drop(room, held);
            room = messages[i].room;
            held = 0;
        }
        held++;
    }
    weir__room_drop(room, held);
}

void weir__message_drop(void *context, const void *events, size_t count, weir_discard why) {
    const weir_message *messages = events;
    struct settled settled = {0};
    (void)context;
    give_rooms_back(messages, count);
    for (size_t i = 0; i < count; i++) {
        const uint64_t ack = messages[i].ack;
        struct weir__record *record = weir__message_record(ack);
        uint64_t fate = weir__message_fate(&messages[i], why);
        if (record != NULL && weight_comes_back(record, weir__message_exponent(ack), &fate)) {
            add_settled(&settled, record, fate);
        }
    }
    tell_ledger(&settled);
}
