/*
 * Figures as people read them, and names that are safe to print.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOL_TEXT_H
#define TOOL_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct figure {
    char text[32];
};

/* Three digits: "0", "0.25", "950", "1.25k", "31.8M", "2.10G". */
struct figure text_number(double number);

/* A time: "0", "640 ns", "12.5 us", "3.10 ms", "2.00 s". */
struct figure text_time(uint64_t ns);

/* Of 0 to 1: "97 %". */
struct figure text_share(double share);

/* With a comma between thousands: "12,300". */
struct figure text_whole(uint64_t number);

/*
 * Copies a name of at most `limit` bytes, cut to the room, which is at least 1: what is no
 * printable UTF-8 becomes '?', so that no name moves the cursor or breaks a format.
 */
void text_clean(char *to, size_t room, const char *from, size_t limit);

#endif
