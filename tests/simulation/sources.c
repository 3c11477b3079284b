/*
 * Simulates sources: their threads, stages that die with messages, and who settles them outside.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: a driver of drawn behaviour (it has little at a time, loses its connection in open, pull
 * and ack, lends its memory) feeds a stage that, as drawn, forwards what it gets, emits it in
 * another order, splits it, writes it anew, settles it, keeps it for another thread to settle, or
 * dies; and one or two consumers that judge. Meanwhile others push. It ends by itself, or is
 * finished, drained or stopped at some moment. Then
 *   - each token that was added was acked once, or is among those whose acks were lost
 *   - one that was acked as done was said to be, by all that was made of it, and by nobody to have
 *     failed; no position passes one that was not
 *   - no ack comes for what was of a lane that was revoked, once it was, unless acks are lost
 *   - what was lent was released once, behind all looks at it
 *   - each push was told of once
 *   - nothing is left in memory, and nobody waits for ever
 *
 *   single      acks of messages
 *   cumulative  positions of two lanes
 */
#include "driver.h"
#include "world.h"

#include "base/atomic.h"

#include <string.h>

enum { TOKENS = 256, KEPT = 64, PUSHES = 4, PUSHED = 3, LANES = 2, LOSES_NONE = 1000000 };

struct token {
    uint64_t data; /* its number, where it is lent from */
    unsigned added, acks, released, deliveries, parts, done, failed;
    bool lent;
    bool revoked;
    uint64_t position;
};

static struct {
    bool cumulative;
    uint64_t total;
    uint64_t made;
    uint64_t positions[LANES];
    unsigned within; /* calls of the driver's: 0 or 1, and an ack within a revocation */
    bool revokes;    /* lanes, now and then */
    bool revoking;
    bool open, closed;
    unsigned loses; /* of so many calls one */
    bool dies;      /* stages may */
    weir_source *source;
    weir_ref stage;
    struct token tokens[TOKENS];
    weir_message kept[KEPT];
    size_t kept_count;
    bool settler_ends;
    unsigned told;
} scene;

static bool one_in(uint64_t many) {
    return sim_draw(many) == 0;
}

static void moment(uint64_t most) {
    for (uint64_t steps = sim_draw(most); steps > 0; steps--) sim_now_ns();
}

static struct token *token_of(const weir_message *message) {
    uint64_t number;
    SIM_REQUIRE(message->data.count == sizeof number);
    memcpy(&number, message->data.at, sizeof number);
    SIM_REQUIRE(number < TOKENS);
    struct token *token = &scene.tokens[number];
    SIM_REQUIRE(!token->lent || token->released == 0);
    if (message->deliveries > token->deliveries) { /* all that was made of it before is back */
        token->deliveries = message->deliveries;
        token->parts = 1;
        token->done = token->failed = 0;
    }
    return token;
}

/* ---- the driver ---------------------------------------------------------------------------- */

static void enter(void) {
    SIM_REQUIRE(scene.within++ == (scene.revoking ? 1 : 0));
    SIM_REQUIRE(!scene.closed);
    moment(6);
}

static weir_pulled leave(weir_pulled said) {
    scene.within--;
    scene.open = scene.open && said != WEIR_LOST;
    return said;
}

static weir_pulled driver_open(void *context) {
    (void)context;
    enter();
    SIM_REQUIRE(!scene.open);
    scene.open = !one_in(scene.loses);
    return leave(scene.open ? WEIR_PULLED : WEIR_LOST);
}

static bool add_next(weir_pull *pull) {
    struct token *token = &scene.tokens[scene.made];
    unsigned lane = (unsigned)(scene.made % LANES);
    token->data = scene.made;
    token->lent = one_in(2);
    token->position = scene.positions[lane];
    const weir_incoming incoming = {
        .data = {.at = (const char *)&token->data, .count = sizeof token->data},
        .token = scene.made,
        .lane = lane,
        .position = token->position,
        .lent = token->lent};
    token->added = 1;
    token->parts = 1;
    if (!weir_pull_add(pull, &incoming)) {
        token->added = 0;
        return false;
    }
    scene.positions[lane] += 1 + sim_draw(2);
    scene.made++;
    return true;
}

/* What of it was not settled by then is not told any more.  (An ack that was lost before comes
 * again.) */
