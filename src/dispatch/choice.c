/*
 * The choices of a partition dispatcher: its options, and its partitions' names.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Names are other words for the numbers: they are looked at when somebody
 * subscribes, and nowhere else.
 */
#include "base/refusal.h"
#include "dispatch/partition.h"
#include "memory/allocator.h"
#include "memory/pool.h"

#include <string.h>

static weir_status check_names(const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (names[i] == NULL || names[i][0] == '\0') {
            return weir__refuse(WEIR_INVALID, "names[%zu] must not be %s", i,
                                names[i] == NULL ? "NULL" : "empty");
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(names[i], names[j]) != 0) continue;
            return weir__refuse(WEIR_INVALID, "names must differ, got \"%s\" at %zu and at %zu",
                                names[i], j, i);
        }
    }
    return WEIR_OK;
}

static weir_status check(const weir_partition_dispatcher_options *options) {
    if (options == NULL) {
        return weir__refuse(WEIR_INVALID, "dispatcher_options must say how many partitions");
    }
    if (options->partitions == 0 || options->partitions > WEIR_PARTITIONS_LIMIT) {
        return weir__refuse(WEIR_INVALID, "partitions must be at %s %d, got %zu",
                            options->partitions == 0 ? "least" : "most",
                            options->partitions == 0 ? 1 : WEIR_PARTITIONS_LIMIT,
                            options->partitions);
    }
    if (options->hash != NULL && options->rewrite != NULL) {
        return weir__refuse(WEIR_INVALID, "hash and rewrite cannot both be set");
    }
    if (options->hash_many != NULL && (options->hash != NULL || options->rewrite != NULL)) {
        return weir__refuse(WEIR_INVALID, "%s and hash_many cannot both be set",
                            options->hash != NULL ? "hash" : "rewrite");
    }
    if ((unsigned)options->queue > WEIR_QUEUE_DISCARD) {
        return weir__refuse(WEIR_INVALID,
                            "queue must be WEIR_QUEUE_KEEP or WEIR_QUEUE_DISCARD, got %d",
                            (int)options->queue);
    }
    return options->names != NULL ? check_names(options->names, options->partitions) : WEIR_OK;
}

static bool copy_names(struct weir__partitions *all, const char *const *names) {
    for (uint32_t i = 0; i < all->count; i++) all->names_bytes += strlen(names[i]) + 1;
    all->names = weir__alloc(all->desk->allocator, all->names_bytes, 8);
    if (all->names == NULL) return false;
    char *to = all->names;
    for (uint32_t i = 0; i < all->count; i++) {
        size_t bytes = strlen(names[i]) + 1;
        memcpy(to, names[i], bytes);
        to += bytes;
    }
    return true;
}

static size_t touched_bytes(const struct weir__partitions *all) {
    return ((size_t)all->count + 63) / 64 * sizeof *all->touched;
}

static bool take_memory(struct weir__partitions *all, const char *const *names) {
    const struct weir__allocator *allocator = all->desk->allocator;
    all->at = weir__alloc_zeroed(allocator, all->count * sizeof *all->at, 64);
    all->chosen = weir__alloc(allocator, WEIR__DEAL_EVENTS * sizeof *all->chosen, 64);
    all->touched = weir__alloc_zeroed(allocator, touched_bytes(all), 64);
    if (all->at == NULL || all->chosen == NULL || all->touched == NULL) return false;
    if (names != NULL && !copy_names(all, names)) return false;
    for (uint32_t i = 0; i < all->count; i++) {
        all->at[i].queue = weir_hold_open(all->desk);
        if (all->at[i].queue == NULL) return false;
    }
    return true;
}

weir_status weir__partitions_open(struct weir__partitions *all, weir_desk *desk,
                                  const weir_partition_dispatcher_options *options) {
    weir_status status = check(options);
    if (status != WEIR_OK) return status;
    *all = (struct weir__partitions){.desk = desk,
                                     .count = (uint32_t)options->partitions,
                                     .hash = options->hash,
                                     .rewrite = options->rewrite,
                                     .hash_many = options->hash_many,
                                     .context = options->context,
                                     .discards = options->queue == WEIR_QUEUE_DISCARD ||
                                                 options->as_genstage,
                                     .as_genstage = options->as_genstage};
    if (take_memory(all, options->names)) return WEIR_OK;
    weir__partitions_close(all);
    return weir__refuse(WEIR_NO_MEMORY, "no memory for %u partitions", all->count);
}

void weir__partitions_close(struct weir__partitions *all) {
    const struct weir__allocator *allocator = all->desk->allocator;
    for (uint32_t i = 0; all->at != NULL && i < all->count; i++) {
        struct weir__partition *partition = &all->at[i];
        if (partition->fill != NULL) weir__block_close(partition->fill, all->desk->pool);
        weir_hold_close(partition->queue);
    }
    if (all->nobody != NULL) weir__block_close(all->nobody, all->desk->pool);
    weir__free(allocator, all->at, all->count * sizeof *all->at);
    weir__free(allocator, all->chosen, WEIR__DEAL_EVENTS * sizeof *all->chosen);
    weir__free(allocator, all->touched, touched_bytes(all));
    weir__free(allocator, all->names, all->names_bytes);
}

/* The partition of that name; all->count: there is none. */
static uint32_t find(const struct weir__partitions *all, const char *name) {
    const char *at = all->names;
    for (uint32_t i = 0; at != NULL && i < all->count; i++) {
        if (strcmp(at, name) == 0) return i;
        at += strlen(at) + 1;
    }
    return all->count;
}

weir_reason weir__partitions_wanted(const struct weir__partitions *all,
                                    const weir_subscribe_options *options, uint32_t *index) {
    const char *name = options->partition_name;
    if (options->partition == 0 && name == NULL) return WEIR_REASON_MISSING_PARTITION;
    *index = name != NULL ? find(all, name) : options->partition - 1;
    bool other = options->partition != 0 && options->partition - 1 != *index;
    return *index >= all->count || other ? WEIR_REASON_UNKNOWN_PARTITION : WEIR_REASON_NORMAL;
}
