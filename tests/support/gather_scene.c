/*
 * A scene for parts that gather, delay or conflate: see gather_scene.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/gather_scene.h"

#include "support/cmocka.h"

#include <inttypes.h>
#include <string.h>

struct gather_scene gather_scene;

/* ---- what comes ------------------------------------------------------------------------ */

static void start_again(struct rig *rig, bool owned) {
    struct gather_scene *scene = &gather_scene;
    owned_open(&scene->ledger);
    memset(&scene->inlet, 0,
           offsetof(struct gather_scene, said) - offsetof(struct gather_scene, inlet));
    scene->said.used = 0;
    scene->said.text[0] = '\0';
    scene->batches = scene->events = scene->latest = 0;
    scene->watermark = 0;
    scene->times = false;
    scene->look = NULL;
    scene->owned = owned;
    scene->rig = rig;
}

weir_subscribe_to gather_begin(struct rig *rig, bool owned, size_t max_demand) {
    start_again(rig, owned);
    const weir_inlet_options options = {.name = "in",
                                        .event_bytes = owned ? 0 : sizeof(uint64_t),
                                        .type = owned ? &gather_scene.ledger.type : NULL,
                                        .capacity = 1 << 16};
    assert_int_equal(
        weir_inlet_open(rig->runtime, &options, &gather_scene.inlet, &gather_scene.source),
        WEIR_OK);
    return (weir_subscribe_to){.producer = gather_scene.source,
                               .options = {.max_demand = max_demand}};
}

void gather_push(uint64_t first, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        uint64_t number = first + i;
        struct owned event;
        if (gather_scene.owned) event = owned_make(&gather_scene.ledger);
        const void *events = gather_scene.owned ? (const void *)&event : &number;
        assert_int_equal(weir_inlet_push(gather_scene.inlet, events, 1, 0), WEIR_OK);
    }
    rig_rest(gather_scene.rig);
}

/* ---- what goes ---------------------------------------------------------------------------- */

static uint64_t number_at(const void *events, size_t index) {
    const struct owned *owned = events;
    const uint64_t *flat = events;
    return gather_scene.owned ? owned[index].number : flat[index];
}

/* "1..3 7" */
static void say_numbers(const void *events, size_t count) {
    for (size_t i = 0; i < count;) {
        size_t run = 1;
        while (i + run < count && number_at(events, i + run) == number_at(events, i) + run) run++;
        const char *space = i == 0 ? "" : " ";
        uint64_t first = number_at(events, i);
        if (run > 1) {
            rig_text_add(&gather_scene.said, "%s%" PRIu64 "..%" PRIu64, space, first,
                         first + run - 1);
        } else {
            rig_text_add(&gather_scene.said, "%s%" PRIu64, space, first);
        }
        i += run;
    }
    rig_text_add(&gather_scene.said, "\n");
}

static void look_at_owned(const void *events, size_t count) {
    const struct owned *owned = events;
    for (size_t i = 0; gather_scene.owned && i < count; i++) {
        owned_look(&gather_scene.ledger, &owned[i]);
    }
}

static void say_time(const weir_stage *self) {
    if (gather_scene.times) {
        uint64_t now = weir_runtime_now(weir_stage_runtime(self));
        rig_text_add(&gather_scene.said, "%" PRIu64 " ms: ", now / GATHER_MS);
    }
}

static weir_verdict take_batch(weir_stage *self, const weir_gathered *batch) {
    static const char *const words[] = {"size", "bytes", "time", "flush", "keys", "end"};
    RIG_CHECK(gather_scene.rig, batch->count > 0 && (unsigned)batch->trigger <= WEIR_BY_END);
    RIG_CHECK(gather_scene.rig, batch->closed_ns >= batch->began_ns);
    uint64_t open = batch->closed_ns - batch->began_ns;
    gather_scene.latest = open > gather_scene.latest ? open : gather_scene.latest;
    gather_scene.batches++;
    gather_scene.events += batch->count;
    look_at_owned(batch->events, batch->count);
    say_time(self);
    rig_text_add(&gather_scene.said, "%s %u of key %" PRIu64 ": ", words[batch->trigger],
                 batch->count, batch->key);
    say_numbers(batch->events, batch->count);
    return gather_scene.look != NULL ? gather_scene.look(self, batch) : WEIR_CONTINUE;
}

