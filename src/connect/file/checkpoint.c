/*
 * Checkpoints: see checkpoint.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/file/checkpoint.h"

#include "connect/file/line.h"
#include "os/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOT_BYTES_LEAST = 4096, CHECKPOINT_MODE = 0644 };

static const uint64_t magic = UINT64_C(0x31746e696f507277); /* "wrPoint1" */

struct head {
    uint64_t magic;
    uint64_t checksum; /* of what comes behind it, entries included */
    uint64_t serial;
    uint64_t count;
};

enum { BEFORE_SUM = offsetof(struct head, serial) };

static size_t bytes_for(size_t count) {
    return sizeof(struct head) + count * sizeof(struct weir__file_entry);
}

static uint64_t slot_sum(const char *slot, size_t count) {
    return weir__file_hash(slot + BEFORE_SUM, bytes_for(count) - BEFORE_SUM);
}

/* ---- reading ------------------------------------------------------------------------ */

static bool slot_is_right(const char *slot, size_t bytes, struct head *head) {
    if (bytes < sizeof *head) {
        return false;
    }
    memcpy(head, slot, sizeof *head);
    return head->magic == magic &&
           head->count <= (bytes - sizeof *head) / sizeof(struct weir__file_entry) &&
           head->checksum == slot_sum(slot, head->count);
}

/* The newer of two right ones, or NULL. */
static const char *choose_slot(const char *text, size_t slot_bytes, struct head *head) {
    struct head other;
    const char *chosen = slot_is_right(text, slot_bytes, head) ? text : NULL;
    if (slot_is_right(text + slot_bytes, slot_bytes, &other) &&
        (chosen == NULL || other.serial > head->serial)) {
        chosen = text + slot_bytes;
        *head = other;
    }
    return chosen;
}

static weir_pulled no_slot_memory(const char *path) {
    weir_refuse(WEIR_NO_MEMORY, "file: no memory for checkpoint %s", path);
    return WEIR_LOST;
}

static weir_pulled take_entries(const char *slot, const struct head *head,
                                struct weir__file_entry **entries, size_t *count) {
    size_t bytes = (size_t)head->count * sizeof **entries;
    *entries = malloc(bytes + 1);
    if (*entries == NULL) {
        return WEIR_LOST;
    }
    memcpy(*entries, slot + sizeof *head, bytes);
    *count = (size_t)head->count;
    return WEIR_PULLED;
}

/* A file that has bytes, and no right slot, is somebody's, or was destroyed: who went on from its
 * start, or end, would repeat or lose what nobody wants repeated or lost. */
static weir_pulled read_slots(struct weir__file_checkpoint *checkpoint, uint64_t size,
                              struct weir__file_entry **entries, size_t *count) {
    struct head head;
    size_t slot_bytes = (size_t)(size / 2);
    char *text = malloc((size_t)size);
    if (text == NULL) {
        return no_slot_memory(checkpoint->path);
    }
    int64_t had = weir__file_read(checkpoint->file, text, (size_t)size, 0);
    if (had < 0) {
        free(text);
        return weir__file_lost("cannot read checkpoint", checkpoint->path, (int)had);
    }
    const char *slot =
        (uint64_t)had == size && size % 2 == 0 ? choose_slot(text, slot_bytes, &head) : NULL;
    weir_pulled pulled = WEIR_BROKEN;
    if (slot == NULL) {
        weir_refuse(WEIR_INVALID,
                    "file: %s is no checkpoint, or was destroyed; remove it to begin "
                    "as at the first start",
                    checkpoint->path);
    } else {
        pulled = take_entries(slot, &head, entries, count);
        checkpoint->serial = head.serial;
        checkpoint->slot_bytes = slot_bytes;
        checkpoint->target = slot == text ? 1 : 0;
    }
    free(text);
    return pulled == WEIR_LOST ? no_slot_memory(checkpoint->path) : pulled;
}

