/*
 * The source: a driver that reads as a member of a consumer group.  See source.h and weir/redis.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/redis/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A question has so many entries at most, and stays with the server for so long. */
enum { ENTRIES_MOST = 256, BLOCK_MS = 1000, TYPICAL = 1024 };

/* ---- open and close ------------------------------------------------------------------------ */

static void disconnect(weir_redis_source *source) {
    weir__redis_disconnect(&source->asking);
    weir__redis_disconnect(&source->telling);
    source->asked = false;
}

static weir_pulled connect_both(weir_redis_source *source) {
    weir_pulled pulled = weir__redis_connect(&source->server, &source->telling);
    const unsigned address = source->server.next;
    if (pulled == WEIR_PULLED) {
        pulled = weir__redis_connect(&source->server, &source->asking);
    }
    if (pulled == WEIR_PULLED && source->server.next != address) {
        weir_refuse(WEIR_SYSTEM, "redis: %s takes no second connection",
                    source->server.addresses[address]);
        return WEIR_LOST;
    }
    return pulled;
}

/* What was lost with a group is not new. */
static weir_pulled open_member(void *context) {
    weir_redis_source *source = context;
    uint64_t count;
    disconnect(source);
    source->closed = false;
    if (read(source->woken, &count, sizeof count) < 0) {
        count = 0; /* nobody has woken it */
    }
    weir_pulled pulled = connect_both(source);
    if (pulled == WEIR_PULLED) {
        pulled = weir__redis_have_group(&source->server, &source->telling, &source->group,
                                        source->options.bind,
                                        source->options.only_new && !source->opened_before);
    }
    if (pulled == WEIR_PULLED && !weir__redis_settle_again(source)) {
        pulled = WEIR_LOST;
    }
    if (pulled != WEIR_PULLED) {
        disconnect(source);
        return pulled;
    }
    /* Those who were cut off as well have until then to say that they are still at work. */
    source->claim_ns = source->opened_before ? weir__redis_now() + source->options.lease_ns / 2 : 0;
    source->opened_before = true;
    source->behind = true;
    return WEIR_PULLED;
}

/* What was asked for and is not answered yet comes to nobody: it is given back. */
static void take_question_back(weir_redis_source *source) {
    const struct weir__redis_node *reply = NULL;
    if (!source->asked || source->asking.context == NULL || source->telling.context == NULL ||
        weir__redis_settled(source) != WEIR_PULLED) {
        return;
    }
    if (source->asking.id != 0) {
        weir__redis_command(&source->telling.commands, 3);
        weir__redis_word(&source->telling.commands, "CLIENT");
        weir__redis_word(&source->telling.commands, "UNBLOCK");
        weir__redis_number(&source->telling.commands, source->asking.id);
        if (weir__redis_ask(&source->telling, 1) == NULL) {
            return; /* nobody answers: nothing can be given back, either */
        }
    }
    const uint64_t wait_ns =
        source->options.server.timeout_ns + BLOCK_MS * (uint64_t)WEIR__REDIS_MS;
    source->asked = false;
    if (weir__redis_hear(&source->asking, wait_ns, -1, &reply) == WEIR__REDIS_REPLY) {
        weir__redis_hold(source, &source->asking, weir__redis_item(weir__redis_item(reply, 0), 1),
                         false);
    }
}

static void close_member(void *context) {
    weir_redis_source *source = context;
    weir__redis_give_back(source, &source->held);
    take_question_back(source);
    weir__redis_give_back(source, &source->held);
    const bool settled =
        source->telling.context != NULL && weir__redis_settled(source) == WEIR_PULLED;
    if (settled && source->options.consumer == NULL) {
        weir__redis_leave_group(&source->telling, &source->group);
    }
    disconnect(source);
    weir__redis_naks_free(&source->naks);
    weir__redis_commands_clear(&source->unanswered);
    source->owed = 0;
    source->opened_before = false;
    source->seen = source->cursor = (struct weir__redis_id){0};
    source->closed = true;
}

static void wake(void *context) {
    const weir_redis_source *source = context;
    const uint64_t one = 1;
    if (write(source->woken, &one, sizeof one) < 0) {
        return; /* it is woken already */
    }
}

/* ---- asking --------------------------------------------------------------------------------- */

static weir_pulled lost(const char *why) {
    weir_refuse(WEIR_SYSTEM, "redis: %s", why);
    return WEIR_LOST;
}

/* How many entries there may be in `bytes`, by what they had lately. */
static uint64_t count_for(const weir_redis_source *source, uint64_t events, uint64_t bytes) {
    const uint64_t most = bytes / source->typical;
    const uint64_t count = events < ENTRIES_MOST ? events : ENTRIES_MOST;
    return most == 0 ? 1 : most < count ? most : count;
}

