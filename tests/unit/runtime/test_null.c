/*
 * NULL: every function refuses it where it has no meaning, and says which argument it was.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: no pointer argument of any public function crashes when it is NULL.
 * Method: a row for each (support/nulls.h), here, in parts/test_null_parts.c and in
 * pipeline/test_null_pipeline.c, which tests/tools/test_null.py compares with the headers, so
 * that none is forgotten.
 */
#include "support/cmocka.h"
#include "support/nulls.h"

#include <string.h>

static struct rig rig;

/* ---- runtimes ------------------------------------------------------------ */

static void of_runtimes(void) {
    weir_runtime *runtime = rig.runtime;
    weir_runtime *other;
    REFUSED(weir_runtime_open, out, weir_runtime_open(NULL, NULL));
    ALLOWED(weir_runtime_open, options, weir_runtime_open(NULL, &other) == WEIR_OK);
    REFUSED(weir_runtime_run, runtime, weir_runtime_run(NULL, 0));
    HARMLESS(weir_runtime_step, runtime, weir_runtime_step(NULL, 1) == 0);
    REFUSED(weir_runtime_settle, runtime, weir_runtime_settle(NULL, 0));
    REFUSED(weir_runtime_advance, runtime, weir_runtime_advance(NULL, 0));
    REFUSED(weir_runtime_drain, runtime, weir_runtime_drain(NULL, 0, SOME));
    ALLOWED(weir_runtime_drain, report, weir_runtime_drain(other, WEIR_FOREVER, NULL) == WEIR_OK);
    REFUSED(weir_runtime_stop, runtime, weir_runtime_stop(NULL, WEIR_REASON_NORMAL));
    REFUSED(weir_runtime_close, runtime, weir_runtime_close(NULL, SOME));
    ALLOWED(weir_runtime_close, accounts, weir_runtime_close(other, NULL) == WEIR_OK);
    HARMLESS(weir_runtime_workers, runtime, weir_runtime_workers(NULL) == 0);
    HARMLESS(weir_runtime_stages, runtime, weir_runtime_stages(NULL) == 0);
    HARMLESS(weir_runtime_allocator, runtime, strcmp(weir_runtime_allocator(NULL), "") == 0);
    REFUSED(weir_refuse, format, weir_refuse(WEIR_INVALID, NULL));
    HARMLESS(weir_log, runtime, (weir_log(NULL, WEIR_LOG_INFO, "-"), true));
    HARMLESS(weir_log, format, (weir_log(runtime, WEIR_LOG_INFO, NULL), true));
    HARMLESS(weir_runtime_now, runtime, weir_runtime_now(NULL) == 0);
    REFUSED(weir_runtime_accounts, runtime, weir_runtime_accounts(NULL, SOME));
    REFUSED(weir_runtime_accounts, out, weir_runtime_accounts(runtime, NULL));
    HARMLESS(weir_runtime_dropped, runtime, weir_runtime_dropped(NULL, WEIR_DISCARD_HANDLED) == 0);
    HARMLESS(weir_accounts_check, accounts, weir_accounts_check(NULL) != NULL);
    REFUSED(weir_process_mask, signals, weir_process_mask(NULL));
}

/* ---- stages and subscriptions -------------------------------------------- */

