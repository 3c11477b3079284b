/*
 * An allocator for tests: each allocation is preceded by its size.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What is freed must name the size that was allocated, as weir promises a
 * user's allocator.  A leak is also seen by AddressSanitizer, with its place.
 */
#include "support/memory.h"

#include "base/atomic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct prefix {
    size_t bytes;
    size_t offset; /* from the start of the allocation */
};

static void *take(void *context, size_t bytes, size_t alignment) {
    struct test_memory *memory = context;
    uint64_t call = weir__fetch_add_u64(&memory->calls, 1) + 1;
    uint64_t later = call - memory->fail_at; /* wraps before it */
    if (memory->fail_at != 0 && later < memory->fail_count) {
        return NULL;
    }
    if (bytes > TEST_MEMORY_BYTES_MAX) return NULL;
    struct prefix prefix = {bytes, alignment < sizeof prefix ? sizeof prefix : alignment};
    size_t total = (prefix.offset + bytes + alignment - 1) & ~(alignment - 1);
    unsigned char *start = aligned_alloc(alignment, total);
    if (start == NULL) return NULL;
    memset(start, 0xa5, total < 65536 ? total : 65536); /* nothing may rely on zeroes */
    memcpy(start + prefix.offset - sizeof prefix, &prefix, sizeof prefix);
    weir__fetch_add_u64(&memory->live, 1);
    uint64_t now = weir__fetch_add_u64(&memory->bytes, bytes) + bytes;
    if (now > weir__load_relaxed_u64(&memory->most)) weir__store_relaxed_u64(&memory->most, now);
    return start + prefix.offset;
}

static void give(void *context, void *allocation, size_t bytes) {
    struct test_memory *memory = context;
    struct prefix prefix;
    memcpy(&prefix, (unsigned char *)allocation - sizeof prefix, sizeof prefix);
    if (prefix.bytes != bytes) {
        fprintf(stderr, "test memory: %zu bytes freed as %zu\n", prefix.bytes, bytes);
        abort();
    }
    weir__fetch_sub_u64(&memory->live, 1);
    weir__fetch_sub_u64(&memory->bytes, bytes);
    free((unsigned char *)allocation - prefix.offset);
}

void test_memory_open(struct test_memory *memory) {
    *memory = (struct test_memory){0};
    weir_allocator use = {.alloc = take, .free = give, .context = memory};
    weir__allocator_open(&memory->allocator, &use);
}

void test_memory_fail(struct test_memory *memory, uint64_t call, bool and_later) {
    memory->fail_at = memory->calls + call;
    memory->fail_count = and_later ? UINT64_MAX / 2 : 1;
}

void test_memory_fail_never(struct test_memory *memory) {
    memory->fail_at = 0;
}

void test_memory_close(struct test_memory *memory) {
    if (memory->live == 0) return;
    fprintf(stderr, "test memory: %llu allocations not freed\n", (unsigned long long)memory->live);
    abort();
}
