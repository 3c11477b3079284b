/*
 * Lines: the scene of tests of payload, whose lines say their own number and length.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A source emits lines by copy, up to a limit; a reader checks each of them byte by byte.
 */
#ifndef TESTS_SUPPORT_PAYLOAD_SCENE_H
#define TESTS_SUPPORT_PAYLOAD_SCENE_H

#include "support/chain.h"

struct payload_line {
    weir_bytes text;
    weir_bytes key; /* its number, in digits */
    uint64_t number;
};

extern const weir_event_type payload_lines;
extern const weir_subscribe_options payload_ten; /* of ten events */

extern struct payload_scene {
    struct chain chain;
    uint64_t made, limit, seen;
    uint64_t burst; /* emitted at a time; 0: as many as are asked for  */
    size_t most;    /* bytes of a line                                 */
    uint64_t next;  /* the number that comes next, where there is order */
    bool ordered;
} payload_scene;

void payload_open(struct rig *rig, uint64_t limit, size_t most);

uint32_t payload_length(uint64_t number);
char payload_letter(uint64_t number, size_t at);
void payload_write(char *to, uint64_t number);
bool payload_is_right(const struct payload_line *line);
weir_status payload_emit(weir_stage *self, uint64_t number);

/* A producer; its kind, its callbacks and, unless it has one, its type are the scene's. */
weir_ref payload_source(weir_stage_options options);
weir_ref payload_behind(weir_ref producer, weir_kind kind, chain_handles *handle,
                        weir_subscribe_options how);

/* What stages do: with demand, and with a batch. */
weir_verdict payload_produce(weir_stage *self, uint64_t demand);
weir_verdict payload_read(weir_stage *self, weir_batch batch);
weir_verdict payload_pass_on(weir_stage *self, weir_batch batch);

/* Writes capitals into what is its own, and passes it on / sees nothing but those. */
weir_verdict payload_shout(weir_stage *self, weir_batch batch);
weir_verdict payload_read_shouted(weir_stage *self, weir_batch batch);

#endif