static void of_stages(weir_ref stage) {
    weir_runtime *runtime = rig.runtime;
    weir_ref found;
    REFUSED(weir_stage_start, runtime, weir_stage_start(NULL, SOME, SOME));
    REFUSED(weir_stage_start, options, weir_stage_start(runtime, NULL, SOME));
    REFUSED(weir_stages_start, runtime, weir_stages_start(NULL, SOME, 0, SOME));
    REFUSED(weir_stages_start, options, weir_stages_start(runtime, NULL, 0, SOME));
    ALLOWED(weir_stages_start, out, weir_stages_start(runtime, SOME, 0, NULL) == WEIR_OK);
    REFUSED(weir_chain, runtime, weir_chain(NULL, &stage, 1, NULL));
    REFUSED(weir_chain, stages, weir_chain(runtime, NULL, 0, NULL));
    ALLOWED(weir_chain, options, weir_chain(runtime, &stage, 1, NULL) == WEIR_OK);
    ALLOWED(weir_must_at, file, (weir_must_at(WEIR_OK, NULL, 0), true));
    REFUSED(weir_stop, runtime, weir_stop(NULL, stage, WEIR_REASON_NORMAL));
    REFUSED(weir_cast, runtime, weir_cast(NULL, stage, "", 0));
    REFUSED(weir_cast, message, weir_cast(runtime, stage, NULL, 1));
    REFUSED(weir_cast_event, runtime, weir_cast_event(NULL, stage, SOME, SOME));
    REFUSED(weir_cast_event, type, weir_cast_event(runtime, stage, NULL, SOME));
    REFUSED(weir_cast_event, event, weir_cast_event(runtime, stage, SOME, NULL));
    REFUSED(weir_info_event, runtime, weir_info_event(NULL, stage, SOME, SOME));
    REFUSED(weir_info_event, type, weir_info_event(runtime, stage, NULL, SOME));
    REFUSED(weir_info_event, event, weir_info_event(runtime, stage, SOME, NULL));
    REFUSED(weir_info, runtime, weir_info(NULL, stage, "", 0));
    REFUSED(weir_info, message, weir_info(runtime, stage, NULL, 1));
    REFUSED(weir_demand, runtime, weir_demand(NULL, stage, WEIR_FORWARD));
    REFUSED(weir_send_after, runtime, weir_send_after(NULL, stage, "", 0, 0, SOME));
    REFUSED(weir_send_after, message, weir_send_after(runtime, stage, NULL, 1, 0, SOME));
    ALLOWED(weir_send_after, out, weir_send_after(runtime, stage, "", 0, 0, NULL) == WEIR_OK);
    REFUSED(weir_cancel_timer, runtime, weir_cancel_timer(NULL, (weir_timer){.stage = stage}));
    REFUSED(weir_register, runtime, weir_register(NULL, stage, "name"));
    REFUSED(weir_register, name, weir_register(runtime, stage, NULL));
    REFUSED(weir_unregister, runtime, weir_unregister(NULL, "name"));
    REFUSED(weir_unregister, name, weir_unregister(runtime, NULL));
    REFUSED(weir_whereis, runtime, weir_whereis(NULL, "name", &found));
    REFUSED(weir_whereis, name, weir_whereis(runtime, NULL, &found));
    REFUSED(weir_whereis, out, weir_whereis(runtime, "name", NULL));
}

static void of_ends(weir_ref stage) {
    weir_runtime *runtime = rig.runtime;
    REFUSED(weir_finish, runtime, weir_finish(NULL, stage));
    REFUSED(weir_busy, runtime, weir_busy(NULL, stage, SOME));
    REFUSED(weir_busy, out, weir_busy(runtime, stage, NULL));
    REFUSED(weir_done, runtime, weir_done(NULL, (weir_token){0}));
    REFUSED(weir_feeds, runtime, weir_feeds(NULL, stage, stage));
    HARMLESS(weir_ending, runtime, weir_ending(NULL, stage));
    REFUSED(weir_wait, runtime, weir_wait(NULL, stage, 0, SOME));
    ALLOWED(weir_wait, reason, weir_wait(runtime, stage, 0, NULL) == WEIR_TIMEOUT);
    REFUSED(weir_end_fd, runtime, weir_end_fd(NULL, stage, SOME));
    REFUSED(weir_end_fd, out, weir_end_fd(runtime, stage, NULL));
    nulls_check(&rig, weir_on_end(runtime, stage, NULL, NULL) == WEIR_INVALID, "weir_on_end",
                "ended", true);
    REFUSED(weir_runtime_holdup, runtime, weir_runtime_holdup(NULL, SOME));
    REFUSED(weir_runtime_holdup, report, weir_runtime_holdup(runtime, NULL));
    rig_rest(&rig);
}