static weir_pulled hold_file(const char *path, int file) {
    int said = weir__file_hold(file);
    if (said < 0 && weir__error_is_held(said)) {
        weir_refuse(WEIR_SYSTEM, "file: checkpoint %s is in use by another source", path);
        return WEIR_LOST;
    }
    return said < 0 ? weir__file_lost("cannot hold checkpoint", path, said) : WEIR_PULLED;
}

static int know_file(struct weir__file_checkpoint *checkpoint) {
    struct weir__file_about about = {0};
    int said = weir__file_about(checkpoint->file, &about);
    checkpoint->device = about.device;
    checkpoint->number = about.number;
    return said;
}

/* ---- making ------------------------------------------------------------------------- */

/* Slots for so many, of which the first has what the slot has. */
static weir_pulled replace_file(struct weir__file_checkpoint *checkpoint, size_t slot_bytes) {
    char path[WEIR_FILE_PATH_BYTES + 8];
    snprintf(path, sizeof path, "%s.new", checkpoint->path);
    int file = weir__file_make(path, CHECKPOINT_MODE);
    if (file < 0) {
        return weir__file_lost("cannot make", path, file);
    }
    weir_pulled pulled = hold_file(path, file);
    int said = pulled != WEIR_PULLED ? 0 : weir__file_write(file, checkpoint->slot, slot_bytes, 0);
    said = said < 0 ? said : weir__file_cut(file, 2 * slot_bytes);
    said = said < 0 ? said : weir__file_sync(file);
    said = said < 0 ? said : weir__path_rename(path, checkpoint->path);
    said = said < 0 ? said : weir__path_sync_folder(checkpoint->path);
    if (said < 0 || pulled != WEIR_PULLED) {
        weir__file_close(file);
        return said < 0 ? weir__file_lost("cannot write checkpoint", path, said) : pulled;
    }
    if (checkpoint->file >= 0) {
        weir__file_close(checkpoint->file);
    }
    checkpoint->file = file;
    checkpoint->slot_bytes = slot_bytes;
    checkpoint->target = 1;
    know_file(checkpoint);
    checkpoint->unsynced = false;
    return WEIR_PULLED;
}

/* ---- its name ------------------------------------------------------------------------ */

bool weir__file_checkpoint_is_named(const struct weir__file_checkpoint *checkpoint) {
    struct weir__file_about about;
    int said = weir__path_about(checkpoint->path, &about);
    /* What cannot be looked at may be there: nothing is written over it. */
    return said < 0 ? !weir__error_is_missing(said)
                    : about.number == checkpoint->number && about.device == checkpoint->device;
}

/* Somebody has removed or renamed it, and a restart would not find what is written to it: a new one
 * may take the name, but not from another source's, nor from what is no checkpoint. */
static weir_pulled check_name_is_free(const struct weir__file_checkpoint *checkpoint) {
    struct weir__file_checkpoint other = {.path = checkpoint->path, .file = -1};
    struct weir__file_entry *entries;
    size_t count;
    bool first;
    weir_pulled pulled = weir__file_checkpoint_open(&other, &entries, &count, &first);
    if (pulled != WEIR_PULLED) {
        return WEIR_LOST; /* until that has gone */
    }
    free(entries);
    weir__file_checkpoint_close(&other);
    return WEIR_PULLED;
}

/* ---- the interface ------------------------------------------------------------------- */

