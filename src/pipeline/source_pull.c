/*
 * What a driver's pull adds.  See source.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base/attributes.h"
#include "base/check.h"
#include "base/refusal.h"
#include "base/reserved.h"
#include "os/clock.h"
#include "pipeline/source.h"
#include "runtime/errand.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- room ----------------------------------------------------------------------- */

uint64_t weir__source_room(const weir_source *source) {
    if (source->port == NULL) {
        return 0;
    }
    uint64_t ledger = source->options.max_outstanding - source->outstanding;
    uint64_t ring = source->port->capacity - weir_port_waiting(source->port) - source->batched;
    return ledger < ring ? ledger : ring;
}

/* What the worker asked for may be less than what was sent before. */
uint64_t weir__source_asked(const weir_source *source) {
    if (source->port == NULL) {
        return 0;
    }
    uint64_t asked = source->seen_wanted - source->port->in - source->batched;
    return (int64_t)asked > 0 ? asked : 0;
}

/* ---- sending -------------------------------------------------------------------- */

void weir__source_send(weir_source *source) {
    uint32_t count = source->batched;
    source->batched = 0;
    if (count == 0 || weir__port_publish(source->port, count) == WEIR_OK) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        weir_message message;
        weir__slip_unpack(&source->keeper, weir__port_place(source->port, i), 1, &message);
        weir__message_drop(NULL, &message, 1, WEIR_DISCARD_STOPPED);
    }
}

/* Its line comes from where the worker has read it while some others are written. */
struct weir__slip *weir__source_place(weir_source *source) {
    enum { AHEAD = 32 };
    if (source->batched == WEIR__SOURCE_BATCH) {
        weir__source_send(source);
    }
    weir__prefetch_to_write(weir__port_place(source->port, source->batched + AHEAD));
    return weir__port_place(source->port, source->batched++);
}

/* ---- adding --------------------------------------------------------------------- */

/* Keys and numbers, mostly: two words that may overlap are copied before memcpy is called. */
static void copy_few(char *to, const char *from, uint32_t count) {
    uint64_t first;
    uint64_t last;
    memcpy(&first, from, sizeof first);
    memcpy(&last, from + count - sizeof last, sizeof last);
    memcpy(to, &first, sizeof first);
    memcpy(to + count - sizeof last, &last, sizeof last);
}

/* Copies a span to `at`; returns behind it. */
static char *copy_in_span(const weir_bytes *from, char *at) {
    const uint32_t count = from->count;
    if (count >= sizeof(uint64_t) && count <= 2 * sizeof(uint64_t)) {
        copy_few(at, from->at, count);
    } else if (count > 0) {
        memcpy(at, from->at, count);
    }
    return at + count;
}

/* One always has room where nothing else is. */
static bool fits(weir_source *source, uint64_t bytes) {
    source->cramped =
        source->outstanding > 0 && source->bytes + bytes > source->options.max_outstanding_bytes;
    return !source->cramped;
}

/* NULL in *lane: it is not cumulative.  False: it is not to be added now, or ever. */
static bool find_lane(weir_source *source, const weir_incoming *incoming,
                      struct weir__lane **lane) {
    *lane = NULL;
    if (!source->driver.cumulative) {
        return true;
    }
    *lane = weir__lane_make(source, incoming->lane);
    if (*lane == NULL) {
        weir__refuse(WEIR_NO_MEMORY, "no memory for lane %u", incoming->lane);
        return false;
    }
    if ((*lane)->any && incoming->position <= (*lane)->highest) {
        weir__refuse(WEIR_INVALID,
                     "source %s: positions of lane %u must rise: %llu comes after %llu; revoke the "
                     "lane before it begins anew",
                     source->name, incoming->lane, (unsigned long long)incoming->position,
                     (unsigned long long)(*lane)->highest);
        return false;
    }
    return !weir__lane_is_full(source, *lane, incoming->position);
}

static bool check_incoming(const weir_source *source, const weir_incoming *incoming,
                           uint64_t bytes) {
    if (WEIR__UNLIKELY((incoming->reserved[0] | incoming->reserved[1]) != 0)) {
        WEIR__RESERVED_SET(incoming, "weir_incoming");
        return false;
    }
    if (incoming->lent && source->driver.release == NULL) {
        weir__refuse(WEIR_INVALID, "source %s: what is lent needs the driver's release",
                     source->name);
        return false;
    }
    if (bytes > WEIR_PAYLOAD_LIMIT_MAX) {
        weir__refuse(WEIR_INVALID, "source %s: a message has %d bytes at most, got %llu",
                     source->name, WEIR_PAYLOAD_LIMIT_MAX, (unsigned long long)bytes);
        return false;
    }
    return true;
}

