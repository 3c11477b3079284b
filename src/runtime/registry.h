/*
 * The registry: where stages are found by reference.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A reference is index, worker, kind and generation in 64 bits.  A slot is
 * never freed while the runtime lives, so any thread may look at its
 * generation; the stage in it belongs to the slot's worker, and only that
 * thread looks there.  Slots lie in chunks that are made as needed.
 *
 *   bits  0..19 index   20..29 worker   30..31 kind   32..63 generation
 *
 * A slot stays with the worker that it was first taken for, because its ready
 * stage may still be on that worker's stacks when its stage has gone.  It is not given
 * back while mail of its mailbox (ring/mailbox.h) is still on its way.  Its
 * generation is odd while a stage is alive in it, even while it is free.
 *
 * Writers: a slot's generation and stage, its worker; at first, the thread that
 * starts the stage, which publishes the slot with the START mail.  A worker's
 * free list (ring/free_list.h): anybody gives and takes; takes that meet may
 * make the table larger than there ever were stages.
 * Readers: any thread reads generations: a hint that may be out of date; the
 * worker's own look is what counts.
 * Ordering: C1 -> C2 publishes a chunk's slots with its pointer;
 * Z1 -> Z2 (ring/free_list.h) a slot that was given back.  Progress: lock-free.
 * Wrap: a generation is 32 bits; a reference is mistaken for another only after
 * 2^31 stages in one slot.
 */
#ifndef WEIR__RUNTIME_REGISTRY_H
#define WEIR__RUNTIME_REGISTRY_H

#include "base/attributes.h"
#include "memory/allocator.h"
#include "ring/mailbox.h"
#include "ring/ready.h"
#include "stage/stage.h"

enum {
    WEIR__REGISTRY_CHUNK = 1024,
    WEIR__REGISTRY_CHUNKS = 1024,
    WEIR__REGISTRY_STAGES_MAX = WEIR__REGISTRY_CHUNK * WEIR__REGISTRY_CHUNKS
};

struct weir__slot {
    struct weir__ready_stage ready;
    uint32_t generation; /* odd: that of the stage in it               */
    uint32_t index;
    ck_stack_entry_t free_link;
    weir_stage *stage;            /* the worker's; NULL: none              */
    struct weir__mail_list early; /* the worker's: mail that overtook the stage's START */
    /* the worker's: which stage was the last to end here, and why */
    uint32_t ended_generation;
    weir_reason ended_reason;
    bool ended_bereft; /* for the end of a subscription */
    char label[64]; /* the stage's name, cut off: who is stuck in a callback     */
    struct weir__mailbox mailbox;
};

struct weir__registry {
    const struct weir__allocator *allocator;
    uint32_t first_generation; /* even; differs between runtimes        */
    WEIR__APART uint32_t used; /* slots ever taken from chunks (atomic) */
    struct weir__slot *chunks[WEIR__REGISTRY_CHUNKS];
};

static inline uint32_t weir__ref_index(weir_ref ref) {
    return (uint32_t)(ref.bits & 0xfffffu);
}
static inline uint32_t weir__ref_worker(weir_ref ref) {
    return (uint32_t)(ref.bits >> 20) & 0x3ffu;
}
static inline weir_kind weir__ref_kind(weir_ref ref) {
    return (weir_kind)((ref.bits >> 30) & 3u);
}
static inline uint32_t weir__ref_generation(weir_ref ref) {
    return (uint32_t)(ref.bits >> 32);
}

void weir__registry_open(struct weir__registry *registry, const struct weir__allocator *allocator,
                         uint32_t first_generation);
void weir__registry_close(struct weir__registry *registry);

/*
 * A slot nobody uses, of the worker whose bell and free list these are.
 * NULL: no memory, or too many stages.
 */
struct weir__slot *weir__registry_take(struct weir__registry *registry, struct weir__bell *bell,
                                       ck_stack_t *free_slots);

/* The reference of the stage that is being made for the slot. */
weir_ref weir__registry_ref(const struct weir__slot *slot, uint32_t worker, weir_kind kind);

/* The stage is ready to be known: its reference is alive from now on. */
void weir__registry_publish(struct weir__slot *slot);

/* Its reference, published or not, is stale from now on. */
void weir__registry_end(struct weir__slot *slot);

/* Gives an ended slot back.  Its stage is NULL, only the worker may have made it so, and
 * its mailbox is closed and home. */
void weir__registry_give(struct weir__slot *slot, ck_stack_t *free_slots);

/* The slot that a reference belongs to, though its stage be gone; NULL: it was never
 * taken. */
struct weir__slot *weir__registry_slot(const struct weir__registry *registry, weir_ref ref);

/* Why the stage of a reference has ended; NOPROC when that is not known any more.
 * *bereft: whether for the end of a subscription.  For the worker that the reference names. */
weir_reason weir__registry_reason(const struct weir__registry *registry, weir_ref ref,
                                  bool *bereft);

/* The slot that a reference names, if it was ever taken and its generation
 * agrees at this moment; NULL otherwise. */
struct weir__slot *weir__registry_find(const struct weir__registry *registry, weir_ref ref);

#endif
