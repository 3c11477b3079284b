/*
 * The calls about a stage's end: tokens, feeders, waiting for it, asking whether.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: a token keeps a stage, a drain and a settler waiting until it is given back, once; a
 * feeder keeps whom it feeds; who waits for an end hears of it, in each of the three ways, with
 * the reason, also when it comes late; a callback can ask whether it should end.
 * Method: players in every world, and threads that hold tokens.
 */
#include "support/player.h"
#include "support/worlds.h"

#include "base/atomic.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

enum { SECOND = 1000000000 };

static struct rig rig;

static void start(struct player *player, const char *name, weir_kind kind) {
    *player = (struct player){.name = name, .kind = kind};
    player_start(player, &rig, NULL);
}

/* ---- tokens -------------------------------------------------------------- */

static void a_token_keeps_it_alive(void) {
    struct player p;
    weir_token tokens[3];
    weir_drain_report report;
    start(&p, "p", WEIR_PRODUCER);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir_busy(rig.runtime, p.ref, &tokens[i]), WEIR_OK);
    }
    assert_int_equal(weir_done(rig.runtime, tokens[1]), WEIR_OK);
    assert_int_equal(weir_done(rig.runtime, tokens[1]), WEIR_NO_TOKEN);
    assert_string_equal(weir_refusal(), "the token was given back already, or never was");
    assert_int_equal(weir_runtime_drain(rig.runtime, 1000, &report), WEIR_TIMEOUT);
    assert_string_equal(report.name, "p");
    assert_int_equal(report.why, WEIR_HOLDUP_TOKENS);
    assert_string_equal(weir_holdup_text(report.why), "tokens");
    assert_int_equal(weir_done(rig.runtime, tokens[2]), WEIR_OK);
    rig_rest(&rig);
    assert_int_equal(weir_runtime_stages(rig.runtime), 1);
    assert_int_equal(weir_done(rig.runtime, tokens[0]), WEIR_OK);
    assert_int_equal(weir_runtime_drain(rig.runtime, SECOND, NULL), WEIR_OK);
    assert_int_equal(weir_busy(rig.runtime, p.ref, &tokens[0]), WEIR_NO_STAGE);
    rig_close(&rig);
}

static void count_discarded(void *context, uint64_t count, weir_discard cause) {
    (void)cause;
    *(uint64_t *)context += count;
}

/* Whoever had one could not push. */
static void an_inlet_that_was_finished_gives_out_none(void) {
    weir_inlet *inlet;
    weir_ref stage;
    weir_token token;
    uint64_t event = 1, discarded = 0;
    const weir_inlet_options options = {
        .event_bytes = sizeof event, .discarded = count_discarded, .context = &discarded};
    assert_int_equal(weir_inlet_open(rig.runtime, &options, &inlet, &stage), WEIR_OK);
    assert_int_equal(weir_inlet_push(inlet, &event, 1, 0), WEIR_OK);
    assert_int_equal(weir_inlet_finish(inlet), WEIR_OK);
    rig_rest(&rig);
    assert_int_equal(weir_runtime_stages(rig.runtime), 1); /* nobody asks, so it lives on */
    assert_int_equal(weir_busy(rig.runtime, stage, &token), WEIR_NO_STAGE);
    weir_inlet_close(inlet);
    rig.emitted++;
    rig_close(&rig);
    assert_int_equal(discarded, 1);
}

/* A stop does not wait for it; it comes back to nobody. */
static void a_token_of_a_stage_that_was_stopped(void) {
    struct player p, q;
    weir_token token, other;
    start(&p, "p", WEIR_PRODUCER);
    assert_int_equal(weir_busy(rig.runtime, p.ref, &token), WEIR_OK);
    player_stop(&p, WEIR_REASON_USER);
    rig_rest(&rig);
    start(&q, "q", WEIR_PRODUCER); /* in its place, perhaps */
    assert_int_equal(weir_busy(rig.runtime, q.ref, &other), WEIR_OK);
    assert_int_equal(weir_finish(rig.runtime, q.ref), WEIR_OK);
    assert_int_equal(weir_done(rig.runtime, token), WEIR_OK);
    rig_rest(&rig);
    assert_int_equal(weir_runtime_stages(rig.runtime), 1); /* q's is out still */
    assert_int_equal(weir_done(rig.runtime, token), WEIR_NO_TOKEN);
    assert_int_equal(weir_done(rig.runtime, other), WEIR_OK);
    rig_rest(&rig);
    assert_int_equal(weir_runtime_stages(rig.runtime), 0);
    rig_close(&rig);
}

