/*
 * Stages in a runtime of a few workers, which can be asked where they are.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The stages do nothing; a producer emits nothing.  A test opens the scene, and closes it.
 */
#ifndef TESTS_SUPPORT_PLACEMENT_SCENE_H
#define TESTS_SUPPORT_PLACEMENT_SCENE_H

#include "runtime/runtime.h"

#include <weir/weir.h>

struct place_scene {
    weir_runtime *runtime;
    char log[1024]; /* lines: warnings */
};

extern struct place_scene place_scene;

/* With these options but for the log, which is the scene's; or stepped, with so many workers. */
void place_open_with(weir_runtime_options options);
void place_open(unsigned workers);

/* Asserts what the log is, and empties it. */
void place_expect_log(const char *expected);

/* Nothing is left in the log. */
void place_close(void);

/* The number of its worker. */
unsigned place_where(weir_ref stage);

weir_stage_options place_stage_of(weir_kind kind);
weir_ref place_start(weir_stage_options options);
weir_ref place_producer(unsigned worker);

/* One that consumes from so many, up to four. */
weir_ref place_behind(weir_kind kind, unsigned worker, const weir_ref *from, size_t count);
weir_ref place_consumer(unsigned worker, weir_ref from);
weir_ref place_middle(weir_ref from); /* by default */

/* It stops, and is gone. */
void place_end(weir_ref stage);

#endif
