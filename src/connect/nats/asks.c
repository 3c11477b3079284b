/*
 * Pull requests.  See asks.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/nats/asks.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/backoff.h>
#include <weir/status.h>

enum { REQUEST_BYTES = 128, GRACE_NS = 1000000000 };
static const weir_backoff pauses = {.first_ns = 20000000, .most_ns = 1000000000};

void weir__nats_asks_clear(struct weir__nats_asks *asks) {
    asks->count = 0;
    asks->left = 0;
    asks->alone = asks->limited = false;
    asks->pauses = 0;
    asks->paused_until_ns = 0;
    asks->told_crowded = false;
}

static void remove_ask(struct weir__nats_asks *asks, unsigned place) {
    asks->left -= asks->each[place].left;
    asks->count--;
    memmove(&asks->each[place], &asks->each[place + 1], (asks->count - place) * sizeof *asks->each);
    asks->limited = asks->limited && asks->count > 0;
}

/* Half of what is wanted is on its way: a second request asks for more when less is.  With a bound
 * of bytes there is one at a time: the server counts for each by itself. */
static bool worth_asking(const struct weir__nats_asks *asks, uint64_t events, bool bounded) {
    if (asks->count == 0) {
        return events > 0;
    }
    return asks->left <= events / 2 && asks->count < WEIR__NATS_ASKS && !bounded && !asks->limited;
}

natsStatus weir__nats_ask(struct weir__nats_asks *asks, natsConnection *connection,
                          const char *subject, const char *inbox, uint64_t events, uint64_t bytes,
                          uint64_t expires_ns, uint64_t now_ns) {
    char request[REQUEST_BYTES], reply[WEIR__NATS_INBOX_BYTES + 24];
    bool bounded = bytes != UINT64_MAX && !asks->alone;
    if (now_ns < asks->paused_until_ns || !worth_asking(asks, events, bounded)) {
        return NATS_OK;
    }
    if (bounded && asks->most_bytes > 0 && bytes > asks->most_bytes) {
        bytes = asks->most_bytes;
    }
    uint64_t batch = asks->alone ? 1 : events - asks->left;
    if (asks->most > 0 && batch > asks->most) {
        batch = asks->most;
    }
    int count = snprintf(request, sizeof request, "{\"batch\":%" PRIu64 ",\"expires\":%" PRIu64,
                         batch, expires_ns);
    if (bounded) {
        count += snprintf(request + count, sizeof request - (size_t)count,
                          ",\"max_bytes\":%" PRIu64, bytes > INT32_MAX ? INT32_MAX : bytes);
    }
    count += snprintf(request + count, sizeof request - (size_t)count, "}");
    snprintf(reply, sizeof reply, "%s.%" PRIu64, inbox, ++asks->made);
    natsStatus said = natsConnection_PublishRequest(connection, subject, reply, request, count);
    if (said == NATS_OK) {
        asks->each[asks->count++] = (struct weir__nats_ask){
            .number = asks->made, .left = batch, .until_ns = now_ns + expires_ns + GRACE_NS};
        asks->left += batch;
        asks->limited = bounded;
        asks->alone = false;
    }
    return said;
}

void weir__nats_asks_had(struct weir__nats_asks *asks) {
    asks->pauses = 0;
    if (asks->count == 0) {
        return; /* of one that was forgotten */
    }
    asks->each[0].left--;
    asks->left--;
    if (asks->each[0].left == 0) {
        remove_ask(asks, 0);
    }
}

static unsigned find_ask(const struct weir__nats_asks *asks, natsMsg *status) {
    const char *subject = natsMsg_GetSubject(status);
    const char *last = strrchr(subject, '.');
    uint64_t number = last == NULL ? 0 : strtoull(last + 1, NULL, 10);
    unsigned place = 0;
    while (place < asks->count && asks->each[place].number != number) {
        place++;
    }
    return place;
}

/* "Exceeded MaxRequestBatch of 100": also of the second request, which had left before that. */
static bool heard_most(const char *text, const char *what, uint64_t *most) {
    const char *at = strstr(text, what);
    uint64_t said = at == NULL ? 0 : strtoull(at + strlen(what), NULL, 10);
    *most = said > 0 ? said : *most;
    return said > 0;
}

static weir__nats_said pause_asking(struct weir__nats_asks *asks, uint64_t now_ns) {
    const bool told = asks->told_crowded;
    asks->pauses += asks->pauses < UINT_MAX;
    asks->paused_until_ns = now_ns + weir_backoff_delay(&pauses, asks->pauses, 0);
    asks->told_crowded = true;
    return told ? WEIR__NATS_GOES_ON : WEIR__NATS_CROWDED;
}

uint64_t weir__nats_asks_pause(const struct weir__nats_asks *asks, uint64_t now_ns) {
    return asks->count == 0 && now_ns < asks->paused_until_ns ? asks->paused_until_ns - now_ns : 0;
}

/* One that has ended a request otherwise than by itself. */
static weir__nats_said told_conflict(struct weir__nats_asks *asks, const char *text,
                                     uint64_t now_ns) {
    if (strstr(text, "MaxWaiting") != NULL) {
        return pause_asking(asks, now_ns);
    }
    if (heard_most(text, "MaxRequestBatch of ", &asks->most) ||
        heard_most(text, "MaxRequestMaxBytes of ", &asks->most_bytes)) {
        return WEIR__NATS_GOES_ON;
    }
    if (strstr(text, "Exceeds MaxBytes") != NULL) {
        /* The next one is larger than there is room for: it comes alone. */
        asks->alone = true;
        return WEIR__NATS_GOES_ON;
    }
    return strstr(text, "push") != NULL ? WEIR__NATS_NEVER : WEIR__NATS_AWAY;
}

weir__nats_said weir__nats_asks_told(struct weir__nats_asks *asks, natsMsg *status,
                                     uint64_t now_ns) {
    const char *code = "", *text = "";
    natsMsgHeader_Get(status, "Status", &code);
    natsMsgHeader_Get(status, "Description", &text);
    if (strcmp(code, "100") == 0) {
        return WEIR__NATS_GOES_ON; /* a heartbeat */
    }
    unsigned place = find_ask(asks, status);
    if (place < asks->count) {
        remove_ask(asks, place);
    }
    if (strcmp(code, "408") == 0 || strcmp(code, "404") == 0) {
        return WEIR__NATS_GOES_ON;
    }
    weir__nats_said said =
        strcmp(code, "409") == 0 ? told_conflict(asks, text, now_ns) : WEIR__NATS_AWAY;
    if (said >= WEIR__NATS_AWAY) {
        weir_refuse(WEIR_SYSTEM, "nats: the server has ended a pull request: %s %s", code, text);
    }
    return said;
}

void weir__nats_asks_expire(struct weir__nats_asks *asks, uint64_t now_ns) {
    while (asks->count > 0 && asks->each[0].until_ns < now_ns) {
        remove_ask(asks, 0);
    }
}
