/*
 * What was delivered before: naks that are due, and what others have left.  See source.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/redis/source.h"

/* What is taken as a reply's entries is held. */
weir_pulled weir__redis_hold(weir_redis_source *source, struct weir__redis_link *from,
                             const struct weir__redis_node *array, bool before) {
    struct weir__redis_entries entries;
    struct weir__redis_reply *reply = from->reply;
    if (!weir__redis_read_entries(reply, array, &entries)) {
        weir_refuse(WEIR_SYSTEM, "redis: no memory for entries, or a reply that has none");
        return WEIR_LOST;
    }
    if (entries.count == 0) {
        return WEIR_PULLED;
    }
    from->reply = NULL;
    reply->holders = 1;
    source->held = entries;
    const struct weir__redis_id last = weir__redis_id_of(entries.at[entries.count - 1].id);
    if (weir__redis_compare(last, source->seen) > 0) {
        source->seen = last;
    }
    if (!before || weir__redis_settled(source) != WEIR_PULLED) {
        return before ? WEIR_LOST : WEIR_PULLED;
    }
    return weir__redis_count_deliveries(&source->server, &source->telling, &source->group,
                                        &source->held);
}

static weir_pulled hold_claimed(weir_redis_source *source, const char *tried, uint32_t place,
                                bool nested, uint64_t *figure) {
    const struct weir__redis_node *reply = weir__redis_ask(&source->telling, 1);
    if (reply == NULL || weir__redis_is_error(reply)) {
        return reply == NULL ? WEIR_LOST : weir__redis_refused(&source->server, tried, reply);
    }
    if (nested) {
        const struct weir__redis_node *gone = weir__redis_item(reply, 2);
        source->cursor = weir__redis_id_of(weir__redis_item(reply, 0));
        if (gone != NULL && gone->type == REDIS_REPLY_ARRAY) {
            weir__redis_count(source, &source->stats.gone, gone->count);
        }
        reply = weir__redis_item(reply, place);
    }
    weir_pulled pulled = weir__redis_hold(source, &source->telling, reply, true);
    weir__redis_count(source, figure, source->held.count);
    return pulled;
}

/* ---- naks ----------------------------------------------------------------------------------- */

/* Who has claimed one meanwhile keeps it: it was not idle for long. */
static weir_pulled take_naks(weir_redis_source *source, uint64_t now, uint64_t most) {
    struct weir__redis_nak taken[WEIR__REDIS_SOME];
    size_t count = 0;
    char text[WEIR__REDIS_ID_BYTES];
    while (count < most && count < WEIR__REDIS_SOME && weir__redis_naks_due(&source->naks) <= now) {
        taken[count++] = weir__redis_naks_take(&source->naks);
    }
    weir__redis_write_claim(&source->telling.commands, &source->group, source->group.lease_ms / 2,
                            count, false);
    for (size_t i = 0; i < count; i++) {
        weir__redis_word(&source->telling.commands, weir__redis_write_id(taken[i].id, text));
    }
    weir_pulled pulled = hold_claimed(source, "XCLAIM", 0, false, &source->stats.redelivered);
    for (size_t i = 0; pulled != WEIR_PULLED && source->held.count == 0 && i < count; i++) {
        weir__redis_naks_add(&source->naks, taken[i].id, taken[i].due_ns);
    }
    return pulled;
}

/* ---- what others have left ------------------------------------------------------------------- */

static weir_pulled claim_idle(weir_redis_source *source, uint64_t now, uint64_t most) {
    weir__redis_write_autoclaim(&source->telling.commands, &source->group, source->cursor,
                                most < WEIR__REDIS_SOME ? most : WEIR__REDIS_SOME);
    weir_pulled pulled = hold_claimed(source, "XAUTOCLAIM", 1, true, &source->stats.claimed);
    const bool through = source->cursor.ms == 0 && source->cursor.number == 0;
    if (pulled == WEIR_PULLED && through) {
        source->claim_ns = now + source->options.lease_ns / 4;
    }
    return pulled;
}

uint64_t weir__redis_again_due(const weir_redis_source *source) {
    const uint64_t due = weir__redis_naks_due(&source->naks);
    return due < source->claim_ns ? due : source->claim_ns;
}

weir_pulled weir__redis_take_again(weir_redis_source *source, uint64_t now, uint64_t most) {
    const bool due = weir__redis_again_due(source) <= now;
    weir_pulled pulled = due ? weir__redis_settled(source) : WEIR_PULLED;
    if (pulled == WEIR_PULLED && weir__redis_naks_due(&source->naks) <= now) {
        pulled = take_naks(source, now, most);
    }
    if (pulled == WEIR_PULLED && source->held.count == 0 && source->claim_ns <= now) {
        pulled = claim_idle(source, now, most);
    }
    return pulled;
}
