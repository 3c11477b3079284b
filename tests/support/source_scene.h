/*
 * A source to test, with a driver that makes messages, and knows what became of each.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Messages have numbers from 0, which are their tokens, and their data.  The driver checks what it
 * is promised: calls one at a time, none before open nor behind close, each token acked once,
 * positions that pass nothing unsettled, memory that is lent released once.  What does not hold is
 * told to the rig (RIG_CHECK).
 */
#ifndef TESTS_SUPPORT_SOURCE_SCENE_H
#define TESTS_SUPPORT_SOURCE_SCENE_H

#include "support/rig.h"

enum { SOURCE_MOST = 1 << 16, SOURCE_LANES = 4 };

struct source_token {
    uint8_t added;
    uint8_t acks;     /* accepted; of a cumulative source: it is below its lane's position */
    uint8_t released; /* memory that was lent */
    uint8_t settled;  /* as whoever handles them says: see source_settles */
    uint8_t outcome;  /* with which it was acked */
    uint8_t why;
    int32_t reason;
    uint32_t extended;
    uint32_t handled; /* atomic: by the consumers of source_consume */
};

struct source_scene {
    struct rig *rig;
    weir_source_driver driver;
    weir_source_options options;
    weir_source *source;
    weir_ref stage;

    /* how the driver behaves; before it is opened, or between calls */
    uint64_t total; /* that it makes; then END, or IDLE where it `stays` */
    bool stays;
    uint64_t portion; /* in a pull, at most */
    bool lends;
    uint32_t parts; /* each becomes so many, before the consumers see it */
    unsigned lanes; /* messages go round */
    int lose_opens; /* so many of the next calls say LOST: of open / pull, having added / ack */
    int lose_pulls;
    int lose_acks;
    bool breaks;      /* the next pull says BROKEN */
    bool revokes;     /* the next pull revokes lane 0, and begins it anew where it was acked last */
    bool revokes_all; /* ... and then all other lanes, which it leaves */
    uint64_t revoke_wait;
    void (*meanwhile)(void); /* unless NULL: in that pull, before it revokes */
    uint64_t overfull;       /* adds so many more than it was asked for */

    /* what it has seen */
    uint64_t made;
    uint64_t refused; /* by weir_pull_add */
    uint64_t pulls;
    uint64_t most_asked;
    uint64_t opens;
    uint64_t acks;
    uint64_t wakes;
    bool is_open;
    bool is_closed;
    bool revoking;
    uint32_t within; /* a call of it runs: atomic */
    uint64_t below[SOURCE_LANES];
    uint64_t next_position[SOURCE_LANES];
    struct source_token tokens[SOURCE_MOST];
};

extern struct source_scene source_scene;

/* Sets all back, with the rig and these; then the test sets what it likes, and opens. */
struct source_scene *source_scene_begin(struct rig *rig, uint64_t total);
void source_scene_open(void);

/* Its number. */
uint64_t source_number(const weir_message *message);

/* Whoever handles it says that it is settled now, before weir can know. */
void source_settles(const weir_message *message);

/* A consumer that handles messages; `does`, unless NULL, is asked for each's outcome. */
typedef weir_outcome source_does(uint64_t number);
weir_ref source_consume(source_does *does, size_t max_demand);

/* Asserts how many of the tokens that were added were acked with that, each once. */
void source_expect(weir_outcome outcome, uint64_t count);

/* Asserts that each token which was added was acked once, and released once, if it was lent. */
void source_expect_all(void);

/* Closes the source, and asserts that its figures add up. */
weir_source_stats source_scene_close(void);

/* The runtime's end, and nothing left. */
void source_scene_end(void);

#endif
