/*
 * The calls that any thread may make about a stage's end.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What happens at the stage itself is in stage/ending.c.
 */
#include "stage/ending.h"
#include "base/refusal.h"
#include "os/event.h"
#include "runtime/errand.h"
#include "runtime/post.h"
#include "runtime/waiting.h"
#include "stage/monitor.h"

#include <string.h>

#include <weir/ending.h>

weir_status weir_finish(weir_runtime *runtime, weir_ref stage) {
    weir_status status = weir__check_alive(runtime, stage, "stage");
    if (status != WEIR_OK) {
        return status;
    }
    weir_stage *self = weir__running_stage(runtime, stage);
    if (self != NULL) {
        weir__stage_finish(self, false);
        return WEIR_OK;
    }
    struct weir__message head = {.mail = {.to = stage, .kind = WEIR__MAIL_FINISH}};
    return weir__post(runtime, &head, NULL);
}

/* ---- what a stage waits for ---------------------------------------------- */

static weir_status refuse_ending(weir_ref stage) {
    return weir__refuse(WEIR_NO_STAGE, "stage %#llx has ended, or takes no more",
                        (unsigned long long)stage.bits);
}

/* Counted with the stage's tokens, it does not end until that is counted off. */
static weir_status count_in(weir_runtime *runtime, weir_ref stage) {
    struct weir__slot *slot = weir__registry_slot(&runtime->registry, stage);
    return weir__counter_add(&slot->mailbox.tokens, weir__ref_generation(stage),
                             weir__is_inside(runtime, stage)) == WEIR__COUNT_DONE /* P7 -> P8 */
               ? WEIR_OK
               : refuse_ending(stage);
}

/* ---- tokens -------------------------------------------------------------- */

/* A token that nobody knows yet. */
static weir_status draw(weir_runtime *runtime, weir_ref stage, weir_token *out) {
    struct weir__token *token = weir__tokens_take(&runtime->tokens);
    if (token == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a token, or there are %d already",
                            (int)WEIR__CHUNKS_PLACES_MAX);
    }
    *out = weir__token_out(token, stage);
    if (out->bits == 0) {
        weir__tokens_give(&runtime->tokens, token);
        return weir__refuse(WEIR_SYSTEM, "this process has used up all tokens");
    }
    return WEIR_OK;
}

static void undraw(weir_runtime *runtime, weir_token made) {
    struct weir__token *token = weir__tokens_claim(&runtime->tokens, made);
    if (token != NULL) { /* nobody has guessed it meanwhile */
        weir__tokens_give(&runtime->tokens, token);
    }
}

weir_status weir_busy(weir_runtime *runtime, weir_ref stage, weir_token *out) {
    if (weir__missing(out, "out")) {
        return WEIR_INVALID;
    }
    weir_token made;
    weir_status status = weir__check_alive(runtime, stage, "stage");
    status = status != WEIR_OK ? status : draw(runtime, stage, &made);
    if (status != WEIR_OK) {
        return status;
    }
    status = count_in(runtime, stage);
    if (status != WEIR_OK) {
        undraw(runtime, made);
        return status;
    }
    weir__fetch_add_u64(&runtime->tokens_out, 1);
    *out = made;
    return WEIR_OK;
}

weir_status weir_done(weir_runtime *runtime, weir_token token) {
    if (weir__unfit(runtime)) {
        return weir__refused();
    }
    weir__fetch_add_u32(&runtime->givers, 1); /* T15 -> T16 */
    struct weir__token *back = weir__tokens_claim(&runtime->tokens, token);
    if (back != NULL) {
        weir__send(runtime, &back->mail);
        weir__fetch_sub_u64(&runtime->tokens_out, 1); /* Q5 -> Q6 */
    }
    weir__fetch_sub_u32(&runtime->givers, 1); /* T15 -> T16: the runtime may be gone after it */
    return back != NULL
               ? WEIR_OK
               : weir__refuse(WEIR_NO_TOKEN, "the token was given back already, or never was");
}

void weir__token_back(struct weir__host *host, struct weir__mail *mail) {
    weir_runtime *runtime = host->runtime;
    struct weir__slot *slot = weir__registry_slot(&runtime->registry, mail->to);
    weir__counter_take(&slot->mailbox.tokens, weir__ref_generation(mail->to));
    weir__tokens_give(&runtime->tokens, weir__token_of(mail));
}

/* ---- feeders ------------------------------------------------------------- */

/* The feeder is in its init, and starts after the stage: of two inits the outer one ends last. */
static bool starts_later(const weir_runtime *runtime, weir_ref feeder, weir_ref stage) {
    const weir_stage *starting = weir__starting_stage(runtime, feeder);
    const weir_stage *outer = starting;
    while (outer != NULL && outer->ref.bits != stage.bits) {
        outer = outer->outer;
    }
    return starting != NULL && outer == NULL;
}

