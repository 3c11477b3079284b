/*
 * A player: see player.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/player.h"

#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct player *player_of(weir_stage *self) {
    return *(struct player **)weir_state(self);
}

/* ---- the journal --------------------------------------------------------- */

void player_say(struct player *player, const char *format, ...) {
    if (player->quiet) return;
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    rig_text_add(&player->journal, "%s\n", line);
    rig_say(player->rig, "%s %s", player->name, line);
}

void player_expect(struct player *player, const char *expected) {
    rig_text_expect(&player->journal, expected);
}

/* Only for who writes a journal: others may start players at the same time. */
static const char *name_of(const struct player *asks, weir_ref stage) {
    const struct player *player = asks->quiet ? NULL : asks->rig->players;
    for (; player != NULL; player = player->started) {
        if (player->ref.bits == stage.bits) return player->name;
    }
    return "nobody";
}

/* "0..4 7 9..10": runs of three or more are written short. */
static void say_numbers(struct player *player, const char *word, const uint64_t *numbers,
                        size_t count) {
    if (player->quiet) return;
    struct rig_text line;
    line.used = 0;
    line.text[0] = '\0';
    rig_text_add(&line, "%s", word);
    for (size_t i = 0; i < count; i++) {
        size_t last = i;
        while (last + 1 < count && numbers[last + 1] == numbers[last] + 1) last++;
        rig_text_add(&line, " %llu", (unsigned long long)numbers[i]);
        if (last > i + 1) {
            rig_text_add(&line, "..%llu", (unsigned long long)numbers[last]);
            i = last;
        }
    }
    player_say(player, "%s", line.text);
}

static const char *reason_word(weir_reason reason) {
    return weir_reason_text(reason);
}

/* ---- emitting ------------------------------------------------------------ */

weir_status player_emit_numbers(weir_stage *self, const uint64_t *numbers, size_t count) {
    weir_status status = weir_emit(self, numbers, count);
    if (status == WEIR_OK) player_of(self)->emitted += count;
    return status;
}

static bool copy_out(weir_stage *self, uint64_t first, uint64_t count) {
    uint64_t *numbers = calloc(count, sizeof *numbers);
    if (numbers == NULL) abort();
    for (uint64_t i = 0; i < count; i++) numbers[i] = first + i;
    bool done = player_emit_numbers(self, numbers, count) == WEIR_OK;
    free(numbers);
    return done;
}

static bool write_out(weir_stage *self, uint64_t first, uint64_t count) {
    while (count > 0) {
        weir_room room = weir_reserve(self, count);
        uint64_t *numbers = room.events;
        if (numbers == NULL) return false;
        for (size_t i = 0; i < room.count; i++) numbers[i] = first + i;
        if (weir_commit(self, room.count) != WEIR_OK) return false;
        player_of(self)->emitted += room.count;
        first += room.count;
        count -= room.count;
    }
    return true;
}

bool player_emit(weir_stage *self, uint64_t count) {
    struct player *player = player_of(self);
    if (count == 0) return true;
    bool done = player->emits == PLAYER_WRITES ? write_out(self, player->next, count)
                                               : copy_out(self, player->next, count);
    player->next += count;
    return done;
}

/* ---- callbacks ----------------------------------------------------------- */

static weir_verdict on_init(weir_stage *self, void *argument) {
    struct player *player = player_of(self);
    (void)argument;
    return player->does.init != NULL ? player->does.init(self, player) : WEIR_CONTINUE;
}

static weir_verdict on_demand(weir_stage *self, uint64_t demand) {
    struct player *player = player_of(self);
    player_say(player, "demand %llu", (unsigned long long)demand);
    if (player->does.demand != NULL) return player->does.demand(self, player, demand);
    uint64_t left = player->next < player->limit ? player->limit - player->next : 0;
    player_emit(self, demand < left ? demand : left);
    return WEIR_CONTINUE;
}

