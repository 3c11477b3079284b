/*
 * What the tests of marks share: players that emit marks, and some that note them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A cast of n below 1000 makes a producer emit its next n numbers; one of 1000 + n the
 * watermark n.
 */
#ifndef TESTS_SUPPORT_MARK_SCENE_H
#define TESTS_SUPPORT_MARK_SCENE_H

#include "support/player.h"

/* A mark without a source. */
weir_status mark_give(weir_stage *self, uint32_t kind, uint64_t value);

/* does.cast: as above. */
weir_verdict mark_or_emit(weir_stage *self, struct player *player, uint64_t number);

/* does.cast, whatever the number: 0, 1, watermark 7, 2, flush, end of file 3, 3, one of its own. */
weir_verdict mark_all_kinds(weir_stage *self, struct player *player, uint64_t number);

/* A temporary subscription, asked for again by ones. */
extern const weir_subscribe_options mark_by_four;

#define MARK_PRODUCER(text) \
    { .name = text, .kind = WEIR_PRODUCER, .does.cast = mark_or_emit }
#define MARK_CONSUMER(text) \
    { .name = text, .kind = WEIR_CONSUMER, .marks = true }

#endif
