/*
 * A scene for pipelines: sources that bring numbered messages, callbacks that do as they are told,
 * and a ledger of what became of each.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal of whoever uses it: every message that a source has brought is settled exactly once with its
 * driver, and as the test says.
 *
 * A message's data is its number.  What handle_message says of it is a letter of `does`, one for
 * each time that it is called with it, the last one again and again; what its batch says of it, of
 * `batch_does`:
 *   o OK   s SKIP   f FAILED   r RETRY   d DEAD   n NAK   b nonsense
 *   + OK, and one message more   a OK, and settled at once   w OK, with new bytes
 *     (these in handle_message only; what was written is looked at in its batch)
 * A digit before the letter is the number of the batcher.  Default "o".
 * A sink is lost while sink_lost is above 0, which it counts down; likewise lost_pulls, lost_acks.
 * The rig's journal has "store: 1 2 3" for each batch, with " #2" where it is the second attempt,
 * unless quiet.
 */
#ifndef TESTS_SUPPORT_PIPELINE_SCENE_H
#define TESTS_SUPPORT_PIPELINE_SCENE_H

#include "support/rig.h"

enum {
    PIPELINE_SCENE_NUMBERS = 1 << 16,
    PIPELINE_SCENE_SOURCES = 4,
    PIPELINE_SCENE_EACH = PIPELINE_SCENE_NUMBERS / PIPELINE_SCENE_SOURCES /* one's numbers */
};

struct pipeline_scene;

struct pipeline_scene_source {
    struct pipeline_scene *scene;
    uint64_t next;   /* numbers from here ...                                      */
    uint64_t end;    /* ... to there, and then nothing more for the present        */
    bool ends;       /* ... or ever                                                */
    uint64_t breaks; /* unless 0: its driver is broken when it has come so far   */
    uint64_t told;   /* cumulative: all below */
    unsigned opened;
    unsigned closed;
};

struct pipeline_scene {
    struct rig rig;
    weir_pipeline *pipeline;
    weir_pipeline_options options; /* source, contexts, context and handlers are the scene's   */
    weir_pipeline_batcher batchers[4];
    weir_source_driver driver;
    weir_sink sink;
    weir_rate *rate; /* unless NULL: closed behind the pipeline */
    struct pipeline_scene_source sources[PIPELINE_SCENE_SOURCES];
    void *contexts[PIPELINE_SCENE_SOURCES];
    const char *does[PIPELINE_SCENE_NUMBERS];
    const char *batch_does[PIPELINE_SCENE_NUMBERS];
    uint32_t handled[PIPELINE_SCENE_NUMBERS]; /* atomic: times, by handle_message         */
    uint32_t batched[PIPELINE_SCENE_NUMBERS]; /* atomic: times, by handle_batch or a sink */
    uint32_t brought[PIPELINE_SCENE_NUMBERS]; /* by its source, times                     */
    uint32_t settled[PIPELINE_SCENE_NUMBERS]; /* likewise                                 */
    weir_outcome outcomes[PIPELINE_SCENE_NUMBERS];
    weir_discard whys[PIPELINE_SCENE_NUMBERS];
    bool quiet;
    uint32_t sink_lost;  /* atomic */
    uint32_t lost_pulls; /* the sources' one thread's, or the stepper's */
    uint32_t lost_acks;
    uint32_t sink_opened;
    uint32_t sink_closed;
    uint32_t asked;      /* times handle_failed was asked about one  */
    weir_outcome answer; /* what that says; FAILED: nothing     */
    uint32_t observed;
    weir_pipeline_stats stats; /* at the end */
};

/* A rig of that world, or of those options, and an empty scene: a source with so many messages. */
bool pipeline_scene_world(struct pipeline_scene *scene, int world, uint64_t count);
void pipeline_scene_of(struct pipeline_scene *scene, const weir_runtime_options *options,
                       uint64_t count);

/* Its next batcher, with the scene's handle_batch. */
weir_pipeline_batcher *pipeline_scene_batcher(struct pipeline_scene *scene, const char *name,
                                              size_t size);

/* Opens the pipeline. */
void pipeline_scene_open(struct pipeline_scene *scene);
weir_status pipeline_scene_try_open(struct pipeline_scene *scene);

/* Runs until everything is at rest, and for `ns` of virtual time. */
void pipeline_scene_run(struct pipeline_scene *scene, uint64_t ns);

/* Drains, which must be OK; closes all; asserts that each was settled once as often as it was
 * brought, and that nothing is left. */
weir_accounts pipeline_scene_end(struct pipeline_scene *scene);

/* The same without draining before. */
weir_accounts pipeline_scene_close(struct pipeline_scene *scene);

/* What that does when the pipeline is closed, and scene->stats are its last figures. */
weir_accounts pipeline_scene_closed(struct pipeline_scene *scene);

/* Asserts that each message pulled is in one figure. */
void pipeline_scene_expect_balance(const weir_pipeline_stats *stats);

/* Asserts what became of the first source's first: a letter each, as above; ' ': not settled. */
void pipeline_scene_expect(struct pipeline_scene *scene, const char *letters);

#endif
