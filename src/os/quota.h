/*
 * Quota: how much time of processors the process's control groups allow it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A container that may use two cores' worth of time sees all cores of its machine: a worker on
 * each would be stopped most of the time, and all of them at once.  Both versions of control
 * groups are read where Linux mounts them, /sys/fs/cgroup; a group is bound by its own quota and
 * by those of all that it is in.  Elsewhere, and where nothing can be read, there is none.
 */
#ifndef WEIR__OS_QUOTA_H
#define WEIR__OS_QUOTA_H

/*
 * The least quota of the process's groups in cores, rounded up; 0: there is none.
 * root: a folder that stands for "/", for tests; "" is the real one.
 */
unsigned weir__quota(const char *root);

/* The same of one text: what cpu.max says ("150000 100000" is 2, "max 100000" is 0); and of two
 * numbers, cpu.cfs_quota_us and cpu.cfs_period_us (a quota of -1 is none). */
unsigned weir__quota_of_text(const char *cpu_max);
unsigned weir__quota_of(long long quota, long long period);

#endif
