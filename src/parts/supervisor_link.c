/*
 * The subscriptions of a supervisor's children: whom they are with, and making them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * See supervisor.h.  A producer is looked up anew each time, since a sibling, or
 * the bearer of a name, is another stage after each restart.
 */
#include "base/refusal.h"
#include "parts/supervisor.h"
#include "runtime/post.h"

#include <string.h>

/* A child that registers under its name. */
static bool has_child_called(const struct weir__supervisor *supervisor, const char *name) {
    for (const struct weir__child *child = supervisor->first; child != NULL; child = child->next) {
        bool may_have_it = !child->has_stage || child->stage.registered;
        if (may_have_it && strcmp(child->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_child(const struct weir__supervisor *supervisor, weir_ref ref) {
    for (const struct weir__child *child = supervisor->first; child != NULL; child = child->next) {
        if (child->ref.bits == ref.bits) {
            return true;
        }
    }
    return false;
}

/* Who the producer is now; {0} in *out: a child that does not live (yet). */
static weir_status find_producer(struct weir__supervisor *supervisor, const struct weir__link *link,
                                 weir_ref *out) {
    *out = (weir_ref){0};
    if (link->name != NULL) {
        weir_status status = weir_whereis(supervisor->runtime, link->name, out);
        bool later = status == WEIR_NO_NAME && has_child_called(supervisor, link->name);
        return later ? WEIR_OK : status;
    }
    if (weir__is_sibling(link->producer)) {
        const struct weir__child *sibling =
            weir__supervisor_find(supervisor, weir__sibling_number(link->producer));
        if (sibling != NULL && sibling->state == WEIR__CHILD_UP) {
            *out = sibling->ref;
        }
        return WEIR_OK;
    }
    *out = link->producer;
    return WEIR_OK;
}

/* A producer that was found by name and is no child: its end is to be heard of. */
static weir_status watch(struct weir__supervisor *supervisor, struct weir__link *link,
                         weir_ref producer) {
    if (link->name == NULL || is_child(supervisor, producer) ||
        link->watched.bits == producer.bits) {
        return WEIR_OK;
    }
    weir_status status = weir__stage_watch(supervisor->self, producer, false, NULL);
    if (status == WEIR_OK) {
        link->watched = producer;
    }
    return status;
}

weir_status weir__child_link(struct weir__supervisor *supervisor, struct weir__child *child,
                             struct weir__link *link) {
    weir_runtime *runtime = supervisor->runtime;
    weir_ref producer;
    weir_status status = find_producer(supervisor, link, &producer);
    if (status != WEIR_OK || producer.bits == 0) {
        return status;
    }
    status = watch(supervisor, link, producer);
    status = status != WEIR_OK
                 ? status
                 : weir_subscribe(runtime, child->ref, producer, &link->options, NULL);
    if (status == WEIR_OK) {
        link->to = producer;
        return WEIR_OK;
    }
    bool soon =
        status == WEIR_NO_STAGE && (is_child(supervisor, producer) ||
                                    weir__check_alive(runtime, child->ref, "child") != WEIR_OK);
    return soon ? WEIR_OK : status; /* the news of its end is on the way */
}
