/*
 * Settlements: what is done with, given back, kept, or not looked at any more.  See source.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A nak is written into Redis as well: its entry's idle time becomes what leaves the delay until
 * the lease is over.  So whoever claims what is idle takes it when it is due, should this source be
 * gone by then.  While it is there it is mostly first, since it knows when that is.
 *
 * Settlements are sent at once, and their answers are heard with the next pull's, so that there is
 * no waiting for each lot.  What a lost connection leaves unanswered is kept, and said again on the
 * next one: all of it may be said twice.
 */
#include "connect/redis/source.h"

/* Answers of settlements that are waited for at the latest. */
enum { OWED_MOST = 64 };

static const struct weir__redis_entry *entry_of(uint64_t token) {
    return (const struct weir__redis_entry *)(uintptr_t)token;
}

void weir__redis_count(struct weir_redis_source *source, uint64_t *figure, uint64_t more) {
    pthread_mutex_lock(&source->lock);
    *figure += more;
    pthread_mutex_unlock(&source->lock);
}

static void write_entry(struct weir__redis_commands *commands,
                        const struct weir__redis_entry *entry) {
    weir__redis_bytes(commands, entry->id->text, entry->id->count);
}

/* ---- acks and naks ------------------------------------------------------------------------ */

static bool is_nak(const weir_ack *ack) {
    return ack->outcome >= WEIR_MESSAGE_FAILED;
}

/* Nobody waits for what its source has left behind. */
static uint64_t nak_delay(const weir_redis_source *source, const weir_ack *ack) {
    const uint64_t lease = source->options.lease_ns;
    return ack->why == WEIR_DISCARD_STOPPED ? 0 : ack->delay_ns < lease ? ack->delay_ns : lease;
}

static void write_done(weir_redis_source *source, const weir_ack *acks, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!is_nak(&acks[i])) {
            write_entry(&source->telling.commands, entry_of(acks[i].token));
        }
    }
}

/* Returns how many commands it has written. */
static unsigned write_acks(weir_redis_source *source, const weir_ack *acks, size_t count) {
    struct weir__redis_commands *commands = &source->telling.commands;
    size_t done = 0;
    for (size_t i = 0; i < count; i++) {
        done += !is_nak(&acks[i]);
    }
    if (done == 0) {
        return 0;
    }
    weir__redis_write_acks(commands, &source->group, done);
    write_done(source, acks, count);
    if (source->options.delete_acked) {
        weir__redis_write_deletes(commands, &source->group, done);
        write_done(source, acks, count);
        return 2;
    }
    return 1;
}

/* Those that follow each other with one delay go together. */
static unsigned write_naks(weir_redis_source *source, const weir_ack *acks, size_t count) {
    struct weir__redis_commands *commands = &source->telling.commands;
    unsigned written = 0;
    for (size_t i = 0, end; i < count; i = end) {
        size_t run = 0;
        const uint64_t delay = nak_delay(source, &acks[i]);
        for (end = i;
             end < count && (!is_nak(&acks[end]) || nak_delay(source, &acks[end]) == delay);
             end++) {
            run += is_nak(&acks[end]);
        }
        if (run == 0) {
            end += end == i;
            continue;
        }
        weir__redis_write_claim(commands, &source->group, 0, run, true);
        for (size_t j = i; j < end; j++) {
            if (is_nak(&acks[j])) {
                write_entry(commands, entry_of(acks[j].token));
            }
        }
        weir__redis_write_kept(commands, (source->options.lease_ns - delay) / WEIR__REDIS_MS);
        written++;
    }
    return written;
}

static void remember_naks(weir_redis_source *source, const weir_ack *acks, size_t count) {
    const uint64_t now = weir__redis_now();
    for (size_t i = 0; i < count; i++) {
        if (is_nak(&acks[i]) && acks[i].why != WEIR_DISCARD_STOPPED) {
            weir__redis_naks_add(&source->naks, weir__redis_id_of(entry_of(acks[i].token)->id),
                                 now + nak_delay(source, &acks[i]));
        }
    }
}

