/*
 * One child of a supervisor.  See supervisor.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/refusal.h"
#include "base/reserved.h"
#include "parts/supervisor.h"
#include "runtime/options.h"
#include "runtime/post.h"
#include "runtime/start.h"

#include <string.h>

/* ---- checking ------------------------------------------------------------ */

static weir_status check_link(const weir_subscribe_to *wish, size_t siblings) {
    weir_subscribe_options filled;
    weir_status status = weir__options_subscribe_to(wish, &filled);
    if (status == WEIR_OK && wish->name == NULL && wish->producer.bits == 0) {
        return weir__refuse(WEIR_NO_STAGE, "producer 0 names no living stage");
    }
    if (status == WEIR_OK && wish->name == NULL && weir__is_sibling(wish->producer) &&
        weir__sibling_number(wish->producer) >= siblings) {
        return weir__refuse(WEIR_INVALID, "WEIR_SIBLING(%u): there are %zu children",
                            (unsigned)weir__sibling_number(wish->producer), siblings);
    }
    return status;
}

static weir_status check_links(const weir_subscribe_to *wishes, size_t count, size_t siblings) {
    if (count > 0 && wishes == NULL) {
        return weir__refuse(WEIR_INVALID, "subscribe_to must be set when subscribe_count is %zu",
                            count);
    }
    weir_status status = WEIR_OK;
    for (size_t i = 0; i < count && status == WEIR_OK; i++) {
        status = check_link(&wishes[i], siblings);
    }
    return status;
}

static weir_status check_child(weir_runtime *runtime, const weir_supervised *given,
                               size_t siblings) {
    if (WEIR__RESERVED_SET(given, "weir_supervised")) {
        return WEIR_INVALID;
    }
    if (given->name != NULL && weir__check_text("", "name", given->name) != WEIR_OK) {
        return WEIR_INVALID;
    }
    if ((given->stage == NULL) == (given->start == NULL)) {
        return weir__refuse(WEIR_INVALID, "a child must have either stage or start, not %s",
                            given->stage == NULL ? "neither" : "both");
    }
    if ((unsigned)given->restart > WEIR_RESTART_TEMPORARY) {
        return weir__refuse(WEIR_INVALID,
                            "restart must be one of WEIR_RESTART_PERMANENT, "
                            "WEIR_RESTART_TRANSIENT, WEIR_RESTART_TEMPORARY, got %d",
                            (int)given->restart);
    }
    weir_status status = check_links(given->subscribe_to, given->subscribe_count, siblings);
    if (status == WEIR_OK && given->stage != NULL) {
        status = weir__options_stage(given->stage, runtime->worker_count);
        status = status != WEIR_OK ? status
                                   : check_links(given->stage->subscribe_to,
                                                 given->stage->subscribe_count, siblings);
    }
    if (status == WEIR_OK && given->stage != NULL && given->stage->kind == WEIR_PRODUCER &&
        given->subscribe_count > 0) {
        status = weir__refuse(WEIR_NOT_A_CONSUMER, "a producer cannot have subscribe_to");
    }
    return status;
}

/* ---- copying ------------------------------------------------------------- */

/* Hands out memory behind a child; without one, only counts. */
struct tail {
    struct weir__child *child;
    size_t used;
};

static void *put_in_tail(struct tail *tail, const void *from, size_t bytes) {
    void *to = tail->child == NULL ? NULL : (unsigned char *)tail->child + tail->used;
    tail->used += (bytes + 15) / 16 * 16;
    if (to != NULL && from != NULL) {
        memcpy(to, from, bytes);
    }
    return to;
}

static void *put_text(struct tail *tail, const char *text) {
    return text == NULL ? NULL : put_in_tail(tail, text, strlen(text) + 1);
}

static const char *name_of(const weir_supervised *given) {
    static const char *const kinds[] = {"", "producer", "producer_consumer", "consumer"};
    if (given->name != NULL) {
        return given->name;
    }
    if (given->stage == NULL) {
        return "child";
    }
    return given->stage->name != NULL ? given->stage->name : kinds[given->stage->kind];
}

