/*
 * Goal: texts that differ have different hashes, as far as that can be hoped for.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: names as people make them, counted up, and prefixes of each other: no two of
 * them agree, and the upper bits, of which tables are made, are spread.
 */
#include "base/hash.h"

#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXTS = 4096, BUCKETS = 1024 };

static int compare(const void *one, const void *other) {
    uint64_t a = *(const uint64_t *)one;
    uint64_t b = *(const uint64_t *)other;
    return a < b ? -1 : a > b;
}

static void check(uint64_t *hashes) {
    unsigned buckets[BUCKETS] = {0};
    for (int i = 0; i < TEXTS; i++) {
        unsigned *bucket = &buckets[hashes[i] >> 54];
        assert_in_range(++*bucket, 1, 24); /* 4 on average */
    }
    qsort(hashes, TEXTS, sizeof *hashes, compare);
    for (int i = 1; i < TEXTS; i++) assert_true(hashes[i] != hashes[i - 1]);
}

static void names_that_are_counted_up(void **state) {
    (void)state;
    static uint64_t hashes[TEXTS];
    static const char *const formats[] = {"%d", "stage %d", "worker_%08d", "%d.local"};
    for (size_t format = 0; format < sizeof formats / sizeof *formats; format++) {
        for (int i = 0; i < TEXTS; i++) {
            char text[32];
            snprintf(text, sizeof text, formats[format], i);
            hashes[i] = weir__hash_text(text);
        }
        check(hashes);
    }
}

static void prefixes(void **state) {
    (void)state;
    static uint64_t hashes[TEXTS];
    static char text[TEXTS + 1];
    memset(text, 'x', TEXTS);
    for (int i = 0; i < TEXTS; i++) hashes[i] = weir__hash_text(&text[TEXTS - i]);
    check(hashes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_are_counted_up),
        cmocka_unit_test(prefixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
