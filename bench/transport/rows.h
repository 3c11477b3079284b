/*
 * Rows and sections: what the program prints.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A row is a shape at a setting.  Each of its runs stands between two runs of
 * the section's yardstick at the same setting, and what counts is the ratio: the
 * speed at which cache lines cross in a virtual machine changes by a factor of
 * three within seconds, and changes for both alike.
 */
#ifndef TRANSPORT_ROWS_H
#define TRANSPORT_ROWS_H

#include "shape.h"

#include <stddef.h>

struct row {
    const char *title;
    shape_run run;
    struct setting setting;
};

struct section {
    const char *name; /* on the command line */
    const char *title;
    const char *unit; /* what the yardstick is */
    shape_run yardstick;
    const struct row *rows;
    size_t count;
};

enum { ROWS_RUNS_MOST = 99 };

/* Runs all rows `runs` times, in turns, and prints medians with min and max. */
void section_print(const struct section *section, struct race_cores cores, int runs);

/* The yardsticks, which are also rows of their own. */
struct race_result run_hand_in_place(struct race_cores cores, const struct setting *setting);
struct race_result run_hand_ahead(struct race_cores cores, const struct setting *setting);
struct race_result run_hand_scratch(struct race_cores cores, const struct setting *setting);
struct race_result run_hand_string(struct race_cores cores, const struct setting *setting);
struct race_result run_round_trip(struct race_cores cores, const struct setting *setting);
struct race_result run_ring_per_event(struct race_cores cores, const struct setting *setting);
struct race_result run_one_core(struct race_cores cores, const struct setting *setting);
struct race_result run_fence_locked(struct race_cores cores, const struct setting *setting);
struct race_result run_fence_memory(struct race_cores cores, const struct setting *setting);

extern const struct section section_ceilings;
extern const struct section section_fences;
extern const struct section section_steps;
extern const struct section section_blocks;
extern const struct section section_sizes;
extern const struct section section_one;
extern const struct section section_windows;
extern const struct section section_rings;
extern const struct section section_pieces;

/* Defines the function `name`, a shape_run, for the shape of the initializers. */
#define SHAPE(name, ...)                                                                     \
    static const struct shape name##_shape = {__VA_ARGS__};                                  \
    static void name##_send(void *course) {                                                  \
        pipe_send(course, &name##_shape);                                                    \
    }                                                                                        \
    static uint64_t name##_receive(void *course) {                                           \
        return pipe_receive(course, &name##_shape);                                          \
    }                                                                                        \
    static struct race_result name(struct race_cores cores, const struct setting *setting) { \
        return pipe_run(cores, setting, &name##_shape, name##_send, name##_receive);         \
    }

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* A window of max with min at its half, as GenStage's default. */
#define WINDOW(most, bytes) .max = (most), .min = (most) / 2, .event_bytes = (bytes)
#define BLOCKS(bytes)       .block_bytes = (bytes)
#define RING(entries)       .ring_entries = (entries)
#define DEFAULT_DEMAND      WINDOW(1000, 8), BLOCKS(65536), RING(1024)

/* The shapes of the growing pipe, each one step further. */
#define WITH_LINE  .entry = ENTRY_LINE, .reserve = true, .peek = true
#define WITH_NEAR  WITH_LINE, .asked_near = true
#define WITH_STAMP WITH_NEAR, .stamped = true
#define WITH_READY WITH_STAMP, .signal = SIGNAL_WARM
#define WITH_COUNT WITH_READY, .memory = MEMORY_BIASED
#define WITH_HOME  WITH_COUNT, .home = HOME_CHAIN
#define WITH_TURN  WITH_HOME, .turn = true
#define WITH_PAUSE WITH_TURN, .pause = true

#endif
