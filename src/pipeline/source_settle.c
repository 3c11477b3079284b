/*
 * What comes back to a source, and how its driver is told.  See source.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "os/clock.h"
#include "pipeline/source.h"
#include "runtime/errand.h"

#include <inttypes.h>

/* ---- what comes back ------------------------------------------------------------ */

static void come_home(weir_source *source, struct weir__receipt *receipt, uint64_t fate) {
    WEIR__CHECK(receipt->away);
    receipt->away = false;
    source->out--;
    if (receipt->state == WEIR__RECEIPT_TOLD) {
        source->told--;
        weir__receipt_give(source, receipt);
        return;
    }
    if (receipt->state ==
        WEIR__RECEIPT_READY) { /* abandoned, and its nak was not told yet: it stays */
        return;
    }
    WEIR__CHECK(receipt->state == WEIR__RECEIPT_OUT);
    if (receipt->forgotten) {
        weir__source_count(&source->stats.forgotten, 1);
        weir__receipt_give(source, receipt);
        return;
    }
    receipt->fate = fate;
    if (receipt->lane != NULL) {
        weir__lane_settled(source, receipt);
    } else {
        receipt->state = WEIR__RECEIPT_READY;
        weir__receipt_append(source, &source->ready, receipt);
    }
}

static void run_comes_home(weir_source *source, struct weir__record *head) {
    uint64_t fate;
    for (uint64_t bits = weir__run_open(head, &fate); bits != 0; bits &= bits - 1) {
        const struct weir__record *record = weir__run_record(head, bits);
        come_home(source, &source->receipts[record - source->records], fate);
    }
}

void weir__source_take_settled(weir_source *source) {
    struct weir__record *head = weir__returns_take(&source->returns);
    if (head != NULL) { /* there is room where there was none */
        source->cramped = false;
        source->idle_until = 0;
    }
    while (head != NULL) {
        struct weir__record *next = head->next;
        run_comes_home(source, head);
        head = next;
    }
}

void weir__source_abandon(weir_source *source) {
    source->abandoned = true;
    for (uint32_t place = 1; place <= source->used; place++) {
        struct weir__receipt *receipt = weir__source_receipt(source, place);
        if (receipt->state != WEIR__RECEIPT_OUT || receipt->forgotten) {
            continue;
        }
        weir__source_count(&source->stats.abandoned, 1);
        if (receipt->lane == NULL) {
            receipt->fate = weir__fate_make(WEIR_MESSAGE_NAK, WEIR_DISCARD_STOPPED, 0);
            receipt->state = WEIR__RECEIPT_READY;
            weir__receipt_append(source, &source->ready, receipt);
        }
    }
}

/* ---- telling -------------------------------------------------------------------- */

/* All but what is the receipt's own. */
static weir_ack ack_of_fate(const weir_source *source, uint64_t fate) {
    weir_outcome outcome = weir__fate_outcome(fate);
    return (weir_ack){.delay_ns = weir__outcome_is_nak(outcome) ? source->options.redeliver_ns : 0,
                      .outcome = outcome,
                      .why = weir__fate_why(fate),
                      .reason = weir__fate_reason(fate)};
}

static size_t fill_acks(const weir_source *source, weir_ack *acks) {
    size_t count = 0;
    weir_ack ack = {0};
    uint64_t fate = UINT64_MAX; /* that it is for; mostly, all have one */
    for (uint32_t place = source->ready.first; place != 0 && count < WEIR__SOURCE_ACKS; count++) {
        const struct weir__receipt *receipt = weir__source_receipt(source, place);
        if (receipt->fate != fate) {
            fate = receipt->fate;
            ack = ack_of_fate(source, fate);
        }
        ack.token = receipt->token;
        ack.position = receipt->position;
        ack.lane = receipt->lane_number;
        ack.deliveries = receipt->deliveries;
        acks[count] = ack;
        place = receipt->next;
    }
    return count;
}

/* The first receipt is told, or given up: it leaves the list. */
static void leave_ready(weir_source *source, struct weir__receipt *receipt) {
    source->ready.first = receipt->next;
    if (receipt->away) {
        receipt->state = WEIR__RECEIPT_TOLD;
    } else {
        weir__receipt_give(source, receipt);
    }
    source->told += receipt->state == WEIR__RECEIPT_TOLD;
}

