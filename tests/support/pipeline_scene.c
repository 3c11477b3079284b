/*
 * A scene for pipelines.  See pipeline_scene.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/pipeline_scene.h"

#include "base/atomic.h"
#include "support/cmocka.h"

#include <stdio.h>
#include <string.h>

/* ---- the source ----------------------------------------------------------------- */

static weir_pulled source_open(void *context) {
    struct pipeline_scene_source *source = context;
    source->opened++;
    return WEIR_PULLED;
}

static weir_pulled source_pull(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                               uint64_t timeout_ns) {
    struct pipeline_scene_source *source = context;
    struct pipeline_scene *scene = source->scene;
    (void)bytes, (void)timeout_ns;
    const uint64_t before = source->next;
    while (source->next < source->end && source->next - before < events) {
        const weir_incoming incoming = {
            .data = {.at = (const char *)&source->next, .count = sizeof source->next},
            .token = source->next,
            .position = source->next + 1,
        };
        if (!weir_pull_add(pull, &incoming)) break;
        scene->brought[source->next++]++;
    }
    if (source->breaks > 0 && source->next >= source->breaks) return WEIR_BROKEN;
    if (source->next > before && scene->lost_pulls > 0) {
        scene->lost_pulls--;
        return WEIR_LOST;
    }
    return source->next > before                         ? WEIR_PULLED
           : source->next == source->end && source->ends ? WEIR_SOURCE_END
                                                         : WEIR_IDLE;
}

static void settle_one(struct pipeline_scene_source *source, uint64_t number, const weir_ack *ack) {
    struct pipeline_scene *scene = source->scene;
    RIG_CHECK(&scene->rig, number < PIPELINE_SCENE_NUMBERS);
    RIG_CHECK(&scene->rig, scene->settled[number] < scene->brought[number]);
    RIG_CHECK(&scene->rig, source->closed == 0);
    scene->settled[number]++;
    scene->outcomes[number] = ack->outcome;
    scene->whys[number] = ack->why;
}

static weir_pulled source_ack(void *context, const weir_ack *acks, size_t count) {
    struct pipeline_scene_source *source = context;
    struct pipeline_scene *scene = source->scene;
    if (scene->lost_acks > 0) {
        scene->lost_acks--;
        return WEIR_LOST;
    }
    for (size_t i = 0; i < count; i++) {
        if (scene->driver.cumulative) {
            for (; source->told + 1 < acks[i].position; source->told++) {
                settle_one(source, source->told, &acks[i]);
            }
        } else {
            settle_one(source, acks[i].token, &acks[i]);
        }
    }
    return WEIR_PULLED;
}

static void source_close(void *context) {
    struct pipeline_scene_source *source = context;
    source->closed++;
}

/* ---- its callbacks ----------------------------------------------------------------- */

static uint64_t number_of(const weir_message *message) {
    uint64_t number = 0;
    memcpy(&number, message->data.at, sizeof number);
    return number;
}

/* The letter for that time, and the digit before it. */
static char letter_of(const char *word, uint32_t time, uint16_t *batcher) {
    char letter = 'o';
    for (; word != NULL && *word != '\0'; word++) {
        if (*word >= '0' && *word <= '9') {
            if (batcher != NULL) *batcher = (uint16_t)(*word - '0');
        } else {
            letter = *word;
            if (time-- == 0) break;
        }
    }
    return letter;
}

static weir_outcome outcome_of(char letter) {
    switch (letter) {
    case 's':
        return WEIR_MESSAGE_SKIP;
    case 'f':
        return WEIR_MESSAGE_FAILED;
    case 'r':
        return WEIR_MESSAGE_RETRY;
    case 'd':
        return WEIR_MESSAGE_DEAD;
    case 'n':
        return WEIR_MESSAGE_NAK;
    case 'b':
        return (weir_outcome)77;
    default:
        return WEIR_MESSAGE_OK;
    }
}

enum { WRITTEN_BYTES = 100 };

/* Its number, and bytes that say so; without memory it is as it was. */
static void write_anew(weir_work *work, uint64_t number) {
    char bytes[WRITTEN_BYTES];
    memset(bytes, (int)(number % 251), sizeof bytes);
    memcpy(bytes, &number, sizeof number);
    if (number % 2 == 0) {
        weir_work_set(work, bytes, sizeof bytes);
        return;
    }
    char *room = weir_work_room(work, sizeof bytes);
    if (room != NULL) memcpy(room, bytes, sizeof bytes);
}

