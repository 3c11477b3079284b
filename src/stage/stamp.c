/*
 * Stamps: see stamp.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stage/stamp.h"

#include "base/check.h"
#include "stage/stage.h"

void weir__stage_stamp(weir_stage *stage, struct weir__edge *edge) {
    struct weir__host *host = stage->host;
    struct weir__stamp *stamp = &edge->stamp;
    bool free = weir__load_acquire_u64(&stamp->at) == WEIR__STAMP_FREE; /* P1 -> P2 */
    if (!free || weir__edge_rack(edge) != NULL) {
        return;
    }
    stamp->sent_ns = host->now_ns; /* the callback has just been timed, or a stamp taken */
    stamp->origin_ns = stage->kind == WEIR_PRODUCER ? stamp->sent_ns : host->origin_ns;
    weir__store_relaxed_u64(&stamp->at, edge->sent);
}

static void add_waiting(struct weir__edge *edge, uint64_t ns) {
    if (edge->seen != NULL) {
        weir__timing_add(&edge->waiting, edge->sheet, edge->id.id, ns);
        weir__store_relaxed_u32(&edge->seen->waiting, edge->waiting.number);
    }
}

void weir__stage_stamped(weir_stage *stage, struct weir__edge *edge) {
    struct weir__host *host = stage->host;
    struct weir__stamp *stamp = &edge->stamp;
    uint64_t now = weir__meter_clock(host);
    uint64_t origin = stamp->origin_ns;
    WEIR__CHECK(origin <= stamp->sent_ns && stamp->sent_ns <= now);
    add_waiting(edge, now - stamp->sent_ns);
    if (origin != 0 && stage->kind == WEIR_CONSUMER) {
        weir__timing_add(&stage->meter.pipeline, host->sheet, stage->ref.bits, now - origin);
    } else if (origin != 0) {
        host->origin_ns = origin;
        host->stamps |= WEIR__STAMPS_CARRIED;
    }
    weir__store_release_u64(&stamp->at, WEIR__STAMP_FREE); /* P1 -> P2 */
}