weir_pulled weir__file_checkpoint_open(struct weir__file_checkpoint *checkpoint,
                                       struct weir__file_entry **entries, size_t *count,
                                       bool *first) {
    struct weir__file_about about = {0};
    *entries = NULL;
    *count = 0;
    int file = weir__file_open_write(checkpoint->path, false, CHECKPOINT_MODE, NULL);
    if (file < 0) {
        return weir__file_lost("cannot open checkpoint", checkpoint->path, file);
    }
    checkpoint->file = file;
    weir_pulled pulled = hold_file(checkpoint->path, file);
    int said = pulled == WEIR_PULLED ? weir__file_about(file, &about) : 0;
    said = said < 0 ? said : know_file(checkpoint);
    if (said < 0) {
        pulled = weir__file_lost("cannot read checkpoint", checkpoint->path, said);
    }
    *first = pulled == WEIR_PULLED && about.size == 0;
    if (pulled == WEIR_PULLED && about.size > 0) {
        pulled = read_slots(checkpoint, about.size, entries, count);
    }
    if (*entries != NULL && (said = weir__file_sync(file)) < 0) { /* then the other is free */
        pulled = weir__file_lost("cannot sync checkpoint", checkpoint->path, said);
    }
    if (pulled != WEIR_PULLED) {
        weir__file_checkpoint_close(checkpoint);
        free(*entries);
        *entries = NULL;
    }
    return pulled;
}

struct weir__file_entry *weir__file_checkpoint_room(struct weir__file_checkpoint *checkpoint,
                                                    size_t count) {
    size_t bytes = SLOT_BYTES_LEAST;
    while (bytes < checkpoint->slot_bytes || bytes < bytes_for(count)) {
        bytes *= 2;
    }
    if (bytes != checkpoint->slot_bytes || checkpoint->slot == NULL) {
        char *larger = realloc(checkpoint->slot, bytes);
        if (larger == NULL) {
            no_slot_memory(checkpoint->path);
            return NULL;
        }
        memset(larger, 0, bytes);
        checkpoint->slot = larger;
    }
    return (struct weir__file_entry *)(void *)(checkpoint->slot + sizeof(struct head));
}

weir_pulled weir__file_checkpoint_save(struct weir__file_checkpoint *checkpoint, size_t count) {
    struct head head = {.magic = magic, .serial = checkpoint->serial + 1, .count = count};
    size_t bytes = bytes_for(count), slot_bytes = SLOT_BYTES_LEAST;
    bool named = weir__file_checkpoint_is_named(checkpoint);
    memcpy(checkpoint->slot, &head, sizeof head);
    head.checksum = slot_sum(checkpoint->slot, count);
    memcpy(checkpoint->slot, &head, sizeof head);
    while (slot_bytes < bytes || slot_bytes < checkpoint->slot_bytes) {
        slot_bytes *= 2;
    }
    weir_pulled pulled = named ? WEIR_PULLED : check_name_is_free(checkpoint);
    if (pulled == WEIR_PULLED && (!named || slot_bytes > checkpoint->slot_bytes)) {
        pulled = replace_file(checkpoint, slot_bytes);
    } else if (pulled == WEIR_PULLED) {
        uint64_t at = checkpoint->target * checkpoint->slot_bytes;
        int said = weir__file_write(checkpoint->file, checkpoint->slot, bytes, at);
        if (said < 0) {
            pulled = weir__file_lost("cannot write checkpoint", checkpoint->path, said);
        }
        checkpoint->unsynced = true;
    }
    checkpoint->serial += pulled == WEIR_PULLED;
    return pulled;
}

weir_pulled weir__file_checkpoint_sync(struct weir__file_checkpoint *checkpoint) {
    int said = checkpoint->unsynced ? weir__file_sync(checkpoint->file) : 0;
    if (said < 0) {
        return weir__file_lost("cannot sync checkpoint", checkpoint->path, said);
    }
    checkpoint->target ^= checkpoint->unsynced;
    checkpoint->unsynced = false;
    return WEIR_PULLED;
}

void weir__file_checkpoint_close(struct weir__file_checkpoint *checkpoint) {
    if (checkpoint->file >= 0) {
        weir__file_checkpoint_sync(checkpoint);
        weir__file_close(checkpoint->file);
    }
    free(checkpoint->slot);
    checkpoint->file = -1;
    checkpoint->slot = NULL;
    checkpoint->slot_bytes = 0;
}
