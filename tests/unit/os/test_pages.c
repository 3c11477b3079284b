/*
 * Goal: pages come aligned and zeroed, are locked, wanted huge and touched as asked, and go back.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: the system's own account of the process, and of its page faults.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/pages.h"

#include "support/cmocka.h"
#include "support/humble.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

enum { BYTES = 4 << 20 };

/* A number of /proc/self/status, in KiB. */
static long status_of(const char *what) {
    char line[200];
    long found = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, what, strlen(what)) == 0) sscanf(line + strlen(what), ": %ld", &found);
    }
    if (file != NULL) fclose(file);
    return found;
}

static long faults(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

static void come_and_go(void **state) {
    (void)state;
    const long before = status_of("VmSize");
    for (int i = 0; i < 100; i++) {
        unsigned char *memory = weir__pages_map(BYTES, WEIR__PAGES_HUGE);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % WEIR__PAGES_HUGE, 0);
        assert_int_equal(memory[0], 0);
        assert_int_equal(memory[BYTES - 1], 0);
        weir__pages_unmap(memory, BYTES);
    }
    assert_true(status_of("VmSize") < before + 50 * (BYTES >> 10));
    assert_null(weir__pages_map(SIZE_MAX - 4095, WEIR__PAGES_HUGE));
    assert_null(weir__pages_map((size_t)1 << 62, 4096));
}

static void are_touched(void **state) {
    (void)state;
    enum { PAGES = BYTES / 4096 };
    if (test_is_sanitized()) skip();
    unsigned char *memory = weir__pages_map(BYTES, 4096);
    assert_non_null(memory);
    weir__pages_touch(memory, BYTES);
    const long before = faults();
    memset(memory, 1, BYTES);
    assert_true(faults() - before < PAGES / 4); /* others may fault beside us */
    weir__pages_unmap(memory, BYTES);
}

static void are_locked(void **state) {
    (void)state;
    const long before = status_of("VmLck");
    void *memory = weir__pages_map(BYTES, 4096);
    int error = weir__pages_lock(memory, BYTES);
    if (error == 0 && before >= 0) assert_int_equal(status_of("VmLck"), before + (BYTES >> 10));
    assert_true(error == 0 || error == ENOMEM || error == EPERM);
    weir__pages_unmap(memory, BYTES);
    assert_int_equal(status_of("VmLck"), before);
}

static int lock_too_much(void) {
    void *memory = weir__pages_map(BYTES, 4096);
    const int error = weir__pages_lock(memory, BYTES);
    if (error != ENOMEM && error != EPERM) return 1;
    memset(memory, 1, BYTES); /* it is there all the same */
    weir__pages_unmap(memory, BYTES);
    return 0;
}

static void are_not_locked_beyond_what_the_process_may(void **state) {
    (void)state;
    assert_int_equal(test_humbly(lock_too_much, 65536), 0);
    assert_int_equal(test_humbly(lock_too_much, 0), 0);
}

/* The flags of the mapping that begins there say "hg", where the system knows of it. */
static void are_wanted_huge(void **state) {
    (void)state;
    char line[400], begins[40];
    bool here = false, huge = false;
    void *memory = weir__pages_map(BYTES, WEIR__PAGES_HUGE);
    weir__pages_huge(memory, BYTES);
    snprintf(begins, sizeof begins, "%lx-", (unsigned long)(uintptr_t)memory);
    FILE *file = fopen("/proc/self/smaps", "r");
    FILE *known = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strchr(line, '-') != NULL && strchr(line, '-') < line + 20) here = false;
        if (strncmp(line, begins, strlen(begins)) == 0) here = true;
        if (here && strncmp(line, "VmFlags:", 8) == 0) huge = strstr(line, " hg") != NULL;
    }
    if (file != NULL && known != NULL) assert_true(huge);
    if (file != NULL) fclose(file);
    if (known != NULL) fclose(known);
    weir__pages_unmap(memory, BYTES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(come_and_go),
        cmocka_unit_test(are_touched),
        cmocka_unit_test(are_locked),
        cmocka_unit_test(are_not_locked_beyond_what_the_process_may),
        cmocka_unit_test(are_wanted_huge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