static void of_counters(weir_ref stage) {
    const weir_runtime *runtime = rig.runtime;
    const weir_subscription none = {0};
    static _Alignas(64) unsigned char slot[WEIR_COUNTERS_MOST];
    HARMLESS(weir_counters_copy, from, !weir_counters_copy(NULL, slot));
    HARMLESS(weir_counters_copy, copy, !weir_counters_copy(slot, NULL));
    HARMLESS(weir_times_share, times, weir_times_share(NULL, 0.5) == 0);
    REFUSED(weir_stage_stats, runtime, weir_stage_stats(NULL, stage, SOME));
    REFUSED(weir_stage_stats, out, weir_stage_stats(runtime, stage, NULL));
    HARMLESS(weir_stages, runtime, weir_stages(NULL, NULL, 0) == 0);
    HARMLESS(weir_stages, out, weir_stages(runtime, NULL, 1) == 0);
    ALLOWED(weir_stages, out, weir_stages(runtime, NULL, 0) == weir_runtime_stages(runtime));
    HARMLESS(weir_subscriptions, runtime, weir_subscriptions(NULL, stage, NULL, 0) == 0);
    HARMLESS(weir_subscriptions, out, weir_subscriptions(runtime, stage, NULL, 1) == 0);
    REFUSED(weir_stage_times, runtime, weir_stage_times(NULL, stage, WEIR_TIMES_HANDLING, SOME));
    REFUSED(weir_stage_times, out, weir_stage_times(runtime, stage, WEIR_TIMES_HANDLING, NULL));
    REFUSED(weir_subscription_times, runtime, weir_subscription_times(NULL, none, SOME));
    REFUSED(weir_subscription_times, out, weir_subscription_times(runtime, none, NULL));
}

/* A permanent one is never ended, or its consumer would end as well. */
static void of_subscriptions(weir_ref producer, weir_ref consumer) {
    weir_runtime *runtime = rig.runtime;
    const weir_reason normal = WEIR_REASON_NORMAL;
    const uint64_t ever = WEIR_FOREVER;
    weir_subscription made[6];
    weir_subscribe_options how = {.cancel = WEIR_TEMPORARY};
    REFUSED(weir_subscribe, runtime, weir_subscribe(NULL, consumer, producer, &how, made));
    ALLOWED(weir_subscribe, options,
            weir_subscribe(runtime, consumer, producer, NULL, &made[0]) == WEIR_OK);
    ALLOWED(weir_subscribe, out,
            weir_subscribe(runtime, consumer, producer, &how, NULL) == WEIR_OK);
    REFUSED(weir_subscribe_wait, runtime,
            weir_subscribe_wait(NULL, consumer, producer, &how, 0, made));
    ALLOWED(weir_subscribe_wait, options,
            weir_subscribe_wait(runtime, consumer, producer, NULL, ever, &made[0]) == WEIR_OK);
    ALLOWED(weir_subscribe_wait, out,
            weir_subscribe_wait(runtime, consumer, producer, &how, ever, NULL) == WEIR_OK);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(weir_subscribe(runtime, consumer, producer, &how, &made[i]), WEIR_OK);
    }
    REFUSED(weir_resubscribe, runtime,
            weir_resubscribe(NULL, made[0], normal, producer, &how, made));
    ALLOWED(weir_resubscribe, out,
            weir_resubscribe(runtime, made[0], normal, producer, &how, NULL) == WEIR_OK);
    ALLOWED(weir_resubscribe, options,
            weir_resubscribe(runtime, made[1], normal, producer, NULL, &made[0]) == WEIR_OK);
    REFUSED(weir_resubscribe_wait, runtime,
            weir_resubscribe_wait(NULL, made[2], normal, producer, &how, 0, made));
    ALLOWED(weir_resubscribe_wait, out,
            weir_resubscribe_wait(runtime, made[2], normal, producer, &how, ever, NULL) == WEIR_OK);
    ALLOWED(weir_resubscribe_wait, options,
            weir_resubscribe_wait(runtime, made[3], normal, producer, NULL, ever, &made[0]) ==
                WEIR_OK);
    REFUSED(weir_ask, runtime, weir_ask(NULL, made[4], 1));
    REFUSED(weir_cancel, runtime, weir_cancel(NULL, made[4], normal));
}