static bool add(weir_source *source, const weir_incoming *incoming, uint64_t bytes,
                struct weir__lane *lane) {
    struct weir__page *page = NULL;
    char *at = NULL;
    if (!incoming->lent && bytes > 0) {
        at = weir__pages_room(&source->pages, (size_t)bytes, &page);
        if (at == NULL) {
            weir__refuse(WEIR_NO_MEMORY, "no memory for %llu bytes of a message",
                         (unsigned long long)bytes);
            return false;
        }
        copy_in_span(&incoming->headers,
                     copy_in_span(&incoming->key, copy_in_span(&incoming->data, at)));
    }
    struct weir__receipt *receipt = weir__receipt_take(source);
    /* Word by word: the driver has just written them so, and who reads two at once waits until all
     * that was written before is in its cache, the places in the ring included. */
    receipt->token = weir__load_relaxed_u64(&incoming->token);
    receipt->position = weir__load_relaxed_u64(&incoming->position);
    receipt->page = page;
    receipt->lane_number = incoming->lane;
    receipt->bytes = (uint32_t)bytes;
    receipt->deliveries = incoming->deliveries;
    receipt->lent = incoming->lent;
    source->bytes += bytes;
    if (lane != NULL) {
        weir__lane_add(source, lane, receipt);
    }
    weir__slip_write(source, incoming, receipt, at);
    return true;
}

/* There is room in ledger and ring; the first look of many. */
static bool has_pull_room(weir_pull *pull) {
    const weir_source *source = pull->source;
    if (pull->left == 0) {
        pull->left = weir__source_room(source);
    }
    return pull->left > 0 && !weir__source_has_ended(source);
}

bool weir_pull_add(weir_pull *pull, const weir_incoming *incoming) {
    if (weir__pull_unfit(pull) || weir__missing(incoming, "incoming")) {
        return false;
    }
    weir_source *source = pull->source;
    uint64_t bytes = (uint64_t)incoming->data.count + incoming->key.count + incoming->headers.count;
    struct weir__lane *lane;
    if (!has_pull_room(pull) || !check_incoming(source, incoming, bytes) || !fits(source, bytes) ||
        !find_lane(source, incoming, &lane) || !add(source, incoming, bytes, lane)) {
        pull->refused = true;
        return false;
    }
    pull->left--;
    pull->added++;
    return true;
}

uint64_t weir_pull_room(const weir_pull *pull) {
    if (weir__pull_unfit(pull) || weir__source_has_ended(pull->source)) {
        return 0;
    }
    return weir__source_room(pull->source);
}

void weir_pull_flush(weir_pull *pull) {
    if (!weir__pull_unfit(pull)) {
        weir__source_send(pull->source);
    }
}

void weir_pull_log(const weir_pull *pull, weir_log_level level, const char *format, ...) {
    char what[512];
    va_list arguments;
    if (weir__pull_unfit(pull) || weir__missing(format, "format")) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    weir__source_log(pull->source, level, "%s", what);
}

bool weir_pull_stopping(const weir_pull *pull) {
    return !weir__pull_unfit(pull) && weir__source_has_ended(pull->source);
}

bool weir_pull_lane_full(const weir_pull *pull, uint32_t lane) {
    if (weir__pull_unfit(pull)) {
        return false;
    }
    const struct weir__lane *found = weir__lane_find(pull->source, lane);
    return found != NULL && found->any &&
           weir__lane_is_full(pull->source, found, found->highest + 1);
}

/* ---- a lane goes away ----------------------------------------------------------- */

static bool lane_is_out(const weir_source *source, uint32_t lane) {
    for (uint32_t place = 1; place <= source->used; place++) {
        const struct weir__receipt *receipt = weir__source_receipt(source, place);
        if (receipt->away && !receipt->forgotten && receipt->lane_number == lane &&
            receipt->state == WEIR__RECEIPT_OUT) {
            return true;
        }
    }
    return false;
}

static bool some_returned(void *waiter) {
    const weir_source *source = waiter;
    return !weir__returns_none(&source->returns);
}

static void lie_in_returns(void *waiter) {
    weir_source *source = waiter;
    weir__returns_lie_down(&source->returns); /* if not, something has come */
}

static void wait_for_lane(weir_source *source, uint32_t lane, uint64_t deadline) {
    static const struct weir__doze doze = {
        .what = "messages of a lane", .come = some_returned, .lies_down = lie_in_returns};
    while (lane_is_out(source, lane) &&
           weir__quay_doze(&source->quay, &source->berth, &doze, source, deadline) == WEIR_OK) {
        source->now_ns = weir_runtime_now(source->quay.runtime);
        weir__source_take_settled(source);
    }
    source->now_ns = weir_runtime_now(source->quay.runtime);
    weir__source_take_settled(source); /* it sleeps no more */
}

void weir_pull_revoke(weir_pull *pull, uint32_t lane, uint64_t wait_ns) {
    if (weir__pull_unfit(pull)) {
        return;
    }
    weir_source *source = pull->source;
    weir__source_send(source);
    weir__source_take_settled(source);
    if (source->threaded) {
        wait_for_lane(source, lane, weir__quay_deadline(&source->quay, wait_ns));
    }
    if (source->opened && weir__source_has_news(source)) { /* an ack before may have met LOST */
        weir__source_tell(source);
    }
    weir__lane_forget(source, lane);
}