static void tokens_do_not_hold_up_close(void) {
    struct player p;
    weir_token token;
    start(&p, "p", WEIR_PRODUCER);
    assert_int_equal(weir_busy(rig.runtime, p.ref, &token), WEIR_OK);
    rig_close(&rig);
}

static uint32_t asked; /* atomic: the token is out */

static weir_verdict fetch(weir_stage *self, struct player *player, uint64_t demand) {
    weir_token *token = player->own;
    (void)demand;
    if (token->bits == 0) {
        RIG_CHECK(player->rig,
                  weir_busy(weir_stage_runtime(self), weir_self(self), token) == WEIR_OK);
    }
    weir__store_release_u32(&asked, 1);
    return WEIR_CONTINUE;
}

struct fetcher {
    struct player *source;
    weir_token *token;
};

static void *answer_later(void *argument) {
    const struct fetcher *fetcher = argument;
    weir_runtime *runtime = fetcher->source->rig->runtime;
    struct timespec nap = {0, 20000000};
    nanosleep(&nap, NULL);
    player_cast(fetcher->source, 10);
    RIG_CHECK(fetcher->source->rig, weir_done(runtime, *fetcher->token) == WEIR_OK);
    return NULL;
}

/* What a thread has fetched when the drain begins is cast, and handled. */
static void a_fetch_under_way_is_not_lost(void **state) {
    (void)state;
    rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
    weir_token token = {0};
    struct player source = {.name = "source", .kind = WEIR_PRODUCER, .own = &token};
    struct player sink = {.name = "sink", .kind = WEIR_CONSUMER};
    pthread_t thread;
    source.does.demand = fetch;
    PLAYERS_START(&rig, &source, &sink);
    player_subscribe(&sink, &source, NULL);
    while (weir__load_acquire_u32(&asked) == 0) sched_yield();
    pthread_create(&thread, NULL, answer_later, &(struct fetcher){&source, &token});
    assert_int_equal(weir_runtime_drain(rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
    pthread_join(thread, NULL);
    assert_int_equal(sink.handled, 10);
    rig_close(&rig);
}

static void *give_back_later(void *argument) {
    struct timespec nap = {0, 20000000};
    nanosleep(&nap, NULL);
    RIG_CHECK(&rig, weir_done(rig.runtime, *(weir_token *)argument) == WEIR_OK);
    return NULL;
}

static void settle_waits_for_tokens(void **state) {
    (void)state;
    rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
    struct player p;
    weir_token token;
    pthread_t thread;
    start(&p, "p", WEIR_PRODUCER);
    assert_int_equal(weir_busy(rig.runtime, p.ref, &token), WEIR_OK);
    assert_int_equal(weir_runtime_settle(rig.runtime, 1000000), WEIR_TIMEOUT);
    pthread_create(&thread, NULL, give_back_later, &token);
    assert_int_equal(weir_runtime_settle(rig.runtime, WEIR_FOREVER), WEIR_OK);
    assert_int_equal(weir_done(rig.runtime, token), WEIR_NO_TOKEN);
    pthread_join(thread, NULL);
    rig_close(&rig);
}

/* ---- feeders ------------------------------------------------------------- */

static void whom_a_feeder_feeds_waits_for_it(void) {
    struct player feeder, fed, dead;
    weir_drain_report report;
    weir_token token;
    start(&dead, "dead", WEIR_PRODUCER);
    player_stop(&dead, WEIR_REASON_NORMAL);
    start(&feeder, "feeder", WEIR_PRODUCER);
    start(&fed, "fed", WEIR_PRODUCER);
    rig_rest(&rig);
    assert_int_equal(weir_feeds(rig.runtime, feeder.ref, fed.ref), WEIR_OK);
    assert_int_equal(weir_feeds(rig.runtime, dead.ref, fed.ref), WEIR_OK); /* it has ended */
    assert_int_equal(weir_feeds(rig.runtime, fed.ref, fed.ref), WEIR_INVALID);
    assert_int_equal(weir_feeds(rig.runtime, (weir_ref){0}, fed.ref), WEIR_INVALID);
    assert_int_equal(weir_feeds(rig.runtime, feeder.ref, dead.ref), WEIR_NO_STAGE);
    assert_int_equal(weir_busy(rig.runtime, feeder.ref, &token), WEIR_OK);
    assert_int_equal(weir_runtime_drain(rig.runtime, 1000, &report), WEIR_TIMEOUT);
    assert_int_equal(report.stages, 2);
    assert_string_equal(report.name, "feeder"); /* and not who waits for it */
    player_cast(&fed, 0);
    assert_int_equal(weir_done(rig.runtime, token), WEIR_OK);
    assert_int_equal(weir_runtime_drain(rig.runtime, SECOND, NULL), WEIR_OK);
    player_expect(&fed, "drain\ncast 0\nterminate normal\n");
    rig_close(&rig);
}

/* ---- waiting ------------------------------------------------------------- */

struct heard {
    int times;
    weir_ref stage;
    weir_reason reason;
    bool gone;
};

static void hear(void *context, weir_ref stage, weir_reason reason) {
    struct heard *heard = context;
    heard->times++;
    heard->stage = stage;
    heard->reason = reason;
}

static bool readable(int fd) {
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    return poll(&polled, 1, 0) == 1;
}

static void an_end_is_told_in_each_way(void **state) {
    (void)state;
    for (int late = 0; late < 2; late++) {
        for (int world = 0; rig_open_world(&rig, world); world++) {
            struct player p;
            struct heard heard = {0};
            weir_reason reason = WEIR_REASON_NORMAL;
            int fd = -1;
            start(&p, "p", WEIR_PRODUCER);
            rig_rest(&rig);
            assert_int_equal(weir_wait(rig.runtime, p.ref, 1000, &reason), WEIR_TIMEOUT);
            if (late == 1) player_stop(&p, WEIR_REASON_USER);
            if (late == 1) rig_rest(&rig);
            assert_int_equal(weir_on_end(rig.runtime, p.ref, hear, &heard), WEIR_OK);
            assert_int_equal(weir_end_fd(rig.runtime, p.ref, &fd), WEIR_OK);
            if (late == 0) assert_false(readable(fd));
            if (late == 0) player_stop(&p, WEIR_REASON_USER);
            assert_int_equal(weir_wait(rig.runtime, p.ref, WEIR_FOREVER, &reason), WEIR_OK);
            assert_int_equal(reason, WEIR_REASON_USER);
            rig_rest(&rig);
            assert_int_equal(heard.times, 1);
            assert_true(heard.stage.bits == p.ref.bits);
            assert_int_equal(heard.reason, WEIR_REASON_USER);
            assert_true(readable(fd));
            close(fd);
            rig_close(&rig);
        }
    }
}

static void hear_when_it_is_gone(void *context, weir_ref stage, weir_reason reason) {
    struct heard *heard = context;
    weir_ref found;
    heard->gone = weir_finish(rig.runtime, stage) == WEIR_NO_STAGE &&
                  weir_whereis(rig.runtime, "p", &found) == WEIR_NO_NAME;
    hear(context, stage, reason);
}

/* The question comes to it behind what stops it. */
static weir_verdict ask_at_the_end(weir_stage *self, struct player *player, uint64_t number) {
    weir_runtime *runtime = weir_stage_runtime(self);
    if (number == 2) return weir_stop_with(self, WEIR_REASON_USER);
    player_cast(player, 2);
    RIG_CHECK(player->rig,
              weir_on_end(runtime, weir_self(self), hear_when_it_is_gone, player->own) == WEIR_OK);
    return WEIR_CONTINUE;
}

static void who_hears_of_an_end_finds_the_name_free(void) {
    struct heard heard = {0};
    struct player p = {
        .name = "p", .kind = WEIR_PRODUCER, .does.cast = ask_at_the_end, .own = &heard};
    player_start(&p, &rig, NULL);
    assert_int_equal(weir_register(rig.runtime, p.ref, "p"), WEIR_OK);
    player_cast(&p, 1);
    rig_rest(&rig);
    assert_int_equal(heard.times, 1);
    assert_int_equal(heard.reason, WEIR_REASON_USER);
    assert_true(heard.gone);
    rig_close(&rig);
}

/* Its descriptor closed before, or its runtime: nothing happens but what was promised. */
static void who_loses_interest(void) {
    struct player p;
    struct heard heard = {0};
    int fd;
    start(&p, "p", WEIR_PRODUCER);
    assert_int_equal(weir_end_fd(rig.runtime, p.ref, &fd), WEIR_OK);
    close(fd);
    assert_int_equal(weir_on_end(rig.runtime, p.ref, hear, &heard), WEIR_OK);
    rig_close(&rig);
    assert_int_equal(heard.times, 1);
    assert_int_equal(heard.reason, WEIR_REASON_SHUTDOWN);
}

static void what_is_no_stage_is_refused(void **state) {
    (void)state;
    rig_open(&rig, NULL);
    int fd;
    weir_token token;
    const weir_ref none = {0};
    assert_int_equal(weir_wait(rig.runtime, none, 0, NULL), WEIR_INVALID);
    assert_int_equal(weir_on_end(rig.runtime, none, hear, NULL), WEIR_INVALID);
    assert_int_equal(weir_end_fd(rig.runtime, none, &fd), WEIR_INVALID);
    assert_int_equal(weir_busy(rig.runtime, none, &token), WEIR_NO_STAGE);
    assert_int_equal(weir_done(rig.runtime, (weir_token){0}), WEIR_NO_TOKEN);
    assert_int_equal(weir_done(rig.runtime, (weir_token){UINT64_MAX, UINT32_MAX}), WEIR_NO_TOKEN);
    assert_true(weir_ending(rig.runtime, none));
    assert_false(weir_ending_here());
    rig_close(&rig);
}

static weir_verdict wait_for_itself(weir_stage *self, struct player *player, uint64_t number) {
    (void)number;
    RIG_CHECK(player->rig, weir_wait(weir_stage_runtime(self), weir_self(self), WEIR_FOREVER,
                                     NULL) == WEIR_WRONG_THREAD);
    return WEIR_CONTINUE;
}

static void a_callback_does_not_wait_for_itself(void) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .does.cast = wait_for_itself};
    player_start(&p, &rig, NULL);
    player_cast(&p, 1);
    rig_rest(&rig);
    rig_close(&rig);
}

