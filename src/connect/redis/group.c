/*
 * What is asked of a consumer group.  See group.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/redis/group.h"

#include <stdio.h>
#include <string.h>

enum { TRIED_BYTES = 128 };

static void write_words(struct weir__redis_commands *commands, const char *first,
                        const struct weir__redis_group *group) {
    weir__redis_word(commands, first);
    weir__redis_word(commands, group->stream);
    weir__redis_word(commands, group->group);
}

/* ---- commands ----------------------------------------------------------------------------- */

void weir__redis_write_read(struct weir__redis_commands *commands,
                            const struct weir__redis_group *group, uint64_t count,
                            uint64_t block_ms, const struct weir__redis_id *behind) {
    char text[WEIR__REDIS_ID_BYTES];
    weir__redis_command(commands, behind == NULL ? 11 : 9);
    weir__redis_word(commands, "XREADGROUP");
    weir__redis_word(commands, "GROUP");
    weir__redis_word(commands, group->group);
    weir__redis_word(commands, group->consumer);
    weir__redis_word(commands, "COUNT");
    weir__redis_number(commands, count);
    if (behind == NULL) {
        weir__redis_word(commands, "BLOCK");
        weir__redis_number(commands, block_ms);
    }
    weir__redis_word(commands, "STREAMS");
    weir__redis_word(commands, group->stream);
    weir__redis_word(commands, behind == NULL ? ">" : weir__redis_write_id(*behind, text));
}

void weir__redis_write_acks(struct weir__redis_commands *commands,
                            const struct weir__redis_group *group, size_t count) {
    weir__redis_command(commands, 3 + count);
    write_words(commands, "XACK", group);
}

void weir__redis_write_deletes(struct weir__redis_commands *commands,
                               const struct weir__redis_group *group, size_t count) {
    weir__redis_command(commands, 2 + count);
    weir__redis_word(commands, "XDEL");
    weir__redis_word(commands, group->stream);
}

void weir__redis_write_claim(struct weir__redis_commands *commands,
                             const struct weir__redis_group *group, uint64_t min_idle_ms,
                             size_t count, bool keep) {
    weir__redis_command(commands, 5 + count + (keep ? 3 : 0));
    write_words(commands, "XCLAIM", group);
    weir__redis_word(commands, group->consumer);
    weir__redis_number(commands, min_idle_ms);
}

void weir__redis_write_kept(struct weir__redis_commands *commands, uint64_t idle_ms) {
    weir__redis_word(commands, "IDLE");
    weir__redis_number(commands, idle_ms);
    weir__redis_word(commands, "JUSTID");
}

void weir__redis_write_autoclaim(struct weir__redis_commands *commands,
                                 const struct weir__redis_group *group,
                                 struct weir__redis_id cursor, uint64_t count) {
    char text[WEIR__REDIS_ID_BYTES];
    weir__redis_command(commands, 8);
    write_words(commands, "XAUTOCLAIM", group);
    weir__redis_word(commands, group->consumer);
    weir__redis_number(commands, group->lease_ms);
    weir__redis_word(commands, weir__redis_write_id(cursor, text));
    weir__redis_word(commands, "COUNT");
    weir__redis_number(commands, count);
}

/* ---- questions ---------------------------------------------------------------------------- */

weir_pulled weir__redis_have_group(struct weir__redis_server *server, struct weir__redis_link *link,
                                   const struct weir__redis_group *group, bool bind,
                                   bool only_new) {
    char tried[TRIED_BYTES];
    if (bind) {
        weir__redis_command(&link->commands, 3);
        write_words(&link->commands, "XPENDING", group);
    } else {
        weir__redis_command(&link->commands, 6);
        weir__redis_word(&link->commands, "XGROUP");
        write_words(&link->commands, "CREATE", group);
        weir__redis_word(&link->commands, only_new ? "$" : "0");
        weir__redis_word(&link->commands, "MKSTREAM");
    }
    const struct weir__redis_node *reply = weir__redis_ask(link, 1);
    if (reply == NULL) {
        return WEIR_LOST;
    }
    if (!weir__redis_is_error(reply) || weir__redis_says(reply, "BUSYGROUP")) {
        return WEIR_PULLED;
    }
    snprintf(tried, sizeof tried, "group %.40s of stream %.40s", group->group, group->stream);
    return weir__redis_refused(server, tried, reply);
}

static void write_pending(struct weir__redis_commands *commands,
                          const struct weir__redis_group *group,
                          const struct weir__redis_node *id) {
    weir__redis_command(commands, 6);
    write_words(commands, "XPENDING", group);
    weir__redis_bytes(commands, id->text, id->count);
    weir__redis_bytes(commands, id->text, id->count);
    weir__redis_word(commands, "1");
}

/* [[id, consumer, idle, deliveries]]; this one is among them. */
static uint32_t deliveries_of(const struct weir__redis_node *reply) {
    uint64_t count = weir__redis_number_of(weir__redis_item(weir__redis_item(reply, 0), 3));
    return count == 0 ? 0 : count > UINT32_MAX ? UINT32_MAX : (uint32_t)(count - 1);
}

weir_pulled weir__redis_count_deliveries(struct weir__redis_server *server,
                                         struct weir__redis_link *link,
                                         const struct weir__redis_group *group,
                                         struct weir__redis_entries *entries) {
    for (uint32_t i = 0; i < entries->count; i++) {
        write_pending(&link->commands, group, entries->at[i].id);
    }
    if (!weir__redis_send(link)) {
        return WEIR_LOST;
    }
    for (uint32_t i = 0; i < entries->count; i++) {
        const struct weir__redis_node *reply = weir__redis_answer(link);
        if (reply == NULL || weir__redis_is_error(reply)) {
            return reply == NULL ? WEIR_LOST : weir__redis_refused(server, "XPENDING", reply);
        }
        entries->at[i].deliveries = deliveries_of(reply);
    }
    return WEIR_PULLED;
}

void weir__redis_leave_group(struct weir__redis_link *link, const struct weir__redis_group *group) {
    weir__redis_command(&link->commands, 7);
    write_words(&link->commands, "XPENDING", group);
    weir__redis_word(&link->commands, "-");
    weir__redis_word(&link->commands, "+");
    weir__redis_word(&link->commands, "1");
    weir__redis_word(&link->commands, group->consumer);
    const struct weir__redis_node *reply = weir__redis_ask(link, 1);
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->count > 0) {
        return;
    }
    weir__redis_command(&link->commands, 5);
    weir__redis_word(&link->commands, "XGROUP");
    write_words(&link->commands, "DELCONSUMER", group);
    weir__redis_word(&link->commands, group->consumer);
    weir__redis_ask(link, 1);
}