static void put_links(struct tail *tail, struct weir__link *links, const weir_subscribe_to *wishes,
                      size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char *name = put_text(tail, wishes[i].name);
        if (links != NULL) {
            links[i] = (struct weir__link){
                .producer = wishes[i].producer, .name = name, .options = wishes[i].options};
        }
    }
}

/* What lies behind the child, counted (tail->child NULL) or written. */
static void put_all(struct tail *tail, const weir_supervised *given) {
    const weir_stage_options *stage = given->stage;
    size_t own = stage != NULL ? stage->subscribe_count : 0;
    size_t count = own + given->subscribe_count;
    struct weir__child *child = tail->child;
    tail->used = sizeof *child;
    struct weir__link *links = put_in_tail(tail, NULL, count * sizeof *links);
    put_links(tail, links, stage != NULL ? stage->subscribe_to : NULL, own);
    put_links(tail, links != NULL ? links + own : NULL, given->subscribe_to,
              given->subscribe_count);
    char *name = put_text(tail, name_of(given));
    void *stage_name = stage != NULL ? put_text(tail, stage->name) : NULL;
    void *state = stage != NULL && stage->state != NULL
                      ? put_in_tail(tail, stage->state, stage->state_bytes)
                      : NULL;
    if (child != NULL) {
        child->links = links;
        child->link_count = count;
        child->name = name;
        child->stage.name = stage_name;
        child->stage.state = state;
        child->stage.subscribe_to = NULL;
        child->stage.subscribe_count = 0;
    }
}

weir_status weir__child_copy(weir_runtime *runtime, const weir_supervised *given, size_t siblings,
                             struct weir__child **out) {
    weir_status status = check_child(runtime, given, siblings);
    if (status != WEIR_OK) {
        return status;
    }
    struct tail tail = {0};
    put_all(&tail, given);
    struct weir__child *child = weir__alloc_zeroed(&runtime->allocator, tail.used, 16);
    if (child == NULL) {
        return weir__refuse(WEIR_NO_MEMORY, "no memory for child %s", name_of(given));
    }
    child->bytes = tail.used;
    child->base = (uintptr_t)child;
    child->has_stage = given->stage != NULL;
    if (given->stage != NULL) {
        child->stage = *given->stage;
    }
    child->start = given->start;
    child->argument = given->argument;
    child->restart = given->restart;
    tail.child = child;
    put_all(&tail, given);
    *out = child;
    return WEIR_OK;
}

static void *moved(const void *pointer, uintptr_t from, uintptr_t to) {
    return pointer == NULL ? NULL : (void *)((uintptr_t)pointer - from + to);
}

struct weir__child *weir__child_clone(const struct weir__allocator *allocator, const void *bytes) {
    const struct weir__child *from = bytes;
    struct weir__child *child = weir__alloc(allocator, from->bytes, 16);
    if (child == NULL) {
        return NULL;
    }
    memcpy(child, from, from->bytes);
    uintptr_t old = from->base;
    uintptr_t base = (uintptr_t)child;
    child->base = base;
    child->name = moved(child->name, old, base);
    child->stage.name = moved(child->stage.name, old, base);
    child->stage.state = moved(child->stage.state, old, base);
    child->links = moved(child->links, old, base);
    for (size_t i = 0; i < child->link_count; i++) {
        child->links[i].name = moved(child->links[i].name, old, base);
    }
    return child;
}

bool weir__child_wait(struct weir__supervisor *supervisor, struct weir__child *child,
                      weir_from from) {
    struct weir__waiter *waiter = weir__alloc(&supervisor->runtime->allocator, sizeof *waiter, 16);
    if (waiter == NULL) {
        return false;
    }
    *waiter = (struct weir__waiter){.next = child->waiters, .from = from};
    child->waiters = waiter;
    return true;
}

static struct weir__waiter *pop_waiter(struct weir__child *child) {
    struct weir__waiter *waiter = child->waiters;
    if (waiter != NULL) {
        child->waiters = waiter->next;
    }
    return waiter;
}

