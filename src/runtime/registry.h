/*
 * The registry: where stages are found by reference.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A reference is index, kind and generation in 64 bits.  A slot is never freed
 * while the runtime lives, so any thread may look at whose it is; the stage in it
 * belongs to the slot's worker, and only that thread looks there.
 *
 *   bits  0..19 index   20..21 kind   22..63 generation
 *
 * Generations come from one counter of the process (base/serial.h), so no two
 * stages, of whatever slot, runtime or kind, ever have the same reference, and a
 * stale one finds nothing for good.  When they are used up no stage can be started.
 *
 * A slot stays with the worker that it was first taken for, because its ready
 * stage may still be on that worker's stacks when its stage has gone.  So who the
 * worker of a reference is stands in the slot, not in the reference.  It is not given
 * back while mail of its mailbox (ring/mailbox.h) is still on its way.
 *
 * Writers: `living` and the stage, its worker; at first, the thread that starts the
 * stage, which publishes the slot with the START mail.  `bell`, once: who first
 * takes the slot.  A worker's free list (ring/free_list.h): anybody gives and takes;
 * takes that meet may make the table larger than there ever were stages.  The label (what any
 * thread may read of a stage): who starts it; it stays when the stage has gone.
 * Readers: any thread reads `living`: a hint that may be out of date; the worker's
 * own look is what counts.
 * Invariant: a slot is of the worker that took it first, or was never taken.
 * Ordering: C1 -> C2 (ring/chunks.h) publishes a slot that is zeroed;
 * C3 -> C4 an end, or the next stage in the slot, with all that the last one's callbacks did:
 * who is told that a stage has gone may free what they used;
 * N1 -> N2 a label with `named`, N3 -> N4 `named`, which is 0 meanwhile, before the next label
 * (fences): who finds the same reference before and behind it has read one name;
 * Z1 -> Z2 (ring/free_list.h) a slot that was given back;
 * D1 -> D2 publishes a slot with its bell, for who has a reference to it by chance: one
 * of another runtime, or one that somebody made up.
 * Progress: lock-free.  Wrap: nothing.
 */
#ifndef WEIR__RUNTIME_REGISTRY_H
#define WEIR__RUNTIME_REGISTRY_H

#include "base/attributes.h"
#include "base/serial.h"
#include "ring/chunks.h"
#include "ring/mailbox.h"
#include "ring/ready.h"
#include "stage/stage.h"

enum { WEIR__REGISTRY_STAGES_MAX = WEIR__CHUNKS_PLACES_MAX, WEIR__LABEL_BYTES = 64 };

/* What any thread may know of a stage. */
struct weir__label {
    char name[WEIR__LABEL_BYTES]; /* cut off                                 */
    uint32_t event_bytes : 31;    /* of what it emits; 0: it is a consumer   */
    uint32_t shared : 1;          /* its dispatcher is weir's shared one: bytes are nobody's */
    uint32_t takes_bytes : 31;    /* the only size of event it takes; 0: any */
    uint32_t partitioned : 1;     /* its dispatcher is weir's partition dispatcher: each consumer
                                     wants a partition                       */
    uint32_t partitions;          /* how many those are                      */
    uint32_t foreign;             /* its dispatcher is the program's         */
};

struct weir__slot {
    struct weir__ready_stage ready;
    uint64_t living;         /* atomic: the reference of the stage in it, once it is known; 0 */
    struct weir__bell *bell; /* its worker's; NULL until it is first taken (atomic)           */
    weir_stage *stage;       /* the worker's; NULL: none                                       */
    uint64_t ring;     /* atomic: the search that takes its stage for one of a ring; rings.c */
    uint64_t consumer; /* atomic: who consumed from its stage first; a hint of placement.h */
    ck_stack_entry_t free_link;
    struct weir__mail_list early; /* the worker's: mail that overtook the stage's START */
    weir_ref ended;               /* the worker's: who was the last to end here ...      */
    weir_reason ended_reason;     /* ... and why                                         */
    bool ended_bereft;            /* for the end of a subscription                          */
    bool own; /* its stage has the worker for its own (placement.h); by who starts it */
    uint32_t index;
    uint32_t stops; /* atomic: of the runtime, before its stage was started            */
    uint32_t seen;  /* atomic: the sheet's slot of its stage, while that is alive */
    uint64_t named; /* atomic: whose the label is; 0: it is being written        */
    uint64_t label[sizeof(struct weir__label) / sizeof(uint64_t)]; /* atomic                    */
    struct weir__mailbox mailbox;
};

_Static_assert(sizeof(struct weir__slot) <= 448, "seven lines");

struct weir__registry {
    struct weir__chunks slots;
};

/* The process's generations.  For tests: it may be set near to its end. */
extern struct weir__serials weir__generations;

static inline uint32_t weir__ref_index(weir_ref ref) {
    return (uint32_t)(ref.bits & 0xfffffu);
}
static inline weir_kind weir__ref_kind(weir_ref ref) {
    return (weir_kind)((ref.bits >> 20) & 3u);
}

static inline uint64_t weir__ref_generation(weir_ref ref) {
    return ref.bits >> 22;
}

void weir__registry_open(struct weir__registry *registry, const struct weir__allocator *allocator);
void weir__registry_close(struct weir__registry *registry);

/*
 * A slot nobody uses, of the worker whose bell and free list these are.
 * NULL: no memory, or too many stages.
 */
struct weir__slot *weir__registry_take(struct weir__registry *registry, struct weir__bell *bell,
                                       ck_stack_t *free_slots);

/* A reference for a stage that is being made for the slot; {0}: there are no more. */
weir_ref weir__registry_ref(const struct weir__slot *slot, weir_kind kind);

/* The stage is ready to be known: its reference is alive from now on. */
void weir__registry_publish(struct weir__slot *slot, weir_ref ref);

/* Its reference, published or not, is stale from now on. */
void weir__registry_end(struct weir__slot *slot);

/* Gives an ended slot back.  Its stage is NULL, only the worker may have made it so, and
 * its mailbox is closed and home. */
void weir__registry_give(struct weir__slot *slot, ck_stack_t *free_slots);

/* The slot of that index; NULL: there is no memory for it yet.  Whose it is, `living` and
 * the mailbox say. */
struct weir__slot *weir__registry_slot(const struct weir__registry *registry, weir_ref ref);

/* Why the stage of a reference has ended; NOPROC when that is not known any more.
 * *bereft: whether for the end of a subscription.  For the worker that
 * weir__registry_bell names. */
weir_reason weir__registry_reason(const struct weir__registry *registry, weir_ref ref,
                                  bool *bereft);

/* The stage's label, for any thread; before it is published.  false: another's is there. */
void weir__label_of(const weir_stage *stage, struct weir__label *out);
void weir__registry_label(struct weir__slot *slot, weir_ref ref, const struct weir__label *label);
bool weir__registry_read_label(const struct weir__slot *slot, weir_ref ref,
                               struct weir__label *out);

/* The slot that a reference names, if its stage lives at this moment; NULL otherwise. */
struct weir__slot *weir__registry_find(const struct weir__registry *registry, weir_ref ref);

/*
 * The bell of the worker that a reference belongs to, though its stage be gone.  NULL: it
 * never was one of this registry's.  (One of another registry may well get a bell: its
 * worker then finds nobody.)
 */
struct weir__bell *weir__registry_bell(const struct weir__registry *registry, weir_ref ref);

#endif
