/*
 * Folders: which names there are in them, and when one changes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What fails returns an errno value, negated.
 */
#ifndef WEIR__OS_FOLDER_H
#define WEIR__OS_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Its names that match `pattern` (as a shell's; NULL: all), in order of their bytes: *names is one
 * allocation, of *count pointers and what they point at; free() it. */
int weir__folder_list(const char *folder, const char *pattern, char ***names, size_t *count);

/* The highest number of names PREFIX, digits, SUFFIX; 0: there is none. */
int weir__folder_highest(const char *folder, const char *prefix, const char *suffix,
                         uint64_t *highest);

/* `pattern` with strftime's conversions for that time, UTC; 0: it does not fit. */
size_t weir__name_at(const char *pattern, uint64_t utc_ns, char *name, size_t room);

/* A descriptor that is readable when something has happened in folders: their files were written
 * to, made, renamed, removed. */
int weir__watch_open(void);
void weir__watch_close(int watch);
int weir__watch_folder(int watch, const char *folder);

/* Waits for that, or for `event` (os/event.h), or until the time has passed. */
void weir__watch_wait(int watch, int event, uint64_t timeout_ns);

/* Has it be not readable.  Whether names have changed, or may have. */
bool weir__watch_clear(int watch);

#endif
