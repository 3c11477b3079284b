/*
 * The subscriptions of a supervisor's children: whom they are with, and making them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * See supervisor.h.  A producer is looked up anew each time, since a sibling, or
 * the bearer of a name, is another stage after each restart.  A reference never
 * names another stage: once that has ended, so has the link, and nothing is amiss.
 */
#include "base/hash.h"
#include "base/refusal.h"
#include "parts/supervisor.h"
#include "runtime/post.h"

/* ---- where a link is ----------------------------------------------------- */

static struct weir__link_list *list_of(struct weir__supervisor *supervisor,
                                       enum weir__link_state state) {
    return state == WEIR__LINK_DUE       ? &supervisor->due
           : state == WEIR__LINK_REFUSED ? &supervisor->refused
                                         : NULL;
}

static struct weir__index *index_of(struct weir__supervisor *supervisor,
                                    enum weir__link_state state) {
    return state == WEIR__LINK_MADE      ? &supervisor->made
           : state == WEIR__LINK_WAITING ? &supervisor->waiting
                                         : NULL;
}

static void take_out_link(struct weir__supervisor *supervisor, struct weir__link *link) {
    struct weir__link_list *list = list_of(supervisor, link->state);
    struct weir__index *index = index_of(supervisor, link->state);
    if (index != NULL) {
        weir__bunch_remove(index, &link->with);
    } else if (list != NULL) {
        *(link->previous != NULL ? &link->previous->next : &list->first) = link->next;
        *(link->next != NULL ? &link->next->previous : &list->last) = link->previous;
    }
}

/* number: for the states that are found by one. */
static void move_link(struct weir__supervisor *supervisor, struct weir__link *link,
                      enum weir__link_state state, uint64_t number) {
    take_out_link(supervisor, link);
    link->state = state;
    struct weir__link_list *list = list_of(supervisor, state);
    struct weir__index *index = index_of(supervisor, state);
    if (index != NULL) {
        weir__bunch_add(index, &link->with, number);
    } else if (list != NULL) {
        link->next = NULL;
        link->previous = list->last;
        *(list->last != NULL ? &list->last->next : &list->first) = link;
        list->last = link;
    }
}

static void make_due(struct weir__supervisor *supervisor, struct weir__link *link) {
    move_link(supervisor, link, WEIR__LINK_DUE, 0);
}

/* All that are with, or wait for, that number. */
static void all_due(struct weir__supervisor *supervisor, const struct weir__index *index,
                    uint64_t number) {
    struct weir__bunch_node *node;
    while ((node = weir__bunch_first(index, number)) != NULL) {
        make_due(supervisor, WEIR__CONTAINER_OF(node, struct weir__link, with));
    }
}

void weir__links_up(struct weir__supervisor *supervisor, struct weir__child *child) {
    for (size_t i = 0; i < child->link_count; i++) {
        make_due(supervisor, &child->links[i]);
    }
    all_due(supervisor, &supervisor->waiting, WEIR_SIBLING(child->number).bits);
    if (child->has_stage && child->stage.registered) {
        all_due(supervisor, &supervisor->waiting, weir__hash_text(child->stage.name));
    }
}

void weir__links_down(struct weir__supervisor *supervisor, struct weir__child *child) {
    for (size_t i = 0; i < child->link_count; i++) {
        move_link(supervisor, &child->links[i], WEIR__LINK_IDLE, 0);
    }
}

void weir__links_lost(struct weir__supervisor *supervisor, weir_ref producer) {
    all_due(supervisor, &supervisor->made, producer.bits);
}

void weir__links_retry(struct weir__supervisor *supervisor) {
    while (supervisor->refused.first != NULL) {
        make_due(supervisor, supervisor->refused.first);
    }
}

/* ---- making one ---------------------------------------------------------- */

/*
 * Who the producer is now; {0}: a child that does not live (yet), whose start is to be
 * waited for, by *number.
 */
static weir_status find_producer(struct weir__supervisor *supervisor, const struct weir__link *link,
                                 weir_ref *out, uint64_t *number) {
    *out = (weir_ref){0};
    if (link->name != NULL) {
        weir_status status = weir_whereis(supervisor->runtime, link->name, out);
        const struct weir__child *child =
            status == WEIR_NO_NAME ? weir__supervisor_find_name(supervisor, link->name) : NULL;
        *number = weir__hash_text(link->name);
        return child != NULL && child->has_stage ? WEIR_OK : status;
    }
    *out = link->producer;
    if (weir__is_sibling(link->producer)) {
        const struct weir__child *sibling =
            weir__supervisor_find(supervisor, weir__sibling_number(link->producer));
        *out = sibling != NULL && sibling->state == WEIR__CHILD_UP ? sibling->ref : (weir_ref){0};
        *number = link->producer.bits;
    }
    return WEIR_OK;
}