static weir_pulled ask_for_entries(weir_redis_source *source, uint64_t events, uint64_t bytes) {
    if (source->asked) {
        return WEIR_PULLED;
    }
    weir__redis_write_read(&source->asking.commands, &source->group,
                           count_for(source, events, bytes), BLOCK_MS,
                           source->behind ? &source->seen : NULL);
    if (!weir__redis_send(&source->asking)) {
        return WEIR_LOST;
    }
    source->asked = true;
    source->asked_behind = source->behind;
    source->answer_ns = weir__redis_now() + source->options.server.timeout_ns +
                        (source->behind ? 0 : BLOCK_MS * (uint64_t)WEIR__REDIS_MS);
    return WEIR_PULLED;
}

static void learn_typical(weir_redis_source *source) {
    uint64_t bytes = 0;
    const struct weir__redis_block *block = source->held.reply->blocks;
    for (; block != NULL; block = block->next) {
        bytes += block->used;
    }
    bytes /= source->held.count;
    source->typical = (source->typical + bytes) / 2 + 1;
}

/* [[stream, entries]], or nil, when nothing has come. */
static weir_pulled take_answer(weir_redis_source *source, const struct weir__redis_node *reply) {
    source->asked = false;
    if (weir__redis_is_error(reply)) {
        char tried[128];
        snprintf(tried, sizeof tried, "group %.40s of stream %.40s", source->group.group,
                 source->group.stream);
        return weir__redis_refused(&source->server, tried, reply);
    }
    const struct weir__redis_node *entries = weir__redis_item(weir__redis_item(reply, 0), 1);
    const bool none = entries == NULL || entries->count == 0;
    if (source->asked_behind && none) {
        source->behind = false;
    }
    if (none) {
        return WEIR_PULLED;
    }
    weir_pulled pulled = weir__redis_hold(source, &source->asking, entries, source->asked_behind);
    if (source->asked_behind) {
        weir__redis_count(source, &source->stats.claimed, source->held.count);
    }
    if (source->held.count > 0) {
        learn_typical(source);
    }
    return pulled;
}

/* ---- handing on ------------------------------------------------------------------------------ */

/* false: there is no room. */
static bool hand_one(weir_redis_source *source, weir_pull *pull, struct weir__redis_entry *entry) {
    weir_incoming incoming;
    weir__redis_describe(entry, &source->options, &incoming);
    if (!weir_pull_add(pull, &incoming)) {
        return false;
    }
    entry->reply->holders++;
    return true;
}

static bool is_poison(const weir_redis_source *source, const struct weir__redis_entry *entry) {
    return source->options.max_deliver != 0 && entry->deliveries >= source->options.max_deliver;
}

/* What is held, as far as there is room, and not more than asked for. */
static weir_pulled hand_held(weir_redis_source *source, weir_pull *pull, uint64_t events,
                             uint64_t *added) {
    struct weir__redis_entries *held = &source->held;
    weir_pulled pulled = WEIR_PULLED;
    bool room = true;
    while (room && pulled == WEIR_PULLED && held->next < held->count && *added < events) {
        struct weir__redis_entry *entry = &held->at[held->next];
        if (entry->fields == NULL) {
            pulled = weir__redis_drop(source, entry, &source->stats.gone);
        } else if (is_poison(source, entry)) {
            pulled = weir__redis_drop(source, entry, &source->stats.poisoned);
        } else {
            room = hand_one(source, pull, entry);
            *added += room;
        }
        held->next += room && pulled == WEIR_PULLED;
    }
    if (held->reply != NULL && held->next == held->count) {
        weir__redis_let_go(source, held->reply);
        *held = (struct weir__redis_entries){0};
    }
    return pulled;
}

/* ---- pulling --------------------------------------------------------------------------------- */

struct want {
    uint64_t events;
    uint64_t bytes;
    uint64_t end_ns; /* when it returns, if nothing has come */
    uint64_t added;
};

