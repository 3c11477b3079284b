/*
 * Commands as Redis reads them.  See commands.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/redis/commands.h"

#include <stdlib.h>
#include <string.h>

enum { COMMANDS_LEAST = 4096, DIGITS = 20, END = 2, FRAME = 1 + DIGITS + END };

/* NULL: there is no memory. */
static char *room_for_words(struct weir__redis_commands *commands, size_t count) {
    if (commands->room - commands->count >= count) {
        return commands->at + commands->count;
    }
    size_t room = commands->room < COMMANDS_LEAST ? COMMANDS_LEAST : commands->room;
    while (room - commands->count < count) {
        room *= 2;
    }
    char *larger = commands->failed ? NULL : realloc(commands->at, room);
    if (larger == NULL) {
        commands->failed = true;
        return NULL;
    }
    commands->at = larger;
    commands->room = room;
    return larger + commands->count;
}

/* Without an end; returns how many. */
static size_t write_digits(char *at, uint64_t number) {
    char digits[DIGITS];
    size_t count = 0;
    do {
        digits[DIGITS - ++count] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    memcpy(at, digits + DIGITS - count, count);
    return count;
}

static size_t write_frame(char *at, char sign, uint64_t number) {
    *at = sign;
    size_t count = 1 + write_digits(at + 1, number);
    memcpy(at + count, "\r\n", END);
    return count + END;
}

void weir__redis_command(struct weir__redis_commands *commands, size_t words) {
    char *at = room_for_words(commands, FRAME);
    if (at != NULL) {
        commands->count += write_frame(at, '*', words);
    }
}

void weir__redis_bytes(struct weir__redis_commands *commands, const char *at, size_t count) {
    char *to = room_for_words(commands, FRAME + count + END);
    if (to == NULL) {
        return;
    }
    size_t frame = write_frame(to, '$', count);
    if (count > 0) {
        memcpy(to + frame, at, count);
    }
    memcpy(to + frame + count, "\r\n", END);
    commands->count += frame + count + END;
}

void weir__redis_word(struct weir__redis_commands *commands, const char *word) {
    weir__redis_bytes(commands, word, strlen(word));
}

void weir__redis_number(struct weir__redis_commands *commands, uint64_t number) {
    char digits[DIGITS];
    weir__redis_bytes(commands, digits, write_digits(digits, number));
}

void weir__redis_commands_add(struct weir__redis_commands *commands,
                              const struct weir__redis_commands *more) {
    char *to = more->count == 0 ? NULL : room_for_words(commands, more->count);
    if (to != NULL) {
        memcpy(to, more->at, more->count);
        commands->count += more->count;
    }
}

void weir__redis_commands_clear(struct weir__redis_commands *commands) {
    commands->count = 0;
    commands->failed = false;
}

void weir__redis_commands_free(struct weir__redis_commands *commands) {
    free(commands->at);
    *commands = (struct weir__redis_commands){0};
}
