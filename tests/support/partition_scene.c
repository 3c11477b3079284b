/*
 * What the tests of partitions share (see the header).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/partition_scene.h"

#include "support/cmocka.h"

uint32_t partition_parity(void *context, const void *event) {
    (void)context;
    return *(const uint64_t *)event % 2;
}

void partition_start(struct player *player, struct rig *rig,
                     const weir_partition_dispatcher_options *options) {
    player_start(player, rig,
                 &(weir_stage_options){.dispatcher = weir_partition_dispatcher(),
                                       .dispatcher_options = options});
}

bool partition_open(struct partition_scene *scene, int world,
                    const weir_partition_dispatcher_options *options) {
    if (!rig_open_world(&scene->rig, world)) return false;
    scene->p = (struct player){.name = "p", .kind = WEIR_PRODUCER};
    scene->a = (struct player){.name = "a", .kind = WEIR_CONSUMER};
    scene->b = (struct player){.name = "b", .kind = WEIR_CONSUMER};
    partition_start(&scene->p, &scene->rig, options);
    player_start(&scene->a, &scene->rig, NULL);
    player_start(&scene->b, &scene->rig, NULL);
    return true;
}

void partition_rest(struct partition_scene *scene) {
    rig_rest(&scene->rig);
    weir_accounts accounts = rig_accounts(&scene->rig);
    const char *unequal = weir_accounts_check(&accounts);
    if (unequal != NULL) fail_msg("%s", unequal);
}

weir_subscription partition_subscribe(struct player *consumer, struct player *producer,
                                      unsigned partition, size_t max) {
    const weir_subscribe_options options = {.max_demand = max,
                                            .min_demand = WEIR_NONE,
                                            .cancel = WEIR_TEMPORARY,
                                            .partition = WEIR_PARTITION(partition)};
    return player_subscribe(consumer, producer, &options);
}
