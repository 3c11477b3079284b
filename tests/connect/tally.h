/*
 * Who has come: messages with numbers, counted each by itself, by any thread.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A message's data begins with its number in decimal digits.
 */
#ifndef TESTS_CONNECT_TALLY_H
#define TESTS_CONNECT_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <weir/message.h>
#include <weir/pipeline.h>

enum { TALLY_LIMIT = 1 << 20 };

/* Nobody has come; `count` are expected. */
void tally_begin(size_t count);

/* The number of a message; TALLY_LIMIT: it has none. */
size_t tally_number(const weir_message *message);
void tally_note(size_t number);

size_t tally_of(size_t number);
size_t tally_missing(void); /* of those expected */
size_t tally_again(void);   /* how often one came that had come before */

/* Pushes messages with numbers from `first` on; waits where there is no room. */
void tally_push(weir_pipeline *pipeline, size_t first, size_t count);

/* Waits until none is missing; false: some are, after so long. */
bool tally_wait(unsigned seconds);

/* Fails, and lists some, where any is missing. */
void tally_check(void);

/* Waits until `condition` holds; false: it does not after so long. */
bool tally_until(bool (*condition)(void *context), void *context, unsigned seconds);

#endif
