/*
 * The registry: see registry.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "runtime/registry.h"

#include "ring/free_list.h"

#include <stdio.h>
#include <string.h>

struct weir__serials weir__generations = {.last = (UINT64_C(1) << 42) - 1};

void weir__registry_open(struct weir__registry *registry, const struct weir__allocator *allocator) {
    weir__chunks_open(&registry->slots, allocator, sizeof(struct weir__slot));
}

void weir__registry_close(struct weir__registry *registry) {
    weir__chunks_close(&registry->slots);
}

struct weir__slot *weir__registry_take(struct weir__registry *registry, struct weir__bell *bell,
                                       ck_stack_t *free_slots) {
    ck_stack_entry_t *entry = weir__free_list_take(free_slots);
    if (entry != NULL) {
        return WEIR__CONTAINER_OF(entry, struct weir__slot, free_link);
    }
    uint32_t index;
    struct weir__slot *slot = weir__chunks_take(&registry->slots, &index);
    if (slot != NULL) {
        slot->index = index;
        weir__ready_stage_open(&slot->ready, bell);
        weir__store_release_ptr(&slot->bell, bell); /* D1 -> D2 */
    }
    return slot;
}

weir_ref weir__registry_ref(const struct weir__slot *slot, weir_kind kind) {
    uint64_t generation = weir__serials_draw(&weir__generations, 1);
    if (generation == 0) {
        return (weir_ref){0};
    }
    return (weir_ref){(uint64_t)slot->index | (uint64_t)kind << 20 | generation << 22};
}

void weir__registry_publish(struct weir__slot *slot, weir_ref ref) {
    weir__store_release_u64(&slot->living, ref.bits); /* C3 -> C4 */
}

void weir__registry_end(struct weir__slot *slot) {
    weir__store_release_u64(&slot->living, 0); /* C3 -> C4 */
}

void weir__registry_give(struct weir__slot *slot, ck_stack_t *free_slots) {
    weir__free_list_give(free_slots, &slot->free_link);
}

struct weir__slot *weir__registry_slot(const struct weir__registry *registry, weir_ref ref) {
    return weir__chunks_at(&registry->slots, weir__ref_index(ref), sizeof(struct weir__slot));
}

struct weir__slot *weir__registry_find(const struct weir__registry *registry, weir_ref ref) {
    struct weir__slot *slot = weir__registry_slot(registry, ref);
    bool lives = slot != NULL && ref.bits != 0 &&
                 weir__load_acquire_u64(&slot->living) == ref.bits; /* C3 -> C4 */
    return lives ? slot : NULL;
}

/* ---- labels --------------------------------------------------------------- */

enum { LABEL_WORDS = sizeof(struct weir__label) / sizeof(uint64_t) };

void weir__label_of(const weir_stage *stage, struct weir__label *out) {
    *out = (struct weir__label){.event_bytes = stage->event_bytes & INT32_MAX,
                                .takes_bytes = stage->takes_bytes & INT32_MAX,
                                .shared = stage->dispatch.table == weir_shared_dispatcher(),
                                .partitioned = stage->dispatch.table == weir_partition_dispatcher(),
                                .partitions = weir__dispatch_partitions(&stage->dispatch),
                                .foreign = stage->dispatch.table != NULL &&
                                           !weir__dispatch_is_weirs(stage->dispatch.table)};
    snprintf(out->name, sizeof out->name, "%s", stage->name);
}

void weir__registry_label(struct weir__slot *slot, weir_ref ref, const struct weir__label *label) {
    uint64_t words[LABEL_WORDS];
    memcpy(words, label, sizeof words);
    weir__store_relaxed_u64(&slot->named, 0);
    weir__fence_release(); /* N3 -> N4 */
    for (int i = 0; i < LABEL_WORDS; i++) {
        weir__store_relaxed_u64(&slot->label[i], words[i]);
    }
    weir__store_release_u64(&slot->named, ref.bits); /* N1 -> N2 */
}

bool weir__registry_read_label(const struct weir__slot *slot, weir_ref ref,
                               struct weir__label *out) {
    uint64_t words[LABEL_WORDS];
    if (ref.bits == 0 || weir__load_acquire_u64(&slot->named) != ref.bits) { /* N1 -> N2 */
        return false;
    }
    for (int i = 0; i < LABEL_WORDS; i++) {
        words[i] = weir__load_relaxed_u64(&slot->label[i]);
    }
    weir__fence_acquire(); /* N3 -> N4 */
    if (weir__load_relaxed_u64(&slot->named) != ref.bits) {
        return false;
    }
    memcpy(out, words, sizeof words);
    return true;
}

struct weir__bell *weir__registry_bell(const struct weir__registry *registry, weir_ref ref) {
    struct weir__slot *slot = weir__ref_kind(ref) == 0 ? NULL : weir__registry_slot(registry, ref);
    return slot == NULL ? NULL : weir__load_acquire_ptr(&slot->bell); /* D1 -> D2 */
}

weir_reason weir__registry_reason(const struct weir__registry *registry, weir_ref ref,
                                  bool *bereft) {
    const struct weir__slot *slot = weir__registry_slot(registry, ref);
    bool known = slot != NULL && slot->ended.bits == ref.bits;
    *bereft = known && slot->ended_bereft;
    return known ? slot->ended_reason : WEIR_REASON_NOPROC;
}
