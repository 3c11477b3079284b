/*
 * What other threads ask of a supervisor.  See supervisor.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each call is a function that the supervisor's worker runs between callbacks
 * (a query).  What it changes is looked at in the supervisor's own next callback.
 */
#include "base/refusal.h"
#include "parts/supervisor.h"
#include "runtime/waiting.h"

#include <stdio.h>
#include <string.h>

struct reply {
    weir_status status;
    uint32_t number;
    weir_ref ref;
    char refusal[WEIR__REFUSAL_BYTES]; /* the caller's thread has its own */
};

static void send_reply(weir_stage *stage, weir_from from, struct reply *reply) {
    if (reply->status < 0) {
        snprintf(reply->refusal, sizeof reply->refusal, "%s", weir_refusal());
    }
    weir__caller_answer(stage->host->calls, from, WEIR_OK, reply, sizeof *reply);
}

static weir_status refuse_stage(const weir_stage *stage) {
    return weir__refuse(WEIR_INVALID, "stage %s is no supervisor", stage->name);
}

/* The child of that number; NULL: refused. */
static struct weir__child *child_of(weir_stage *stage, uint64_t number, weir_status *status) {
    struct weir__supervisor *supervisor = weir__supervisor_of(stage);
    if (supervisor == NULL) {
        *status = refuse_stage(stage);
        return NULL;
    }
    struct weir__child *child = weir__supervisor_find(supervisor, (uint32_t)number);
    *status = child != NULL ? WEIR_OK
                            : weir__refuse(WEIR_INVALID, "supervisor %s has no child %u",
                                           stage->name, (unsigned)number);
    return child;
}

/* ---- on the supervisor's worker ------------------------------------------ */

static void tell_child(weir_stage *stage, weir_from from, uint64_t number) {
    struct reply reply = {0};
    const struct weir__child *child = child_of(stage, number, &reply.status);
    if (child != NULL && child->state == WEIR__CHILD_DOWN) {
        reply.status = weir__refuse(WEIR_NO_STAGE, "child %s does not run", child->name);
    } else if (child != NULL) {
        reply.ref = child->ref;
    }
    send_reply(stage, from, &reply);
}

static void describe_child(const struct weir__child *child, weir_supervised_info *out) {
    *out = (weir_supervised_info){.number = child->number,
                                  .restart = child->restart,
                                  .stage = child->ref,
                                  .restarts = child->restarts};
    snprintf(out->name, sizeof out->name, "%s", child->name);
}

static void list_children(weir_stage *stage, weir_from from, uint64_t argument) {
    struct weir__supervisor *supervisor = weir__supervisor_of(stage);
    (void)argument;
    if (supervisor == NULL) {
        weir__caller_answer(stage->host->calls, from, WEIR_INVALID, NULL, 0);
        return;
    }
    size_t count = 0;
    for (const struct weir__child *child = supervisor->first; child != NULL; child = child->next) {
        count++;
    }
    size_t bytes = count * sizeof(weir_supervised_info);
    weir_supervised_info *all = weir__alloc(stage->host->allocator, bytes, 16);
    if (all == NULL && count > 0) {
        weir__caller_answer(stage->host->calls, from, WEIR_NO_MEMORY, NULL, 0);
        return;
    }
    size_t at = 0;
    for (const struct weir__child *child = supervisor->first; child != NULL; child = child->next) {
        describe_child(child, &all[at++]);
    }
    weir__caller_answer(stage->host->calls, from, WEIR_OK, all, bytes);
    weir__free(stage->host->allocator, all, bytes);
}

/* Starts a child and makes its links; others' links with it are made in the next callback. */
static weir_status start_called(struct weir__supervisor *supervisor, struct weir__child *child,
                                weir_ref *out) {
    weir_status status = weir__supervisor_check_open(supervisor);
    status = status != WEIR_OK ? status : weir__child_start(supervisor, child);
    if (status != WEIR_OK) {
        return status;
    }
    *out = child->ref;
    struct weir__link *refused;
    status = weir__links_make_first(supervisor, child, &refused);
    if (status != WEIR_OK) {
        weir__child_stop(supervisor, child);
    }
    weir__supervisor_poke(supervisor);
    return status;
}