static void of_calls(weir_ref stage) {
    weir_runtime *runtime = rig.runtime;
    weir_from none = {0};
    weir_answer answer = {0};
    size_t count;
    REFUSED(weir_call, runtime, weir_call(NULL, stage, "", 0, &answer, 0));
    REFUSED(weir_call, request, weir_call(runtime, stage, NULL, 1, &answer, 0));
    ALLOWED(weir_call, answer, weir_call(runtime, stage, "", 0, NULL, WEIR_FOREVER) == WEIR_OK);
    REFUSED(weir_reply, runtime, weir_reply(NULL, none, "", 0));
    REFUSED(weir_reply, answer, weir_reply(runtime, none, NULL, 1));
    REFUSED(weir_stop_wait, runtime, weir_stop_wait(NULL, stage, WEIR_REASON_NORMAL, 0));
    REFUSED(weir_info_wait, runtime, weir_info_wait(NULL, stage, "", 0, 0));
    REFUSED(weir_info_wait, message, weir_info_wait(runtime, stage, NULL, 1, 0));
    REFUSED(weir_demand_mode_of, runtime, weir_demand_mode_of(NULL, stage, 0, SOME));
    REFUSED(weir_demand_mode_of, out, weir_demand_mode_of(runtime, stage, 0, NULL));
    REFUSED(weir_estimate_buffered, runtime, weir_estimate_buffered(NULL, stage, 0, SOME));
    REFUSED(weir_estimate_buffered, out, weir_estimate_buffered(runtime, stage, 0, NULL));
    REFUSED(weir_consumers, runtime, weir_consumers(NULL, stage, 0, SOME, 1, &count));
    REFUSED(weir_consumers, out, weir_consumers(runtime, stage, 0, NULL, 1, &count));
    REFUSED(weir_consumers, count, weir_consumers(runtime, stage, 0, SOME, 1, NULL));
    REFUSED(weir_producers, runtime, weir_producers(NULL, stage, 0, SOME, 1, &count));
    REFUSED(weir_producers, out, weir_producers(runtime, stage, 0, NULL, 1, &count));
    REFUSED(weir_producers, count, weir_producers(runtime, stage, 0, SOME, 1, NULL));
    REFUSED(weir_lags, runtime, weir_lags(NULL, stage, 0, SOME, 1, &count));
    REFUSED(weir_lags, out, weir_lags(runtime, stage, 0, NULL, 1, &count));
    REFUSED(weir_lags, count, weir_lags(runtime, stage, 0, SOME, 1, NULL));
}

static void of_rates(void) {
    const weir_rate_options options = {.allowed = 10};
    weir_rate_options found;
    weir_rate *rate;
    uint64_t due;
    REFUSED(weir_rate_open, options, weir_rate_open(rig.runtime, NULL, &rate));
    REFUSED(weir_rate_open, out, weir_rate_open(rig.runtime, &options, NULL));
    ALLOWED(weir_rate_open, runtime, weir_rate_open(NULL, &options, &rate) == WEIR_OK);
    REFUSED(weir_rate_set, rate, weir_rate_set(NULL, &options));
    REFUSED(weir_rate_set, options, weir_rate_set(rate, NULL));
    REFUSED(weir_rate_get, rate, weir_rate_get(NULL, &found));
    REFUSED(weir_rate_get, out, weir_rate_get(rate, NULL));
    const uint64_t now = weir_runtime_now(rig.runtime);
    HARMLESS(weir_rate_take, rate, weir_rate_take(NULL, 1, now, &due) == 0);
    ALLOWED(weir_rate_take, due_ns, weir_rate_take(rate, 1, now, NULL) == 1);
    REFUSED(weir_rate_reserve, rate, weir_rate_reserve(NULL, 1, now, &due));
    REFUSED(weir_rate_reserve, due_ns, weir_rate_reserve(rate, 1, now, NULL));
    ALLOWED(weir_rate_close, rate, (weir_rate_close(NULL), true));
    weir_rate_close(rate);
}

static void of_outputs(weir_ref stage) {
    weir_ref found;
    REFUSED(weir_stage_output, runtime, weir_stage_output(NULL, stage, 0, &found));
    REFUSED(weir_stage_output, out, weir_stage_output(rig.runtime, stage, 0, NULL));
    HARMLESS(weir_backoff_delay, backoff, weir_backoff_delay(NULL, 1, 0) == 0);
}

