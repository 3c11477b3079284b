/*
 * Starting a batcher: its options.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/refusal.h"
#include "base/reserved.h"
#include "parts/batcher.h"
#include "parts/middle.h"
#include "runtime/options.h"
#include "runtime/runtime.h"

#include <string.h>

static weir_status check_batcher_most(const char *option, size_t value, size_t most) {
    return value <= most ? WEIR_OK
                         : weir__refuse(WEIR_INVALID, "%s must be from 1 to %zu, got %zu", option,
                                        most, value);
}

static weir_status check_batcher_events(const weir_batcher_options *options) {
    if (options->type == NULL) {
        bool known = options->event_bytes >= 1 && options->event_bytes <= WEIR_EVENT_BYTES_LIMIT;
        return known ? WEIR_OK
                     : weir__refuse(WEIR_INVALID, "event_bytes must be from 1 to %d, got %zu",
                                    WEIR_EVENT_BYTES_LIMIT, options->event_bytes);
    }
    weir_status status = weir__options_type(options->type);
    if (status == WEIR_OK && options->event_bytes != 0 &&
        options->event_bytes != options->type->bytes) {
        status =
            weir__refuse(WEIR_INVALID, "event_bytes must be 0 or that of the type, %zu, got %zu",
                         options->type->bytes, options->event_bytes);
    }
    return status;
}

/* What goes with another option, or not with it. */
static weir_status check_batcher_pairs(const weir_batcher_options *options) {
    if (options->full != NULL && (options->size != 0 || options->bytes != 0)) {
        return weir__refuse(WEIR_INVALID, "%s must not be set when full is, got %zu",
                            options->size != 0 ? "size" : "bytes",
                            options->size != 0 ? options->size : options->bytes);
    }
    if (options->keys != 0 && options->key == NULL) {
        return weir__refuse(WEIR_INVALID, "key must be set when keys is, which is %zu",
                            options->keys);
    }
    return WEIR_OK;
}

static weir_status check_batcher(const weir_batcher_options *options) {
    if (weir__missing(options, "options") || WEIR__RESERVED_SET(options, "weir_batcher_options")) {
        return WEIR_INVALID;
    }
    weir_status status = check_batcher_events(options);
    status = status != WEIR_OK ? status
                               : check_batcher_most("size", options->size, WEIR_BATCH_SIZE_LIMIT);
    status = status != WEIR_OK ? status
                               : check_batcher_most("keys", options->keys, WEIR_BATCH_KEYS_LIMIT);
    return status != WEIR_OK ? status : check_batcher_pairs(options);
}

static size_t or_batcher_default(size_t value, size_t usual) {
    return value != 0 ? value : usual;
}

static struct weir__batcher fill_in_batcher(const weir_batcher_options *given) {
    struct weir__batcher filled = {.options = *given};
    weir_batcher_options *options = &filled.options;
    options->name = NULL; /* the stage has a copy */
    options->event_bytes = given->type != NULL ? given->type->bytes : given->event_bytes;
    options->size = given->full != NULL ? WEIR_BATCH_SIZE_LIMIT
                                        : or_batcher_default(given->size, WEIR_BATCH_SIZE_DEFAULT);
    options->keys =
        given->key == NULL ? 1 : or_batcher_default(given->keys, WEIR_BATCH_KEYS_DEFAULT);
    options->timeout_ns = given->timeout_ns != 0 ? given->timeout_ns : WEIR_BATCH_TIMEOUT_DEFAULT;
    filled.plain = given->full == NULL && given->flush == NULL && given->weight == NULL &&
                   given->bytes == 0 && (given->type == NULL || given->type->spans == 0);
    return filled;
}

/* Batches of one key stay in one partition, unless the program says otherwise. */
static bool hash_by_key(const weir_batcher_options *options,
                        weir_partition_dispatcher_options *out) {
    const weir_partition_dispatcher_options *given = options->dispatcher_options;
    if (options->dispatcher != weir_partition_dispatcher() || given == NULL ||
        given->hash != NULL || given->rewrite != NULL || given->hash_many != NULL) {
        return false;
    }
    *out = *given;
    out->hash = weir_gathered_by_key;
    out->context = (void *)(uintptr_t)given->partitions;
    return true;
}

static void tell_of_batches(weir_stage *self, uint64_t count, weir_discard cause) {
    const struct weir__batcher *batcher = weir_state(self);
    batcher->options.discarded(batcher->options.context, count, cause);
}

weir_status weir_batcher_start(weir_runtime *runtime, const weir_batcher_options *options,
                               weir_ref *out) {
    if (weir__unfit(runtime)) {
        return weir__refused();
    }
    weir_status status = check_batcher(options);
    if (status != WEIR_OK) {
        return status;
    }
    struct weir__batcher filled = fill_in_batcher(options);
    weir_partition_dispatcher_options by_key;
    bool own_hash = hash_by_key(options, &by_key);
    weir_stage_options stage = {
        WEIR__MIDDLE(options, "batcher"),
        .type = weir_gathered_type(),
        .takes_bytes = filled.options.event_bytes,
        .state_bytes = sizeof filled,
        .argument = &filled,
        .buffer_size = options->buffer_size,
        .buffer_keep = options->buffer_keep,
        .on = weir__batcher_callbacks,
    };
    stage.on.discarded = options->discarded != NULL ? tell_of_batches : NULL;
    if (own_hash) {
        stage.dispatcher_options = &by_key;
    }
    return weir_stage_start(runtime, &stage, out);
}
