/*
 * Figures and names: see text.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Three digits of a number below 1000, with what stands behind it. */
static struct figure three_digits(double number, const char *behind) {
    struct figure figure;
    int decimals = number == 0 || number >= 99.95 ? 0 : number >= 9.995 ? 1 : 2;
    snprintf(figure.text, sizeof figure.text, "%.*f%s", decimals, number, behind);
    return figure;
}

struct figure text_number(double number) {
    static const char *const units[] = {"", "k", "M", "G", "T", "P", "E"};
    size_t unit = 0;
    while (number >= 999.5 && unit + 1 < sizeof units / sizeof *units) {
        number /= 1000;
        unit++;
    }
    if (unit == 0 && number == (double)(uint64_t)number) {
        return text_whole((uint64_t)number);
    }
    return three_digits(number, units[unit]);
}

struct figure text_time(uint64_t ns) {
    static const char *const units[] = {" ns", " us", " ms", " s"};
    if (ns == 0) {
        return text_whole(0);
    }
    double number = (double)ns;
    size_t unit = 0;
    while (number >= 999.5 && unit + 1 < sizeof units / sizeof *units) {
        number /= 1000;
        unit++;
    }
    if (unit == 0) {
        struct figure figure;
        snprintf(figure.text, sizeof figure.text, "%" PRIu64 " ns", ns);
        return figure;
    }
    return three_digits(number, units[unit]);
}

struct figure text_share(double share) {
    struct figure figure;
    snprintf(figure.text, sizeof figure.text, "%.0f %%", share * 100);
    return figure;
}

struct figure text_whole(uint64_t number) {
    char digits[24];
    int count = snprintf(digits, sizeof digits, "%" PRIu64, number);
    struct figure figure;
    size_t at = 0;
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0) {
            figure.text[at++] = ',';
        }
        figure.text[at++] = digits[i];
    }
    figure.text[at] = 0;
    return figure;
}

/* The bytes of the UTF-8 character there, or 0 where there is none that can be printed. */
static size_t character(const unsigned char *at, size_t left) {
    if (at[0] < 0x80) {
        return at[0] >= 0x20 && at[0] != 0x7f ? 1 : 0;
    }
    size_t bytes = at[0] >= 0xf0 && at[0] <= 0xf4 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || left < bytes) {
        return 0;
    }
    for (size_t i = 1; i < bytes; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    /* Too long a form, halves of UTF-16's pairs, beyond the last one, and C1's controls. */
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f) ||
        (at[0] == 0xc2 && at[1] < 0xa0)) {
        return 0;
    }
    return bytes;
}

void text_clean(char *to, size_t room, const char *from, size_t limit) {
    const unsigned char *at = (const unsigned char *)from;
    size_t left = strnlen(from, limit);
    size_t put = 0;
    while (left > 0) {
        size_t bytes = character(at, left);
        size_t taken = bytes > 0 ? bytes : 1;
        if (put + taken >= room) {
            break;
        }
        if (bytes > 0) {
            memcpy(to + put, at, bytes);
        } else {
            to[put] = '?';
        }
        put += taken;
        at += taken;
        left -= taken;
    }
    to[put] = 0;
}
