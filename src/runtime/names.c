/*
 * Names: see names.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "runtime/names.h"

#include "base/attributes.h"
#include "base/hash.h"
#include "base/refusal.h"
#include "os/lock.h"
#include "runtime/post.h"

#include <string.h>

enum { SWEEP_FIRST = 16 };

void weir__names_open(struct weir__names *names, const struct weir__allocator *allocator) {
    memset(names, 0, sizeof *names);
    names->allocator = allocator;
    names->sweep_at = SWEEP_FIRST;
    weir__index_open(&names->by_text, allocator);
    weir__index_open(&names->by_stage, allocator);
}

static void free_entry(struct weir__names *names, struct weir__name *entry) {
    weir__free(names->allocator, entry, sizeof *entry + entry->bytes);
}

void weir__names_close(struct weir__names *names) {
    weir__index_close(&names->by_text);
    weir__index_close(&names->by_stage);
    while (names->first != NULL) {
        struct weir__name *entry = names->first;
        names->first = entry->next;
        free_entry(names, entry);
    }
}

/* ---- under the lock ------------------------------------------------------ */

static bool counts(const weir_runtime *runtime, const struct weir__name *entry) {
    return entry->pending || weir__registry_find(&runtime->registry, entry->ref) != NULL;
}

/* A stage's pending entries: the first, or NULL. */
static struct weir__name *pending_of(const struct weir__names *names, weir_ref ref) {
    return WEIR__INDEX_FIND(&names->by_stage, ref.bits, struct weir__name, by_stage);
}

static void suspend(struct weir__names *names, struct weir__name *entry) {
    struct weir__name *first = pending_of(names, entry->ref);
    entry->pending = true;
    if (first != NULL) { /* who is first stays it */
        entry->next_pending = first->next_pending;
        entry->previous_pending = first;
        if (entry->next_pending != NULL) {
            entry->next_pending->previous_pending = entry;
        }
        first->next_pending = entry;
    } else {
        weir__index_add(&names->by_stage, &entry->by_stage, entry->ref.bits);
    }
    weir__store_relaxed_u32(&names->pending, names->pending + 1);
}

static void settle_name(struct weir__names *names, struct weir__name *entry) {
    if (!entry->pending) {
        return;
    }
    struct weir__name *next = entry->next_pending;
    entry->pending = false;
    if (next != NULL) {
        next->previous_pending = entry->previous_pending;
    }
    if (entry->previous_pending != NULL) {
        entry->previous_pending->next_pending = next;
    } else {
        weir__index_remove(&names->by_stage, &entry->by_stage);
        if (next != NULL) {
            weir__index_add(&names->by_stage, &next->by_stage, next->ref.bits);
        }
    }
    weir__store_relaxed_u32(&names->pending, names->pending - 1);
}

static void remove_entry(struct weir__names *names, struct weir__name *entry) {
    settle_name(names, entry);
    weir__index_remove(&names->by_text, &entry->by_text);
    *(entry->previous != NULL ? &entry->previous->next : &names->first) = entry->next;
    if (entry->next != NULL) {
        entry->next->previous = entry->previous;
    }
    names->count--;
    free_entry(names, entry);
}

/* The living entry of that name; a dead one is taken out. */
static struct weir__name *find_name(struct weir__names *names, const weir_runtime *runtime,
                                    const char *name) {
    struct weir__index_node *node = weir__index_find(&names->by_text, weir__hash_text(name));
    for (; node != NULL; node = weir__index_next(node)) {
        struct weir__name *entry = WEIR__CONTAINER_OF(node, struct weir__name, by_text);
        if (strcmp(entry->text, name) != 0) {
            continue;
        }
        if (counts(runtime, entry)) {
            return entry;
        }
        remove_entry(names, entry);
        return NULL;
    }
    return NULL;
}

static void sweep_dead_names(struct weir__names *names, const weir_runtime *runtime) {
    struct weir__name *next = NULL;
    for (struct weir__name *entry = names->first; entry != NULL; entry = next) {
        next = entry->next;
        if (!counts(runtime, entry)) {
            remove_entry(names, entry);
        }
    }
    names->sweep_at = names->count < SWEEP_FIRST / 2 ? SWEEP_FIRST : names->count * 2;
}

static void insert(struct weir__names *names, struct weir__name *entry, bool pending) {
    entry->next = names->first;
    if (entry->next != NULL) {
        entry->next->previous = entry;
    }
    names->first = entry;
    names->count++;
    weir__index_add(&names->by_text, &entry->by_text, weir__hash_text(entry->text));
    if (pending) {
        suspend(names, entry);
    }
}