static weir_status add_called(weir_stage *stage, const void *bytes, struct reply *reply) {
    struct weir__supervisor *supervisor = weir__supervisor_of(stage);
    if (supervisor == NULL) {
        return refuse_stage(stage);
    }
    struct weir__child *child = weir__child_clone(stage->host->allocator, bytes);
    if (child == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for a child");
    }
    weir__supervisor_add(supervisor, child);
    weir_status status = start_called(supervisor, child, &reply->ref);
    reply->number = child->number;
    if (status != WEIR_OK) {
        weir__refuse(status, "child %s: %s", child->name, weir__child_refusal(child, status));
    }
    if (status != WEIR_OK && child->state == WEIR__CHILD_DOWN) {
        weir__supervisor_forget(supervisor, child);
    } else if (status != WEIR_OK) {
        child->forget = true;
    }
    return status;
}

static void add_child(weir_stage *stage, weir_from from, uint64_t payload) {
    struct reply reply = {0};
    reply.status = add_called(stage, (const void *)(uintptr_t)payload, &reply);
    send_reply(stage, from, &reply);
}

static void stop_child(weir_stage *stage, weir_from from, uint64_t number) {
    struct reply reply = {0};
    struct weir__child *child = child_of(stage, number, &reply.status);
    if (child != NULL && child->state != WEIR__CHILD_DOWN) {
        struct weir__supervisor *supervisor = weir__supervisor_of(stage);
        if (weir__child_wait(supervisor, child, from)) {
            weir__child_stop(supervisor, child);
            return;
        }
        reply.status = weir__refuse(WEIR_NO_MEMORY, "no memory to wait for child %s", child->name);
    } else if (child != NULL) {
        weir__child_place(weir__supervisor_of(stage), child, WEIR__PLACE_NONE);
        weir__supervisor_poke(weir__supervisor_of(stage));
    }
    send_reply(stage, from, &reply);
}

void weir__supervisor_tell_down(struct weir__supervisor *supervisor, weir_from from) {
    struct reply reply = {0};
    send_reply(supervisor->self, from, &reply);
}

static void restart_child(weir_stage *stage, weir_from from, uint64_t number) {
    struct reply reply = {0};
    struct weir__child *child = child_of(stage, number, &reply.status);
    if (child != NULL && child->state != WEIR__CHILD_DOWN) {
        reply.status = weir__refuse(WEIR_INVALID, "child %s runs", child->name);
    } else if (child != NULL && weir__child_wanted(child)) {
        reply.status = weir__refuse(WEIR_INVALID, "child %s will be started anyway", child->name);
    } else if (child != NULL) {
        reply.status = start_called(weir__supervisor_of(stage), child, &reply.ref);
        if (reply.status == WEIR_OK) {
            child->restarts++;
            stage->meter.tally.restarts++;
        } else {
            weir__refuse(reply.status, "child %s: %s", child->name,
                         weir__child_refusal(child, reply.status));
        }
    }
    send_reply(stage, from, &reply);
}

static void delete_child(weir_stage *stage, weir_from from, uint64_t number) {
    struct reply reply = {0};
    struct weir__child *child = child_of(stage, number, &reply.status);
    if (child != NULL && child->state != WEIR__CHILD_DOWN) {
        reply.status = weir__refuse(WEIR_INVALID, "child %s runs", child->name);
    } else if (child != NULL) {
        weir__supervisor_forget(weir__supervisor_of(stage), child);
    }
    send_reply(stage, from, &reply);
}

/* ---- any thread ---------------------------------------------------------- */

/* What came back: the transport's status, or the supervisor's with its sentence. */
static weir_status settle_called(weir_status status, const struct reply *reply,
                                 weir_ref supervisor) {
    if (status == WEIR_OK && reply->status < 0) {
        return weir__refuse(reply->status, "%s", reply->refusal);
    }
    if (status == WEIR_NO_STAGE) {
        return weir__refuse(status, "supervisor %#llx has stopped, or never was",
                            (unsigned long long)supervisor.bits);
    }
    return status == WEIR_OK ? reply->status : status;
}

/* For what changes something: it waits its turn, also on the supervisor's own worker. */
static weir_status wait_for_change(weir_runtime *runtime, weir_ref supervisor,
                                   weir__query *function, uint64_t argument, const void *payload,
                                   size_t bytes, struct reply *reply, uint64_t timeout_ns,
                                   const char *call) {
    struct weir__message head = {.mail = {.to = supervisor, .kind = WEIR__MAIL_QUERY},
                                 .count = bytes,
                                 .query = {.function = function, .argument = argument}};
    weir_answer to = {.bytes = reply, .room = sizeof *reply};
    memset(reply, 0, sizeof *reply);
    return settle_called(weir__wait(runtime, &head, payload, &to, timeout_ns, call), reply,
                         supervisor);
}

