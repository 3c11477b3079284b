/*
 * A stream on players: see stream_scene.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/stream_scene.h"

#include "support/cmocka.h"

static void count_discarded(void *context, uint64_t count, weir_discard cause) {
    struct stream_scene *scene = context;
    (void)cause;
    scene->told += count;
}

void scene_start(struct stream_scene *scene, struct player *player, const char *name,
                 uint64_t limit, bool quiet) {
    *player = (struct player){.name = name, .kind = WEIR_PRODUCER, .limit = limit, .quiet = quiet};
    player_start(player, &scene->rig, NULL);
}

void scene_open_list(struct stream_scene *scene, const weir_subscribe_to *list, size_t count) {
    const weir_stream_options options = {.event_bytes = sizeof(uint64_t),
                                         .subscribe_to = count > 0 ? list : NULL,
                                         .subscribe_count = count,
                                         .discarded = count_discarded,
                                         .context = scene};
    scene->told = 0;
    assert_int_equal(weir_stream_open(scene->rig.runtime, &options, &scene->stream), WEIR_OK);
    scene->s = (struct player){
        .name = "stream", .ref = weir_stream_stage(scene->stream), .started = scene->rig.players};
    scene->rig.players = &scene->s;
}

void scene_open(struct stream_scene *scene, weir_subscribe_options options) {
    const weir_subscribe_to list = {.producer = scene->p.ref, .options = options};
    scene_open_list(scene, &list, 1);
}

uint64_t scene_take(struct stream_scene *scene) {
    uint64_t number = UINT64_MAX;
    assert_int_equal(weir_stream_next(scene->stream, &number, WEIR_FOREVER), WEIR_OK);
    scene->s.handled++;
    return number;
}

void scene_take_numbers(struct stream_scene *scene, uint64_t first, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) assert_int_equal(scene_take(scene), first + i);
}

weir_status scene_try(struct stream_scene *scene, uint64_t timeout_ns) {
    uint64_t number = 0;
    weir_status status = weir_stream_next(scene->stream, &number, timeout_ns);
    assert_int_not_equal(status, WEIR_OK);
    return status;
}

void scene_expect_end(struct stream_scene *scene, weir_reason reason) {
    for (int i = 0; i < 2; i++) {
        assert_int_equal(scene_try(scene, WEIR_FOREVER), WEIR_END);
        assert_int_equal(weir_stream_reason(scene->stream), reason);
    }
}

void scene_close_stream(struct stream_scene *scene) {
    weir_stream_close(scene->stream);
    rig_rest(&scene->rig);
}

void scene_finish(struct stream_scene *scene) {
    scene_close_stream(scene);
    weir_runtime_stop(scene->rig.runtime, WEIR_REASON_NORMAL);
    rig_close(&scene->rig);
}