weir_pulled weir__redis_settled(weir_redis_source *source) {
    weir_pulled pulled = WEIR_PULLED;
    for (unsigned left = source->owed; left > 0; left--) {
        const struct weir__redis_node *reply = weir__redis_answer(&source->telling);
        if (reply == NULL) {
            return WEIR_LOST;
        }
        if (weir__redis_is_error(reply)) {
            weir__redis_refused(&source->server, "acknowledging", reply);
            pulled = WEIR_LOST;
        }
    }
    if (pulled == WEIR_PULLED) {
        source->owed = 0;
        weir__redis_commands_clear(&source->unanswered);
    }
    return pulled;
}

bool weir__redis_settle_again(weir_redis_source *source) {
    weir__redis_commands_add(&source->telling.commands, &source->unanswered);
    return weir__redis_send(&source->telling);
}

weir_pulled weir__redis_settle(void *context, const weir_ack *acks, size_t count) {
    weir_redis_source *source = context;
    if (source->owed >= OWED_MOST && weir__redis_settled(source) != WEIR_PULLED) {
        return WEIR_LOST;
    }
    unsigned written = write_acks(source, acks, count);
    written += write_naks(source, acks, count);
    struct weir__redis_commands *unanswered = &source->unanswered;
    const size_t before = unanswered->count;
    weir__redis_commands_add(unanswered, &source->telling.commands);
    if (unanswered->failed || !weir__redis_send(&source->telling)) {
        unanswered->count = before; /* the caller says them again */
        unanswered->failed = false;
        return WEIR_LOST;
    }
    source->owed += written;
    remember_naks(source, acks, count);
    return WEIR_PULLED;
}

weir_pulled weir__redis_drop(weir_redis_source *source, const struct weir__redis_entry *entry,
                             uint64_t *figure) {
    if (weir__redis_settled(source) != WEIR_PULLED) {
        return WEIR_LOST;
    }
    weir__redis_write_acks(&source->telling.commands, &source->group, 1);
    write_entry(&source->telling.commands, entry);
    const struct weir__redis_node *reply = weir__redis_ask(&source->telling, 1);
    if (reply == NULL || weir__redis_is_error(reply)) {
        return reply == NULL ? WEIR_LOST : weir__redis_refused(&source->server, "XACK", reply);
    }
    weir__redis_count(source, figure, 1);
    return WEIR_PULLED;
}

/* ---- leases ------------------------------------------------------------------------------- */

void weir__redis_extend(void *context, const uint64_t *tokens, size_t count) {
    weir_redis_source *source = context;
    const struct weir__redis_entries *held = &source->held;
    const size_t waiting = held->count - held->next;
    struct weir__redis_commands *commands = &source->telling.commands;
    if (weir__redis_settled(source) != WEIR_PULLED) {
        return; /* which is seen in the next pull */
    }
    weir__redis_write_claim(commands, &source->group, 0, count + waiting, true);
    for (size_t i = 0; i < count; i++) {
        write_entry(commands, entry_of(tokens[i]));
    }
    for (size_t i = 0; i < waiting; i++) {
        write_entry(commands, &held->at[held->next + i]);
    }
    weir__redis_write_kept(commands, 0);
    weir__redis_ask(&source->telling, 1);
}

/* ---- what is not handed on, or not looked at any more --------------------------------------- */

/* Others may have them at once. */
void weir__redis_give_back(weir_redis_source *source, struct weir__redis_entries *entries) {
    if (entries->next < entries->count && weir__redis_settled(source) == WEIR_PULLED) {
        struct weir__redis_commands *commands = &source->telling.commands;
        weir__redis_write_claim(commands, &source->group, 0, entries->count - entries->next, true);
        for (; entries->next < entries->count; entries->next++) {
            write_entry(commands, &entries->at[entries->next]);
        }
        weir__redis_write_kept(commands, source->group.lease_ms);
        weir__redis_ask(&source->telling, 1);
    }
    if (entries->reply != NULL) {
        weir__redis_let_go(source, entries->reply);
    }
    *entries = (struct weir__redis_entries){0};
}

/* While it is open, only the source's thread comes here. */
void weir__redis_let_go(weir_redis_source *source, struct weir__redis_reply *reply) {
    const bool shared = source->closed;
    if (shared) {
        pthread_mutex_lock(&source->lock);
    }
    const bool last = --reply->holders == 0;
    if (shared) {
        pthread_mutex_unlock(&source->lock);
    }
    if (last) {
        weir__redis_reply_free(reply);
    }
}

void weir__redis_release(void *context, uint64_t token) {
    weir__redis_let_go(context, entry_of(token)->reply);
}
