/*
 * Stamps: see stamp.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stage/stamp.h"

#include "base/check.h"
#include "base/times.h"
#include "stage/stage.h"

void weir__stage_stamp(weir_stage *stage, struct weir__edge *edge) {
    struct weir__host *host = stage->host;
    struct weir__stamp *stamp = &edge->stamp;
    bool free = weir__load_acquire_u64(&stamp->at) == WEIR__STAMP_FREE; /* P1 -> P2 */
    if (!free || weir__edge_rack(edge) != NULL) {
        return;
    }
    stamp->sent_ns = weir_runtime_now(host->runtime);
    stamp->origin_ns = stage->kind == WEIR_PRODUCER ? stamp->sent_ns : host->origin_ns;
    weir__store_relaxed_u64(&stamp->at, edge->sent);
}

static void add_waiting(struct weir__host *host, struct weir__edge *edge, uint64_t ns) {
    if (edge->waiting == NULL && edge->seen != NULL) {
        edge->waiting = weir__meter_times(host, edge->id.id, &edge->waiting_number);
        weir__store_relaxed_u32(&edge->seen->waiting, edge->waiting_number);
    }
    if (edge->waiting != NULL) {
        weir__times_add(edge->waiting, ns);
    }
}

static void add_age(weir_stage *stage, uint64_t ns) {
    struct weir__meter *meter = &stage->meter;
    if (meter->pipeline == NULL) {
        meter->pipeline =
            weir__meter_times(stage->host, stage->ref.bits, &meter->pipeline_number);
    }
    if (meter->pipeline != NULL) {
        weir__times_add(meter->pipeline, ns);
    }
}

void weir__stage_stamped(weir_stage *stage, struct weir__edge *edge) {
    struct weir__host *host = stage->host;
    struct weir__stamp *stamp = &edge->stamp;
    uint64_t now = weir_runtime_now(host->runtime);
    uint64_t origin = stamp->origin_ns;
    WEIR__CHECK(origin <= stamp->sent_ns && stamp->sent_ns <= now);
    add_waiting(host, edge, now - stamp->sent_ns);
    if (origin != 0 && stage->kind == WEIR_CONSUMER) {
        add_age(stage, now - origin);
    } else if (origin != 0) {
        host->origin_ns = origin;
        host->stamps |= WEIR__STAMPS_CARRIED;
    }
    weir__store_release_u64(&stamp->at, WEIR__STAMP_FREE); /* P1 -> P2 */
}
