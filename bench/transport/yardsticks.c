/*
 * The ceilings as rows, and what a fence costs on a quiet core.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rows.h"

#include "../ceilings.h"
#include "../order.h"
#include "../work.h"

static struct ceiling_window window_of(const struct setting *setting) {
    return (struct ceiling_window){setting->max, setting->min, setting->event_bytes};
}

struct race_result run_hand_in_place(struct race_cores cores, const struct setting *setting) {
    return ceiling_slices(cores, window_of(setting), CEILING_IN_PLACE, setting->events);
}

struct race_result run_hand_ahead(struct race_cores cores, const struct setting *setting) {
    return ceiling_slices(cores, window_of(setting), CEILING_AHEAD, setting->events);
}

struct race_result run_hand_scratch(struct race_cores cores, const struct setting *setting) {
    return ceiling_slices(cores, window_of(setting), CEILING_SCRATCH, setting->events);
}

struct race_result run_hand_string(struct race_cores cores, const struct setting *setting) {
    return ceiling_slices(cores, window_of(setting), CEILING_STRING, setting->events);
}

struct race_result run_round_trip(struct race_cores cores, const struct setting *setting) {
    return ceiling_round_trip(cores, setting->events);
}

struct race_result run_ring_per_event(struct race_cores cores, const struct setting *setting) {
    return ceiling_ring_per_event(cores, setting->events);
}

struct race_result run_one_core(struct race_cores cores, const struct setting *setting) {
    const struct ceiling_chores sum = {.summed = 1};
    return ceiling_one_core(cores, window_of(setting), sum, setting->events);
}

/* --- fences ---------------------------------------------------------------- */

struct fenced {
    uint64_t events;
    uint64_t word;
};

static void fenced_send(void *course) {
    (void)course; /* the other core stays quiet */
}

static uint64_t fenced_locked(void *course) {
    struct fenced *fenced = course;
    for (uint64_t i = 1; i <= fenced->events; i++) {
        store_release(&fenced->word, i);
        fence_full();
    }
    return work_expected(fenced->word);
}

static uint64_t fenced_memory(void *course) {
    struct fenced *fenced = course;
    for (uint64_t i = 1; i <= fenced->events; i++) {
        store_release(&fenced->word, i);
        ck_pr_fence_memory();
    }
    return work_expected(fenced->word);
}

static struct race_result fenced_run(struct race_cores cores, const struct setting *setting,
                                     uint64_t (*receive)(void *)) {
    struct fenced fenced = {.events = setting->events};
    const struct race race = {fenced_send, receive, &fenced, work_expected(setting->events)};
    return race_run(&race, cores);
}

struct race_result run_fence_locked(struct race_cores cores, const struct setting *setting) {
    return fenced_run(cores, setting, fenced_locked);
}

struct race_result run_fence_memory(struct race_cores cores, const struct setting *setting) {
    return fenced_run(cores, setting, fenced_memory);
}

/* --- their sections -------------------------------------------------------- */

static const struct row ceiling_rows[] = {
    {"hand-written slices, in place", run_hand_in_place, {DEFAULT_DEMAND}},
    {"hand-written slices, in place in four windows, prefetchw", run_hand_ahead, {DEFAULT_DEMAND}},
    {"hand-written slices, scratch and memcpy", run_hand_scratch, {DEFAULT_DEMAND}},
    {"hand-written slices, scratch and rep movsb", run_hand_string, {DEFAULT_DEMAND}},
    {"one ck_ring entry per event", run_ring_per_event, {DEFAULT_DEMAND}},
    {"one core: no transport at all", run_one_core, {DEFAULT_DEMAND}},
};

const struct section section_ceilings = {
    .name = "ceilings",
    .title = "Ceilings, default demand (batches of 500 events of 8 bytes)",
    .unit = "the hand-written loop, in place",
    .yardstick = run_hand_in_place,
    .rows = ceiling_rows,
    .count = COUNT_OF(ceiling_rows),
};

static const struct row fence_rows[] = {
    {"a store and the locked instruction", run_fence_locked, {WINDOW(1, 8)}},
    {"a store and ck_pr_fence_memory", run_fence_memory, {WINDOW(1, 8)}},
};

const struct section section_fences = {
    .name = "fences",
    .title = "A full fence on a quiet core",
    .unit = "the locked instruction",
    .yardstick = run_fence_locked,
    .rows = fence_rows,
    .count = COUNT_OF(fence_rows),
};