weir_ref weir__links_producer(struct weir__supervisor *supervisor,
                              const struct weir__child *child) {
    weir_ref producer = {0};
    uint64_t number;
    bool one = child->link_count == 1 || child->stage.worker == WEIR_WITH_PRODUCER;
    if (child->link_count == 0 || !one ||
        find_producer(supervisor, &child->links[0], &producer, &number) != WEIR_OK) {
        return (weir_ref){0};
    }
    return producer;
}

/* A producer that was found by name and is no child: its end is to be heard of. */
static weir_status watch_named_producer(struct weir__supervisor *supervisor,
                                        struct weir__link *link, weir_ref producer) {
    if (link->name == NULL || weir__supervisor_find_stage(supervisor, producer) != NULL ||
        link->watched.bits == producer.bits) {
        return WEIR_OK;
    }
    weir_status status = weir__stage_watch(supervisor->self, producer, false, NULL);
    if (status == WEIR_OK) {
        link->watched = producer;
    }
    return status;
}

/* What becomes of a link that was refused; WEIR_OK: the news of an end is on the way. */
static weir_status refused_link(struct weir__supervisor *supervisor, struct weir__link *link,
                                weir_ref producer, weir_status status) {
    bool gone = status == WEIR_NO_STAGE;
    bool by_reference = link->name == NULL && !weir__is_sibling(link->producer);
    const struct weir__child *child =
        gone ? weir__supervisor_find_stage(supervisor, producer) : NULL;
    if (gone && weir__check_alive(supervisor->runtime, link->child->ref, "child") != WEIR_OK) {
        move_link(supervisor, link, WEIR__LINK_IDLE, 0);
        return WEIR_OK;
    }
    if (status == WEIR_CLOSED || (gone && by_reference)) { /* for good */
        move_link(supervisor, link, WEIR__LINK_IDLE, 0);
    } else if (child != NULL) {
        move_link(supervisor, link, WEIR__LINK_WAITING, WEIR_SIBLING(child->number).bits);
    } else {
        move_link(supervisor, link, WEIR__LINK_REFUSED, 0);
    }
    return child != NULL ? WEIR_OK : status;
}

/* One that is due. */
static weir_status make_link(struct weir__supervisor *supervisor, struct weir__link *link) {
    weir_ref producer;
    uint64_t number = 0;
    if (link->child->state != WEIR__CHILD_UP) {
        move_link(supervisor, link, WEIR__LINK_IDLE, 0);
        return WEIR_OK;
    }
    weir_status status = find_producer(supervisor, link, &producer, &number);
    if (status == WEIR_OK && producer.bits == 0) {
        move_link(supervisor, link, WEIR__LINK_WAITING, number);
        return WEIR_OK;
    }
    status = status != WEIR_OK ? status : watch_named_producer(supervisor, link, producer);
    status = status != WEIR_OK ? status
                               : weir_subscribe(supervisor->runtime, link->child->ref, producer,
                                                &link->options, NULL);
    if (status != WEIR_OK) {
        return refused_link(supervisor, link, producer, status);
    }
    link->to = producer;
    link->told = false;
    move_link(supervisor, link, WEIR__LINK_MADE, producer.bits);
    return WEIR_OK;
}

/* ---- making those that are due ------------------------------------------- */

static void tell(struct weir__supervisor *supervisor, struct weir__link *link, weir_status status) {
    if (status != WEIR_CLOSED && !link->told) {
        link->told = true;
        weir__host_log(supervisor->self->host, WEIR_LOG_WARNING,
                       "supervisor %s could not subscribe %s: %s", supervisor->self->name,
                       link->child->name, weir_refusal());
    }
}

void weir__links_make(struct weir__supervisor *supervisor) {
    struct weir__link *link;
    while ((link = supervisor->due.first) != NULL) {
        weir_status status = make_link(supervisor, link);
        if (status != WEIR_OK) {
            tell(supervisor, link, status);
        }
    }
}

/* It was subscribed to that stage once, which was to last as long as that lived. */
static bool had_its_time(const struct weir__link *link, weir_status status) {
    return status == WEIR_NO_STAGE && link->state == WEIR__LINK_IDLE &&
           link->to.bits == link->producer.bits;
}

weir_status weir__links_make_first(struct weir__supervisor *supervisor,
                                   const struct weir__child *of, struct weir__link **refused) {
    struct weir__link *next;
    for (struct weir__link *link = supervisor->due.first; link != NULL; link = next) {
        next = link->next;
        if (of != NULL && link->child != of) {
            continue;
        }
        weir_status status = make_link(supervisor, link);
        if (status != WEIR_OK && !had_its_time(link, status)) {
            *refused = link;
            return status;
        }
    }
    return WEIR_OK;
}
