/*
 * The choices of a partition dispatcher: its options, and its partitions' names.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Names are other words for the numbers: they are looked at when somebody
 * subscribes, and nowhere else.
 */
#include "base/attributes.h"
#include "base/hash.h"
#include "base/refusal.h"
#include "base/reserved.h"
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
    }
    return WEIR_OK;
}

static weir_status check_partitions(const weir_partition_dispatcher_options *options) {
    if (options == NULL) {
        return weir__refuse(WEIR_INVALID, "dispatcher_options must say how many partitions");
    }
    if (WEIR__RESERVED_SET(options, "weir_partition_dispatcher_options")) {
        return WEIR_INVALID;
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

/* ---- names --------------------------------------------------------------- */

static size_t names_table_bytes(const struct weir__partitions *all) {
    return all->count * sizeof *all->names;
}

static bool copy_names(struct weir__partitions *all, const char *const *names) {
    const struct weir__allocator *allocator = all->desk->allocator;
    size_t bytes = 0;
    for (uint32_t i = 0; i < all->count; i++) bytes += strlen(names[i]) + 1;
    all->names = weir__alloc(allocator, names_table_bytes(all), 16);
    all->texts = weir__alloc(allocator, bytes, 8);
    all->texts_bytes = bytes;
    if (all->names == NULL || all->texts == NULL) return false;
    char *to = all->texts;
    for (uint32_t i = 0; i < all->count; i++) {
        bytes = strlen(names[i]) + 1;
        all->names[i].text = memcpy(to, names[i], bytes);
        to += bytes;
    }
    return true;
}

/* The partition of that name; all->count: there is none. */
static uint32_t partition_named(const struct weir__partitions *all, const char *name) {
    struct weir__index_node *node = weir__index_find(&all->by_name, weir__hash_text(name));
    for (; node != NULL; node = weir__index_next(node)) {
        const struct weir__partition_name *found =
            WEIR__CONTAINER_OF(node, struct weir__partition_name, node);
        if (strcmp(found->text, name) == 0) return (uint32_t)(found - all->names);
    }
    return all->count;
}

static weir_status index_names(struct weir__partitions *all) {
    for (uint32_t i = 0; all->names != NULL && i < all->count; i++) {
        struct weir__partition_name *name = &all->names[i];
        uint32_t other = partition_named(all, name->text);
        if (other < all->count) {
            return weir__refuse(WEIR_INVALID, "names must differ, got \"%s\" at %u and at %u",
                                name->text, other, i);
        }
        weir__index_add(&all->by_name, &name->node, weir__hash_text(name->text));
    }
    return WEIR_OK;
}

/* ---- all of it ------------------------------------------------------------- */

static bool open_marks(struct weir__partitions *all, struct weir__marks *marks) {
    void *memory = weir__alloc_zeroed(all->desk->allocator, weir__marks_bytes(all->count), 64);
    if (memory != NULL) weir__marks_open(marks, memory, all->count);
    return memory != NULL;
}

static bool take_memory(struct weir__partitions *all, const char *const *names) {
    const struct weir__allocator *allocator = all->desk->allocator;
    all->at = weir__alloc_zeroed(allocator, all->count * sizeof *all->at, 64);
    all->chosen = weir__alloc(allocator, WEIR__DEAL_EVENTS * sizeof *all->chosen, 64);
    if (!open_marks(all, &all->touched) || !open_marks(all, &all->behind)) return false;
    if (all->at == NULL || all->chosen == NULL) return false;
    if (names != NULL && !copy_names(all, names)) return false;
    for (uint32_t i = 0; i < all->count; i++) {
        all->at[i].queue = weir_hold_open(all->desk);
        if (all->at[i].queue == NULL) return false;
    }
    return true;
}

weir_status weir__partitions_open(struct weir__partitions *all, weir_desk *desk,
                                  const weir_partition_dispatcher_options *options) {
    weir_status status = check_partitions(options);
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
    weir__index_open(&all->by_name, desk->allocator);
    status = take_memory(all, options->names)
                 ? index_names(all)
                 : weir__refuse(WEIR_NO_MEMORY, "no memory for %u partitions", all->count);
    if (status != WEIR_OK) weir__partitions_close(all);
    return status;
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
    weir__free(allocator, all->touched.words, weir__marks_bytes(all->count));
    weir__free(allocator, all->behind.words, weir__marks_bytes(all->count));
    weir__index_close(&all->by_name);
    weir__free(allocator, all->names, names_table_bytes(all));
    weir__free(allocator, all->texts, all->texts_bytes);
}

weir_reason weir__partitions_wanted(const struct weir__partitions *all,
                                    const weir_subscribe_options *options, uint32_t *index) {
    const char *name = options->partition_name;
    if (options->partition == 0 && name == NULL) return WEIR_REASON_MISSING_PARTITION;
    *index = name != NULL ? partition_named(all, name) : options->partition - 1;
    bool other = options->partition != 0 && options->partition - 1 != *index;
    return *index >= all->count || other ? WEIR_REASON_UNKNOWN_PARTITION : WEIR_REASON_NORMAL;
}
