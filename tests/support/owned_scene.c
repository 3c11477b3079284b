/*
 * A scene of stages whose events own something: see owned_scene.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/owned_scene.h"

#include "support/cmocka.h"

struct owned_scene owned_scene;

static weir_verdict produce(weir_stage *self, uint64_t demand) {
    struct owned_source *source = weir_state(self);
    uint64_t count = source->burst > 0 ? source->burst : demand;
    for (; count > 0 && source->made < source->limit; count--, source->made++) {
        struct owned event = owned_make(&owned_scene.ledger);
        if (weir_emit(self, &event, 1) != WEIR_OK) owned_release(&owned_scene.ledger, event);
    }
    return WEIR_CONTINUE;
}

/* As told to, beyond any demand. */
static weir_verdict produce_burst(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    return produce(self, 0);
}

static void count_discarded(weir_stage *self, uint64_t count, weir_discard cause) {
    (void)self, (void)cause;
    owned_scene.told += count;
}

weir_verdict owned_scene_look(weir_stage *self, weir_batch batch) {
    const struct owned *events = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) owned_look(&owned_scene.ledger, &events[i]);
    owned_scene.seen += batch.count;
    return WEIR_CONTINUE;
}

void owned_scene_open(struct rig *rig) {
    owned_open(&owned_scene.ledger);
    owned_scene.rig = rig;
    owned_scene.told = owned_scene.seen = 0;
}

weir_ref owned_scene_start(weir_stage_options options) {
    weir_ref ref;
    options.on.discarded = count_discarded;
    assert_int_equal(weir_stage_start(owned_scene.rig->runtime, &options, &ref), WEIR_OK);
    return ref;
}

weir_ref owned_scene_source(struct owned_source source, weir_stage_options options) {
    options.kind = WEIR_PRODUCER;
    options.type = &owned_scene.ledger.type;
    options.state = &source;
    options.state_bytes = sizeof source;
    options.on.handle_demand = produce;
    options.on.handle_cast = produce_burst;
    return owned_scene_start(options);
}

weir_ref owned_scene_sink(weir_ref producer, owned_handle *handle, weir_subscribe_options how) {
    const weir_subscribe_to to = {.producer = producer, .options = how};
    return owned_scene_start((weir_stage_options){.kind = WEIR_CONSUMER,
                                                  .subscribe_to = &to,
                                                  .subscribe_count = 1,
                                                  .on.handle_events = handle});
}

weir_ref owned_scene_relay(weir_ref producer, owned_handle *handle, weir_subscribe_options how) {
    const weir_subscribe_to to = {.producer = producer, .options = how};
    return owned_scene_start((weir_stage_options){.kind = WEIR_PRODUCER_CONSUMER,
                                                  .type = &owned_scene.ledger.type,
                                                  .subscribe_to = &to,
                                                  .subscribe_count = 1,
                                                  .on.handle_events = handle});
}

void owned_scene_stop(weir_ref stage) {
    assert_int_equal(weir_stop(owned_scene.rig->runtime, stage, WEIR_REASON_USER), WEIR_OK);
    rig_rest(owned_scene.rig);
}

void owned_scene_close(const char *expected) {
    weir_accounts accounts;
    assert_int_equal(weir_runtime_close(owned_scene.rig->runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(owned_scene.rig, &accounts);
    if (expected != NULL) owned_expect(&owned_scene.ledger, expected);
    owned_close(&owned_scene.ledger, &accounts);
}
