/*
 * Lanes: the positions of a cumulative source.  See source.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A lane has its receipts in the order of their positions, until the first of them is settled, and
 * those behind it that are: `below` goes up over these, and over nothing else.  It is told to the
 * driver when that was called last; several steps of it are one ack.
 *
 *   below <= position of `first`;  positions rise from first to last, which is `highest`
 *   a receipt that is first is not SETTLED, between two rounds
 */
#include "base/check.h"
#include "os/clock.h"
#include "pipeline/source.h"

struct weir__lane *weir__lane_find(const weir_source *source, uint32_t number) {
    return WEIR__INDEX_FIND(&source->lanes, number, struct weir__lane, by_number);
}

struct weir__lane *weir__lane_make(weir_source *source, uint32_t number) {
    struct weir__lane *lane = weir__lane_find(source, number);
    if (lane == NULL) {
        lane = weir__alloc_zeroed(&source->quay.runtime->allocator, sizeof *lane, 16);
        if (lane != NULL) {
            weir__index_add(&source->lanes, &lane->by_number, number);
        }
    }
    return lane;
}

bool weir__lane_is_full(const weir_source *source, const struct weir__lane *lane,
                        uint64_t position) {
    return lane->first != 0 &&
           position - weir__source_receipt(source, lane->first)->position >= source->driver.span;
}

void weir__lane_add(weir_source *source, struct weir__lane *lane, struct weir__receipt *receipt) {
    uint32_t place = weir__receipt_place(source, receipt);
    WEIR__CHECK(!lane->any || receipt->position > lane->highest);
    receipt->lane = lane;
    receipt->next = 0;
    if (lane->first == 0) {
        lane->first = place;
    } else {
        weir__source_receipt(source, lane->last)->next = place;
    }
    lane->last = place;
    lane->any = true;
    lane->highest = receipt->position;
}

/* ---- settling ------------------------------------------------------------------- */

/* The first ones are settled: the position passes them. */
static void pass_settled(weir_source *source, struct weir__lane *lane) {
    while (lane->first != 0) {
        struct weir__receipt *receipt = weir__source_receipt(source, lane->first);
        if (receipt->state != WEIR__RECEIPT_SETTLED) {
            break;
        }
        lane->first = receipt->next;
        lane->below = receipt->position + 1;
        lane->token = receipt->token;
        lane->deliveries = receipt->deliveries;
        lane->untold++;
        weir__receipt_give(source, receipt);
    }
    if (lane->untold > 0 && !lane->due) {
        lane->due = true;
        lane->next_due = source->due;
        source->due = lane;
    }
}

static void wait_for_redelivery(weir_source *source, struct weir__receipt *receipt) {
    uint32_t place = weir__receipt_place(source, receipt);
    receipt->state = WEIR__RECEIPT_WAITS;
    receipt->due_ns = weir__clock_deadline(source->now_ns, source->options.redeliver_ns);
    receipt->next_wait = 0;
    if (source->waits.first == 0) {
        source->waits.first = place;
    } else {
        weir__source_receipt(source, source->waits.last)->next_wait = place;
    }
    source->waits.last = place;
}

void weir__lane_settled(weir_source *source, struct weir__receipt *receipt) {
    if (!weir__outcome_is_nak(weir__fate_outcome(receipt->fate))) {
        receipt->state = WEIR__RECEIPT_SETTLED;
        pass_settled(source, receipt->lane);
    } else if (source->no_more) {
        receipt->state = WEIR__RECEIPT_HELD;
    } else {
        wait_for_redelivery(source, receipt);
    }
}

/* ---- once more ------------------------------------------------------------------ */

static void emit_again(weir_source *source, struct weir__receipt *receipt) {
    size_t number = (size_t)(receipt - source->receipts);
    weir_message *kept = &source->kept[number];
    kept->deliveries = weir__deliveries_of(kept->deliveries + UINT32_C(1));
    kept->ack = weir__record_word(&source->records[number]);
    receipt->state = WEIR__RECEIPT_OUT;
    receipt->away = true;
    source->out++;
    weir__slip_of_kept(source, receipt);
    weir__source_count(&source->stats.redelivered, 1);
}

void weir__lanes_redeliver(weir_source *source) {
    uint64_t most = source->waits.first == 0 ? 0 : weir__source_asked(source);
    while (source->waits.first != 0 && most > 0) {
        struct weir__receipt *receipt = weir__source_receipt(source, source->waits.first);
        if (receipt->due_ns > source->now_ns) {
            break;
        }
        source->waits.first = receipt->next_wait;
        emit_again(source, receipt);
        most--;
    }
    weir__source_send(source);
}

