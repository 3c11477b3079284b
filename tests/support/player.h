/*
 * A player: a stage for tests, which does what it is told and writes it down.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Its events are numbers: a producer emits 0, 1, 2 ... as demand comes, up to
 * its limit; a producer_consumer passes on what it gets; a consumer counts.
 * A cast of a number makes it emit as many numbers, whatever the demand; a call
 * of a number is answered with the next one.  Each
 * callback adds a line to the player's journal, and, with the player's name in
 * front, to the rig's; then it runs the player's own function for it (`does`),
 * if there is one, instead of the usual.
 */
#ifndef TESTS_SUPPORT_PLAYER_H
#define TESTS_SUPPORT_PLAYER_H

#include "support/rig.h"

enum player_emits {
    PLAYER_COPIES,   /* weir_emit                                       */
    PLAYER_WRITES,   /* weir_reserve and weir_commit                     */
    PLAYER_FORWARDS, /* producer_consumers: weir_own, weir_forward */
    PLAYER_HOLDS     /* emits nothing                                    */
};

struct player {
    /* before it is started */
    const char *name;
    weir_kind kind;
    enum player_emits emits;
    uint64_t limit; /* of the numbers that demand brings forth; 0: none */
    bool manual;    /* as a consumer                                    */
    bool quiet;     /* writes no journal                                */
    bool deaf;      /* has no handle_call                               */
    bool marks;     /* has a handle_mark, which passes nothing on       */
    void *own;      /* the test's                                       */
    struct {
        weir_verdict (*init)(weir_stage *self, struct player *player);
        weir_verdict (*demand)(weir_stage *self, struct player *player, uint64_t demand);
        weir_verdict (*events)(weir_stage *self, struct player *player, weir_batch batch);
        weir_subscribe_verdict (*subscribe)(weir_stage *self, struct player *player,
                                            const weir_peer *peer);
        weir_verdict (*cancel)(weir_stage *self, struct player *player, const weir_peer *peer);
        weir_verdict (*call)(weir_stage *self, struct player *player, weir_from from,
                             uint64_t number);
        weir_verdict (*gone)(weir_stage *self, struct player *player, weir_ref stage);
        weir_verdict (*drain)(weir_stage *self, struct player *player);
        weir_verdict (*end)(weir_stage *self, struct player *player); /* else it has none */
        weir_verdict (*cast)(weir_stage *self, struct player *player, uint64_t number);
        weir_verdict (*info)(weir_stage *self, struct player *player, uint64_t number);
        weir_verdict (*mark)(weir_stage *self, struct player *player, const weir_peer *from,
                             const weir_mark *mark);
        void (*discarded)(weir_stage *self, struct player *player, uint64_t count);
        void (*terminate)(weir_stage *self, struct player *player);
    } does;

    /* from then on */
    struct rig *rig;
    struct player *me;      /* the first contents of the stage's state */
    struct player *started; /* before it */
    weir_ref ref;
    uint64_t next; /* the next number to emit */
    uint64_t emitted;
    uint64_t handled;
    uint64_t batches;
    uint64_t discarded;
    uint64_t sum; /* of the numbers handled */
    struct rig_text journal;
};

/*
 * Starts it.  options may be NULL; its kind, name, state and callbacks are the
 * player's, and event_bytes is 8 where it is 0.  The player stays in place until
 * rig_close.
 */
void player_start(struct player *player, struct rig *rig, const weir_stage_options *options);
weir_status player_try_start(struct player *player, struct rig *rig,
                             const weir_stage_options *options);

/* Starts one after the other, without options. */
#define PLAYERS_START(rig, ...) players_start((rig), (struct player *[]){__VA_ARGS__, NULL})
void players_start(struct rig *rig, struct player *const *players);

/*
 * Starts both, without options, and subscribes the second to the first by these (NULL: as is
 * usual); returns when all is at rest.
 */
weir_subscription players_pair(struct rig *rig, struct player *producer, struct player *consumer,
                               const weir_subscribe_options *options);

/* The options that these start it with, for who starts it otherwise; once. */
weir_stage_options player_options(struct player *player, struct rig *rig,
                                  const weir_stage_options *options);

/* Calls for a player from outside, which must return WEIR_OK. */
weir_subscription player_subscribe(struct player *consumer, const struct player *producer,
                                   const weir_subscribe_options *options);
void player_cast(struct player *player, uint64_t number);
void player_info(struct player *player, uint64_t number);
weir_status player_try_call(struct player *player, uint64_t number, uint64_t timeout_ns,
                            uint64_t *answer);
weir_timer player_later(struct player *player, uint64_t number, uint64_t delay_ns);
void player_stop(struct player *player, weir_reason reason);
void player_demand(struct player *player, weir_demand_mode mode);

/* Calls it with a number; the answer, which it must give, is a number too. */
uint64_t player_call(struct player *player, uint64_t number);

/* Asserts what the player's journal is, and empties it. */
void player_expect(struct player *player, const char *expected);

/* Adds a line to its journal and to the rig's. */
void player_say(struct player *player, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- for a player's own functions ---------------------------------------- */

/* Emits the next `count` numbers, as the player does; false: not all of them. */
bool player_emit(weir_stage *self, uint64_t count);

/* Emits numbers by copying them. */
weir_status player_emit_numbers(weir_stage *self, const uint64_t *numbers, size_t count);

struct player *player_of(weir_stage *self);

/* The number in a message: its first eight bytes, or what there is, and zeros. */
uint64_t player_number_in(const void *message, size_t bytes);

#endif