/* ---- inside callbacks ---------------------------------------------------- */

static void of_oneself(weir_stage *self, weir_ref other) {
    weir_from none = {0};
    HARMLESS(weir_state, self, weir_state(NULL) == NULL);
    HARMLESS(weir_stage_runtime, self, weir_stage_runtime(NULL) == NULL);
    HARMLESS(weir_self, self, weir_self(NULL).bits == 0);
    HARMLESS(weir_stage_name, self, strcmp(weir_stage_name(NULL), "") == 0);
    HARMLESS(weir_buffered, self, weir_buffered(NULL) == 0);
    HARMLESS(weir_held, self, weir_held(NULL) == 0);
    HARMLESS(weir_finish_with, self, weir_finish_with(NULL, WEIR_REASON_USER) == WEIR_STOP);
    HARMLESS(weir_stop_with, self, weir_stop_with(NULL, WEIR_REASON_USER) == WEIR_STOP);
    REFUSED(weir_reply_after, self, weir_reply_after(NULL, none, "", 0));
    REFUSED(weir_reply_after, answer, weir_reply_after(self, none, NULL, 1));
    REFUSED(weir_monitor_stage, self, weir_monitor_stage(NULL, other, SOME));
    ALLOWED(weir_monitor_stage, out, weir_monitor_stage(self, other, NULL) == WEIR_OK);
    REFUSED(weir_demonitor, self, weir_demonitor(NULL, (weir_monitor){.id = 1}));
    REFUSED(weir_emit_mark, self, weir_emit_mark(NULL, SOME));
    REFUSED(weir_emit_mark, mark, weir_emit_mark(self, NULL));
    HARMLESS(weir_watermark, self, weir_watermark(NULL) == 0);
    REFUSED(weir_emit, self, weir_emit(NULL, "", 1));
    REFUSED(weir_emit, events, weir_emit(self, NULL, 1));
    HARMLESS(weir_reserve, self, weir_reserve(NULL, 1).events == NULL);
    REFUSED(weir_commit, self, weir_commit(NULL, 0));
    HARMLESS(weir_batch_subscription, self, weir_batch_subscription(NULL).id == 0);
    HARMLESS(weir_batch_event_bytes, self, weir_batch_event_bytes(NULL) == 0);
    HARMLESS(weir_forward, self, weir_forward(NULL) == WEIR_STOP);
    HARMLESS(weir_own, self, weir_own(NULL) == NULL);
    HARMLESS(weir_open_demand, self, weir_open_demand(NULL).events == 0);
    REFUSED(weir_batch_rest, self, weir_batch_rest(NULL, 0));
    REFUSED(weir_demand_rest, self, weir_demand_rest(NULL, 0));
    REFUSED(weir_stash, self, weir_stash(NULL, 0, 1));
    HARMLESS(weir_stashed, self, weir_stashed(NULL) == 0);
    HARMLESS(weir_stash_front, self, weir_stash_front(NULL, 1).events == NULL);
    HARMLESS(weir_stash_event_bytes, self, weir_stash_event_bytes(NULL) == 0);
    REFUSED(weir_stash_emit, self, weir_stash_emit(NULL, 1));
    REFUSED(weir_stash_drop, self, weir_stash_drop(NULL, 1));
    REFUSED(weir_take, self, weir_take(NULL, 0, 1, SOME));
    REFUSED(weir_take, events, weir_take(SOME, 0, 1, NULL));
    HARMLESS(weir_reserve_bytes, self, weir_reserve_bytes(NULL, 1).events == NULL);
    REFUSED(weir_commit_bytes, self, weir_commit_bytes(NULL, 0, SOME, 1));
    REFUSED(weir_commit_bytes, events, weir_commit_bytes(self, 0, NULL, 1));
    REFUSED(weir_emit_slices, self, weir_emit_slices(NULL, SOME, 1));
    REFUSED(weir_emit_slices, events, weir_emit_slices(self, NULL, 1));
    REFUSED(weir_emit_to, self, weir_emit_to(NULL, 0, "", 1));
    REFUSED(weir_emit_to, events, weir_emit_to(self, 0, NULL, 1));
    REFUSED(weir_forward_to, self, weir_forward_to(NULL, 0, 0, 1));
    REFUSED(weir_take_message, self, weir_take_message(NULL, SOME));
    REFUSED(weir_take_message, event, weir_take_message(SOME, NULL));
}

