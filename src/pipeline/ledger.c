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

/* So much of the record comes back; true: it was the last of it. */
static bool weight_comes_back(struct weir__record *record, unsigned exponent, uint64_t fate) {
    uint64_t weight = weight_of(exponent);
    if (WEIR__LIKELY(weir__load_acquire_u64(&record->out) == weight)) { /* WT1 -> WT2 */
        if (fate > weir__load_relaxed_u64(&record->worst)) {
            weir__store_relaxed_u64(&record->worst, fate);
        }
        return true;
    }
    make_worse(record, fate);
    uint64_t before = weir__fetch_sub_u64(&record->out, weight); /* WT1 -> WT2 */
    WEIR__CHECK(before >= weight);
    return before == weight;
}

/* Settled records of one ledger, that it has not been given yet. */
struct settled_run {
    struct weir__ledger *ledger;
    struct weir__record *first;
    struct weir__record *last;
    uint32_t count;
};

static void end_run(const struct settled_run *run) {
    if (run->count > 0) {
        run->ledger->took(run->ledger, run->first, run->last, run->count);
    }
}

static void add_to_run(struct settled_run *run, struct weir__record *record) {
    if (WEIR__LIKELY(run->count > 0 && run->ledger == record->ledger)) {
        run->last->next = record;
        run->last = record;
        run->count++;
        return;
    }
    end_run(run);
    *run =
        (struct settled_run){.ledger = record->ledger, .first = record, .last = record, .count = 1};
}

/* Messages whose bytes are in one block, side by side, give it back together. */
static void give_rooms_back(const weir_message *messages, size_t count) {
    uint64_t room = 0;
    uint32_t held = 0;
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
    struct settled_run run = {0};
    (void)context;
    give_rooms_back(messages, count);
    for (size_t i = 0; i < count; i++) {
        const uint64_t ack = messages[i].ack;
        struct weir__record *record = weir__message_record(ack);
        if (record != NULL && weight_comes_back(record, weir__message_exponent(ack),
                                                weir__message_fate(&messages[i], why))) {
            add_to_run(&run, record);
        }
    }
    end_run(&run);
}