void weir__lanes_hold(weir_source *source) {
    while (source->waits.first != 0) {
        struct weir__receipt *receipt = weir__source_receipt(source, source->waits.first);
        source->waits.first = receipt->next_wait;
        receipt->state = WEIR__RECEIPT_HELD;
    }
}

/* ---- telling -------------------------------------------------------------------- */

size_t weir__lanes_fill(const weir_source *source, weir_ack *acks, size_t room) {
    size_t count = 0;
    for (const struct weir__lane *lane = source->due; lane != NULL && count < room;
         lane = lane->next_due) {
        acks[count++] = (weir_ack){.token = lane->token,
                                   .position = lane->below,
                                   .lane = (uint32_t)lane->by_number.number,
                                   .deliveries = lane->deliveries};
    }
    return count;
}

static void leave_due(weir_source *source, uint64_t *counter) {
    struct weir__lane *lane = source->due;
    source->due = lane->next_due;
    weir__source_count(counter, lane->untold);
    lane->untold = 0;
    lane->tries = 0;
    lane->due = false;
}

void weir__lanes_told(weir_source *source, size_t count) {
    for (; count > 0; count--) {
        leave_due(source, &source->stats.acked);
    }
}

/* Those that stay are due still, in another order. */
void weir__lanes_missed(weir_source *source, size_t count, bool for_good) {
    struct weir__lane *stay = NULL;
    for (; count > 0; count--) {
        struct weir__lane *lane = source->due;
        if (for_good || ++lane->tries >= source->options.ack_tries) {
            leave_due(source, &source->stats.lost_acks);
        } else {
            source->due = lane->next_due;
            lane->next_due = stay;
            stay = lane;
        }
    }
    while (stay != NULL) {
        struct weir__lane *lane = stay;
        stay = lane->next_due;
        lane->next_due = source->due;
        source->due = lane;
    }
}

/* ---- forgetting ----------------------------------------------------------------- */

/* Notes of that lane wait for nothing any more. */
static void leave_waits(weir_source *source, const struct weir__lane *lane) {
    struct weir__receipt_list left = {0};
    uint32_t place = source->waits.first;
    while (place != 0) {
        struct weir__receipt *receipt = weir__source_receipt(source, place);
        uint32_t next = receipt->next_wait;
        receipt->next_wait = 0;
        if (receipt->lane != lane) {
            if (left.first == 0) {
                left.first = place;
            } else {
                weir__source_receipt(source, left.last)->next_wait = place;
            }
            left.last = place;
        }
        place = next;
    }
    source->waits = left;
}

static void forget_due(weir_source *source, const struct weir__lane *lane) {
    for (struct weir__lane **at = &source->due; *at != NULL; at = &(*at)->next_due) {
        if (*at == lane) {
            *at = lane->next_due;
            weir__source_count(&source->stats.lost_acks, lane->untold);
            return;
        }
    }
}

static void forget_lane(weir_source *source, struct weir__lane *lane) {
    leave_waits(source, lane);
    forget_due(source, lane);
    for (uint32_t place = lane->first; place != 0;) {
        struct weir__receipt *receipt = weir__source_receipt(source, place);
        place = receipt->next;
        receipt->lane = NULL;
        receipt->forgotten = true;
        if (!receipt->away) {
            weir__source_count(&source->stats.forgotten, 1);
            weir__receipt_give(source, receipt);
        }
    }
    weir__index_remove(&source->lanes, &lane->by_number);
    weir__free(&source->quay.runtime->allocator, lane, sizeof *lane);
}

void weir__lane_forget(weir_source *source, uint32_t number) {
    if (source->driver.cumulative) {
        struct weir__lane *lane = weir__lane_find(source, number);
        if (lane != NULL) {
            forget_lane(source, lane);
        }
        return;
    }
    for (uint32_t place = 1; place <= source->used; place++) {
        struct weir__receipt *receipt = weir__source_receipt(source, place);
        if (receipt->state == WEIR__RECEIPT_OUT && receipt->lane_number == number) {
            receipt->forgotten = true;
        }
    }
}

static void free_lane(void *context, struct weir__index_node *node) {
    struct weir__lane *lane = WEIR__CONTAINER_OF(node, struct weir__lane, by_number);
    weir__free(context, lane, sizeof *lane);
}

void weir__lanes_close(weir_source *source) {
    weir__index_empty(&source->lanes, free_lane, (void *)&source->quay.runtime->allocator);
    weir__index_close(&source->lanes);
}