weir_status weir_feeds(weir_runtime *runtime, weir_ref feeder, weir_ref stage) {
    weir_status status = weir__check_alive(runtime, stage, "stage");
    if (status != WEIR_OK) {
        return status;
    }
    if (feeder.bits == stage.bits || feeder.bits == 0) {
        return weir__refuse(WEIR_INVALID, feeder.bits == 0 ? "the reference {0} is of no stage"
                                                           : "a stage cannot feed itself");
    }
    struct weir__bell *bell = weir__registry_bell(&runtime->registry, feeder);
    struct weir__bell *own = weir__registry_bell(&runtime->registry, stage);
    struct weir__monitor *monitor = weir__monitor_feeder(&runtime->allocator, feeder, stage, bell,
                                                         own, starts_later(runtime, feeder, stage));
    if (monitor == NULL) {
        return WEIR_NO_MEMORY;
    }
    status = count_in(runtime, stage); /* until the mail has come */
    if (status != WEIR_OK) {
        weir__free(&runtime->allocator, monitor, sizeof *monitor);
        return status;
    }
    weir__send(runtime, &monitor->watch);
    return WEIR_OK;
}

/* ---- asking whether ------------------------------------------------------ */

bool weir_ending(const weir_runtime *runtime, weir_ref stage) {
    if (weir__unfit(runtime) || weir__is_starting(runtime, stage)) {
        return runtime == NULL;
    }
    const struct weir__slot *slot = weir__registry_find(&runtime->registry, stage);
    return slot == NULL || weir__load_acquire_u32(&runtime->closing) != 0 || /* T7 -> T8 */
           weir__load_relaxed_u32(&runtime->draining) != 0 ||
           weir__load_relaxed_u32(&slot->stops) != weir__load_acquire_u32(&runtime->stops) ||
           weir__mailbox_is_ending(&slot->mailbox); /* T9 -> T10 */
}

/* ---- waiting for it ------------------------------------------------------ */

/* Of a stage that lives, or lived: its worker knows. */
static weir_status check_was_one(const weir_runtime *runtime, weir_ref stage) {
    return weir__runtime_worker(runtime, stage) != NULL
               ? WEIR_OK
               : weir__refuse(WEIR_INVALID, "the reference %#llx is of no stage of this runtime",
                              (unsigned long long)stage.bits);
}

weir_status weir_wait(weir_runtime *runtime, weir_ref stage, uint64_t timeout_ns,
                      weir_reason *reason) {
    weir_reason told = WEIR_REASON_NOPROC;
    if (weir__unfit(runtime)) {
        return weir__refused();
    }
    weir_status status = check_was_one(runtime, stage);
    if (status != WEIR_OK) {
        return status;
    }
    weir_answer answer = {.bytes = &told, .room = sizeof told};
    struct weir__message head = {.mail = {.to = stage, .kind = WEIR__MAIL_ON_END}};
    status = weir__wait_for_end(runtime, &head, &answer, timeout_ns, "weir_wait");
    if (status == WEIR_OK && reason != NULL) {
        *reason = told;
    }
    return status;
}

static weir_status post_ender(weir_runtime *runtime, weir_ref stage,
                              void (*ended)(void *context, weir_ref stage, weir_reason reason),
                              void *context) {
    struct weir__message head = {.mail = {.to = stage, .kind = WEIR__MAIL_ON_END},
                                 .ender = {.ended = ended, .context = context}};
    weir_status status = check_was_one(runtime, stage);
    return status != WEIR_OK ? status : weir__post(runtime, &head, NULL);
}

weir_status weir_on_end(weir_runtime *runtime, weir_ref stage,
                        void (*ended)(void *context, weir_ref stage, weir_reason reason),
                        void *context) {
    if (weir__unfit(runtime)) {
        return weir__refused();
    }
    if (ended == NULL) {
        return weir__refuse(WEIR_INVALID, "ended must not be NULL");
    }
    return post_ender(runtime, stage, ended, context);
}

/* The descriptor, our own of the two. */
static void signal_end(void *context, weir_ref stage, weir_reason reason) {
    int event = (int)(intptr_t)context;
    (void)stage, (void)reason;
    weir__event_signal(event);
    weir__event_close(event);
}

weir_status weir_end_fd(weir_runtime *runtime, weir_ref stage, int *out) {
    if (weir__unfit(runtime) || weir__missing(out, "out")) {
        return weir__refused();
    }
    int ours = weir__event_open();
    int theirs = ours < 0 ? ours : weir__event_copy(ours);
    if (theirs < 0) {
        if (ours >= 0) {
            weir__event_close(ours);
        }
        return weir__refuse(WEIR_SYSTEM, "no descriptor: %s", strerror(-theirs));
    }
    weir_status status = post_ender(runtime, stage, signal_end, (void *)(intptr_t)ours);
    if (status != WEIR_OK) {
        weir__event_close(ours);
        weir__event_close(theirs);
        return status;
    }
    *out = theirs;
    return WEIR_OK;
}
