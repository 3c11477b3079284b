/*
 * A source to test: see source_scene.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/source_scene.h"

#include "base/atomic.h"
#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>

struct source_scene source_scene;

static struct source_scene *const f = &source_scene;

/* ---- the driver ---------------------------------------------------------------------------- */

static void enter(bool open) {
    RIG_CHECK(f->rig, weir__fetch_add_u32(&f->within, 1) == 0); /* one at a time */
    RIG_CHECK(f->rig, f->is_open == open);
    RIG_CHECK(f->rig, !f->is_closed);
}

static weir_pulled leave(weir_pulled said) {
    weir__fetch_sub_u32(&f->within, 1);
    if (said == WEIR_LOST || said == WEIR_BROKEN) {
        f->is_open = false;
    }
    return said;
}

static bool happens(int *times) {
    if (*times > 0) {
        --*times;
        return true;
    }
    return false;
}

static weir_pulled scene_open(void *context) {
    (void)context;
    enter(false);
    f->opens++;
    if (happens(&f->lose_opens)) return leave(WEIR_LOST);
    f->is_open = true;
    return leave(WEIR_PULLED);
}

/* The next message; false: it has no room. */
static bool add_next(weir_pull *pull) {
    uint64_t number = f->made;
    unsigned lane = f->lanes > 0 ? (unsigned)(number % f->lanes) : 0;
    weir_incoming incoming = {.token = number,
                              .time = number + 1,
                              .lane = lane,
                              .position = f->next_position[lane],
                              .deliveries = 0,
                              .lent = f->lends};
    uint64_t own = number;
    uint64_t *data = &own;
    if (f->lends) {
        data = malloc(sizeof *data);
        *data = number;
    }
    incoming.data = (weir_bytes){.at = (const char *)data, .count = sizeof *data};
    incoming.key = (weir_bytes){.at = "key", .count = (uint32_t)(number % 4)};
    if (f->lends) {
        incoming.token = (uintptr_t)data; /* which says the number */
    }
    if (f->lends) {
        incoming.key.count = 0;
    }
    if (!weir_pull_add(pull, &incoming)) {
        if (f->lends) free(data);
        f->refused++;
        return false;
    }
    f->tokens[number].added++;
    f->next_position[lane] += 1 + number % 3;
    f->made++;
    return true;
}

static weir_pulled scene_pull(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                              uint64_t timeout_ns) {
    (void)context, (void)timeout_ns;
    enter(true);
    f->pulls++;
    f->most_asked = events > f->most_asked ? events : f->most_asked;
    RIG_CHECK(f->rig, events > 0 && bytes > 0);
    if (f->breaks) return leave(WEIR_BROKEN);
    if (f->revokes) {
        f->revokes = false;
        f->revoking = true;
        if (f->meanwhile != NULL) f->meanwhile();
        for (unsigned lane = 0; lane < (f->revokes_all ? f->lanes : 1); lane++) {
            weir_pull_revoke(pull, lane, f->revoke_wait);
        }
        f->revoking = false;
        if (!f->is_open) return leave(WEIR_PULLED); /* an ack has met LOST */
    }
    uint64_t most = events < f->portion ? events : f->portion;
    uint64_t before = f->made;
    for (most += f->overfull; most > 0 && f->made < f->total && add_next(pull); most--) {}
    if (happens(&f->lose_pulls)) return leave(WEIR_LOST);
    if (f->made == before)
        return leave(f->made < f->total || f->stays ? WEIR_IDLE : WEIR_SOURCE_END);
    return leave(WEIR_PULLED);
}

static uint64_t number_of(uint64_t token) {
    return f->lends ? *(const uint64_t *)(uintptr_t)token : token;
}

/* Pushed messages have numbers as well, and may have a pulled one's. */
static bool is_settled(const struct source_token *token) {
    return __atomic_load_n(&token->settled, __ATOMIC_RELAXED) > 0;
}

static void ack_one(const weir_ack *ack) {
    struct source_token *token = &f->tokens[number_of(ack->token)];
    RIG_CHECK(f->rig, token->added == 1);
    RIG_CHECK(f->rig, token->acks == 0);
    RIG_CHECK(f->rig, ack->outcome >= WEIR_MESSAGE_FAILED || is_settled(token) ||
                          ack->why == WEIR_DISCARD_UNWANTED);
    token->acks++;
    token->outcome = (uint8_t)ack->outcome;
    token->why = (uint8_t)ack->why;
    token->reason = ack->reason;
}

/* All of the lane that is below it is settled. */
static void ack_lane(const weir_ack *ack) {
    unsigned lane = ack->lane;
    RIG_CHECK(f->rig, ack->position > f->below[lane]);
    uint64_t position = 0;
    for (uint64_t number = lane; number < f->made; number += f->lanes) {
        struct source_token *token = &f->tokens[number];
        if (position < ack->position && token->acks == 0) {
            RIG_CHECK(f->rig, is_settled(token));
            token->acks = 1;
        }
        position += 1 + number % 3;
    }
    f->below[lane] = ack->position;
}

static weir_pulled scene_ack(void *context, const weir_ack *acks, size_t count) {
    (void)context;
    if (!f->revoking) enter(true); /* the one place where it is within a pull */
    RIG_CHECK(f->rig, f->is_open);
    RIG_CHECK(f->rig, count > 0);
    f->acks++;
    bool lost = happens(&f->lose_acks);
    for (size_t i = 0; i < count && !lost; i++) {
        if (f->driver.cumulative) {
            ack_lane(&acks[i]);
        } else {
            ack_one(&acks[i]);
        }
    }
    weir_pulled said = lost ? WEIR_LOST : WEIR_PULLED;
    if (lost) f->is_open = false;
    return f->revoking ? said : leave(said);
}

