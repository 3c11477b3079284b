/*
 * An allocator for tests: counts, checks sizes, and fails on cue.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_SUPPORT_MEMORY_H
#define TESTS_SUPPORT_MEMORY_H

#include "memory/allocator.h"

enum { TEST_MEMORY_BYTES_MAX = 64 << 20 }; /* a larger request always fails */

struct test_memory {
    struct weir__allocator allocator; /* what is tested gets a pointer to this      */
    uint64_t calls;                   /* allocations asked for                      */
    uint64_t live;                    /* allocations not yet freed                  */
    uint64_t bytes;                   /* of those                                   */
    uint64_t most;                    /* bytes there ever were, of one thread       */
    uint64_t fail_at;                 /* the call that fails, from 1; 0: none       */
    uint64_t fail_count;              /* so many fail, that one first               */
};

/* `memory` must stay in place. */
void test_memory_open(struct test_memory *memory);

/* The next `call`th allocation from now fails (1: the next one), and all later ones if so asked. */
void test_memory_fail(struct test_memory *memory, uint64_t call, bool and_later);
void test_memory_fail_never(struct test_memory *memory);

/* Ends the program with a message when something was not freed. */
void test_memory_close(struct test_memory *memory);

#endif