static void revoke_lane(weir_pull *pull) {
    const uint32_t lane = (uint32_t)sim_draw(LANES);
    scene.revoking = true;
    weir_pull_revoke(pull, lane, sim_draw(3) * 1000);
    scene.revoking = false;
    for (uint64_t n = lane; n < scene.made; n += LANES) scene.tokens[n].revoked = true;
}

static weir_pulled driver_pull(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                               uint64_t timeout_ns) {
    (void)context, (void)bytes, (void)timeout_ns;
    enter();
    SIM_REQUIRE(scene.open);
    if (one_in(6)) return leave(WEIR_IDLE);
    for (uint64_t left = 1 + sim_draw(events); left > 0 && scene.made < scene.total; left--) {
        if (!add_next(pull)) break;
        if (one_in(8)) weir_pull_flush(pull);
        if (scene.revokes && one_in(8)) revoke_lane(pull);
        if (!scene.open) return leave(WEIR_LOST); /* an ack was, amid it */
    }
    if (one_in(scene.loses)) return leave(WEIR_LOST);
    return leave(scene.made == scene.total ? WEIR_SOURCE_END : WEIR_PULLED);
}

static void ack_token(struct token *token, bool done) {
    const bool none_lost = scene.loses == LOSES_NONE;
    SIM_REQUIRE(token->added == 1 && token->acks == 0);
    SIM_REQUIRE(!token->revoked || !none_lost);
    SIM_REQUIRE(!done || (token->done >= token->parts && token->failed == 0));
    token->acks = 1;
}

static weir_pulled driver_ack(void *context, const weir_ack *acks, size_t count) {
    (void)context;
    enter();
    SIM_REQUIRE(scene.open && count > 0);
    if (one_in(scene.loses)) return leave(WEIR_LOST);
    for (size_t i = 0; i < count; i++) {
        const weir_ack *ack = &acks[i];
        if (!scene.cumulative) {
            ack_token(&scene.tokens[ack->token], ack->outcome < WEIR_MESSAGE_FAILED);
            continue;
        }
        for (uint64_t n = ack->lane; n < scene.made; n += LANES) {
            struct token *token = &scene.tokens[n];
            if (token->position < ack->position && token->acks == 0 && !token->revoked)
                ack_token(token, true);
        }
    }
    return leave(WEIR_PULLED);
}

static void driver_release(void *context, uint64_t number) {
    (void)context;
    SIM_REQUIRE(scene.tokens[number].lent && scene.tokens[number].released == 0);
    scene.tokens[number].released = 1;
}

static void driver_close(void *context) {
    (void)context;
    enter();
    scene.closed = true;
    leave(WEIR_PULLED);
}

static weir_source_driver driver = {.open = driver_open,
                                    .pull = driver_pull,
                                    .ack = driver_ack,
                                    .release = driver_release,
                                    .close = driver_close};

/* ---- what becomes of messages -------------------------------------------------------------- */

/* Says so before weir can know; of one that comes again, anew. */
static weir_outcome judge(const weir_message *message) {
    struct token *token = token_of(message);
    weir_outcome outcome =
        one_in(4) ? (weir_outcome)sim_draw(WEIR_MESSAGE_OUTCOMES) : WEIR_MESSAGE_OK;
    if (outcome < WEIR_MESSAGE_FAILED) {
        token->done++;
    } else {
        token->failed++;
    }
    return outcome;
}

static void settle(weir_message *message) {
    bool wanted = !one_in(6);
    message->outcome = (uint8_t)(wanted ? judge(message) : WEIR_MESSAGE_OK);
    if (!wanted) token_of(message)->done++;
    weir_message_settle(message, 1, wanted ? WEIR_DISCARD_HANDLED : WEIR_DISCARD_UNWANTED);
}

/* Another thread has it from now on. */
static void keep(weir_message message) {
    if (scene.kept_count == KEPT) {
        settle(&message);
    } else {
        weir__fence_full(); /* as whatever a program hands it over by */
        scene.kept[scene.kept_count++] = message;
    }
}

static void settle_kept(void) {
    if (scene.kept_count > 0) {
        size_t place = (size_t)sim_draw(scene.kept_count);
        weir_message message = scene.kept[place];
        scene.kept[place] = scene.kept[--scene.kept_count];
        settle(&message);
    }
}

