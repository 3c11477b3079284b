/*
 * A tail's life behind its first look.  See tails.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/file/tails.h"
#include "os/file.h"

#include <stdlib.h>
#include <string.h>

/* ---- ends and new beginnings ---------------------------------------------------------- */

void weir__file_tail_done(struct weir__file_tails *tails, struct weir__file_tail *tail) {
    weir__file_close(tail->file);
    tail->file = -1;
    tail->state = WEIR__FILE_DONE;
    tails->open--;
    tails->some_left = true;
}

static bool has_other_print(const struct weir__file_tail *tail, int *said) {
    struct weir__file_print print;
    if (tail->print.bytes == 0) {
        return false;
    }
    *said = weir__file_print(tail->file, tail->print.bytes, &print);
    return *said == 0 && (print.bytes != tail->print.bytes || print.hash != tail->print.hash);
}

/* It grows with its file, until it has all that it is taken of. */
static int grow_print(struct weir__file_tail *tail, uint64_t size) {
    return tail->print.bytes < WEIR__FILE_PRINT_BYTES && size > tail->print.bytes
               ? weir__file_print(tail->file, WEIR__FILE_PRINT_BYTES, &tail->print)
               : 0;
}

int weir__file_tail_is_emptied(struct weir__file_tail *tail, uint64_t read_to) {
    struct weir__file_about about;
    int said = weir__file_about(tail->file, &about);
    if (said == 0 && (about.size < read_to || has_other_print(tail, &said))) {
        return 1;
    }
    return said < 0 ? said : grow_print(tail, about.size);
}

struct weir__file_tail *weir__file_tail_anew(struct weir__file_tails *tails, size_t place) {
    struct weir__file_tail *old = tails->list[place];
    size_t bytes = strlen(old->path) + 1;
    struct weir__file_tail *tail =
        weir__file_tails_room(tails) ? calloc(1, sizeof *tail + bytes) : NULL;
    if (tail == NULL) {
        return NULL;
    }
    *tail = (struct weir__file_tail){.path = memcpy(tail + 1, old->path, bytes),
                                     .file = old->file,
                                     .state = old->state,
                                     .seen = old->seen,
                                     .lane = tails->lanes++,
                                     .device = old->device,
                                     .number = old->number,
                                     .news_ns = old->news_ns};
    old->file = -1;
    old->state = WEIR__FILE_EMPTIED;
    tails->list[place] = tail;
    tails->list[tails->count++] = old;
    tails->some_left = true;
    return tail;
}

/* ---- forgetting ------------------------------------------------------------------------ */

static bool is_over(const struct weir__file_tails *tails, const struct weir__file_tail *tail) {
    bool ended = tail->state == WEIR__FILE_EMPTIED ||
                 (tail->state == WEIR__FILE_DONE && !tails->options->once);
    return ended && tail->acked == tail->added;
}

/* Revoking may call back: the list is whole then. */
void weir__file_tails_forget(struct weir__file_tails *tails, weir_pull *pull) {
    bool some_left = false;
    for (size_t i = 0; tails->some_left && i < tails->count;) {
        struct weir__file_tail *tail = tails->list[i];
        if (!is_over(tails, tail)) {
            some_left = some_left || tail->file < 0;
            i++;
            continue;
        }
        tails->count--;
        memmove(&tails->list[i], &tails->list[i + 1],
                (tails->count - i) * sizeof(struct weir__file_tail *));
        weir_pull_revoke(pull, tail->lane, 0); /* nothing of it is out */
        free(tail);
    }
    tails->some_left = some_left && !tails->options->once;
}

/* ---- checkpoints ------------------------------------------------------------------------ */

size_t weir__file_tails_entry_count(const struct weir__file_tails *tails) {
    return tails->count + tails->entry_count;
}

size_t weir__file_tails_entries(const struct weir__file_tails *tails,
                                struct weir__file_entry *entries) {
    size_t count = 0;
    for (size_t i = 0; i < tails->count; i++) {
        struct weir__file_tail *tail = tails->list[i];
        if (tail->state == WEIR__FILE_EMPTIED || is_over(tails, tail)) {
            continue;
        }
        entries[count++] = (struct weir__file_entry){
            .device = tail->device,
            .number = tail->number,
            .offset = tail->acked == tail->added ? tail->rests : tail->acked,
            .print = tail->print.hash,
            .print_bytes = tail->print.bytes};
    }
    for (size_t i = 0; i < tails->entry_count; i++) {
        entries[count++] = tails->entries[i];
    }
    return count;
}

void weir__file_tails_free(struct weir__file_tails *tails) {
    for (size_t i = 0; i < tails->count; i++) {
        if (tails->list[i]->file >= 0) {
            weir__file_close(tails->list[i]->file);
        }
        free(tails->list[i]);
    }
    free(tails->list);
    free(tails->entries);
    free(tails->names);
    *tails = (struct weir__file_tails){
        .options = tails->options, .delimiter = tails->delimiter, .checkpoint = tails->checkpoint};
}
