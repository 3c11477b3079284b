/*
 * Commands as Redis reads them, written one behind the other.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   weir__redis_command(&commands, 4);
 *   weir__redis_word(&commands, "XACK"); ... three more
 *
 * Where there is no memory, `failed` is set and the rest is nothing: whoever sends them looks.
 */
#ifndef WEIR__CONNECT_REDIS_COMMANDS_H
#define WEIR__CONNECT_REDIS_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir__redis_commands {
    char *at;
    size_t count;
    size_t room;
    bool failed;
};

/* Begins one of so many words. */
void weir__redis_command(struct weir__redis_commands *commands, size_t words);

void weir__redis_bytes(struct weir__redis_commands *commands, const char *at, size_t count);
void weir__redis_word(struct weir__redis_commands *commands, const char *word);
void weir__redis_number(struct weir__redis_commands *commands, uint64_t number);

/* All that stands in the other one. */
void weir__redis_commands_add(struct weir__redis_commands *commands,
                              const struct weir__redis_commands *more);

/* Nothing is written; its memory is kept, or given back. */
void weir__redis_commands_clear(struct weir__redis_commands *commands);
void weir__redis_commands_free(struct weir__redis_commands *commands);

#endif
