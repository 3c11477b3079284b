/*
 * Quota: see quota.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "os/quota.h"

#include "os/text_file.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 4096, LINE_BYTES = PATH_BYTES + 256 };

unsigned weir__quota_of(long long quota, long long period) {
    if (quota <= 0 || period <= 0) {
        return 0;
    }
    long long cores = quota / period + (quota % period > 0);
    return cores < INT_MAX ? (unsigned)cores : INT_MAX;
}

unsigned weir__quota_of_text(const char *cpu_max) {
    char *rest;
    long long quota = strtoll(cpu_max, &rest, 10);
    return rest == cpu_max ? 0 : weir__quota_of(quota, strtoll(rest, NULL, 10));
}

static unsigned lesser(unsigned a, unsigned b) {
    return a == 0 || (b > 0 && b < a) ? b : a;
}

/* ---- one group ----------------------------------------------------------- */

/* What a group's file says; "" where there is none. */
static const char *read_group(const char *group, const char *file, char text[static 64]) {
    char path[LINE_BYTES];
    text[0] = '\0';
    if (snprintf(path, sizeof path, "%s/%s", group, file) < (int)sizeof path) {
        weir__text_file_read(path, text, 64);
    }
    return text;
}

static unsigned quota_of_group(const char *group, bool second) {
    char text[64];
    if (second) {
        return weir__quota_of_text(read_group(group, "cpu.max", text));
    }
    long long quota = strtoll(read_group(group, "cpu.cfs_quota_us", text), NULL, 10);
    if (quota <= 0) {
        return 0;
    }
    return weir__quota_of(quota, strtoll(read_group(group, "cpu.cfs_period_us", text), NULL, 10));
}

/* ---- and those that it is in ---------------------------------------------- */

/* `group` below `mount`, and then up.  What cannot be seen from a container is not there. */
static unsigned quota_of_groups(const char *root, const char *mount, const char *group,
                                bool second) {
    char path[PATH_BYTES];
    int top = snprintf(path, sizeof path, "%s%s", root, mount);
    if (top < 0 ||
        snprintf(path + top, sizeof path - (size_t)top, "%s", group) >= (int)sizeof path - top) {
        return 0;
    }
    unsigned least = 0;
    if (strcmp(group, "/") == 0) {
        path[top] = '\0'; /* the mount's root, which is looked at once */
    }
    for (;;) {
        least = lesser(least, quota_of_group(path, second));
        char *end = strrchr(path + top, '/');
        if (end == NULL) {
            return least;
        }
        *end = '\0';
    }
}

/* Whether a list as "cpu,cpuacct" has the controller of time. */
static bool has_cpu(const char *controllers, size_t length) {
    for (const char *at = controllers; at < controllers + length; at++) {
        size_t word = strcspn(at, ",:");
        if (word == 3 && memcmp(at, "cpu", 3) == 0) {
            return true;
        }
        at += word;
    }
    return false;
}

/* A line of /proc/self/cgroup: number, controllers (none: the second version), group. */
static unsigned quota_of_line(const char *root, const char *line) {
    const char *controllers = strchr(line, ':');
    const char *group = controllers == NULL ? NULL : strchr(controllers + 1, ':');
    if (group == NULL) {
        return 0;
    }
    size_t length = (size_t)(group - ++controllers);
    if (length == 0) {
        return quota_of_groups(root, "/sys/fs/cgroup", group + 1, true);
    }
    return has_cpu(controllers, length)
               ? quota_of_groups(root, "/sys/fs/cgroup/cpu", group + 1, false)
               : 0;
}

/* What there is no room for is not looked at, nor a line that is cut off. */
unsigned weir__quota(const char *root) {
    char path[PATH_BYTES];
    char lines[2 * LINE_BYTES];
    unsigned least = 0;
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    weir__text_file_read(path, lines, sizeof lines);
    char *line = lines;
    for (char *end = strchr(line, '\n'); end != NULL; end = strchr(line, '\n')) {
        *end = '\0';
        least = lesser(least, quota_of_line(root, line));
        line = end + 1;
    }
    return least;
}
