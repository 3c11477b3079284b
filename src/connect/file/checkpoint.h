/*
 * Checkpoints: how far files have been dealt with, kept in a file of two slots.
 * SPDX-License-Identifier: Apache-2.0
 *
 * One slot is on the disk.  Saves go to the other, each with a number one higher and a checksum,
 * until that is made sure on the disk, too; then they change.  So whatever moment a crash comes at,
 * of the process or of the machine, one slot is right: at worst what was synced last.  When there
 * are too many entries for a slot, a larger file takes this one's place; and where somebody has
 * removed or renamed it, another one.
 *
 *   file:  slot, slot: each half of it
 *   slot:  head, entries; checksum over both
 */
#ifndef WEIR__CONNECT_FILE_CHECKPOINT_H
#define WEIR__CONNECT_FILE_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weir/source.h>

struct weir__file_entry {
    uint64_t device;
    uint64_t number; /* the inode's */
    uint64_t offset; /* all below is dealt with */
    uint64_t print;  /* of the first print_bytes */
    uint32_t print_bytes;
    uint32_t reserved;
};

struct weir__file_checkpoint {
    const char *path;
    int file;        /* -1: it is not open */
    uint64_t device; /* of the file; 0 where there is none */
    uint64_t number;
    uint64_t serial;
    size_t slot_bytes;
    unsigned target; /* the slot that is written to: 0 or 1 */
    char *slot;      /* as it is written */
    bool unsynced;
};

/* Reads what there is: *entries is one allocation, of *count; free() it.  *first: there was none.
 * PULLED, LOST or BROKEN, and a refusal. */
weir_pulled weir__file_checkpoint_open(struct weir__file_checkpoint *checkpoint,
                                       struct weir__file_entry **entries, size_t *count,
                                       bool *first);

/* A slot's entries, to be filled in: so many.  NULL: no memory, and a refusal. */
struct weir__file_entry *weir__file_checkpoint_room(struct weir__file_checkpoint *checkpoint,
                                                    size_t count);

/* Whether it is still the file of its name: nobody has removed or renamed it. */
bool weir__file_checkpoint_is_named(const struct weir__file_checkpoint *checkpoint);

/* Writes them; where it is not the file of its name any more, to a new one of that name. */
weir_pulled weir__file_checkpoint_save(struct weir__file_checkpoint *checkpoint, size_t count);

/* Makes sure on disk what was saved. */
weir_pulled weir__file_checkpoint_sync(struct weir__file_checkpoint *checkpoint);

void weir__file_checkpoint_close(struct weir__file_checkpoint *checkpoint);

#endif