static weir_verdict pass_on(weir_stage *self, struct player *player, weir_batch batch) {
    const uint64_t *numbers = batch.events;
    if (player->emits == PLAYER_COPIES) player_emit_numbers(self, numbers, batch.count);
    if (player->emits == PLAYER_WRITES) {
        for (size_t i = 0; i < batch.count; i++) write_out(self, numbers[i], 1);
    }
    if (player->emits != PLAYER_FORWARDS) return WEIR_CONTINUE;
    if (weir_own(self) == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    player->emitted += batch.count; /* without memory it is discarded, and told */
    return weir_forward(self);
}

static weir_verdict on_events(weir_stage *self, weir_batch batch) {
    struct player *player = player_of(self);
    const uint64_t *numbers = batch.events;
    if (weir_batch_event_bytes(self) == sizeof *numbers) {
        say_numbers(player, "events", numbers, batch.count);
        for (size_t i = 0; i < batch.count; i++) player->sum += numbers[i];
    } else {
        player_say(player, "%zu events of %zu bytes", batch.count, weir_batch_event_bytes(self));
    }
    player->handled += batch.count;
    player->batches++;
    if (player->does.events != NULL) return player->does.events(self, player, batch);
    return player->kind == WEIR_PRODUCER_CONSUMER ? pass_on(self, player, batch) : WEIR_CONTINUE;
}

static weir_subscribe_verdict on_subscribe(weir_stage *self, const weir_peer *peer) {
    struct player *player = player_of(self);
    player_say(player, "subscribe %s", name_of(player, peer->stage));
    if (player->does.subscribe != NULL) return player->does.subscribe(self, player, peer);
    return player->manual && peer->side == WEIR_PRODUCER ? WEIR_MANUAL : WEIR_AUTOMATIC;
}

static weir_verdict on_cancel(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                              weir_reason reason) {
    struct player *player = player_of(self);
    player_say(player, "%s %s %s", cause == WEIR_CANCEL ? "cancel" : "down",
               name_of(player, peer->stage), reason_word(reason));
    return player->does.cancel != NULL ? player->does.cancel(self, player, peer) : WEIR_CONTINUE;
}

uint64_t player_number_in(const void *message, size_t bytes) {
    uint64_t number = 0;
    if (bytes > 0) memcpy(&number, message, bytes < sizeof number ? bytes : sizeof number);
    return number;
}

static weir_verdict on_cast(weir_stage *self, const void *message, size_t bytes) {
    struct player *player = player_of(self);
    uint64_t number = player_number_in(message, bytes);
    player_say(player, "cast %llu", (unsigned long long)number);
    if (player->does.cast != NULL) return player->does.cast(self, player, number);
    player_emit(self, number);
    return WEIR_CONTINUE;
}

static weir_verdict on_call(weir_stage *self, weir_from from, const void *request, size_t bytes) {
    struct player *player = player_of(self);
    uint64_t number = player_number_in(request, bytes);
    player_say(player, "call %llu", (unsigned long long)number);
    if (player->does.call != NULL) return player->does.call(self, player, from, number);
    number++;
    RIG_CHECK(player->rig,
              weir_reply(weir_stage_runtime(self), from, &number, sizeof number) == WEIR_OK);
    return WEIR_CONTINUE;
}

/* The end of a stage that it watches; handle_cancel tells of those it deals with. */
static weir_verdict on_down(weir_stage *self, weir_ref stage, weir_reason reason) {
    struct player *player = player_of(self);
    player_say(player, "gone %s %s", name_of(player, stage), reason_word(reason));
    return player->does.gone != NULL ? player->does.gone(self, player, stage) : WEIR_CONTINUE;
}

static weir_verdict on_drain(weir_stage *self) {
    struct player *player = player_of(self);
    player_say(player, "drain");
    return player->does.drain != NULL ? player->does.drain(self, player) : WEIR_CONTINUE;
}

static weir_verdict on_end(weir_stage *self) {
    struct player *player = player_of(self);
    player_say(player, "end");
    return player->does.end(self, player);
}

static weir_verdict on_info(weir_stage *self, const void *message, size_t bytes) {
    struct player *player = player_of(self);
    uint64_t number = player_number_in(message, bytes);
    player_say(player, "info %llu", (unsigned long long)number);
    return player->does.info != NULL ? player->does.info(self, player, number) : WEIR_CONTINUE;
}

/* "watermark 7 of 1": the value, and the source unless that is 0. */
static weir_verdict on_mark(weir_stage *self, const weir_peer *from, const weir_mark *mark) {
    static const char *const kinds[] = {"mark", "watermark", "flush", "end of file"};
    struct player *player = player_of(self);
    const char *kind = kinds[mark->kind <= WEIR_MARK_END_OF_FILE ? mark->kind : 0];
    if (mark->source == 0) {
        player_say(player, "%s %llu", kind, (unsigned long long)mark->value);
    } else {
        player_say(player, "%s %llu of %u", kind, (unsigned long long)mark->value, mark->source);
    }
    return player->does.mark != NULL ? player->does.mark(self, player, from, mark) : WEIR_CONTINUE;
}

static void on_discarded(weir_stage *self, uint64_t count, weir_discard cause) {
    static const char *const causes[] = {"",          "overflow", "stopped", "consumer", "unheard",
                                         "no memory", "unwanted", "bad",     "left"};
    struct player *player = player_of(self);
    player_say(player, "discarded %llu %s", (unsigned long long)count, causes[cause]);
    player->discarded += count;
    if (player->does.discarded != NULL) player->does.discarded(self, player, count);
}

static void on_terminate(weir_stage *self, weir_reason reason) {
    struct player *player = player_of(self);
    player_say(player, "terminate %s", reason_word(reason));
    if (player->does.terminate != NULL) player->does.terminate(self, player);
}

/* ---- starting ------------------------------------------------------------ */

weir_stage_options player_options(struct player *player, struct rig *rig,
                                  const weir_stage_options *options) {
    weir_stage_options used = {0};
    if (options != NULL) used = *options;
    used.kind = player->kind;
    used.name = player->name;
    used.state_bytes = sizeof player;
    player->me = player;
    used.state = &player->me;
    if (used.event_bytes == 0 && player->kind != WEIR_CONSUMER) used.event_bytes = sizeof(uint64_t);
    used.on = (weir_callbacks){.init = on_init,
                               .handle_subscribe = on_subscribe,
                               .handle_cancel = on_cancel,
                               .handle_call = on_call,
                               .handle_cast = on_cast,
                               .handle_down = on_down,
                               .handle_drain = on_drain,
                               .handle_info = on_info,
                               .discarded = on_discarded,
                               .terminate = on_terminate};
    if (player->deaf) used.on.handle_call = NULL;
    if (player->does.end != NULL) used.on.handle_end = on_end;
    if (player->marks) used.on.handle_mark = on_mark;
    if (player->kind == WEIR_PRODUCER) used.on.handle_demand = on_demand;
    if (player->kind != WEIR_PRODUCER) used.on.handle_events = on_events;
    player->rig = rig;
    player->started = rig->players;
    rig->players = player;
    return used;
}

weir_status player_try_start(struct player *player, struct rig *rig,
                             const weir_stage_options *options) {
    weir_stage_options used = player_options(player, rig, options);
    return weir_stage_start(rig->runtime, &used, &player->ref);
}

void player_start(struct player *player, struct rig *rig, const weir_stage_options *options) {
    assert_int_equal(player_try_start(player, rig, options), WEIR_OK);
}

void players_start(struct rig *rig, struct player *const *players) {
    for (; *players != NULL; players++) player_start(*players, rig, NULL);
}

/* ---- calls --------------------------------------------------------------- */

weir_subscription player_subscribe(struct player *consumer, const struct player *producer,
                                   const weir_subscribe_options *options) {
    weir_subscription subscription;
    assert_int_equal(weir_subscribe(consumer->rig->runtime, consumer->ref, producer->ref, options,
                                    &subscription),
                     WEIR_OK);
    return subscription;
}

weir_subscription players_pair(struct rig *rig, struct player *producer, struct player *consumer,
                               const weir_subscribe_options *options) {
    PLAYERS_START(rig, producer, consumer);
    weir_subscription subscription = player_subscribe(consumer, producer, options);
    rig_rest(rig);
    return subscription;
}

void player_cast(struct player *player, uint64_t number) {
    assert_int_equal(weir_cast(player->rig->runtime, player->ref, &number, sizeof number), WEIR_OK);
}

void player_info(struct player *player, uint64_t number) {
    assert_int_equal(weir_info(player->rig->runtime, player->ref, &number, sizeof number), WEIR_OK);
}

void player_stop(struct player *player, weir_reason reason) {
    assert_int_equal(weir_stop(player->rig->runtime, player->ref, reason), WEIR_OK);
}

void player_demand(struct player *player, weir_demand_mode mode) {
    assert_int_equal(weir_demand(player->rig->runtime, player->ref, mode), WEIR_OK);
}

uint64_t player_call(struct player *player, uint64_t number) {
    uint64_t told = 0;
    weir_answer answer = {.bytes = &told, .room = sizeof told};
    assert_int_equal(
        weir_call(player->rig->runtime, player->ref, &number, sizeof number, &answer, WEIR_FOREVER),
        WEIR_OK);
    assert_int_equal(answer.count, sizeof told);
    return told;
}

weir_status player_try_call(struct player *player, uint64_t number, uint64_t timeout_ns,
                            uint64_t *answer) {
    weir_answer room = {.bytes = answer, .room = sizeof *answer};
    return weir_call(player->rig->runtime, player->ref, &number, sizeof number, &room, timeout_ns);
}

weir_timer player_later(struct player *player, uint64_t number, uint64_t delay_ns) {
    weir_timer timer;
    assert_int_equal(weir_send_after(player->rig->runtime, player->ref, &number, sizeof number,
                                     delay_ns, &timer),
                     WEIR_OK);
    return timer;
}