static weir_ref other_stage;
static int shown;

static weir_verdict examine(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    if (shown == 0) of_oneself(self, other_stage);
    /* Nor in the middle of emitting, when events only have to be written. */
    uint64_t event = 1;
    weir_emit(self, &event, 1);
    REFUSED(weir_emit, events, weir_emit(self, NULL, 1));
    shown++;
    return WEIR_CONTINUE;
}

static weir_verdict hear_down(weir_stage *self, weir_ref stage, weir_reason reason) {
    (void)self, (void)stage, (void)reason;
    return WEIR_CONTINUE;
}

/* ---- dispatchers --------------------------------------------------------- */

static weir_outlet *consumer_seen;

static void of_runs(weir_run *run, weir_outlet *consumer) {
    HARMLESS(weir_run_count, run, weir_run_count(NULL) == 0);
    HARMLESS(weir_run_events, run, weir_run_events(NULL).events == NULL);
    HARMLESS(weir_run_event_bytes, run, weir_run_event_bytes(NULL) == 0);
    HARMLESS(weir_run_send, run, (weir_run_send(NULL, consumer, 1), true));
    HARMLESS(weir_run_send, consumer, (weir_run_send(run, NULL, 1), true));
    HARMLESS(weir_run_share, run, weir_run_share(NULL, consumer, 1) == 0);
    HARMLESS(weir_run_share, consumer, weir_run_share(run, NULL, 1) == 0);
    HARMLESS(weir_run_skip, run, (weir_run_skip(NULL, 1), true));
    HARMLESS(weir_run_ask_again, run, (weir_run_ask_again(NULL, consumer, 1), true));
    HARMLESS(weir_run_ask_again, consumer, (weir_run_ask_again(run, NULL, 1), true));
    HARMLESS(weir_run_drop, run, (weir_run_drop(NULL, 1, WEIR_DISCARD_UNWANTED), true));
    HARMLESS(weir_run_demand, run, (weir_run_demand(NULL, 1), true));
    HARMLESS(weir_outlet_state, consumer, weir_outlet_state(NULL) == NULL);
    HARMLESS(weir_outlet_options, consumer, weir_outlet_options(NULL) == NULL);
    HARMLESS(weir_outlet_subscription, consumer, weir_outlet_subscription(NULL).id == 0);
}

static void of_holds(weir_run *run, weir_hold *hold, weir_outlet *consumer) {
    HARMLESS(weir_hold_open, desk, weir_hold_open(NULL) == NULL);
    ALLOWED(weir_hold_close, hold, (weir_hold_close(NULL), true));
    HARMLESS(weir_hold_count, hold, weir_hold_count(NULL) == 0);
    HARMLESS(weir_run_hold, run, weir_run_hold(NULL, hold, 1) == 0);
    ALLOWED(weir_run_hold, hold, weir_run_hold(run, NULL, 1) == 0);
    HARMLESS(weir_run_hold_first, run, weir_run_hold_first(NULL, hold, 1) == 0);
    ALLOWED(weir_run_hold_first, hold, weir_run_hold_first(run, NULL, 1) == 0);
    HARMLESS(weir_hold_send, hold, weir_hold_send(NULL, consumer, 1) == 0);
    HARMLESS(weir_hold_send, consumer, weir_hold_send(hold, NULL, 1) == 0);
    HARMLESS(weir_hold_drop, hold, weir_hold_drop(NULL, 1, WEIR_DISCARD_UNWANTED) == 0);
    HARMLESS(weir_hold_info, hold, !weir_hold_info(NULL, SOME));
    HARMLESS(weir_hold_info, info, !weir_hold_info(hold, NULL));
    HARMLESS(weir_passing_send, mark, (weir_passing_send(NULL, consumer), true));
    HARMLESS(weir_passing_send, consumer, (weir_passing_send(SOME, NULL), true));
    HARMLESS(weir_passing_hold, mark, !weir_passing_hold(NULL, hold));
    HARMLESS(weir_passing_hold, hold, !weir_passing_hold(SOME, NULL));
    HARMLESS(weir_passing_mark, mark, weir_passing_mark(NULL).kind == 0);
    HARMLESS(weir_partition_of, key, weir_partition_of(NULL, 1, 4) == 0);
}

