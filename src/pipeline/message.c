/*
 * Messages: their type, new bytes, one that becomes more.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/attributes.h"
#include "base/refusal.h"
#include "pipeline/ledger.h"
#include "pipeline/room.h"

#include <string.h>

_Static_assert(sizeof(weir_message) == 96, "a message's size");

/* ---- the type ------------------------------------------------------------------- */

/* For who takes what others have, too: they may look at the word, so it is not written to. */
static bool copy_message(void *context, const void *event, void *copy) {
    weir_message *to = copy;
    (void)context;
    *to = *(const weir_message *)event;
    if (to->ack != 0) {
        to->ack = weir__message_another(to->ack);
    }
    weir__room_hold(to->room);
    return true;
}

const weir_event_type *weir_message_type(void) {
    static const weir_event_type type = {
        .bytes = sizeof(weir_message), .drop = weir__message_drop, .copy = copy_message};
    return &type;
}

/* ---- bytes ---------------------------------------------------------------------- */

/* A stage's: in a callback of its, on its worker. */
static char *open_room(struct weir__giver giver, size_t count, uint64_t *room) {
    if (giver.self != NULL && weir__here != giver.self->host) {
        weir__refuse(WEIR_INVALID,
                     "stage %s gives messages bytes in its callbacks only, init aside",
                     giver.self->name);
        return NULL;
    }
    if (count > WEIR_PAYLOAD_LIMIT_MAX) {
        weir__refuse(WEIR_INVALID, "a message has %d bytes at most, got %zu",
                     WEIR_PAYLOAD_LIMIT_MAX, count);
        return NULL;
    }
    char *at = weir__room_open(giver, count, room);
    if (at == NULL) {
        weir__refuse(WEIR_NO_MEMORY, "no memory for %zu bytes of a message", count);
    }
    return at;
}

char *weir__message_room(struct weir__giver giver, weir_message *message, size_t count) {
    uint64_t room;
    char *at = open_room(giver, count > 0 ? count : 1, &room);
    if (at != NULL) {
        weir__room_outdate(giver, message->room);
        message->room = room;
        message->data = (weir_bytes){.at = at, .count = (uint32_t)count};
    }
    return at;
}

bool weir__message_set(struct weir__giver giver, weir_message *message, const void *data,
                       size_t count) {
    if (count > 0 && weir__missing(data, "data")) {
        return false;
    }
    uint64_t room = 0;
    char *at = NULL;
    if (count > 0) {
        at = open_room(giver, count, &room);
        if (at == NULL) {
            return false;
        }
        memcpy(at, data, count); /* which may be what it has: that is let go behind this */
    }
    weir__room_drop(message->room, 1);
    message->room = room;
    message->data = (weir_bytes){.at = at, .count = (uint32_t)count};
    return true;
}

char *weir_message_room(weir_stage *self, weir_message *message, size_t count) {
    return weir__self_unfit(self) || weir__missing(message, "message")
               ? NULL
               : weir__message_room((struct weir__giver){.self = self}, message, count);
}

bool weir_message_set(weir_stage *self, weir_message *message, const void *data, size_t count) {
    return !weir__self_unfit(self) && !weir__missing(message, "message") &&
           weir__message_set((struct weir__giver){.self = self}, message, data, count);
}

/* ---- settling, and what one becomes --------------------------------------------- */

void weir_message_more(weir_message *of, weir_message *more) {
    if (weir__missing(of, "of") || weir__missing(more, "more")) {
        return;
    }
    uint64_t half = of->ack == 0 ? 0 : weir__message_halve(&of->ack);
    *more = *of;
    more->ack = half;
    weir__room_hold(more->room);
}

/* Whoever is told of the first is told of all, as a rule. */
static bool are_forked(const weir_message *messages) {
    return weir__is_child() && messages->ack != 0 &&
           weir__forked(weir__message_record(messages->ack)->ledger->forks);
}

void weir_message_settle(const weir_message *messages, size_t count, weir_discard why) {
    if (count > 0 && !weir__missing(messages, "messages") && !are_forked(messages)) {
        weir__message_drop(NULL, messages, count, why);
    }
}

/* Copies a span to `at`, and has it point there; returns behind it. */
static char *move_span(weir_bytes *span, char *at) {
    if (span->count > 0) {
        memcpy(at, span->at, span->count);
    }
    span->at = at;
    return at + span->count;
}

bool weir__message_ack(struct weir__giver giver, weir_message *message) {
    weir_message kept = *message;
    size_t bytes = (size_t)kept.data.count + kept.key.count + kept.headers.count;
    kept.ack = 0;
    char *at = open_room(giver, bytes > 0 ? bytes : 1, &kept.room);
    if (at == NULL) {
        return false;
    }
    move_span(&kept.headers, move_span(&kept.key, move_span(&kept.data, at)));
    weir__message_drop(NULL, message, 1, WEIR_DISCARD_HANDLED);
    *message = kept;
    return true;
}

bool weir_message_ack(weir_stage *self, weir_message *message) {
    return !weir__self_unfit(self) && !weir__missing(message, "message") &&
           weir__message_ack((struct weir__giver){.self = self}, message);
}
