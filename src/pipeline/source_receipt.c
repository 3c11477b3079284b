/*
 * A source's receipts: what its owner knows of each record.  See source.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/check.h"
#include "pipeline/source.h"
#include "runtime/errand.h"

/* The last one that came free is used first: its lines are near. */
struct weir__receipt *weir__receipt_take(weir_source *source) {
    uint32_t place = source->free;
    struct weir__receipt *receipt;
    if (place != 0) {
        receipt = weir__source_receipt(source, place);
        source->free = receipt->next;
    } else if (source->used < source->options.max_outstanding) {
        place = ++source->used;
        receipt = weir__source_receipt(source, place);
        source->records[place - 1].ledger = &source->ledger;
    } else {
        return NULL;
    }
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

void weir__receipt_give(weir_source *source, struct weir__receipt *receipt) {
    WEIR__CHECK(!receipt->away && receipt->state != WEIR__RECEIPT_FREE);
    weir__receipt_release(source, receipt);
    weir__pages_let_go(&source->pages, receipt->page);
    source->outstanding--;
    source->bytes -= receipt->bytes;
    receipt->state = WEIR__RECEIPT_FREE;
    receipt->forgotten = false;
    receipt->next = source->free;
    source->free = weir__receipt_place(source, receipt);
}

void weir__receipt_append(weir_source *source, struct weir__receipt_list *list,
                          struct weir__receipt *receipt) {
    uint32_t place = weir__receipt_place(source, receipt);
    receipt->next = 0;
    if (list->first == 0) {
        list->first = place;
    } else {
        weir__source_receipt(source, list->last)->next = place;
    }
    list->last = place;
}
