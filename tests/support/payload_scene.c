/*
 * Lines: see payload_scene.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/payload_scene.h"

#include <stdio.h>
#include <string.h>

const weir_event_type payload_lines = {.bytes = sizeof(struct payload_line), .spans = 2};

const weir_subscribe_options payload_ten = {
    .max_demand = 10, .min_demand = 5, .cancel = WEIR_TEMPORARY};

struct payload_scene payload_scene;

void payload_open(struct rig *rig, uint64_t limit, size_t most) {
    memset(&payload_scene, 0, sizeof payload_scene);
    payload_scene.chain = (struct chain){.rig = rig, .type = &payload_lines};
    payload_scene.limit = limit;
    payload_scene.most = most;
}

/* ---- lines -------------------------------------------------------------------- */

uint32_t payload_length(uint64_t number) {
    return (uint32_t)(number * 2654435761u % 997 * (payload_scene.most / 997 + 1) %
                      (payload_scene.most + 1));
}

char payload_letter(uint64_t number, size_t at) {
    return (char)('a' + (number + at) % 26);
}

void payload_write(char *to, uint64_t number) {
    for (uint32_t i = 0; i < payload_length(number); i++) to[i] = payload_letter(number, i);
}

bool payload_is_right(const struct payload_line *line) {
    char key[24];
    int bytes = snprintf(key, sizeof key, "%llu", (unsigned long long)line->number);
    if (line->text.count != payload_length(line->number)) return false;
    if (line->key.count != (uint32_t)bytes) return false;
    if (memcmp(line->key.at, key, line->key.count) != 0) return false;
    for (uint32_t i = 0; i < line->text.count; i++) {
        if (line->text.at[i] != payload_letter(line->number, i)) return false;
    }
    return true;
}

weir_status payload_emit(weir_stage *self, uint64_t number) {
    static char text[1 << 17];
    char key[24];
    payload_write(text, number);
    int bytes = snprintf(key, sizeof key, "%llu", (unsigned long long)number);
    const struct payload_line line = {.text = {text, payload_length(number), 0},
                                      .key = {key, (uint32_t)bytes, 0},
                                      .number = number};
    return weir_emit(self, &line, 1);
}

/* ---- stages ---------------------------------------------------------------------- */

weir_verdict payload_produce(weir_stage *self, uint64_t demand) {
    uint64_t count = payload_scene.burst > 0 ? payload_scene.burst : demand;
    for (; count > 0 && payload_scene.made < payload_scene.limit; count--) {
        RIG_CHECK(payload_scene.chain.rig, payload_emit(self, payload_scene.made) == WEIR_OK);
        payload_scene.made++;
    }
    return WEIR_CONTINUE;
}

weir_verdict payload_read(weir_stage *self, weir_batch batch) {
    const struct payload_line *line = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        RIG_CHECK(payload_scene.chain.rig, payload_is_right(&line[i]));
        RIG_CHECK(payload_scene.chain.rig,
                  !payload_scene.ordered || line[i].number == payload_scene.next);
        payload_scene.next++;
    }
    payload_scene.seen += batch.count;
    return WEIR_CONTINUE;
}

weir_verdict payload_pass_on(weir_stage *self, weir_batch batch) {
    payload_read(self, batch);
    return weir_forward(self);
}

/* Each writes capitals into its own. */
weir_verdict payload_shout(weir_stage *self, weir_batch batch) {
    payload_read(self, batch);
    struct payload_line *mine = weir_own(self);
    RIG_CHECK(payload_scene.chain.rig, mine != NULL);
    for (size_t i = 0; mine != NULL && i < batch.count; i++) {
        char *text = (char *)(uintptr_t)mine[i].text.at;
        for (uint32_t k = 0; k < mine[i].text.count; k++) text[k] = (char)(text[k] - 'a' + 'A');
    }
    return weir_forward(self);
}

weir_verdict payload_read_shouted(weir_stage *self, weir_batch batch) {
    const struct payload_line *line = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        for (uint32_t k = 0; k < line[i].text.count; k++) {
            char letter = (char)(payload_letter(line[i].number, k) - 'a' + 'A');
            RIG_CHECK(payload_scene.chain.rig, line[i].text.at[k] == letter);
        }
    }
    payload_scene.seen += batch.count;
    return WEIR_CONTINUE;
}

weir_ref payload_source(weir_stage_options options) {
    options.kind = WEIR_PRODUCER;
    options.on.handle_demand = payload_produce;
    return chain_start(&payload_scene.chain, options);
}

weir_ref payload_behind(weir_ref producer, weir_kind kind, chain_handles *handle,
                        weir_subscribe_options how) {
    return chain_behind(&payload_scene.chain, producer, kind, handle, how);
}