static weir_status add_name(struct weir__names *names, const weir_runtime *runtime,
                            const char *name, weir_ref ref, bool pending) {
    if (find_name(names, runtime, name) != NULL) {
        return weir__refuse(WEIR_NAME_TAKEN, "the name %s belongs to another stage", name);
    }
    if (names->count >= names->sweep_at) {
        sweep_dead_names(names, runtime);
    }
    size_t bytes = strlen(name) + 1;
    struct weir__name *entry = weir__alloc_zeroed(names->allocator, sizeof *entry + bytes, 16);
    if (entry == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for the name %s", name);
    }
    entry->ref = ref;
    entry->bytes = bytes;
    memcpy(entry->text, name, bytes);
    insert(names, entry, pending);
    return WEIR_OK;
}

/* ---- any thread ---------------------------------------------------------- */

static weir_status check_name(const char *name) {
    if (weir__missing(name, "name")) {
        return WEIR_INVALID;
    }
    size_t bytes = strlen(name);
    if (bytes == 0 || bytes > WEIR_NAME_LIMIT) {
        return weir__refuse(WEIR_INVALID, "name must be of 1 to %d bytes, got %zu", WEIR_NAME_LIMIT,
                            bytes);
    }
    return weir__check_text("", "name", name);
}

weir_status weir__names_reserve(struct weir__names *names, const weir_runtime *runtime,
                                const char *name, weir_ref ref) {
    weir_status status = check_name(name);
    if (status == WEIR_OK) {
        weir__lock(&names->lock);
        status = add_name(names, runtime, name, ref, true);
        weir__unlock(&names->lock);
    }
    return status;
}

/* What this thread has reserved it sees without the lock; most stages have no name. */
static bool any_reserved(const struct weir__names *names) {
    return weir__load_relaxed_u32(&names->pending) > 0;
}

void weir__names_publish(struct weir__names *names, weir_ref ref) {
    if (!any_reserved(names)) {
        return;
    }
    weir__lock(&names->lock);
    struct weir__name *entry;
    while ((entry = pending_of(names, ref)) != NULL) {
        settle_name(names, entry);
    }
    weir__unlock(&names->lock);
}

void weir__names_drop(struct weir__names *names, weir_ref ref) {
    if (!any_reserved(names)) {
        return;
    }
    weir__lock(&names->lock);
    struct weir__name *entry;
    while ((entry = pending_of(names, ref)) != NULL) {
        remove_entry(names, entry);
    }
    weir__unlock(&names->lock);
}

weir_status weir_register(weir_runtime *runtime, weir_ref stage, const char *name) {
    if (weir__unfit(runtime)) {
        return weir__refused();
    }
    weir_status status = check_name(name);
    status = status != WEIR_OK ? status : weir__check_alive(runtime, stage, "stage");
    if (status == WEIR_OK) {
        weir__lock(&runtime->names.lock);
        status = add_name(&runtime->names, runtime, name, stage, weir__is_starting(runtime, stage));
        weir__unlock(&runtime->names.lock);
    }
    return status;
}

static weir_status refuse_unknown(const char *name) {
    return weir__refuse(WEIR_NO_NAME, "no living stage is called %s", name);
}

weir_status weir_unregister(weir_runtime *runtime, const char *name) {
    if (weir__unfit(runtime)) {
        return weir__refused();
    }
    weir_status status = check_name(name);
    if (status != WEIR_OK) {
        return status;
    }
    weir__lock(&runtime->names.lock);
    struct weir__name *entry = find_name(&runtime->names, runtime, name);
    if (entry != NULL && entry->pending && !weir__is_starting(runtime, entry->ref)) {
        entry = NULL; /* a stage that is starting: nobody else knows it yet */
    }
    if (entry != NULL) {
        remove_entry(&runtime->names, entry);
    }
    weir__unlock(&runtime->names.lock);
    return entry != NULL ? WEIR_OK : refuse_unknown(name);
}

weir_status weir_whereis(weir_runtime *runtime, const char *name, weir_ref *out) {
    if (weir__unfit(runtime)) {
        return weir__refused();
    }
    weir_status status = check_name(name);
    status = status != WEIR_OK ? status : weir__check_given(out, "out");
    if (status != WEIR_OK) {
        return status;
    }
    weir__lock(&runtime->names.lock);
    const struct weir__name *entry = find_name(&runtime->names, runtime, name);
    bool known = entry != NULL && !entry->pending;
    if (known) {
        *out = entry->ref;
    }
    weir__unlock(&runtime->names.lock);
    return known ? WEIR_OK : refuse_unknown(name);
}