static void run_settler(void *unused) {
    (void)unused;
    while (!scene.settler_ends || scene.kept_count > 0) {
        settle_kept();
        if (scene.kept_count == 0) sim_sleep_ns(1000);
        moment(20);
    }
}

static bool split(weir_stage *self, weir_message *messages, size_t count) {
    for (size_t i = 0; i < count; i++) {
        for (uint64_t more = sim_draw(3); more > 0; more--) {
            weir_message one;
            token_of(&messages[i])->parts++;
            weir_message_more(&messages[i], &one);
            if (!must(weir_emit(self, &one, 1))) return false;
        }
    }
    return true;
}

static void take_each(weir_stage *self, size_t count) {
    weir_message taken[64];
    for (size_t from = 0; from < count; from += 64) {
        size_t some = count - from < 64 ? count - from : 64;
        must(weir_take(self, from, some, taken));
        for (size_t i = some; i > 0; i--) {
            switch (sim_draw(4)) {
            case 0:
                settle(&taken[i - 1]);
                break;
            case 1:
                keep(taken[i - 1]);
                break;
            default:
                must(weir_emit(self, &taken[i - 1], 1));
            }
        }
    }
}

static weir_verdict middle_events(weir_stage *self, weir_batch batch) {
    weir_message *messages = weir_own(self);
    for (size_t i = 0; i < batch.count; i++) token_of(&messages[i]);
    if (scene.dies && one_in(20)) return weir_stop_with(self, WEIR_REASON_USER);
    switch (sim_draw(4)) {
    case 0:
        split(self, messages, batch.count);
        break;
    case 1:
        take_each(self, batch.count);
        return WEIR_CONTINUE;
    case 2:
        for (size_t i = 0; i < batch.count; i++) {
            uint64_t number = token_of(&messages[i])->data;
            SIM_REQUIRE(weir_message_set(self, &messages[i], &number, sizeof number));
        }
        break;
    default:
        break;
    }
    return weir_forward(self);
}

static weir_verdict consumer_events(weir_stage *self, weir_batch batch) {
    weir_message *messages = weir_own(self);
    if (scene.dies && one_in(20)) return weir_stop_with(self, WEIR_REASON_USER);
    size_t from = 0;
    if (one_in(3)) {
        weir_message message;
        must(weir_take(self, 0, 1, &message));
        keep(message);
        from = 1;
    }
    for (size_t i = from; i < batch.count; i++) messages[i].outcome = (uint8_t)judge(&messages[i]);
    return WEIR_CONTINUE;
}

/* ---- pushes -------------------------------------------------------------------------------- */

static void pushed(void *context, const weir_ack *acks, size_t count) {
    (void)context, (void)acks;
    scene.told += (unsigned)count;
}

static void run_pusher(void *context) {
    unsigned *accepted = context;
    uint64_t number = TOKENS - 1;
    weir_message messages[PUSHED] = {0};
    for (size_t i = 0; i < PUSHED; i++) {
        messages[i].data = (weir_bytes){.at = (const char *)&number, .count = sizeof number};
    }
    for (int i = 0; i < PUSHES; i++) {
        moment(60);
        weir_status status = weir_source_push(scene.source, messages, PUSHED, 0, pushed, NULL);
        SIM_REQUIRE(status == WEIR_OK || status == WEIR_FULL || status == WEIR_NO_STAGE);
        *accepted += status == WEIR_OK ? PUSHED : 0;
    }
}

/* ---- one run ------------------------------------------------------------------------------- */

static void start_stages(void) {
    const weir_stage_options middle = {.kind = WEIR_PRODUCER_CONSUMER,
                                       .type = weir_message_type(),
                                       .on = {.handle_events = middle_events}};
    const weir_stage_options consumer = {.kind = WEIR_CONSUMER,
                                         .on = {.handle_events = consumer_events}};
    weir_ref from = scene.stage;
    if (!one_in(4)) from = world_start_stage(middle, 1, &from);
    for (uint64_t count = 1 + sim_draw(2); count > 0 && from.bits != 0; count--) {
        world_start_stage(consumer, 1, &from);
    }
}