/* Asks, and hands on what comes; IDLE: nothing does for now. */
static weir_pulled pull_once(weir_redis_source *source, weir_pull *pull, struct want *want) {
    const struct weir__redis_node *reply = NULL;
    weir_pulled pulled = ask_for_entries(source, want->events - want->added, want->bytes);
    if (pulled == WEIR_PULLED) {
        pulled = weir__redis_settled(source);
    }
    if (pulled != WEIR_PULLED) {
        return pulled;
    }
    const uint64_t now = weir__redis_now();
    const uint64_t wait =
        want->added > 0 || want->end_ns <= now || weir_pull_stopping(pull) ? 0 : want->end_ns - now;
    switch (weir__redis_hear(&source->asking, wait, source->woken, &reply)) {
    case WEIR__REDIS_CLOSED:
        return WEIR_LOST;
    case WEIR__REDIS_NOTHING:
        return weir__redis_now() > source->answer_ns
                   ? lost("the connection is lost: the server does not answer")
                   : WEIR_IDLE;
    default:
        break;
    }
    pulled = take_answer(source, reply);
    /* The server goes on while these are handed on. */
    const uint64_t known = want->added + source->held.count;
    if (pulled == WEIR_PULLED && source->held.count > 0 && known < want->events &&
        want->bytes == UINT64_MAX) {
        pulled = ask_for_entries(source, want->events - known, want->bytes);
    }
    return pulled == WEIR_PULLED ? hand_held(source, pull, want->events, &want->added) : pulled;
}

static weir_pulled pull_entries(void *context, weir_pull *pull, uint64_t events, uint64_t bytes,
                                uint64_t timeout_ns) {
    weir_redis_source *source = context;
    const uint64_t now = weir__redis_now();
    struct want want = {.events = events, .bytes = bytes, .end_ns = now + timeout_ns};
    if (source->telling.context == NULL) {
        return lost("the connection for settlements is lost");
    }
    weir_pulled pulled = hand_held(source, pull, events, &want.added);
    if (pulled == WEIR_PULLED && source->held.count == 0 && want.added < events &&
        !source->behind) {
        pulled = weir__redis_take_again(source, now, events - want.added);
        if (pulled == WEIR_PULLED) {
            pulled = hand_held(source, pull, events, &want.added);
        }
        const uint64_t due = weir__redis_again_due(source);
        want.end_ns = due < want.end_ns ? due : want.end_ns;
    }
    /* When its own are through, it is time to look for others'. */
    const bool behind = source->behind;
    while (pulled == WEIR_PULLED && source->held.count == 0 && want.added < events &&
           source->behind == behind) {
        pulled = pull_once(source, pull, &want);
    }
    return pulled == WEIR_PULLED && want.added == 0 ? WEIR_IDLE
           : pulled == WEIR_IDLE && want.added > 0  ? WEIR_PULLED
                                                    : pulled;
}

/* ---- opened and closed by the user ----------------------------------------------------------- */

weir_status weir_redis_source_open(const weir_redis_source_options *options,
                                   weir_redis_source **out) {
    if (options == NULL || out == NULL) {
        return weir_refuse(WEIR_INVALID, "%s must not be NULL",
                           options == NULL ? "options" : "out");
    }
    weir_redis_source *source = calloc(1, sizeof *source);
    if (source == NULL) {
        return weir_refuse(WEIR_NO_MEMORY, "no memory for a source of redis");
    }
    pthread_mutex_init(&source->lock, NULL);
    source->typical = TYPICAL;
    source->woken = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    weir_status status = source->woken < 0
                             ? weir_refuse(WEIR_SYSTEM, "no descriptor for a source of redis")
                             : weir__redis_copy_source(source, options);
    if (status != WEIR_OK) {
        weir_redis_source_close(source);
        return status;
    }
    source->driver = (weir_source_driver){.name = "redis",
                                          .needs_context = true,
                                          .lease_ns = source->options.lease_ns,
                                          .open = open_member,
                                          .pull = pull_entries,
                                          .ack = weir__redis_settle,
                                          .extend = weir__redis_extend,
                                          .release = weir__redis_release,
                                          .wake = wake,
                                          .close = close_member};
    *out = source;
    return WEIR_OK;
}

const weir_source_driver *weir_redis_source_driver(const weir_redis_source *source) {
    return &source->driver;
}

weir_status weir_redis_source_read_stats(const weir_redis_source *source,
                                         weir_redis_source_stats *out) {
    if (source == NULL || out == NULL) {
        return weir_refuse(WEIR_INVALID, "%s must not be NULL", source == NULL ? "source" : "out");
    }
    pthread_mutex_t *lock = (pthread_mutex_t *)&source->lock;
    pthread_mutex_lock(lock);
    *out = source->stats;
    pthread_mutex_unlock(lock);
    return WEIR_OK;
}

void weir_redis_source_close(weir_redis_source *source) {
    if (source == NULL) {
        return;
    }
    disconnect(source);
    if (source->held.reply != NULL) {
        weir__redis_reply_free(source->held.reply);
    }
    weir__redis_naks_free(&source->naks);
    weir__redis_commands_free(&source->unanswered);
    weir__texts_free(&source->texts);
    if (source->woken >= 0) {
        close(source->woken);
    }
    pthread_mutex_destroy(&source->lock);
    free(source);
}
