/*
 * The estate of a random graph: events that own something, and what became of each.
 * SPDX-License-Identifier: Apache-2.0
 *
 * In an estate each stage's events are of a type, and begin with a label (random_books.h) and a
 * title: a number of the program's, which one event has at a time.
 *
 *   a title is the program's, weir's, or given up; weir gives up one that is its own, once, by
 *   dropping it; the program gives up its own
 *   at rest weir's accounts say how many titles are its own
 *   when the runtime is closed, each title was given up
 */
#ifndef WEIR_TESTS_RANDOM_ESTATE_H
#define WEIR_TESTS_RANDOM_ESTATE_H

#include "world.h"

enum { TITLES = 1 << 15 };

/* Opens the books; owned: of a graph whose events are of types. */
void estate_begin(bool owned);
bool estate_is_owned(void);

/* The type of events of that size; NULL: they own nothing. */
const weir_event_type *estate_type(size_t event_bytes);

/* Writes titles for `count` events, which are weir's from now on. */
void estate_write(void *events, size_t event_bytes, size_t count);

/* They were not accepted, or were taken: the program gives them up. */
void estate_return(const void *events, size_t event_bytes, size_t count);

/* The stage may look at them: all are weir's. */
void estate_look(const void *events, size_t event_bytes, size_t count);

/* At rest; and when the runtime is closed. */
void estate_compare(const weir_accounts *accounts);
void estate_is_over(void);

#endif