void weir__child_free(const struct weir__allocator *allocator, struct weir__child *child) {
    struct weir__waiter *waiter;
    while ((waiter = pop_waiter(child)) != NULL) { /* the supervisor's end answers them */
        weir__free(allocator, waiter, sizeof *waiter);
    }
    weir__free(allocator, child, child->bytes);
}

/* ---- telling it ---------------------------------------------------------- */

/* Neither can fail; of who has gone already the news is on the way. */
void weir__child_stop(struct weir__supervisor *supervisor, struct weir__child *child) {
    if (child->state == WEIR__CHILD_UP) {
        weir__tell(supervisor->runtime, child->ref, WEIR__MAIL_STOP, WEIR_REASON_SHUTDOWN);
    }
    child->state = WEIR__CHILD_STOPPING;
}

void weir__child_finish(struct weir__supervisor *supervisor, struct weir__child *child) {
    weir__tell(supervisor->runtime, child->ref, WEIR__MAIL_FINISH, WEIR_REASON_NORMAL);
}

/* ---- starting ------------------------------------------------------------ */

static weir_status launch(struct weir__supervisor *supervisor, struct weir__child *child,
                          weir_ref *out) {
    weir_runtime *runtime = supervisor->runtime;
    if (child->has_stage) {
        return weir__start_near(runtime, &child->stage, weir__links_producer(supervisor, child),
                                out);
    }
    struct weir__launch launch;
    weir__launch_begin(&launch, supervisor);
    weir_status status = child->start(runtime, child->argument, out);
    weir__launch_end(&launch);
    if (status != WEIR_OK) {
        return status;
    }
    if (weir__runtime_worker(runtime, *out) == NULL) {
        return weir__refuse(WEIR_INVALID, "its start has returned no stage of this runtime");
    }
    const struct weir__child *same = weir__supervisor_find_stage(supervisor, *out);
    if (same != NULL) {
        return weir__refuse(WEIR_INVALID, "its start has returned the stage of child %u, %s",
                            (unsigned)same->number, same->name);
    }
    return weir__kin_adopt(supervisor, *out);
}

weir_status weir__child_start(struct weir__supervisor *supervisor, struct weir__child *child) {
    weir_runtime *runtime = supervisor->runtime;
    weir_ref ref = {0};
    weir_status status = launch(supervisor, child, &ref);
    if (status == WEIR_OK) {
        child->ref = ref;
        status = weir__stage_watch(supervisor->self, ref, true, NULL);
        if (status != WEIR_OK) { /* nobody would know of its end */
            weir__tell(runtime, ref, WEIR__MAIL_STOP, WEIR_REASON_NORMAL);
        }
    }
    if (status != WEIR_OK) {
        child->ref = (weir_ref){0};
        return status;
    }
    child->state = WEIR__CHILD_UP;
    child->told = false;
    weir__index_add(&supervisor->by_ref, &child->by_ref, ref.bits);
    weir__child_place(supervisor, child, WEIR__PLACE_ALIVE);
    weir__links_up(supervisor, child);
    return WEIR_OK;
}

void weir__child_down(struct weir__supervisor *supervisor, struct weir__child *child) {
    child->state = WEIR__CHILD_DOWN;
    weir__index_remove(&supervisor->by_ref, &child->by_ref);
    child->ref = (weir_ref){0};
    weir__child_place(supervisor, child, WEIR__PLACE_NONE);
    weir__links_down(supervisor, child);
    struct weir__waiter *waiter;
    while ((waiter = pop_waiter(child)) != NULL) {
        weir__supervisor_tell_down(supervisor, waiter->from);
        weir__free(&supervisor->runtime->allocator, waiter, sizeof *waiter);
    }
}

const char *weir__child_refusal(const struct weir__child *child, weir_status status) {
    /* A start function of the program's own need not have left a sentence. */
    return child->has_stage || child->state != WEIR__CHILD_DOWN || status == WEIR_INVALID
               ? weir_refusal()
               : weir_status_text(status);
}
