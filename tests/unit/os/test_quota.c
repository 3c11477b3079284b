/*
 * Goal: the least quota of all groups that the process is in, in cores, rounded up.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: texts and numbers as the kernel writes them; a folder that stands for "/", with both
 * versions of control groups, nested, hidden as in a container, and broken.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "os/quota.h"

#include "support/cmocka.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void reads_a_text(void **state) {
    (void)state;
    static const struct {
        const char *text;
        unsigned cores;
    } cases[] = {
        {"max 100000\n", 0},    {"100000 100000\n", 1},
        {"100001 100000\n", 2}, {"1000 100000\n", 1},
        {"250000 100000\n", 3}, {"200000 100000\n", 2},
        {"150000 50000\n", 3},  {"0 100000\n", 0},
        {"-1 100000\n", 0},     {"100000 0\n", 0},
        {"100000\n", 0},        {"", 0},
        {"nonsense\n", 0},      {"9223372036854775807 1\n", INT_MAX},
        {"5000000 100000", 50},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(weir__quota_of_text(cases[i].text), cases[i].cores);
    }
}

static void reads_two_numbers(void **state) {
    (void)state;
    assert_int_equal(weir__quota_of(-1, 100000), 0);
    assert_int_equal(weir__quota_of(150000, 100000), 2);
    assert_int_equal(weir__quota_of(400000, 100000), 4);
    assert_int_equal(weir__quota_of(1, 100000), 1);
    assert_int_equal(weir__quota_of(100000, -1), 0);
}

/* ---- a folder for "/" ----------------------------------------------------- */

static char root[] = "/tmp/weir-quota-XXXXXX";

/* Writes a file, and makes the folders that it is in. */
static void put(const char *path, const char *text) {
    char full[512];
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *at = full + strlen(root) + 1; *at != '\0'; at++) {
        if (*at != '/') continue;
        *at = '\0';
        mkdir(full, 0700);
        *at = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int begin(void **state) {
    (void)state;
    strcpy(root + sizeof root - 7, "XXXXXX");
    return mkdtemp(root) == NULL ? -1 : 0;
}

static int end(void **state) {
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", root);
    return system(command);
}

static void without_files_there_is_none(void **state) {
    (void)state;
    assert_int_equal(weir__quota(root), 0);
    put("/proc/self/cgroup", "0::/some/where\n");
    assert_int_equal(weir__quota(root), 0);
    put("/proc/self/cgroup", "garbage\n\n:\n0:\n");
    assert_int_equal(weir__quota(root), 0);
}

static void the_least_of_all_groups_counts(void **state) {
    (void)state;
    put("/proc/self/cgroup", "0::/a/b/c\n");
    put("/sys/fs/cgroup/a/b/c/cpu.max", "800000 100000\n");
    assert_int_equal(weir__quota(root), 8);
    put("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    assert_int_equal(weir__quota(root), 8);
    put("/sys/fs/cgroup/a/cpu.max", "250000 100000\n");
    assert_int_equal(weir__quota(root), 3);
    put("/sys/fs/cgroup/a/other/cpu.max", "100000 100000\n");
    assert_int_equal(weir__quota(root), 3);
    put("/sys/fs/cgroup/a/b/c/cpu.max", "100000 100000\n");
    assert_int_equal(weir__quota(root), 1);
}

/* A container's group is the mount's root, whatever the path says. */
static void a_container_s_group_is_at_the_top(void **state) {
    (void)state;
    put("/proc/self/cgroup", "0::/\n");
    put("/sys/fs/cgroup/cpu.max", "200000 100000\n");
    assert_int_equal(weir__quota(root), 2);
    put("/proc/self/cgroup", "0::/not/to/be/seen\n");
    assert_int_equal(weir__quota(root), 2);
    put("/proc/self/cgroup", "0::/../other\n");
    assert_int_equal(weir__quota(root), 2);
}

static void the_first_version_has_two_files(void **state) {
    (void)state;
    put("/proc/self/cgroup", "12:memory:/m\n4:cpuset,cpu,cpuacct:/a/b\n1:name=systemd:/a\n");
    put("/sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/cpu/a/b/cpu.cfs_period_us", "100000\n");
    assert_int_equal(weir__quota(root), 0);
    put("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "350000\n");
    assert_int_equal(weir__quota(root), 0); /* of what period? */
    put("/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n");
    assert_int_equal(weir__quota(root), 4);
    put("/proc/self/cgroup", "4:cpuset,cpuacct,cpus:/a/b\n");
    assert_int_equal(weir__quota(root), 0);
}

static void of_both_versions_the_least_counts(void **state) {
    (void)state;
    put("/proc/self/cgroup", "4:cpu:/\n0::/\n");
    put("/sys/fs/cgroup/cpu.max", "300000 100000\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n");
    put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(weir__quota(root), 2);
    put("/sys/fs/cgroup/cpu.max", "100000 100000\n");
    assert_int_equal(weir__quota(root), 1);
}

static void a_path_that_is_too_long_is_no_group(void **state) {
    (void)state;
    char line[4200] = "0::/";
    memset(line + 4, 'x', sizeof line - 5);
    put("/proc/self/cgroup", line);
    put("/sys/fs/cgroup/cpu.max", "300000 100000\n");
    assert_int_equal(weir__quota(root), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_text),
        cmocka_unit_test(reads_two_numbers),
        cmocka_unit_test_setup_teardown(without_files_there_is_none, begin, end),
        cmocka_unit_test_setup_teardown(the_least_of_all_groups_counts, begin, end),
        cmocka_unit_test_setup_teardown(a_container_s_group_is_at_the_top, begin, end),
        cmocka_unit_test_setup_teardown(the_first_version_has_two_files, begin, end),
        cmocka_unit_test_setup_teardown(of_both_versions_the_least_counts, begin, end),
        cmocka_unit_test_setup_teardown(a_path_that_is_too_long_is_no_group, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
