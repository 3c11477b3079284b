/*
 * A race: two pinned threads, one sending and one receiving, timed together.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The receiver reads the clock itself, so that neither the creation of threads
 * nor the join is measured.  Where a thread cannot be pinned it runs unpinned.
 */
#include "race.h"

#include "order.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct line {
    const struct race *race;
    struct race_cores cores;
    _Alignas(128) uint32_t standing; /* threads at the line */
    _Alignas(128) double nanoseconds;
    uint64_t sum;
};

double race_clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

uint64_t race_ticks(void) {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    return (uint64_t)race_clock_ns();
#endif
}

struct race_cores race_cores_pick(void) {
    struct race_cores cores = {0, 0};
    cpu_set_t allowed;
    int found = 0;
    CPU_ZERO(&allowed);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return cores;
    for (size_t core = 0; core < CPU_SETSIZE && found < 2; core++) {
        if (!CPU_ISSET(core, &allowed)) continue;
        if (found == 0) cores.sender = (int)core;
        cores.receiver = (int)core;
        found++;
    }
    return cores;
}

unsigned race_cores_count(void) {
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
    return (unsigned)CPU_COUNT(&allowed);
}

static void pin(int core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
    (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

static void stand_at_line(struct line *line) {
    (void)ck_pr_faa_32(&line->standing, 1);
    while (load_acquire_32(&line->standing) < 2) ck_pr_stall();
}

static void *run_sender(void *argument) {
    struct line *line = argument;
    pin(line->cores.sender);
    stand_at_line(line);
    line->race->send(line->race->course);
    return NULL;
}

static void *run_receiver(void *argument) {
    struct line *line = argument;
    pin(line->cores.receiver);
    stand_at_line(line);
    double start = race_clock_ns();
    line->sum = line->race->receive(line->race->course);
    line->nanoseconds = race_clock_ns() - start;
    return NULL;
}

struct race_result race_run(const struct race *race, struct race_cores cores) {
    struct line line = {.race = race, .cores = cores};
    pthread_t sender;
    pthread_t receiver;
    if (pthread_create(&sender, NULL, run_sender, &line) != 0 ||
        pthread_create(&receiver, NULL, run_receiver, &line) != 0) {
        fputs("transport: cannot create threads\n", stderr);
        exit(EXIT_FAILURE); /* the sender would wait at the line for ever */
    }
    pthread_join(sender, NULL);
    pthread_join(receiver, NULL);
    return (struct race_result){line.nanoseconds, line.sum == race->sum};
}