static void end_somehow(void) {
    moment(300);
    switch (sim_draw(6)) {
    case 0:
        must(weir_source_finish(scene.source, 1 + sim_draw(1000)));
        break;
    case 1:
        weir_stop(world.runtime, scene.stage, WEIR_REASON_USER);
        break;
    case 2:
        must(weir_runtime_stop(world.runtime, WEIR_REASON_USER));
        break;
    case 3:
        weir_finish(world.runtime, scene.stage);
        break;
    default:
        must(weir_source_finish(scene.source, WEIR_FOREVER));
        break;
    }
}

static void check_scene(const weir_source_stats *stats, unsigned accepted) {
    uint64_t acked = 0;
    SIM_REQUIRE(stats->pulled == scene.made);
    SIM_REQUIRE(stats->pulled ==
                stats->acked + stats->naks + stats->lost_acks + stats->forgotten + stats->left);
    for (uint64_t i = 0; i < scene.made; i++) {
        acked += scene.tokens[i].acks;
        SIM_REQUIRE(scene.tokens[i].released == (scene.tokens[i].lent ? 1 : 0));
    }
    uint64_t told = stats->acked + stats->naks;
    if (scene.cumulative) { /* a position that is told may pass those of acks that were lost */
        SIM_REQUIRE(acked >= told && acked <= told + stats->lost_acks);
    } else {
        SIM_REQUIRE(acked == told);
    }
    SIM_REQUIRE(scene.told == accepted);
}

static void open_source(void) {
    driver.cumulative = scene.cumulative;
    driver.span = scene.cumulative ? 4 + (uint32_t)sim_draw(20) : 0;
    const weir_source_options options = {.driver = &driver,
                                         .max_outstanding = 4 + (size_t)sim_draw(40),
                                         .reopen_ns = 1 + sim_draw(1000),
                                         .redeliver_ns = 1 + sim_draw(1000),
                                         .ack_tries = 1 + (unsigned)sim_draw(3),
                                         .shutdown_ns = 1 + sim_draw(100000),
                                         .worker = world_somewhere()};
    must(weir_source_open(world.runtime, &options, &scene.source, &scene.stage));
}

/* What an inlet discards it logs in its own words: so they are not counted here. */
static void close_runtime(void) {
    weir_accounts accounts;
    sim_at_quiet(NULL);
    must(weir_runtime_close(world.runtime, &accounts));
    SIM_REQUIRE(weir_accounts_check(&accounts) == NULL);
    SIM_REQUIRE(accounts.in_flight == 0 && accounts.buffered == 0 && accounts.blocks_live == 0);
    SIM_REQUIRE(accounts.accepted + accounts.copied == accounts.taken + accounts.dropped);
    SIM_REQUIRE(world.allocations == 0);
}

static void run(void *unused) {
    unsigned accepted = 0;
    weir_source_stats stats;
    (void)unused;
    world_open_runtime();
    open_source();
    int settler = sim_spawn("settler", run_settler, NULL);
    start_stages();
    int pusher = sim_spawn("pusher", run_pusher, &accepted);
    if (!one_in(4)) {
        end_somehow();
    } else {
        moment(1000);
    }
    must(weir_source_drain(scene.source, 0, WEIR_FOREVER));
    sim_join(pusher);
    must(weir_source_drain(scene.source, 0, WEIR_FOREVER));
    weir_source *source = scene.source;
    must(weir_runtime_stop(world.runtime, WEIR_REASON_NORMAL));
    must(weir_runtime_run(world.runtime, WEIR_FOREVER));
    scene.settler_ends = true;
    sim_join(settler);
    must(weir_source_statistics(source, &stats));
    must(weir_source_close(source));
    close_runtime(); /* behind which all that was on its way has been dropped */
    check_scene(&stats, accepted);
}

static void begin(const struct sim_scenario *scenario) {
    memset(&scene, 0, sizeof scene);
    scene.tokens[TOKENS - 1].data = TOKENS - 1; /* of pushes */
    scene.cumulative = scenario->number == 1;
    scene.total = 1 + sim_draw(80);
    scene.loses = one_in(2) ? 8 : LOSES_NONE;
    scene.dies = one_in(2);
    scene.revokes = one_in(3);
    world_begin(run, 1);
}

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"single", 15000, 4000000, true, begin, NULL, run, 0},
        {"cumulative", 15000, 4000000, true, begin, NULL, run, 1},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
