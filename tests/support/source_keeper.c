/*
 * See source_keeper.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/source_keeper.h"

#include "support/cmocka.h"

struct source_keeper source_keeper;

static struct source_keeper *const k = &source_keeper;

static weir_verdict keep(weir_stage *self, weir_batch batch) {
    struct rig *rig = source_scene.rig;
    RIG_CHECK(rig, k->count + batch.count <= SOURCE_KEPT);
    RIG_CHECK(rig, weir_take(self, 0, batch.count, &k->kept[k->count]) == WEIR_OK);
    k->count += batch.count;
    return WEIR_CONTINUE;
}

weir_ref source_keep(void) {
    const weir_subscribe_to to = {.producer = source_scene.stage};
    const weir_stage_options options = {.kind = WEIR_CONSUMER,
                                        .name = "keeper",
                                        .subscribe_to = &to,
                                        .subscribe_count = 1,
                                        .on = {.handle_events = keep}};
    weir_ref ref;
    k->count = 0;
    assert_int_equal(weir_stage_start(source_scene.rig->runtime, &options, &ref), WEIR_OK);
    return ref;
}

void source_settle_kept(size_t count) {
    for (size_t i = 0; i < count; i++) source_settles(&k->kept[k->count - count + i]);
    k->count -= count;
    weir_message_settle(&k->kept[k->count], count, WEIR_DISCARD_HANDLED);
}