/* ---- whether ------------------------------------------------------------- */

static weir_verdict note_whether(weir_stage *self, struct player *player, uint64_t number) {
    bool ends = weir_ending_here();
    (void)number;
    RIG_CHECK(player->rig, ends == weir_ending(weir_stage_runtime(self), weir_self(self)));
    player_say(player, ends ? "it ends" : "it goes on");
    return WEIR_CONTINUE;
}

static void it_can_ask_whether_it_should_end(void **state) {
    (void)state;
    for (int way = 0; way < 4; way++) {
        for (int world = 0; rig_open_world(&rig, world); world++) {
            struct player p = {.name = "p", .kind = WEIR_PRODUCER, .does.cast = note_whether};
            player_start(&p, &rig, NULL);
            player_cast(&p, 1);
            rig_rest(&rig);
            assert_false(weir_ending(rig.runtime, p.ref));
            player_expect(&p, "cast 1\nit goes on\n");
            player_cast(&p, 2); /* it is told in the midst of that */
            if (way == 0) player_stop(&p, WEIR_REASON_NORMAL);
            if (way == 1) weir_finish(rig.runtime, p.ref);
            if (way == 2) weir_runtime_stop(rig.runtime, WEIR_REASON_NORMAL);
            if (way == 3) weir_runtime_drain(rig.runtime, 0, NULL);
            rig_rest(&rig);
            const char *said = strstr(p.journal.text, "cast 2\nit ends\n");
            assert_true(said != NULL || way == 2); /* it had no turn to ask in */
            assert_true(weir_ending(rig.runtime, p.ref));
            rig_close(&rig);
        }
    }
}

#define IN_WORLDS(test) TEST_IN_WORLDS_OF(&rig, test)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLDS(a_token_keeps_it_alive),
        IN_WORLDS(an_inlet_that_was_finished_gives_out_none),
        IN_WORLDS(a_token_of_a_stage_that_was_stopped),
        IN_WORLDS(tokens_do_not_hold_up_close),
        cmocka_unit_test(a_fetch_under_way_is_not_lost),
        cmocka_unit_test(settle_waits_for_tokens),
        IN_WORLDS(whom_a_feeder_feeds_waits_for_it),
        cmocka_unit_test(an_end_is_told_in_each_way),
        IN_WORLDS(who_hears_of_an_end_finds_the_name_free),
        IN_WORLDS(who_loses_interest),
        cmocka_unit_test(what_is_no_stage_is_refused),
        IN_WORLDS(a_callback_does_not_wait_for_itself),
        cmocka_unit_test(it_can_ask_whether_it_should_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
