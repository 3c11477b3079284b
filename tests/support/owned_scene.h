/*
 * A scene of stages whose events own something: sources, relays and sinks with a ledger.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The stages look at each event that they see.  What weir discards is counted in `told`.
 */
#ifndef TESTS_SUPPORT_OWNED_SCENE_H
#define TESTS_SUPPORT_OWNED_SCENE_H

#include "support/owned.h"
#include "support/rig.h"

/* Emits what is asked for, up to `limit`; with `burst`, as many at once, whatever is asked, and
 * at each cast. */
struct owned_source {
    uint64_t limit;
    uint64_t burst;
    uint64_t made;
};

struct owned_scene {
    struct rig *rig;
    struct owned_ledger ledger;
    struct owned_source source;
    uint64_t told;
    uint64_t seen; /* by sinks */
};

/* The one there is. */
extern struct owned_scene owned_scene;

void owned_scene_open(struct rig *rig);

/* Starts a stage, with `discarded` set. */
weir_ref owned_scene_start(weir_stage_options options);

/* Starts a producer of `limit` events; options: what is not given there is the scene's. */
weir_ref owned_scene_source(struct owned_source source, weir_stage_options options);

typedef weir_verdict owned_handle(weir_stage *self, weir_batch batch);

/* Looks at the events, and counts them. */
owned_handle owned_scene_look;

/* Starts a consumer of the producer, temporary if nothing else is said. */
weir_ref owned_scene_sink(weir_ref producer, owned_handle *handle, weir_subscribe_options how);

/* Starts a producer_consumer of the scene's type between. */
weir_ref owned_scene_relay(weir_ref producer, owned_handle *handle, weir_subscribe_options how);

void owned_scene_stop(weir_ref stage);

/* Closes the runtime, and asserts that each event has its one fate, and what those are
 * (owned_expect); NULL: whatever they are. */
void owned_scene_close(const char *expected);

#endif
