/*
 * Names: see names.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "runtime/names.h"

#include "base/refusal.h"
#include "os/lock.h"
#include "runtime/post.h"

#include <string.h>

void weir__names_open(struct weir__names *names, const struct weir__allocator *allocator) {
    memset(names, 0, sizeof *names);
    names->allocator = allocator;
}

static void free_entry(struct weir__names *names, struct weir__name *entry) {
    weir__free(names->allocator, entry->text, strlen(entry->text) + 1);
}

void weir__names_close(struct weir__names *names) {
    for (size_t i = 0; i < names->count; i++) {
        free_entry(names, &names->entries[i]);
    }
    weir__free(names->allocator, names->entries, names->capacity * sizeof *names->entries);
}

/* ---- under the lock ------------------------------------------------------ */

static uint64_t hash_of(const char *text) {
    uint64_t hash = UINT64_C(0x9e3779b97f4a7c15);
    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0xd6e8feb86659fd93);
        hash ^= hash >> 32;
    }
    return hash;
}

static bool counts(const weir_runtime *runtime, const struct weir__name *entry) {
    return entry->pending || weir__registry_find(&runtime->registry, entry->ref) != NULL;
}

static void settle(struct weir__names *names, struct weir__name *entry) {
    if (entry->pending) {
        entry->pending = false;
        weir__store_relaxed_u32(&names->pending, names->pending - 1);
    }
}

static void remove_at(struct weir__names *names, size_t index) {
    settle(names, &names->entries[index]);
    free_entry(names, &names->entries[index]);
    names->entries[index] = names->entries[--names->count];
}

/* The living entry of that name; a dead one is taken out. */
static struct weir__name *find(struct weir__names *names, const weir_runtime *runtime,
                               const char *name) {
    uint64_t hash = hash_of(name);
    for (size_t i = 0; i < names->count; i++) {
        struct weir__name *entry = &names->entries[i];
        if (entry->hash != hash || strcmp(entry->text, name) != 0) {
            continue;
        }
        if (counts(runtime, entry)) {
            return entry;
        }
        remove_at(names, i);
        return NULL;
    }
    return NULL;
}

static void sweep(struct weir__names *names, const weir_runtime *runtime) {
    for (size_t i = names->count; i-- > 0;) {
        if (!counts(runtime, &names->entries[i])) {
            remove_at(names, i);
        }
    }
}

/* Room for one more, by sweeping or growing. */
static bool make_room(struct weir__names *names, const weir_runtime *runtime) {
    if (names->count < names->capacity) {
        return true;
    }
    sweep(names, runtime);
    if (names->count < names->capacity / 2) {
        return true;
    }
    size_t capacity = names->capacity == 0 ? 16 : names->capacity * 2;
    struct weir__name *entries = weir__alloc(names->allocator, capacity * sizeof *entries, 16);
    if (entries == NULL) {
        return names->count < names->capacity;
    }
    if (names->count > 0) {
        memcpy(entries, names->entries, names->count * sizeof *entries);
    }
    weir__free(names->allocator, names->entries, names->capacity * sizeof *entries);
    names->entries = entries;
    names->capacity = capacity;
    return true;
}

static weir_status add(struct weir__names *names, const weir_runtime *runtime, const char *name,
                       weir_ref ref, bool pending) {
    if (find(names, runtime, name) != NULL) {
        return weir__refuse(WEIR_NAME_TAKEN, "the name %s belongs to another stage", name);
    }
    size_t bytes = strlen(name) + 1;
    char *text = make_room(names, runtime) ? weir__alloc(names->allocator, bytes, 8) : NULL;
    if (text == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for the name %s", name);
    }
    memcpy(text, name, bytes);
    names->entries[names->count++] =
        (struct weir__name){.text = text, .hash = hash_of(name), .ref = ref, .pending = pending};
    weir__store_relaxed_u32(&names->pending, names->pending + (pending ? 1 : 0));
    return WEIR_OK;
}

/* ---- any thread ---------------------------------------------------------- */

static weir_status check(const char *name) {
    size_t bytes = name == NULL ? 0 : strlen(name);
    if (bytes == 0 || bytes > WEIR_NAME_LIMIT) {
        return weir__refuse(WEIR_INVALID, "name must be of 1 to %d bytes, got %zu%s",
                            WEIR_NAME_LIMIT, bytes, name == NULL ? " (NULL)" : "");
    }
    return WEIR_OK;
}

weir_status weir__names_reserve(struct weir__names *names, const weir_runtime *runtime,
                                const char *name, weir_ref ref) {
    weir_status status = check(name);
    if (status == WEIR_OK) {
        weir__lock(&names->lock);
        status = add(names, runtime, name, ref, true);
        weir__unlock(&names->lock);
    }
    return status;
}

/* What this thread has reserved it sees without the lock; most stages have no name. */
static bool any_pending(const struct weir__names *names) {
    return weir__load_relaxed_u32(&names->pending) > 0;
}

void weir__names_publish(struct weir__names *names, weir_ref ref) {
    if (!any_pending(names)) {
        return;
    }
    weir__lock(&names->lock);
    for (size_t i = 0; i < names->count; i++) {
        if (names->entries[i].ref.bits == ref.bits) {
            settle(names, &names->entries[i]);
        }
    }
    weir__unlock(&names->lock);
}

void weir__names_drop(struct weir__names *names, weir_ref ref) {
    if (!any_pending(names)) {
        return;
    }
    weir__lock(&names->lock);
    for (size_t i = names->count; i-- > 0;) {
        if (names->entries[i].ref.bits == ref.bits) {
            remove_at(names, i);
        }
    }
    weir__unlock(&names->lock);
}

weir_status weir_register(weir_runtime *runtime, weir_ref stage, const char *name) {
    weir_status status = check(name);
    status = status != WEIR_OK ? status : weir__check_alive(runtime, stage, "stage");
    if (status == WEIR_OK) {
        weir__lock(&runtime->names.lock);
        status = add(&runtime->names, runtime, name, stage, weir__is_starting(stage));
        weir__unlock(&runtime->names.lock);
    }
    return status;
}

static weir_status refuse_unknown(const char *name) {
    return weir__refuse(WEIR_NO_NAME, "no living stage is called %s", name);
}

weir_status weir_unregister(weir_runtime *runtime, const char *name) {
    weir_status status = check(name);
    if (status != WEIR_OK) {
        return status;
    }
    weir__lock(&runtime->names.lock);
    struct weir__name *entry = find(&runtime->names, runtime, name);
    if (entry != NULL && entry->pending && !weir__is_starting(entry->ref)) {
        entry = NULL; /* a stage that is starting: nobody else knows it yet */
    }
    if (entry != NULL) {
        remove_at(&runtime->names, (size_t)(entry - runtime->names.entries));
    }
    weir__unlock(&runtime->names.lock);
    return entry != NULL ? WEIR_OK : refuse_unknown(name);
}

weir_status weir_whereis(weir_runtime *runtime, const char *name, weir_ref *out) {
    weir_status status = check(name);
    status = status != WEIR_OK ? status : weir__check_given(out, "out");
    if (status != WEIR_OK) {
        return status;
    }
    weir__lock(&runtime->names.lock);
    const struct weir__name *entry = find(&runtime->names, runtime, name);
    bool known = entry != NULL && !entry->pending;
    if (known) {
        *out = entry->ref;
    }
    weir__unlock(&runtime->names.lock);
    return known ? WEIR_OK : refuse_unknown(name);
}