struct holder {
    weir_hold *hold;
};

static weir_status open_holder(void *state, weir_desk *desk, const void *options) {
    struct holder *holder = state;
    (void)options;
    holder->hold = weir_hold_open(desk);
    return holder->hold == NULL ? WEIR_NO_MEMORY : WEIR_OK;
}

static void close_holder(void *state) {
    weir_hold_close(((struct holder *)state)->hold);
}

static weir_reason accept(void *state, weir_outlet *consumer, uint64_t *upstream) {
    (void)state, (void)upstream;
    consumer_seen = consumer;
    return WEIR_REASON_NORMAL;
}

static uint64_t pass_up(void *state, weir_outlet *consumer, uint64_t count) {
    (void)state, (void)consumer;
    return count;
}

static uint64_t let_go(void *state, weir_outlet *consumer) {
    (void)state, (void)consumer;
    return 0;
}

static void look_and_drop(void *state, weir_run *run, uint64_t count) {
    struct holder *holder = state;
    if (consumer_seen != NULL) {
        weir_run_hold(run, holder->hold, 1);
        of_runs(run, consumer_seen);
        of_holds(run, holder->hold, consumer_seen);
    }
    weir_run_drop(run, count, WEIR_DISCARD_UNWANTED);
}

static uint64_t any_demand(const void *state) {
    (void)state;
    return 1000;
}

static const weir_dispatcher holding = {.name = "holding",
                                        .state_bytes = sizeof(struct holder),
                                        .init = open_holder,
                                        .close = close_holder,
                                        .subscribe = accept,
                                        .ask = pass_up,
                                        .cancel = let_go,
                                        .dispatch = look_and_drop,
                                        .open_demand = any_demand};

/* ---- all of them --------------------------------------------------------- */

static weir_verdict no_demand(weir_stage *self, uint64_t demand) {
    (void)self, (void)demand;
    return WEIR_CONTINUE;
}

static weir_verdict no_events(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

static weir_verdict answer_all(weir_stage *self, weir_from from, const void *request,
                               size_t bytes) {
    (void)request, (void)bytes;
    weir_reply(weir_stage_runtime(self), from, NULL, 0);
    return WEIR_CONTINUE;
}

static weir_ref start(weir_stage_options options) {
    weir_ref ref;
    nulls_forget();
    if (options.kind == WEIR_PRODUCER) options.event_bytes = 8;
    if (options.kind == WEIR_PRODUCER) options.on.handle_events = NULL;
    if (options.kind != WEIR_PRODUCER) options.on.handle_demand = NULL;
    ALLOWED(weir_stage_start, out, weir_stage_start(rig.runtime, &options, NULL) == WEIR_OK);
    assert_int_equal(weir_stage_start(rig.runtime, &options, &ref), WEIR_OK);
    return ref;
}

static void nothing_takes_null_for_something(void **state) {
    (void)state;
    const weir_callbacks on = {.handle_demand = no_demand,
                               .handle_events = no_events,
                               .handle_call = answer_all,
                               .handle_cast = examine,
                               .handle_down = hear_down};
    rig_open(&rig, NULL);
    weir_ref producer =
        start((weir_stage_options){.kind = WEIR_PRODUCER, .dispatcher = &holding, .on = on});
    weir_ref consumer = start((weir_stage_options){.kind = WEIR_CONSUMER, .on = on});
    other_stage = consumer;
    of_runtimes();
    of_stages(producer);
    of_ends(producer);
    of_counters(producer);
    of_subscriptions(producer, consumer);
    of_calls(consumer);
    of_rates();
    of_outputs(producer);
    for (int i = 0; i < 2; i++) assert_int_equal(weir_cast(rig.runtime, producer, "", 0), WEIR_OK);
    rig_rest(&rig);
    assert_int_equal(shown, 2);
    assert_non_null(consumer_seen);
    nulls_end(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_takes_null_for_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
