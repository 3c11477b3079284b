/*
 * What weir-words does, as a plain program: one thread, one table.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     words_plain FILE...
 *
 * prints what `weir-words --all --quiet` prints: its table and its input are used, and nothing
 * of weir.
 */
#include "input.h"
#include "table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 1 << 16 };

/* Counts what is whole of `bytes` of text, and moves the rest of a word to the front. */
static bool count_some(struct table *table, char *text, size_t *bytes, bool ended) {
    size_t whole = ended ? *bytes : whole_words(text, *bytes);
    bool counted = table_count(table, text, whole);
    *bytes -= whole;
    memmove(text, text + whole, *bytes);
    return counted;
}

static bool count_all(struct table *table, struct input *input) {
    size_t room = ROOM, held = 0;
    char *text = malloc(room);
    bool good = text != NULL;
    for (bool ended = false; good && !ended;) {
        ssize_t got = input_read(input, text + held, room - held);
        ended = got == 0;
        held += got > 0 ? (size_t)got : 0;
        good = got >= 0 && count_some(table, text, &held, ended);
        if (!good || held < room) continue;
        char *larger = realloc(text, room *= 2); /* a word as long as the room */
        good = larger != NULL;
        if (good) text = larger;
    }
    free(text);
    return good;
}

static bool print_all(const struct table *table) {
    struct entry *sorted = table_sorted(table);
    if (sorted == NULL) return false;
    for (size_t i = 0; i < table->used; i++) {
        printf("%7" PRIu64 " ", sorted[i].count);
        fwrite(sorted[i].word, 1, sorted[i].length, stdout);
        putchar('\n');
    }
    free(sorted);
    return fflush(stdout) == 0;
}

int main(int count, char **arguments) {
    struct input input = INPUT_EMPTY;
    struct table table = {0};
    bool good = input_add_named(&input, arguments + 1, (size_t)count - 1);
    good = good && count_all(&table, &input) && print_all(&table);
    table_close(&table);
    input_close(&input);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
