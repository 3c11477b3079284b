/*
 * Checks the analysis ck_pr.h: correct code gives no report, a seeded bug gives one.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: a few threads exchange plain data through one mechanism of the library,
 * a fixed number of times.  ThreadSanitizer judges by what is ordered before what,
 * not by which thread happened to be faster, so a short run finds the bug.  `run`
 * starts the program once per scenario and compares its exit status.
 *
 *   races [SCENARIO]    runs one, or lists them: name, "clean" or where reported
 */
#include "base/atomic.h"

#include <ck_ring.h>
#include <ck_stack.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS = 4096, TURNS = 1024, ENTRIES = 64, THREADS = 3 };

/* The seeded bugs of one scenario, all false in a clean one. */
static struct {
    bool publish_early;  /* before the data is written           */
    bool no_slot_fence;  /* the ring's slot is reused unordered  */
    bool relaxed_store;  /* where release is needed              */
    bool relaxed_load;   /* where acquire is needed              */
    bool relaxed_change; /* a read-modify-write without order    */
    bool plain_store;    /* no atomic at all                     */
} bug;

/* Wrong data is told at the end: the race behind it may be about to be reported. */
static uint32_t wrong;

static void require(bool holds, const char *what) {
    if (!holds && weir__exchange_u32(&wrong, 1) == 0)
        fprintf(stderr, "%s, and no race was reported\n", what);
}

static void run_threads(unsigned count, void *(*const bodies[])(void *)) {
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, bodies[i], NULL) != 0) abort();
    for (unsigned i = 0; i < count; i++) pthread_join(threads[i], NULL);
}

/* --- a ring of entries by value, written in place ----------------------------------------- */

struct entry {
    uint64_t number;
    uint64_t *beside;
};

CK_RING_PROTOTYPE(entry, entry)

static struct {
    ck_ring_t ring;
    struct entry slots[ENTRIES];
    uint64_t beside[ITEMS];
    uint32_t producers;
    unsigned patience; /* tries to enqueue one */
} edge;

static bool enqueue(uint64_t number) {
    struct entry *slot = ck_ring_enqueue_reserve_spsc_entry(&edge.ring, edge.slots);
    if (slot == NULL) return false;
    if (!bug.no_slot_fence) weir__fence_acquire();
    slot->number = number;
    slot->beside = &edge.beside[number];
    if (bug.publish_early) {
        ck_ring_enqueue_commit_spsc(&edge.ring);
        sched_yield(); /* on a busy machine nobody would come by chance */
    }
    edge.beside[number] = number;
    if (!bug.publish_early) ck_ring_enqueue_commit_spsc(&edge.ring);
    return true;
}

/* Two producers can break the ring for good: then no wait and no count is endless. */
static void *ring_producer(void *unused) {
    for (uint64_t number = 0; number < ITEMS; number++)
        for (unsigned tries = 0; !enqueue(number) && tries < edge.patience; tries++) sched_yield();
    weir__fetch_sub_u32(&edge.producers, 1);
    return unused;
}

static void *ring_consumer(void *unused) {
    uint64_t expected = 0;
    while (expected < UINT64_C(4) * ITEMS) {
        bool ended = weir__load_acquire_u32(&edge.producers) == 0;
        struct entry entry;
        if (ck_ring_dequeue_spsc_entry(&edge.ring, edge.slots, &entry)) {
            require(*entry.beside == entry.number, "an entry without its data");
            require(entry.number == expected++, "entries out of order");
        } else if (ended) {
            break;
        } else {
            sched_yield();
        }
    }
    return unused;
}

static void ring(unsigned producers) {
    ck_ring_init(&edge.ring, ENTRIES);
    for (unsigned i = 0; i < ENTRIES; i++) edge.slots[i].beside = &edge.beside[0];
    edge.producers = producers;
    edge.patience = producers == 1 ? UINT_MAX : 1000;
    run_threads(1 + producers,
                (void *(*const[])(void *)){ring_consumer, ring_producer, ring_producer});
}

static void ring_clean(void) {
    ring(1);
}

static void ring_publish_early(void) {
    bug.publish_early = true;
    ring(1);
}

static void ring_no_slot_fence(void) {
    bug.no_slot_fence = true;
    ring(1);
}