static bool is_as_written(const weir_message *message) {
    const unsigned char *at = (const unsigned char *)message->data.at;
    if (message->data.count != WRITTEN_BYTES) return message->data.count == sizeof(uint64_t);
    for (size_t i = sizeof(uint64_t); i < WRITTEN_BYTES; i++) {
        if (at[i] != number_of(message) % 251) return false;
    }
    return true;
}

static weir_outcome handle_message(void *context, weir_work *work, weir_message *message) {
    struct pipeline_scene *scene = context;
    const uint64_t number = number_of(message);
    const uint32_t time = weir__fetch_add_u32(&scene->handled[number], 1);
    const char letter = letter_of(scene->does[number], time, &message->batcher);
    RIG_CHECK(&scene->rig, number < PIPELINE_SCENE_NUMBERS);
    if (letter == '+') weir_work_more(work);
    if (letter == 'a') weir_work_ack(work);
    if (letter == 'w') write_anew(work, number);
    return outcome_of(letter);
}

static void say_batch(struct pipeline_scene *scene, const weir_message *messages, size_t count,
                      const weir_batch_info *batch) {
    char text[512];
    size_t used = (size_t)snprintf(text, sizeof text, "%s:", batch->batcher);
    for (size_t i = 0; i < count && used < sizeof text - 32; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, " %llu",
                                 (unsigned long long)number_of(&messages[i]));
    }
    if (batch->attempt > 1) {
        snprintf(text + used, sizeof text - used, " #%u", batch->attempt);
    }
    rig_say(&scene->rig, "%s", text);
}

static void handle_each(struct pipeline_scene *scene, weir_message *messages, size_t count,
                        const weir_batch_info *batch) {
    if (!scene->quiet) say_batch(scene, messages, count, batch);
    for (size_t i = 0; i < count; i++) {
        const uint64_t number = number_of(&messages[i]);
        const uint32_t time = weir__fetch_add_u32(&scene->batched[number], 1);
        RIG_CHECK(&scene->rig, is_as_written(&messages[i]));
        messages[i].outcome = (uint8_t)outcome_of(letter_of(scene->batch_does[number], time, NULL));
    }
}

static weir_outcome handle_batch(void *context, weir_message *messages, size_t count,
                                 const weir_batch_info *batch) {
    handle_each(context, messages, count, batch);
    return WEIR_MESSAGE_OK;
}

static bool count_down(uint32_t *counter) {
    uint32_t left = weir__load_relaxed_u32(counter);
    if (left > 0) weir__store_relaxed_u32(counter, left - 1);
    return left > 0;
}

static weir_pulled sink_open(void *context) {
    struct pipeline_scene *scene = context;
    scene->sink_opened++;
    return count_down(&scene->sink_lost) ? WEIR_LOST : WEIR_PULLED;
}

static weir_pulled sink_write(void *context, weir_message *messages, size_t count,
                              const weir_batch_info *batch) {
    struct pipeline_scene *scene = context;
    if (count_down(&scene->sink_lost)) return WEIR_LOST;
    handle_each(scene, messages, count, batch);
    return WEIR_PULLED;
}

static void sink_close(void *context) {
    struct pipeline_scene *scene = context;
    scene->sink_closed++;
}

/* ---- opening ------------------------------------------------------------------------ */

static void set_scene(struct pipeline_scene *scene, uint64_t count) {
    scene->driver = (weir_source_driver){.name = "scene",
                                         .open = source_open,
                                         .pull = source_pull,
                                         .ack = source_ack,
                                         .close = source_close};
    scene->sink = (weir_sink){.name = "scene",
                              .idempotent = true,
                              .open = sink_open,
                              .write = sink_write,
                              .close = sink_close};
    scene->options =
        (weir_pipeline_options){.name = "p",
                                .context = scene,
                                .source = &scene->driver,
                                .source_contexts = scene->contexts,
                                .source_count = 1,
                                .processors = {.count = 1, .handle_message = handle_message}};
    for (unsigned i = 0; i < PIPELINE_SCENE_SOURCES; i++) {
        const uint64_t first = i * (uint64_t)PIPELINE_SCENE_EACH;
        scene->sources[i] = (struct pipeline_scene_source){
            .scene = scene, .next = first, .end = first + count, .told = first};
        scene->contexts[i] = &scene->sources[i];
    }
}

static void clear_scene(struct pipeline_scene *scene) {
    const struct rig rig = scene->rig;
    memset(scene, 0, sizeof *scene);
    scene->rig = rig;
}

