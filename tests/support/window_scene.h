/*
 * What the tests of windows share: sources that emit what they are cast, a window stage, and who
 * takes its results and writes them down.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Events are a key, a time and a number, which is added up.  A result is written as "key [begin,
 * end) sum of count, trigger", with "so far" where more is to come; a mark by its name.
 */
#ifndef TESTS_SUPPORT_WINDOW_SCENE_H
#define TESTS_SUPPORT_WINDOW_SCENE_H

#include "support/rig.h"

struct window_event {
    uint64_t key;
    uint64_t time;
    uint64_t number;
};

struct window_result {
    weir_window window;
    uint64_t sum;
};

extern struct window_seen {
    struct rig *rig;
    struct rig_text results;
    struct rig_text late;
    int64_t owned; /* accumulators begun, less those dropped and merged */
    uint64_t sum_of_last;
    bool timed; /* time is not to go on by itself */
} window_seen;

extern weir_ref window_sources[2];
extern weir_ref window_stage;

enum { WINDOW_PLENTY = 1000000 };

/* Options with all callbacks. */
weir_window_options window_of(weir_window_kind kind, uint64_t size);

/* So many sources, a window stage, and a consumer, which asks by hand: for so many. */
void window_open(struct rig *rig, const weir_window_options *options, unsigned count,
                 uint64_t asked);
void window_ask(uint64_t count);

/* A source's handle_cast: it emits what it is cast. */
weir_verdict window_emit_cast(weir_stage *self, const void *message, size_t bytes);

/* A source emits events / a mark, and all is at rest. */
void window_come(unsigned source, const struct window_event *events, size_t count);
void window_mark(unsigned source, uint32_t kind, uint64_t value);
void window_watermark(uint64_t time);

#define WINDOW_COME(...)                                        \
    do {                                                        \
        const struct window_event events[] = {__VA_ARGS__};     \
        window_come(0, events, sizeof events / sizeof *events); \
    } while (0)

weir_window_counts window_counts(void);

/* Asserts what the results are, and empties them. */
void window_expect(const char *expected);

/* A consumer's handle_events: of many results the sums alone. */
weir_verdict window_add_up(weir_stage *self, weir_batch batch);

/* Drains and closes; each accumulator was dropped once. */
void window_close(void);

#endif
