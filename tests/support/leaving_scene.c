/*
 * What the tests of leaving share: see leaving_scene.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/leaving_scene.h"

uint64_t leaving_seen;

weir_verdict leaving_check_order(weir_stage *self, struct player *player, weir_batch batch) {
    const uint64_t *numbers = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        RIG_CHECK(player->rig, numbers[i] == leaving_seen);
        leaving_seen = numbers[i] + 1;
    }
    return WEIR_CONTINUE;
}

static uint32_t first_partition(void *context, const void *event) {
    (void)context, (void)event;
    return 0;
}

const weir_partition_dispatcher_options leaving_one_partition = {.partitions = 1,
                                                                 .hash = first_partition};
