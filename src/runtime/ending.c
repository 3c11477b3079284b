/*
 * The calls that any thread may make about a stage's end.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What happens at the stage itself is in stage/ending.c.
 */
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

/* ---- tokens -------------------------------------------------------------- */

static weir_status refuse_ending(weir_ref stage) {
    return weir__refuse(WEIR_NO_STAGE, "stage %#llx has ended, or takes no more",
                        (unsigned long long)stage.bits);
}

static weir_status give_out(weir_runtime *runtime, weir_ref stage, struct weir__token *token,
                            weir_token *out) {
    struct weir__slot *slot = weir__registry_slot(&runtime->registry, stage);
    *out = weir__token_out(token, stage);
    if (out->bits == 0) {
        return weir__refuse(WEIR_SYSTEM, "this process has used up all tokens");
    }
    if (weir__counter_add(&slot->mailbox.tokens, weir__ref_generation(stage)) !=
        WEIR__COUNT_DONE) { /* P7 -> P8 */
        weir__tokens_claim(&runtime->tokens, *out);
        return refuse_ending(stage);
    }
    weir__fetch_add_u64(&runtime->tokens_out, 1);
    return WEIR_OK;
}

weir_status weir_busy(weir_runtime *runtime, weir_ref stage, weir_token *out) {
    if (weir__missing(out, "out")) {
        return WEIR_INVALID;
    }
    weir_token made;
    weir_status status = weir__check_alive(runtime, stage, "stage");
    if (status != WEIR_OK) {
        return status;
    }
    struct weir__token *token = weir__tokens_take(&runtime->tokens);
    if (token == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a token, or there are %d already",
                            WEIR__TOKENS_CHUNK * WEIR__TOKENS_CHUNKS);
    }
    status = give_out(runtime, stage, token, &made);
    if (status == WEIR_OK) {
        *out = made;
    } else {
        weir__tokens_give(&runtime->tokens, token);
    }
    return status;
}

weir_status weir_done(weir_runtime *runtime, weir_token token) {
    if (weir__missing(runtime, "runtime")) {
        return WEIR_INVALID;
    }
    struct weir__token *back = weir__tokens_claim(&runtime->tokens, token);
    if (back == NULL) {
        return weir__refuse(WEIR_NO_TOKEN, "the token was given back already, or never was");
    }
    weir__send(runtime, &back->mail);
    weir__fetch_sub_u64(&runtime->tokens_out, 1); /* Q5 -> Q6 */
    return WEIR_OK;
}

void weir__token_back(struct weir__host *host, struct weir__mail *mail) {
    weir_runtime *runtime = host->runtime;
    struct weir__slot *slot = weir__registry_slot(&runtime->registry, mail->to);
    weir__counter_take(&slot->mailbox.tokens, weir__ref_generation(mail->to));
    weir__tokens_give(&runtime->tokens, weir__token_of(mail));
}

/* ---- feeders ------------------------------------------------------------- */

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
    struct weir__monitor *monitor =
        weir__monitor_feeder(&runtime->allocator, feeder, stage, bell, own);
    if (monitor == NULL) {
        return WEIR_NO_MEMORY;
    }
    /* Like a token it keeps the stage until it has come there. */
    struct weir__slot *slot = weir__registry_slot(&runtime->registry, stage);
    if (weir__counter_add(&slot->mailbox.tokens, weir__ref_generation(stage)) !=
        WEIR__COUNT_DONE) { /* P7 -> P8 */
        weir__free(&runtime->allocator, monitor, sizeof *monitor);
        return refuse_ending(stage);
    }
    weir__send(runtime, &monitor->watch);
    return WEIR_OK;
}

/* ---- asking whether ------------------------------------------------------ */

bool weir_ending(const weir_runtime *runtime, weir_ref stage) {
    if (weir__missing(runtime, "runtime") || weir__is_starting(runtime, stage)) {
        return runtime == NULL;
    }
    const struct weir__slot *slot = weir__registry_find(&runtime->registry, stage);
    return slot == NULL || weir__load_acquire_u32(&runtime->closing) != 0 || /* T7 -> T8 */
           weir__load_relaxed_u32(&runtime->draining) != 0 ||
           weir__load_relaxed_u32(&slot->stops) != weir__load_acquire_u32(&runtime->stops) ||
           weir__mailbox_is_ending(&slot->mailbox); /* T9 -> T10 */
}

/* ---- waiting for it ------------------------------------------------------ */

weir_status weir_wait(weir_runtime *runtime, weir_ref stage, uint64_t timeout_ns,
                      weir_reason *reason) {
    weir_reason told = WEIR_REASON_NOPROC;
    if (weir__missing(runtime, "runtime")) {
        return WEIR_INVALID;
    }
    if (weir__runtime_worker(runtime, stage) == NULL) {
        return weir__refuse(WEIR_INVALID, "the reference %#llx is of no stage of this runtime",
                            (unsigned long long)stage.bits);
    }
    weir_answer answer = {.bytes = &told, .room = sizeof told};
    struct weir__message head = {.mail = {.to = stage, .kind = WEIR__MAIL_ON_END}};
    weir_status status = weir__wait_for_end(runtime, &head, &answer, timeout_ns, "weir_wait");
    if (status == WEIR_OK && reason != NULL) {
        *reason = told;
    }
    return status;
}

static weir_status post_ender(weir_runtime *runtime, weir_ref stage,
                              void (*ended)(void *context, weir_ref stage, weir_reason reason),
                              void *context) {
    if (weir__runtime_worker(runtime, stage) == NULL) {
        return weir__refuse(WEIR_INVALID, "the reference %#llx is of no stage of this runtime",
                            (unsigned long long)stage.bits);
    }
    struct weir__message head = {.mail = {.to = stage, .kind = WEIR__MAIL_ON_END},
                                 .ender = {.ended = ended, .context = context}};
    return weir__post(runtime, &head, NULL);
}

weir_status weir_on_end(weir_runtime *runtime, weir_ref stage,
                        void (*ended)(void *context, weir_ref stage, weir_reason reason),
                        void *context) {
    if (weir__missing(runtime, "runtime")) {
        return WEIR_INVALID;
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
    if (weir__missing(runtime, "runtime") || weir__missing(out, "out")) {
        return WEIR_INVALID;
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
