/*
 * Messages, calls, timers, monitors, names and supervisors, without memory.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: in each scenario what famine.h says, whichever allocation fails; a call that was
 * accepted comes to its end, and who watches is told.
 * Method: every public call that may refuse for want of memory, in callbacks and outside.
 */
#include "support/cmocka.h"
#include "support/famine.h"

#include <string.h>

/* ---- calls and messages -------------------------------------------------- */

static struct {
    uint64_t casts;
    uint64_t infos;
    uint64_t gone;
    uint64_t sent_casts;
    uint64_t sent_infos;
    uint64_t watched;
} seen;

static weir_verdict count_cast(weir_stage *self, struct famine_stage *stage, uint64_t number) {
    weir_runtime *runtime = weir_stage_runtime(self);
    weir_timer timer;
    seen.casts++;
    if (number == 0) return WEIR_CONTINUE;
    if (weir_send_after(runtime, weir_self(self), &number, sizeof number, 1000000, &timer) ==
        WEIR_OK) {
        seen.sent_infos++;
    }
    if (weir_send_after(runtime, weir_self(self), &number, sizeof number, 2000000, &timer) ==
        WEIR_OK) {
        FAMINE_REQUIRE(stage->famine, weir_cancel_timer(runtime, timer) == WEIR_OK);
    }
    const struct famine_stage *other = &stage->famine->stages[2];
    if (weir_cast(runtime, other->ref, NULL, 0) == WEIR_OK) seen.sent_casts++;
    if (weir_monitor_stage(self, other->ref, NULL) == WEIR_OK) seen.watched++;
    return WEIR_CONTINUE;
}

static weir_verdict count_info(weir_stage *self, struct famine_stage *stage, uint64_t number) {
    (void)self, (void)stage, (void)number;
    seen.infos++;
    return WEIR_CONTINUE;
}

static weir_verdict count_gone(weir_stage *self, struct famine_stage *stage, weir_ref who) {
    (void)self, (void)stage, (void)who;
    seen.gone++;
    return WEIR_CONTINUE;
}