static void scene_release(void *context, uint64_t token) {
    (void)context;
    uint64_t *data = (uint64_t *)(uintptr_t)token;
    RIG_CHECK(f->rig, f->tokens[*data].released == 0);
    f->tokens[*data].released++;
    free(data);
}

static void scene_extend(void *context, const uint64_t *tokens, size_t count) {
    (void)context;
    enter(true);
    for (size_t i = 0; i < count; i++) {
        struct source_token *token = &f->tokens[number_of(tokens[i])];
        RIG_CHECK(f->rig, token->added == 1 && token->acks == 0);
        token->extended++;
    }
    leave(WEIR_PULLED);
}

static void scene_wake(void *context) {
    (void)context;
    weir__fetch_add_u64(&f->wakes, 1);
}

static void scene_close(void *context) {
    (void)context;
    enter(f->is_open);
    f->is_closed = true;
    leave(WEIR_PULLED);
}

/* ---- the scene ----------------------------------------------------------------------------- */

struct source_scene *source_scene_begin(struct rig *rig, uint64_t total) {
    memset(f, 0, sizeof *f);
    f->rig = rig;
    f->total = total;
    f->portion = UINT64_MAX;
    f->parts = 1;
    f->driver = (weir_source_driver){.name = "scene",
                                     .open = scene_open,
                                     .pull = scene_pull,
                                     .ack = scene_ack,
                                     .release = scene_release,
                                     .wake = scene_wake,
                                     .close = scene_close};
    f->options = (weir_source_options){.driver = &f->driver};
    return f;
}

void source_scene_open(void) {
    if (f->driver.lease_ns > 0) f->driver.extend = scene_extend;
    if (f->driver.cumulative && f->lanes == 0) f->lanes = 1;
    assert_int_equal(weir_source_open(f->rig->runtime, &f->options, &f->source, &f->stage),
                     WEIR_OK);
}

uint64_t source_number(const weir_message *message) {
    uint64_t number = UINT64_MAX;
    if (message->data.count == sizeof number) memcpy(&number, message->data.at, sizeof number);
    return number;
}

void source_settles(const weir_message *message) {
    uint64_t number = source_number(message);
    RIG_CHECK(f->rig, number < f->total);
    if (number < f->total) __atomic_store_n(&f->tokens[number].settled, 1, __ATOMIC_RELAXED);
}

struct consumer {
    source_does *does;
};

static weir_verdict consume(weir_stage *self, weir_batch batch) {
    const struct consumer *consumer = weir_state(self);
    weir_message *messages = weir_own(self);
    for (size_t i = 0; i < batch.count; i++) {
        weir_message *message = &messages[i];
        uint64_t number = source_number(message);
        RIG_CHECK(f->rig, number < f->total);
        bool last = weir__fetch_add_u32(&f->tokens[number].handled, 1) + 1 >= f->parts;
        message->outcome =
            (uint8_t)(consumer->does == NULL ? WEIR_MESSAGE_OK : consumer->does(number));
        message->reason = (int32_t)number;
        if (last && message->outcome < WEIR_MESSAGE_FAILED) source_settles(message);
    }
    return WEIR_CONTINUE;
}

weir_ref source_consume(source_does *does, size_t max_demand) {
    const struct consumer state = {.does = does};
    const weir_subscribe_to to = {.producer = f->stage, .options = {.max_demand = max_demand}};
    const weir_stage_options options = {.kind = WEIR_CONSUMER,
                                        .name = "consumer",
                                        .state = &state,
                                        .state_bytes = sizeof state,
                                        .subscribe_to = &to,
                                        .subscribe_count = 1,
                                        .on = {.handle_events = consume}};
    weir_ref ref;
    assert_int_equal(weir_stage_start(f->rig->runtime, &options, &ref), WEIR_OK);
    return ref;
}

void source_expect(weir_outcome outcome, uint64_t count) {
    uint64_t found = 0;
    for (uint64_t i = 0; i < f->made; i++) {
        found += f->tokens[i].acks == 1 && f->tokens[i].outcome == outcome;
    }
    assert_int_equal(found, count);
}

void source_expect_all(void) {
    for (uint64_t i = 0; i < f->made; i++) {
        assert_int_equal(f->tokens[i].added, 1);
        assert_int_equal(f->tokens[i].acks, 1);
        assert_int_equal(f->tokens[i].released, f->lends ? 1 : 0);
    }
}

weir_source_stats source_scene_close(void) {
    weir_source_stats stats;
    assert_int_equal(weir_source_drain(f->source, 0, WEIR_FOREVER), WEIR_OK);
    assert_true(f->is_closed || f->opens == 0);
    assert_int_equal(weir_source_statistics(f->source, &stats), WEIR_OK);
    assert_int_equal(stats.pulled, f->made);
    assert_int_equal(stats.pulled,
                     stats.acked + stats.naks + stats.lost_acks + stats.forgotten + stats.left);
    assert_int_equal(weir_source_close(f->source), WEIR_OK);
    return stats;
}

void source_scene_end(void) {
    weir_accounts accounts;
    assert_int_equal(weir_runtime_close(f->rig->runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(f->rig, &accounts);
}