static weir_verdict take_batches(weir_stage *self, weir_batch batch) {
    const weir_gathered *batches = batch.events;
    weir_verdict verdict = WEIR_CONTINUE;
    for (size_t i = 0; i < batch.count && verdict == WEIR_CONTINUE; i++) {
        verdict = take_batch(self, &batches[i]);
    }
    return verdict;
}

static weir_verdict take_events(weir_stage *self, weir_batch batch) {
    gather_scene.batches++;
    gather_scene.events += batch.count;
    look_at_owned(batch.events, batch.count);
    uint64_t ms = weir_runtime_now(weir_stage_runtime(self)) / GATHER_MS;
    if (gather_scene.times && gather_scene.said.used > 0 && ms == gather_scene.line_ms) {
        gather_scene.said.text[gather_scene.said.used - 1] = ' '; /* the line goes on */
    } else {
        say_time(self);
    }
    gather_scene.line_ms = ms;
    say_numbers(batch.events, batch.count);
    return WEIR_CONTINUE;
}

static weir_verdict say_mark(weir_stage *self, const weir_peer *from, const weir_mark *mark) {
    static const char *const kinds[] = {"mark", "watermark", "flush", "end of file"};
    (void)from;
    say_time(self);
    rig_text_add(&gather_scene.said, "%s %" PRIu64 "\n",
                 kinds[mark->kind <= WEIR_MARK_END_OF_FILE ? mark->kind : 0], mark->value);
    gather_scene.line_ms = UINT64_MAX; /* events behind it have a line of their own */
    gather_scene.watermark =
        mark->kind == WEIR_MARK_WATERMARK ? mark->value : gather_scene.watermark;
    return WEIR_CONTINUE;
}

static weir_subscribe_verdict by_hand(weir_stage *self, const weir_peer *peer) {
    (void)self;
    gather_scene.feed = peer->subscription;
    return WEIR_MANUAL;
}

void gather_sink(bool batches, size_t max_demand) {
    const weir_subscribe_to to = {.producer = gather_scene.part,
                                  .options = {.max_demand = max_demand}};
    const weir_stage_options sink = {.kind = WEIR_CONSUMER,
                                     .name = "sink",
                                     .subscribe_to = &to,
                                     .subscribe_count = 1,
                                     .on = {.handle_events = batches ? take_batches : take_events,
                                            .handle_mark = say_mark,
                                            .handle_subscribe = max_demand == 0 ? by_hand : NULL}};
    assert_int_equal(weir_stage_start(gather_scene.rig->runtime, &sink, &gather_scene.sink),
                     WEIR_OK);
    rig_rest(gather_scene.rig);
}

void gather_ask(uint64_t count) {
    assert_int_equal(weir_ask(gather_scene.rig->runtime, gather_scene.feed, count), WEIR_OK);
    rig_rest(gather_scene.rig);
}

void gather_until(uint64_t ms) {
    weir_runtime *runtime = gather_scene.rig->runtime;
    uint64_t now = weir_runtime_now(runtime);
    assert_true(now < ms * GATHER_MS);
    assert_int_equal(weir_runtime_advance(runtime, ms * GATHER_MS - now), WEIR_OK);
    rig_rest(gather_scene.rig);
}

/* ---- what is asserted ------------------------------------------------------------------------ */

void gather_expect(const char *expected) {
    rig_text_expect(&gather_scene.said, expected);
}

void gather_expect_kept(uint64_t count) {
    weir_counters_stage stats;
    assert_int_equal(weir_stage_stats(gather_scene.rig->runtime, gather_scene.part, &stats),
                     WEIR_OK);
    assert_int_equal(stats.stashed, count);
}

void gather_finish(void) {
    assert_int_equal(weir_inlet_finish(gather_scene.inlet), WEIR_OK);
    assert_int_equal(weir_runtime_run(gather_scene.rig->runtime, WEIR_FOREVER), WEIR_OK);
}

void gather_drain(void) {
    assert_int_equal(weir_runtime_drain(gather_scene.rig->runtime, WEIR_FOREVER, NULL), WEIR_OK);
}

void gather_close(const char *fates) {
    struct rig *rig = gather_scene.rig;
    weir_inlet_close(gather_scene.inlet);
    weir_accounts accounts;
    assert_int_equal(weir_runtime_close(rig->runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(rig, &accounts);
    if (gather_scene.owned) {
        owned_expect(&gather_scene.ledger, fates);
    }
}
