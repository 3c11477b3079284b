/*
 * The registry: see registry.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "runtime/registry.h"

#include "ring/free_list.h"

#include <string.h>

void weir__registry_open(struct weir__registry *registry, const struct weir__allocator *allocator,
                         uint32_t first_generation) {
    memset(registry, 0, sizeof *registry);
    registry->allocator = allocator;
    registry->first_generation = first_generation & ~1u;
}

void weir__registry_close(struct weir__registry *registry) {
    for (uint32_t i = 0; i < WEIR__REGISTRY_CHUNKS; i++) {
        weir__free(registry->allocator, registry->chunks[i],
                   WEIR__REGISTRY_CHUNK * sizeof(struct weir__slot));
    }
}

/* The chunk of that number, made if need be; of two makers one wins. */
static struct weir__slot *chunk_at(struct weir__registry *registry, uint32_t number) {
    struct weir__slot *chunk = weir__load_acquire_ptr(&registry->chunks[number]); /* C1 -> C2 */
    if (chunk != NULL) {
        return chunk;
    }
    size_t bytes = WEIR__REGISTRY_CHUNK * sizeof(struct weir__slot);
    struct weir__slot *made = weir__alloc_zeroed(registry->allocator, bytes, 128);
    if (made == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < WEIR__REGISTRY_CHUNK; i++) {
        made[i].index = number * WEIR__REGISTRY_CHUNK + i;
        made[i].generation = registry->first_generation;
    }
    struct weir__slot *expected = NULL;
    if (weir__cas_ptr(&registry->chunks[number], &expected, made)) { /* C1 -> C2 */
        return made;
    }
    weir__free(registry->allocator, made, bytes);
    return weir__load_acquire_ptr(&registry->chunks[number]); /* C1 -> C2 */
}

struct weir__slot *weir__registry_take(struct weir__registry *registry, struct weir__bell *bell,
                                       ck_stack_t *free_slots) {
    ck_stack_entry_t *entry = weir__free_list_take(free_slots);
    if (entry != NULL) {
        return WEIR__CONTAINER_OF(entry, struct weir__slot, free_link);
    }
    uint32_t index = weir__fetch_add_u32(&registry->used, 1); /* unique: no order needed */
    if (index >= WEIR__REGISTRY_STAGES_MAX) {
        weir__fetch_sub_u32(&registry->used, 1);
        return NULL;
    }
    struct weir__slot *chunk = chunk_at(registry, index / WEIR__REGISTRY_CHUNK);
    if (chunk == NULL) {
        return NULL;
    }
    struct weir__slot *slot = &chunk[index % WEIR__REGISTRY_CHUNK];
    weir__ready_stage_open(&slot->ready, bell);
    return slot;
}

weir_ref weir__registry_ref(const struct weir__slot *slot, uint32_t worker, weir_kind kind) {
    uint32_t generation = slot->generation + 1;
    return (weir_ref){(uint64_t)slot->index | (uint64_t)worker << 20 | (uint64_t)kind << 30 |
                      (uint64_t)generation << 32};
}

void weir__registry_publish(struct weir__slot *slot) {
    weir__store_relaxed_u32(&slot->generation, slot->generation + 1);
}

void weir__registry_end(struct weir__slot *slot) {
    /* Even again, and past the reference, which init has seen even if the start failed. */
    uint32_t past = (slot->generation & 1) != 0 ? 1 : 2;
    weir__store_relaxed_u32(&slot->generation, slot->generation + past);
}

void weir__registry_give(struct weir__slot *slot, ck_stack_t *free_slots) {
    weir__free_list_give(free_slots, &slot->free_link);
}

struct weir__slot *weir__registry_slot(const struct weir__registry *registry, weir_ref ref) {
    uint32_t index = weir__ref_index(ref);
    struct weir__slot *chunk =
        weir__load_acquire_ptr(&registry->chunks[index / WEIR__REGISTRY_CHUNK]); /* C1 -> C2 */
    return chunk == NULL ? NULL : &chunk[index % WEIR__REGISTRY_CHUNK];
}

struct weir__slot *weir__registry_find(const struct weir__registry *registry, weir_ref ref) {
    struct weir__slot *slot = weir__registry_slot(registry, ref);
    return slot != NULL && weir__load_relaxed_u32(&slot->generation) == weir__ref_generation(ref)
               ? slot
               : NULL;
}

weir_reason weir__registry_reason(const struct weir__registry *registry, weir_ref ref,
                                  bool *bereft) {
    const struct weir__slot *slot = weir__registry_slot(registry, ref);
    bool known = slot != NULL && slot->ended_generation == weir__ref_generation(ref);
    *bereft = known && slot->ended_bereft;
    return known ? slot->ended_reason : WEIR_REASON_NOPROC;
}
