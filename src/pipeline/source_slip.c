/*
 * Slips: see slip.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/attributes.h"
#include "pipeline/source.h"

_Static_assert(WEIR_SOURCE_OUTSTANDING_LIMIT <= UINT32_MAX >> WEIR__SLIP_NUMBER_SHIFT,
               "a record's number has room in a slip");

/* ---- the owner's side ----------------------------------------------------------- */

static uint32_t number_of(const weir_source *source, const struct weir__receipt *receipt) {
    return (uint32_t)(receipt - source->receipts);
}

/* All bytes lie in a row from data's first on, or there are none. */
static bool lies_in_a_row(const weir_incoming *incoming, const char *at) {
    return at != NULL || (incoming->key.count == 0 && incoming->headers.count == 0);
}

static const char *first_byte(const weir_incoming *incoming, const char *at) {
    static const char none[1] = "";
    return at != NULL ? at : incoming->data.count > 0 ? incoming->data.at : none;
}

/* A message that was lent in pieces. */
static void keep_pieces(weir_source *source, const weir_incoming *incoming,
                        const struct weir__receipt *receipt) {
    uint32_t number = number_of(source, receipt);
    source->kept[number] = (weir_message){.data = incoming->data,
                                          .key = incoming->key,
                                          .headers = incoming->headers,
                                          .ack = weir__record_word(&source->records[number]),
                                          .time = incoming->time,
                                          .deliveries = weir__deliveries_of(incoming->deliveries)};
}

void weir__slip_of_kept(weir_source *source, const struct weir__receipt *receipt) {
    weir__source_place(source)->what =
        number_of(source, receipt) << WEIR__SLIP_NUMBER_SHIFT | WEIR__SLIP_KEPT;
}

void weir__slip_write(weir_source *source, const weir_incoming *incoming,
                      const struct weir__receipt *receipt, const char *at) {
    if (WEIR__UNLIKELY(!lies_in_a_row(incoming, at))) {
        keep_pieces(source, incoming, receipt);
        weir__slip_of_kept(source, receipt);
        return;
    }
    uint32_t number = number_of(source, receipt);
    uint32_t most = WEIR__SLIP_DELIVERIES;
    struct weir__slip *slip = weir__source_place(source);
    slip->at = first_byte(incoming, at);
    slip->time = incoming->time;
    slip->data = incoming->data.count;
    slip->key = incoming->key.count;
    slip->headers = incoming->headers.count;
    slip->what = number << WEIR__SLIP_NUMBER_SHIFT |
                 (incoming->deliveries < most ? incoming->deliveries : most);
    if (WEIR__UNLIKELY(source->driver.cumulative)) { /* it may be emitted again */
        weir__slip_unpack(&source->keeper, slip, 1, &source->kept[number]);
    }
}

/* ---- the worker's side, or whose it is to drop it --------------------------------- */

static inline void unpack_one(const weir_source *source, const struct weir__slip *slip,
                              weir_message *message) {
    uint32_t number = slip->what >> WEIR__SLIP_NUMBER_SHIFT;
    uint32_t deliveries = slip->what & WEIR__SLIP_DELIVERIES;
    if (WEIR__UNLIKELY((slip->what & WEIR__SLIP_KEPT) != 0)) {
        *message = source->kept[number];
        return;
    }
    if (WEIR__UNLIKELY(deliveries == WEIR__SLIP_DELIVERIES)) {
        deliveries = source->receipts[number].deliveries;
    }
    const char *key = slip->at + slip->data;
    message->data = (weir_bytes){.at = slip->at, .count = slip->data};
    message->key = (weir_bytes){.at = key, .count = slip->key};
    message->headers = (weir_bytes){.at = key + slip->key, .count = slip->headers};
    message->ack = weir__record_word(&source->records[number]);
    message->time = slip->time;
    message->batch_key = 0;
    message->room = 0;
    message->deliveries = weir__deliveries_of(deliveries);
    message->tries = 0;
    message->batcher = 0;
    message->outcome = WEIR_MESSAGE_OK;
    message->failed_as = 0;
    message->failed_in = 0;
    message->flush = 0;
    message->reason = 0;
}

void weir__slip_unpack(const struct weir__inlet_keeper *keeper, const void *packed, size_t count,
                       void *events) {
    const weir_source *source = WEIR__CONTAINER_OF(keeper, weir_source, keeper);
    const struct weir__slip *slips = packed;
    weir_message *messages = events;
    for (size_t i = 0; i < count; i++) {
        unpack_one(source, &slips[i], &messages[i]);
    }
}
