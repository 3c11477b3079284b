/*
 * Counters files by hand: see counters.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/counters.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <weir/runtime.h>
#include <weir/types.h>

static void *next_slot(struct counters *counters, weir_counters_kind kind) {
    uint32_t count = weir_counters_slots(kind);
    weir_counters_slot *slot =
        (void *)(counters->bytes + (size_t)counters->slots * WEIR_COUNTERS_SLOT);
    memset(slot, 0, (size_t)count * WEIR_COUNTERS_SLOT);
    slot->kind = kind;
    slot->turn = 2; /* nobody changes it just now */
    counters->slots += count;
    if (kind != WEIR_COUNTERS_HEADER) {
        counters_header(counters)->slots = counters->slots;
    }
    return slot;
}

weir_counters_header *counters_header(struct counters *counters) {
    return (void *)counters->bytes;
}

/* Field 22 of this process's stat: its name has no blanks or parentheses. */
static uint64_t started(void) {
    unsigned long long ticks = 0;
    FILE *file = fopen("/proc/self/stat", "re");
    if (file != NULL) {
        for (int field = 1; field < 22; field++) {
            if (fscanf(file, "%*s") != 0) break;
        }
        if (fscanf(file, "%llu", &ticks) != 1) ticks = 0;
        fclose(file);
    }
    return ticks;
}

void counters_begin(struct counters *counters) {
    memset(counters, 0, sizeof *counters);
    weir_counters_header *header = next_slot(counters, WEIR_COUNTERS_HEADER);
    header->magic = WEIR_COUNTERS_MAGIC;
    header->version = WEIR_COUNTERS_VERSION;
    header->slot_bytes = WEIR_COUNTERS_SLOT;
    header->slots = counters->slots;
    header->pid = (uint64_t)getpid();
    header->started = started();
    header->mode = WEIR_SIMULATED;
    header->number = 1;
    strcpy(header->program, "by_hand");
    strcpy(header->library, "1.2.3");
}

weir_counters_worker *counters_worker(struct counters *counters, uint32_t index) {
    weir_counters_worker *worker = next_slot(counters, WEIR_COUNTERS_WORKER);
    worker->index = index;
    worker->core = index;
    worker->seen_ns = COUNTERS_NOW_NS;
    return worker;
}

weir_counters_stage *counters_stage(struct counters *counters, const char *name, uint32_t worker,
                                    const unsigned shares[WEIR_STATES]) {
    uint64_t ref = 100 + counters->slots;
    weir_counters_stage *stage = next_slot(counters, WEIR_COUNTERS_STAGE);
    stage->ref = ref;
    stage->worker = worker;
    stage->stage_kind = WEIR_PRODUCER;
    stage->noted_ns = COUNTERS_NOW_NS;
    strncpy(stage->name, name, sizeof stage->name - 1);
    for (unsigned i = 0; i < WEIR_STATES; i++) {
        stage->times[i] = COUNTERS_NOW_NS / 100 * shares[i];
        stage->state = shares[i] > 0 ? i : stage->state;
    }
    return stage;
}

weir_counters_subscription *counters_subscription(struct counters *counters,
                                                  const weir_counters_stage *producer,
                                                  const weir_counters_stage *consumer) {
    uint64_t id = 1000 + counters->slots;
    weir_counters_subscription *subscription = next_slot(counters, WEIR_COUNTERS_SUBSCRIPTION);
    subscription->id = id;
    subscription->producer = producer->ref;
    subscription->consumer = consumer->ref;
    subscription->max_demand = 1000;
    subscription->min_demand = 500;
    return subscription;
}

weir_counters_times *counters_times(struct counters *counters, uint32_t *slot, uint64_t owner,
                                    uint64_t count, uint64_t ns) {
    *slot = counters->slots;
    weir_counters_times *times = next_slot(counters, WEIR_COUNTERS_TIMES);
    times->owner = owner;
    times->count = count;
    times->sum = count * ns;
    times->most = ns;
    times->classes[weir_times_class(ns)] = count;
    return times;
}
