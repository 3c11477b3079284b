/*
 * Closing a stream, and what becomes of the events that nobody can have any more.
 * See stream.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Whoever still works for the stream has a reference: its stage, a poke, and each of its
 * subscriptions, until the producer's worker has taken back what was not read.  So the
 * handle's reference is the only one once all of that has been done, and until then
 * who closes waits: a subscription that he asks for next comes behind it.
 */
#include "parts/stream.h"

#include "stage/keeping.h"
#include "stage/subscription.h"

/* Of the batch in the reader's hands: what was read is handled, the rest goes back to nobody. */
static void settle_in_hand(const weir_stream *stream, uint64_t read) {
    struct weir__entry part = stream->in_hand;
    if (weir__entry_is_mark(&part)) {
        return;
    }
    if ((part.flags & WEIR__OWNING) != 0) {
        weir__owned_let_go(part.block, part.first, (uint32_t)read,
                           weir__fate_of(WEIR_DISCARD_HANDLED), NULL);
        weir__owned_let_go(part.block, part.first + (uint32_t)read, part.count - (uint32_t)read,
                           weir__fate_of(WEIR_DISCARD_STOPPED), NULL);
    }
    weir__block_drop(part.block, NULL);
}

/* What was read is handled, and the rest goes back; or, where there was no memory, is lost. */
static void settle_batch(weir_stream *stream) {
    struct weir__edge *edge =
        stream->amid; /* J11 -> J12: it is the second one's, with all of this */
    uint64_t unread = stream->unread;
    uint64_t read = stream->in_hand.count - unread;
    weir__runtime_read(stream->quay.runtime, read, edge == NULL ? unread : 0);
    if (edge != NULL) {
        weir__queue_discard(&edge->returned, read, WEIR_DISCARD_HANDLED, NULL);
        weir__stage_down_edge(edge);
        return;
    }
    settle_in_hand(stream, read);
    weir__quay_lost(&stream->quay, unread);
}

void weir__stream_part(weir_stream *stream) {
    if (weir__exchange_u32(&stream->parted, 1) != 0) { /* J11 -> J12 */
        settle_batch(stream);
    }
}

static void free_stream(struct weir__quay *quay) {
    weir_stream *stream = WEIR__CONTAINER_OF(quay, weir_stream, quay);
    weir__lamp_close(&stream->lamp);
    weir__free(&quay->runtime->allocator, stream, sizeof *stream);
}

const struct weir__quay_kind weir__stream_kind = {
    .name = "stream", .late = "of a stream that had ended were not read", .nobodys = free_stream};

weir_status weir_stream_close(weir_stream *stream) {
    if (stream == NULL) {
        return WEIR_OK;
    }
    if (weir__stream_unfit(stream)) {
        weir__lamp_close(&stream->lamp); /* all that is a child's of fork */
        return WEIR_OK;
    }
    weir__stream_quit(stream);
    bool last = weir__quay_alone(&stream->quay, stream->close_ns, "weir_stream_close");
    weir__quay_release(&stream->quay, 1);
    return last ? WEIR_OK : WEIR_TIMEOUT;
}