static void ring_two_producers(void) {
    ring(2);
}

/* --- a stack, pushed by two and taken whole by one ---------------------------------------- */

struct node {
    ck_stack_entry_t link;
    uint64_t number;
};

static struct {
    ck_stack_t stack;
    struct node nodes[2][ITEMS];
    uint32_t pushers;
} box;

static void push(struct node *node, uint64_t number) {
    if (!bug.publish_early) node->number = number;
    if (bug.relaxed_change) {
        ck_stack_entry_t *head;
        do {
            head = ck_pr_load_ptr(&box.stack.head);
            node->link.next = head;
        } while (!ck_pr_cas_ptr(&box.stack.head, head, &node->link));
    } else {
        ck_stack_push_upmc(&box.stack, &node->link);
    }
    if (bug.publish_early) node->number = number;
}

/* Waits now and then until the owner has taken all: it shall not do so only at the end. */
static void push_all(struct node nodes[ITEMS]) {
    for (uint64_t number = 0; number < ITEMS; number++) {
        push(&nodes[number], number);
        if (number % 256 == 255)
            while (weir__load_relaxed_ptr(&box.stack.head) != NULL) sched_yield();
    }
    weir__fetch_sub_u32(&box.pushers, 1);
}

static void *stack_first(void *unused) {
    push_all(box.nodes[0]);
    return unused;
}

static void *stack_second(void *unused) {
    push_all(box.nodes[1]);
    return unused;
}

static void *stack_owner(void *unused) {
    uint64_t count = 0, sum = 0;
    bool ended;
    do {
        ended = weir__load_relaxed_u32(&box.pushers) == 0;
        ck_stack_entry_t *entry = ck_stack_batch_pop_upmc(&box.stack);
        for (; entry != NULL; entry = entry->next) {
            sum += ((struct node *)(void *)entry)->number;
            count++;
        }
        sched_yield();
    } while (!ended);
    require(count == UINT64_C(2) * ITEMS, "nodes were lost");
    require(sum == (uint64_t)ITEMS * (ITEMS - 1), "nodes without their data");
    return unused;
}

static void stack_clean(void) {
    ck_stack_init(&box.stack);
    box.pushers = 2;
    run_threads(3, (void *(*const[])(void *)){stack_owner, stack_first, stack_second});
}

static void stack_publish_early(void) {
    bug.publish_early = true;
    stack_clean();
}

static void stack_relaxed_push(void) {
    bug.relaxed_change = true;
    stack_clean();
}

/* --- a turn given to and fro by a word, and what it guards -------------------------------- */

static struct {
    uint32_t turn;
    uint64_t data;
} word;

static void pass(uint32_t to) {
    if (bug.relaxed_store)
        weir__store_relaxed_u32(&word.turn, to);
    else if (bug.plain_store)
        word.turn = to;
    else
        weir__store_release_u32(&word.turn, to);
}

static bool is_turn(uint32_t of) {
    if (bug.relaxed_load) return weir__load_relaxed_u32(&word.turn) == of;
    return weir__load_acquire_u32(&word.turn) == of;
}

static void take_turns(uint32_t self) {
    for (unsigned i = 0; i < TURNS; i++) {
        while (!is_turn(self)) sched_yield();
        word.data++;
        pass(!self);
    }
}

static void *turn_of_0(void *unused) {
    take_turns(0);
    return unused;
}

static void *turn_of_1(void *unused) {
    take_turns(1);
    return unused;
}

static void word_clean(void) {
    run_threads(2, (void *(*const[])(void *)){turn_of_0, turn_of_1});
    require(word.data == 2 * TURNS, "turns were lost");
}

static void word_relaxed_store(void) {
    bug.relaxed_store = true;
    word_clean();
}

static void word_relaxed_load(void) {
    bug.relaxed_load = true;
    word_clean();
}

static void word_plain_store(void) {
    bug.plain_store = true;
    word_clean();
}

/* --- a flag that guards nothing, with its fence: store; fence; load the other's ----------- */

static struct {
    uint32_t raised[2];
    uint32_t round[2];
    uint64_t seen[2];
} flags;