/* Without memory to answer later it answers at once. */
static weir_verdict answer(weir_stage *self, struct famine_stage *stage, weir_from from) {
    static const char text[] = "some answer";
    if (weir_reply_after(self, from, text, sizeof text) != WEIR_OK) {
        FAMINE_REQUIRE(stage->famine,
                       weir_reply(weir_stage_runtime(self), from, text, sizeof text) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

static void start_three(struct famine *famine) {
    struct famine_stage *s = famine->stages;
    static const char *const names[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++) {
        s[i] = (struct famine_stage){.name = names[i],
                                     .kind = i == 1 ? WEIR_PRODUCER : WEIR_CONSUMER,
                                     .emits = FAMINE_NOTHING,
                                     .cast = count_cast,
                                     .info = count_info,
                                     .call = answer,
                                     .gone = count_gone};
        famine_start(famine, &s[i], &(weir_stage_options){.registered = i != 2});
    }
    famine_subscribe(famine, &s[0], s[1].ref, 10, 5);
    famine_subscribe(famine, &s[2], s[1].ref, 10, 5);
}

static void ask_all(struct famine *famine) {
    weir_runtime *runtime = famine->runtime;
    const struct famine_stage *s = famine->stages;
    char text[16];
    weir_answer told = {.bytes = text, .room = sizeof text};
    weir_subscription list[4];
    size_t count;
    uint64_t buffered;
    weir_demand_mode mode;
    famine_done(famine, weir_call(runtime, s[0].ref, "x", 1, &told, WEIR_FOREVER));
    famine_done(famine, weir_consumers(runtime, s[1].ref, WEIR_FOREVER, list, 4, &count));
    famine_done(famine, weir_producers(runtime, s[0].ref, WEIR_FOREVER, list, 4, &count));
    famine_done(famine, weir_estimate_buffered(runtime, s[1].ref, WEIR_FOREVER, &buffered));
    famine_done(famine, weir_demand_mode_of(runtime, s[1].ref, WEIR_FOREVER, &mode));
    if (famine_done(famine, weir_info_wait(runtime, s[0].ref, NULL, 0, WEIR_FOREVER))) {
        seen.sent_infos++;
    }
}

static void play_mail(struct famine *famine) {
    weir_runtime *runtime = famine->runtime;
    const struct famine_stage *s = famine->stages;
    weir_ref found;
    weir_timer timer;
    weir_subscription made;
    memset(&seen, 0, sizeof seen);
    start_three(famine);
    for (uint64_t i = 1; i < 20; i++) {
        char name[16] = "name ";
        name[4] = (char)('a' + i);
        int to = (int)(i % 3);
        if (famine_done(famine, weir_cast(runtime, s[to].ref, &i, sizeof i))) seen.sent_casts++;
        if (famine_done(famine, weir_info(runtime, s[to].ref, &i, sizeof i))) seen.sent_infos++;
        if (famine_done(famine,
                        weir_send_after(runtime, s[to].ref, &i, sizeof i, 3000000, &timer)) &&
            !famine_done(famine, weir_cancel_timer(runtime, timer))) {
            seen.sent_infos++;
        }
        famine_done(famine, weir_register(runtime, s[to].ref, name));
        famine_step(famine, 3);
    }
    famine_done(famine, weir_whereis(runtime, "a", &found));
    famine_done(famine, weir_whereis(runtime, "nameb", &found));
    famine_done(famine, weir_unregister(runtime, "nameb"));
    ask_all(famine);
    if (s[0].ref.bits != 0 && s[1].ref.bits != 0) {
        const weir_subscribe_options options = {.cancel = WEIR_TEMPORARY};
        famine_done(famine, weir_subscribe_wait(runtime, s[0].ref, s[1].ref, &options, WEIR_FOREVER,
                                                &made));
    }
    famine_rest(famine);
    if (famine_done(famine, weir_stop_wait(runtime, s[2].ref, WEIR_REASON_NORMAL, WEIR_FOREVER))) {
        famine_rest(famine);
        FAMINE_REQUIRE(famine, seen.gone == seen.watched);
    }
}

static void messages(void **state) {
    (void)state;
    famine_run(&(struct famine_scenario){.name = "mail", .play = play_mail, .endless = true});
}

/* ---- in init ------------------------------------------------------------- */

/* Without memory for all of it, it does not start. */
static weir_verdict prepare(weir_stage *self, void *argument) {
    struct famine *famine = argument;
    weir_runtime *runtime = famine->runtime;
    weir_ref own = weir_self(self);
    uint64_t one = 1;
    const weir_subscribe_options options = {.cancel = WEIR_TEMPORARY};
    weir_ref source = famine->stages[1].ref;
    bool all = weir_register(runtime, own, "other name") == WEIR_OK;
    all = all && weir_cast(runtime, own, &one, sizeof one) == WEIR_OK;
    all = all && weir_info(runtime, own, &one, sizeof one) == WEIR_OK;
    all = all && weir_send_after(runtime, own, &one, sizeof one, 1000, NULL) == WEIR_OK;
    all = all && weir_monitor_stage(self, source, NULL) == WEIR_OK;
    all = all && weir_subscribe(runtime, own, source, &options, NULL) == WEIR_OK;
    return all ? WEIR_CONTINUE : weir_stop_with(self, WEIR_REASON_NO_MEMORY);
}

static void play_init(struct famine *famine) {
    struct famine_stage *s = famine->stages;
    memset(&seen, 0, sizeof seen);
    s[1] = (struct famine_stage){.name = "source", .kind = WEIR_PRODUCER, .limit = 50};
    s[2] = (struct famine_stage){.name = "other", .kind = WEIR_CONSUMER, .cast = count_cast};
    famine_start(famine, &s[1], NULL);
    famine_start(famine, &s[2], NULL);
    s[0] = (struct famine_stage){.name = "prepares",
                                 .kind = WEIR_CONSUMER,
                                 .cast = count_cast,
                                 .info = count_info,
                                 .gone = count_gone};
    const weir_subscribe_to to = {.producer = s[1].ref, .options.cancel = WEIR_TEMPORARY};
    for (int tries = 0; tries < 2 && s[0].ref.bits == 0; tries++) {
        weir_stage_options options = famine_options(
            famine, &s[0],
            &(weir_stage_options){.registered = true, .subscribe_to = &to, .subscribe_count = 1});
        options.on.init = prepare;
        options.argument = famine;
        if (!famine_done(famine, weir_stage_start(famine->runtime, &options, &s[0].ref))) {
            s[0].ref = (weir_ref){0};
        }
        famine_rest(famine);
    }
}

static void in_init(void **state) {
    (void)state;
    famine_run(&(struct famine_scenario){.name = "init", .play = play_init});
}

/* ---- supervisors --------------------------------------------------------- */

/* One that its supervisor starts again would be another maker: it makes nothing. */
static weir_verdict die(weir_stage *self, struct famine_stage *stage, uint64_t number) {
    (void)stage;
    return number > 0 ? weir_stop_with(self, WEIR_REASON_USER) : WEIR_CONTINUE;
}

static weir_ref child_of(struct famine *famine, weir_ref supervisor, uint32_t number) {
    weir_ref ref = {0};
    (void)weir_supervisor_child(famine->runtime, supervisor, number, WEIR_FOREVER, &ref);
    return ref;
}

static void kill(struct famine *famine, weir_ref supervisor, uint32_t number) {
    weir_ref ref = child_of(famine, supervisor, number);
    uint64_t one = 1;
    if (ref.bits != 0) (void)weir_cast(famine->runtime, ref, &one, sizeof one);
    famine_rest(famine);
}

static void play_supervisor(struct famine *famine, weir_strategy strategy) {
    weir_runtime *runtime = famine->runtime;
    struct famine_stage *s = famine->stages;
    s[0] = (struct famine_stage){.name = "source", .kind = WEIR_PRODUCER, .cast = die};
    s[1] = (struct famine_stage){.name = "middle", .kind = WEIR_PRODUCER_CONSUMER, .cast = die};
    s[2] = (struct famine_stage){.name = "sink", .kind = WEIR_CONSUMER, .cast = die};
    s[3] = (struct famine_stage){.name = "late", .kind = WEIR_CONSUMER, .cast = die};
    const weir_stage_options stages[] = {
        famine_options(famine, &s[0], &(weir_stage_options){.registered = true}),
        famine_options(famine, &s[1], NULL), famine_options(famine, &s[2], NULL),
        famine_options(famine, &s[3], NULL)};
    const weir_subscribe_to from_source = {.name = "source"};
    const weir_subscribe_to from_middle = {.producer = WEIR_SIBLING(1)};
    const weir_supervised children[] = {
        {.stage = &stages[0]},
        {.stage = &stages[1], .subscribe_to = &from_source, .subscribe_count = 1},
        {.stage = &stages[2], .subscribe_to = &from_middle, .subscribe_count = 1}};
    const weir_supervisor_options options = {
        .strategy = strategy, .max_restarts = 20, .children = children, .child_count = 3};
    weir_ref supervisor = {0};
    if (!famine_done(famine, weir_supervisor_start(runtime, &options, &supervisor))) {
        famine_rest(famine);
        return;
    }
    famine_rest(famine);
    kill(famine, supervisor, 1);
    uint32_t number = 0;
    const weir_supervised late = {
        .stage = &stages[3], .subscribe_to = &from_source, .subscribe_count = 1};
    weir_ref ref;
    if (famine_done(famine, weir_supervisor_start_child(runtime, supervisor, &late, WEIR_FOREVER,
                                                        &number, &ref)) &&
        famine_done(famine,
                    weir_supervisor_stop_child(runtime, supervisor, number, WEIR_FOREVER))) {
        famine_done(famine,
                    weir_supervisor_restart_child(runtime, supervisor, number, WEIR_FOREVER, &ref));
    }
    kill(famine, supervisor, 0);
    kill(famine, supervisor, 2);
    weir_supervised_info list[4];
    size_t count;
    famine_done(famine,
                weir_supervisor_children(runtime, supervisor, WEIR_FOREVER, list, 4, &count));
    famine_rest(famine);
}

static void play_one_for_one(struct famine *famine) {
    play_supervisor(famine, WEIR_ONE_FOR_ONE);
}

static void play_rest_for_one(struct famine *famine) {
    play_supervisor(famine, WEIR_REST_FOR_ONE);
}

static void supervisors(void **state) {
    (void)state;
    famine_run(&(struct famine_scenario){
        .name = "one for one", .play = play_one_for_one, .endless = true});
    famine_run(&(struct famine_scenario){
        .name = "rest for one", .play = play_rest_for_one, .endless = true});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages),
        cmocka_unit_test(in_init),
        cmocka_unit_test(supervisors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