weir_status weir_supervisor_children(weir_runtime *runtime, weir_ref supervisor,
                                     uint64_t timeout_ns, weir_supervised_info *out, size_t room,
                                     size_t *count) {
    if (weir__unfit(runtime)) {
        return weir__refused();
    }
    if (count == NULL || (out == NULL && room > 0)) {
        return weir__refuse(WEIR_INVALID, "%s must not be NULL", count == NULL ? "count" : "out");
    }
    if (room > SIZE_MAX / sizeof *out) {
        return weir__refuse(WEIR_INVALID, "room must be at most %zu, got %zu",
                            SIZE_MAX / sizeof *out, room);
    }
    weir_answer to = {.bytes = out, .room = room * sizeof *out};
    weir_status status = weir__ask_stage(runtime, supervisor, list_children, 0, &to, timeout_ns,
                                         "weir_supervisor_children");
    if (status == WEIR_OK) {
        *count = to.count / sizeof *out;
    }
    if (status == WEIR_INVALID) {
        return weir__refuse(status, "stage %#llx is no supervisor",
                            (unsigned long long)supervisor.bits);
    }
    if (status == WEIR_NO_MEMORY) {
        return weir__refuse(status, "no memory for a list of children");
    }
    return settle_called(status, &(struct reply){0}, supervisor);
}

weir_status weir_supervisor_child(weir_runtime *runtime, weir_ref supervisor, uint32_t number,
                                  uint64_t timeout_ns, weir_ref *out) {
    if (weir__missing(out, "out")) {
        return WEIR_INVALID;
    }
    struct reply reply = {0};
    weir_answer to = {.bytes = &reply, .room = sizeof reply};
    weir_status status = weir__ask_stage(runtime, supervisor, tell_child, number, &to, timeout_ns,
                                         "weir_supervisor_child");
    status = settle_called(status, &reply, supervisor);
    if (status == WEIR_OK) {
        *out = reply.ref;
    }
    return status;
}

weir_status weir_supervisor_start_child(weir_runtime *runtime, weir_ref supervisor,
                                        const weir_supervised *child, uint64_t timeout_ns,
                                        uint32_t *number, weir_ref *out) {
    if (weir__unfit(runtime) || weir__missing(child, "child")) {
        return weir__refused();
    }
    struct weir__child *copy;
    weir_status status = weir__child_copy(runtime, child, SIZE_MAX, &copy);
    if (status != WEIR_OK) {
        return status;
    }
    struct reply reply;
    status = weir__check_payload(copy, "child", copy->bytes);
    status = status != WEIR_OK
                 ? status
                 : wait_for_change(runtime, supervisor, add_child, 0, copy, copy->bytes, &reply,
                                   timeout_ns, "weir_supervisor_start_child");
    weir__child_free(&runtime->allocator, copy);
    if (status == WEIR_OK && number != NULL) {
        *number = reply.number;
    }
    if (status == WEIR_OK && out != NULL) {
        *out = reply.ref;
    }
    return status;
}

weir_status weir_supervisor_stop_child(weir_runtime *runtime, weir_ref supervisor, uint32_t number,
                                       uint64_t timeout_ns) {
    struct reply reply;
    if (weir__here != NULL && weir__here->runtime == runtime) {
        return weir__refuse(WEIR_WRONG_THREAD,
                            "weir_supervisor_stop_child: the child may need the worker that waits");
    }
    return wait_for_change(runtime, supervisor, stop_child, number, NULL, 0, &reply, timeout_ns,
                           "weir_supervisor_stop_child");
}

weir_status weir_supervisor_restart_child(weir_runtime *runtime, weir_ref supervisor,
                                          uint32_t number, uint64_t timeout_ns, weir_ref *out) {
    struct reply reply;
    weir_status status = wait_for_change(runtime, supervisor, restart_child, number, NULL, 0,
                                         &reply, timeout_ns, "weir_supervisor_restart_child");
    if (status == WEIR_OK && out != NULL) {
        *out = reply.ref;
    }
    return status;
}

weir_status weir_supervisor_delete_child(weir_runtime *runtime, weir_ref supervisor,
                                         uint32_t number, uint64_t timeout_ns) {
    struct reply reply;
    return wait_for_change(runtime, supervisor, delete_child, number, NULL, 0, &reply, timeout_ns,
                           "weir_supervisor_delete_child");
}