static void told_ready(weir_source *source, size_t count) {
    uint64_t naks = 0;
    for (size_t i = 0; i < count; i++) {
        struct weir__receipt *receipt = weir__source_receipt(source, source->ready.first);
        naks += weir__outcome_is_nak(weir__fate_outcome(receipt->fate));
        leave_ready(source, receipt);
    }
    weir__source_count(&source->stats.naks, naks);
    weir__source_count(&source->stats.acked, count - naks);
}

/* The first ones were not told, once more; those for which that was the last time leave. */
static void missed_ready(weir_source *source, size_t count, bool for_good) {
    struct weir__receipt_list left = {0};
    for (; count > 0; count--) {
        struct weir__receipt *receipt = weir__source_receipt(source, source->ready.first);
        if (for_good || ++receipt->tries >= source->options.ack_tries) {
            weir__source_count(&source->stats.lost_acks, 1);
            leave_ready(source, receipt);
        } else {
            source->ready.first = receipt->next;
            weir__receipt_append(source, &left, receipt);
        }
    }
    if (left.first != 0) { /* they are the first again */
        weir__source_receipt(source, left.last)->next = source->ready.first;
        source->ready.last = source->ready.first == 0 ? left.last : source->ready.last;
        source->ready.first = left.first;
    }
}

static bool call_ack(weir_source *source, const weir_ack *acks, size_t count) {
    if (source->driver.ack == NULL) {
        return true;
    }
    struct weir__errand errand;
    weir__driver_enter(source, &errand);
    weir_pulled said = source->driver.ack(source->options.context, acks, count);
    weir__driver_returned(source, &errand);
    said = weir__source_said(source, "ack", said);
    if (said == WEIR_PULLED) {
        return true;
    }
    if (said == WEIR_BROKEN) {
        weir__source_broke(source);
    }
    weir__source_lost(source, "ack");
    return false;
}

/* Once: the figure says how many there are in the end. */
static void warn_of_lost_acks(weir_source *source) {
    uint64_t lost = weir__load_relaxed_u64(&source->stats.lost_acks);
    if (lost > 0 && !source->told_lost_acks) {
        source->told_lost_acks = true;
        weir__source_log(source, WEIR_LOG_WARNING,
                         "acks of %" PRIu64 " messages are given up, as driver %s takes none: they "
                         "may be delivered again",
                         lost, source->driver.name);
    }
}

bool weir__source_tell(weir_source *source) {
    weir_ack acks[WEIR__SOURCE_ACKS];
    while (source->ready.first != 0) {
        size_t count = fill_acks(source, acks);
        if (!call_ack(source, acks, count)) {
            missed_ready(source, count, source->broken);
            warn_of_lost_acks(source);
            return false;
        }
        told_ready(source, count);
    }
    while (source->due != NULL) {
        size_t count = weir__lanes_fill(source, acks, WEIR__SOURCE_ACKS);
        if (!call_ack(source, acks, count)) {
            weir__lanes_missed(source, count, source->broken);
            warn_of_lost_acks(source);
            return false;
        }
        weir__lanes_told(source, count);
    }
    return true;
}

void weir__source_tell_nobody(weir_source *source) {
    while (source->ready.first != 0) {
        missed_ready(source, 1, true);
    }
    while (source->due != NULL) {
        weir__lanes_missed(source, 1, true);
    }
    warn_of_lost_acks(source);
}

/* ---- leases --------------------------------------------------------------------- */

static void extend_some(weir_source *source, const uint64_t *tokens, size_t count) {
    struct weir__errand errand;
    weir__driver_enter(source, &errand);
    source->driver.extend(source->options.context, tokens, count);
    weir__driver_returned(source, &errand);
    weir__source_count(&source->stats.extended, count);
}

void weir__source_extend(weir_source *source) {
    uint64_t third = source->driver.lease_ns / 3;
    uint64_t tokens[WEIR__SOURCE_ACKS];
    size_t count = 0;
    source->extend_at = weir__clock_deadline(source->now_ns, third);
    for (uint32_t place = 1; place <= source->used; place++) {
        struct weir__receipt *receipt = weir__source_receipt(source, place);
        if (receipt->state == WEIR__RECEIPT_OUT && !receipt->forgotten) {
            tokens[count++] = receipt->token;
        }
        if (count == WEIR__SOURCE_ACKS) {
            extend_some(source, tokens, count);
            count = 0;
        }
    }
    if (count > 0) {
        extend_some(source, tokens, count);
    }
}