static void raise_and_look(unsigned self) {
    for (uint32_t i = 1; i <= TURNS; i++) {
        weir__store_relaxed_u32(&flags.raised[self], i);
        weir__fence_full();
        flags.seen[self] += weir__load_relaxed_u32(&flags.raised[!self]) >= i;
        if (weir__exchange_u32(&flags.round[self], i) != i - 1) abort();
        while (weir__load_acquire_u32(&flags.round[!self]) < i) sched_yield();
    }
}

static void *flag_0(void *unused) {
    raise_and_look(0);
    return unused;
}

static void *flag_1(void *unused) {
    raise_and_look(1);
    return unused;
}

static void flags_clean(void) {
    run_threads(2, (void *(*const[])(void *)){flag_0, flag_1});
    require(flags.seen[0] + flags.seen[1] >= TURNS, "both missed the other's flag");
}

/* --- references: the last one to let go writes to what all have read ---------------------- */

static struct {
    uint32_t references[ITEMS];
    uint64_t data[ITEMS];
    uint64_t pointed;
    uint64_t *pointer;
} blocks;

static uint32_t drop(uint32_t *references) {
    return bug.relaxed_change ? ck_pr_faa_32(references, UINT32_MAX)
                              : weir__fetch_sub_u32(references, 1);
}

static void *holder(void *unused) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < ITEMS; i++) {
        sum += blocks.data[i];
        if (drop(&blocks.references[i]) == 1) blocks.data[i] = sum;
    }
    return unused;
}

static void references_clean(void) {
    for (unsigned i = 0; i < ITEMS; i++) blocks.references[i] = 2;
    run_threads(2, (void *(*const[])(void *)){holder, holder});
    for (unsigned i = 0; i < ITEMS; i++) require(blocks.references[i] == 0, "one is left");
}

static void references_relaxed(void) {
    bug.relaxed_change = true;
    references_clean();
}

/* --- pointers of each kind of access ------------------------------------------------------ */

static void *pointer_writer(void *unused) {
    blocks.pointed = 1;
    if (bug.relaxed_store)
        weir__store_relaxed_ptr(&blocks.pointer, &blocks.pointed);
    else
        weir__store_release_ptr(&blocks.pointer, &blocks.pointed);
    return unused;
}

static void *pointer_reader(void *unused) {
    uint64_t *found;
    while ((found = weir__load_acquire_ptr(&blocks.pointer)) == NULL) sched_yield();
    require(*found == 1, "a pointer without its data");
    require(weir__cas_ptr(&blocks.pointer, &found, (uint64_t *)NULL), "the pointer changed");
    require(weir__exchange_ptr(&blocks.pointer, (uint64_t *)NULL) == NULL, "the pointer came back");
    return unused;
}

static void pointer_clean(void) {
    run_threads(2, (void *(*const[])(void *)){pointer_writer, pointer_reader});
}

static void pointer_relaxed_store(void) {
    bug.relaxed_store = true;
    pointer_clean();
}

/* --- the list ----------------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *reported; /* "clean", in "both" strengths, or in "strict" alone */
    void (*run)(void);
} scenarios[] = {
    {"ring", "clean", ring_clean},
    {"ring_publish_early", "both", ring_publish_early},
    {"ring_two_producers", "both", ring_two_producers},
    {"ring_no_slot_fence", "strict", ring_no_slot_fence},
    {"stack", "clean", stack_clean},
    {"stack_publish_early", "both", stack_publish_early},
    {"stack_relaxed_push", "strict", stack_relaxed_push},
    {"word", "clean", word_clean},
    {"word_plain_store", "both", word_plain_store},
    {"word_relaxed_store", "strict", word_relaxed_store},
    {"word_relaxed_load", "strict", word_relaxed_load},
    {"flags", "clean", flags_clean},
    {"references", "clean", references_clean},
    {"references_relaxed", "strict", references_relaxed},
    {"pointer", "clean", pointer_clean},
    {"pointer_relaxed_store", "strict", pointer_relaxed_store},
};

int main(int count, char **arguments) {
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        if (count < 2) {
            printf("%s %s\n", scenarios[i].name, scenarios[i].reported);
        } else if (strcmp(arguments[1], scenarios[i].name) == 0) {
            scenarios[i].run();
            return weir__load_relaxed_u32(&wrong) == 0 ? 0 : 1;
        }
    }
    return count < 2 ? 0 : 2;
}
