/*
 * A stream on players: what the stream's tests share.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_SUPPORT_STREAM_SCENE_H
#define TESTS_SUPPORT_STREAM_SCENE_H

#include "support/player.h"

struct stream_scene {
    struct rig rig;
    struct player p; /* producers */
    struct player q;
    struct player s; /* not a player: lends the stream's stage its name, and counts */
    weir_stream *stream;
    uint64_t told; /* events that the stream's callback was told of */
};

/* Starts a producer of the numbers below `limit`. */
void scene_start(struct stream_scene *scene, struct player *player, const char *name,
                 uint64_t limit, bool quiet);

/* Opens the stream on that list / on p alone. */
void scene_open_list(struct stream_scene *scene, const weir_subscribe_to *list, size_t count);
void scene_open(struct stream_scene *scene, weir_subscribe_options options);

/* Takes an event; takes those numbers, in order. */
uint64_t scene_take(struct stream_scene *scene);
void scene_take_numbers(struct stream_scene *scene, uint64_t first, uint64_t count);

/* Calls next, which must not return an event. */
weir_status scene_try(struct stream_scene *scene, uint64_t timeout_ns);

/* The end has come, for that reason, and stays. */
void scene_expect_end(struct stream_scene *scene, weir_reason reason);

/* Closes the stream; then stops everybody and closes the rig. */
void scene_close_stream(struct stream_scene *scene);
void scene_finish(struct stream_scene *scene);

#endif