bool pipeline_scene_world(struct pipeline_scene *scene, int world, uint64_t count) {
    clear_scene(scene);
    if (!rig_open_world(&scene->rig, world)) return false;
    set_scene(scene, count);
    return true;
}

void pipeline_scene_of(struct pipeline_scene *scene, const weir_runtime_options *options,
                       uint64_t count) {
    clear_scene(scene);
    rig_open(&scene->rig, options);
    set_scene(scene, count);
}

weir_pipeline_batcher *pipeline_scene_batcher(struct pipeline_scene *scene, const char *name,
                                              size_t size) {
    weir_pipeline_batcher *batcher = &scene->batchers[scene->options.batcher_count++];
    scene->options.batchers = scene->batchers;
    *batcher = (weir_pipeline_batcher){.name = name, .size = size, .handle_batch = handle_batch};
    return batcher;
}

weir_status pipeline_scene_try_open(struct pipeline_scene *scene) {
    return weir_pipeline_open(scene->rig.runtime, &scene->options, &scene->pipeline);
}

void pipeline_scene_open(struct pipeline_scene *scene) {
    const weir_status status = pipeline_scene_try_open(scene);
    if (status != WEIR_OK) fail_msg("%s: %s", weir_status_name(status), weir_refusal());
}

void pipeline_scene_run(struct pipeline_scene *scene, uint64_t ns) {
    assert_int_equal(weir_runtime_settle(scene->rig.runtime, WEIR_FOREVER), WEIR_OK);
    if (ns > 0) assert_int_equal(weir_runtime_advance(scene->rig.runtime, ns), WEIR_OK);
}

/* ---- its end -------------------------------------------------------------------------- */

void pipeline_scene_expect_balance(const weir_pipeline_stats *stats) {
    assert_int_equal(stats->pulled, stats->acked + stats->naks + stats->lost_acks +
                                        stats->forgotten + stats->left + stats->outstanding);
}

static void expect_all_settled(const struct pipeline_scene *scene) {
    const weir_pipeline_stats *stats = &scene->stats;
    const uint64_t left = stats->lost_acks + stats->left;
    uint64_t brought = 0;
    uint64_t untold = 0;
    for (size_t i = 0; i < PIPELINE_SCENE_NUMBERS; i++) {
        brought += scene->brought[i];
        untold += scene->brought[i] - scene->settled[i];
        if (untold > left) {
            fail_msg("message %zu: brought %u times, settled %u times", i, scene->brought[i],
                     scene->settled[i]);
        }
    }
    assert_int_equal(untold, left);
    assert_int_equal(brought, stats->pulled);
    assert_int_equal(brought - untold, stats->acked + stats->naks);
    assert_int_equal(stats->forgotten + stats->outstanding, 0);
    pipeline_scene_expect_balance(stats);
    for (unsigned i = 0; i < PIPELINE_SCENE_SOURCES; i++) {
        assert_int_equal(scene->sources[i].closed, scene->sources[i].opened > 0);
    }
}

weir_accounts pipeline_scene_close(struct pipeline_scene *scene) {
    const weir_status status = weir_pipeline_close(scene->pipeline, &scene->stats);
    if (status != WEIR_OK) fail_msg("close: %s: %s", weir_status_name(status), weir_refusal());
    return pipeline_scene_closed(scene);
}

weir_accounts pipeline_scene_closed(struct pipeline_scene *scene) {
    weir_accounts accounts;
    weir_rate_close(scene->rate);
    assert_int_equal(weir_runtime_close(scene->rig.runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(&scene->rig, &accounts);
    expect_all_settled(scene);
    assert_int_equal(scene->sink_closed > 0, scene->sink_opened > 0);
    return accounts;
}

weir_accounts pipeline_scene_end(struct pipeline_scene *scene) {
    assert_int_equal(weir_pipeline_drain(scene->pipeline, UINT64_C(60000000000)), WEIR_OK);
    return pipeline_scene_close(scene);
}

void pipeline_scene_expect(struct pipeline_scene *scene, const char *letters) {
    static const char words[] = "osdfrn";
    char found[512] = {0};
    const size_t count = strlen(letters);
    assert_true(count < sizeof found);
    for (size_t i = 0; i < count; i++) {
        const bool dropped = scene->whys[i] != WEIR_DISCARD_HANDLED;
        found[i] = scene->settled[i] == 0 ? ' ' : dropped ? 'n' : words[scene->outcomes[i]];
    }
    assert_string_equal(found, letters);
}
