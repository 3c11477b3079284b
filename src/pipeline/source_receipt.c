/*
 * A source's receipts: what its owner knows of each record.  See source.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/attributes.h"
#include "base/check.h"
#include "pipeline/source.h"
#include "runtime/errand.h"

/* A tray's are used for the first time. */
static void begin_receipts(weir_source *source) {
    for (; source->used < source->trays.begun; source->used++) {
        struct weir__record *record = &source->records[source->used];
        record->ledger = &source->ledger;
        weir__record_rest(record);
        source->receipts[source->used].state = WEIR__RECEIPT_FREE;
        source->receipts[source->used].away = false;
    }
}

struct weir__receipt *weir__receipt_take(weir_source *source) {
    uint32_t number;
    if (!weir__trays_take(&source->trays, &number)) {
        return NULL;
    }
    if (WEIR__UNLIKELY(number >= source->used)) {
        begin_receipts(source);
    }
    struct weir__receipt *receipt = &source->receipts[number];
    receipt->state = WEIR__RECEIPT_OUT;
    receipt->away = true;
    receipt->forgotten = false;
    receipt->tries = 0;
    receipt->lane = NULL;
    source->outstanding++;
    source->out++;
    return receipt;
}

void weir__receipt_release(const weir_source *source, struct weir__receipt *receipt) {
    struct weir__errand errand;
    if (receipt->lent) {
        receipt->lent = false;
        weir__driver_enter(source, &errand);
        source->driver.release(source->options.context, receipt->token);
        weir__driver_leave(&errand);
    }
}

uint32_t weir__run_release(const weir_source *source, struct weir__record *head) {
    uint64_t fate;
    uint64_t bits = weir__run_open(head, &fate);
    uint32_t count = (uint32_t)__builtin_popcountll(bits);
    for (; bits != 0; bits &= bits - 1) {
        const struct weir__record *record = weir__run_record(head, bits);
        weir__receipt_release(source, &source->receipts[record - source->records]);
    }
    return count;
}

void weir__receipt_give(weir_source *source, struct weir__receipt *receipt) {
    WEIR__CHECK(!receipt->away && receipt->state != WEIR__RECEIPT_FREE);
    weir__receipt_release(source, receipt);
    weir__pages_let_go(&source->pages, receipt->page);
    source->outstanding--;
    source->bytes -= receipt->bytes;
    receipt->state = WEIR__RECEIPT_FREE;
    receipt->forgotten = false;
    weir__trays_give(&source->trays, (uint32_t)(receipt - source->receipts));
}
