/*
 * An inlet of owned events: see owned_inlet.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/owned_inlet.h"

#include "parts/port.h"
#include "support/cmocka.h"

#include <string.h>

struct owned_inlet owned_inlet;

static struct owned_inlet *const f = &owned_inlet;

/* ---- opening and closing ------------------------------------------------------ */

static void count_told(void *context, uint64_t count, weir_discard cause) {
    (void)context;
    weir__fetch_add_u64(&f->told[cause], count);
}

void owned_inlet_open(struct rig *rig, int way, weir_when_full when_full) {
    owned_inlet_open_bounded(rig, way, when_full, 0);
}

void owned_inlet_open_bounded(struct rig *rig, int way, weir_when_full when_full,
                              size_t capacity_bytes) {
    memset(f, 0, offsetof(struct owned_inlet, ledger));
    owned_open(&f->ledger);
    f->rig = rig;
    f->lines = (way & OWNED_LINES) != 0;
    weir__port_start = UINT64_MAX - 13;
    const weir_inlet_options options = {.name = "in",
                                        .type = f->lines ? &f->ledger.lines : &f->ledger.type,
                                        .capacity = OWNED_CAPACITY,
                                        .capacity_bytes = capacity_bytes,
                                        .when_full = when_full,
                                        .discarded = count_told};
    assert_int_equal(weir_inlet_open(rig->runtime, &options, &f->inlet, &f->stage), WEIR_OK);
    if ((way & OWNED_PORTED) != 0) assert_int_equal(weir_port_open(f->inlet, &f->port), WEIR_OK);
}

void owned_inlet_stop(void) {
    assert_int_equal(weir_stop(f->rig->runtime, f->stage, WEIR_REASON_USER), WEIR_OK);
    rig_rest(f->rig);
}

void owned_inlet_expect(const char *expected, uint64_t overflow, uint64_t stopped) {
    owned_expect(&f->ledger, expected);
    assert_int_equal(weir_runtime_dropped(f->rig->runtime, WEIR_DISCARD_OVERFLOW), overflow);
    assert_int_equal(weir_runtime_dropped(f->rig->runtime, WEIR_DISCARD_STOPPED), stopped);
}

void owned_inlet_close(const char *expected) {
    weir_port_close(f->port);
    weir_inlet_close(f->inlet);
    f->rig->handled = weir__load_relaxed_u64(&f->handled);
    weir_accounts accounts = rig_close(f->rig);
    owned_expect(&f->ledger, expected);
    owned_close(&f->ledger, &accounts);
}

/* ---- pushing and asking ------------------------------------------------------- */

static weir_status push_events(const void *events, size_t count, uint64_t timeout_ns) {
    return f->port != NULL ? weir_port_push(f->port, events, count, timeout_ns)
                           : weir_inlet_push(f->inlet, events, count, timeout_ns);
}

static weir_status push_flat(struct owned *events, size_t count, uint64_t timeout_ns) {
    for (size_t i = 0; i < count; i++) events[i] = owned_make(&f->ledger);
    return push_events(events, count, timeout_ns);
}

static weir_status push_lines(struct owned *events, size_t count, uint64_t timeout_ns) {
    struct owned_line lines[2 * OWNED_CAPACITY];
    char text[2 * OWNED_CAPACITY][OWNED_TEXT_MOST];
    for (size_t i = 0; i < count; i++) {
        lines[i] = owned_make_line(&f->ledger, text[i]);
        events[i] = lines[i].event;
    }
    weir_status status = push_events(lines, count, timeout_ns);
    memset(lines, 0xa5, sizeof lines);
    memset(text, 0xa5, sizeof text); /* the pusher's own: what is weir's was copied */
    return status;
}

weir_status owned_inlet_push_until(size_t count, uint64_t timeout_ns) {
    struct owned events[2 * OWNED_CAPACITY];
    weir_status status =
        f->lines ? push_lines(events, count, timeout_ns) : push_flat(events, count, timeout_ns);
    if (status == WEIR_OK || status == WEIR_DROPPED) {
        f->rig->emitted += count;
    } else {
        for (size_t i = 0; i < count; i++) owned_release(&f->ledger, events[i]);
    }
    memset(events, 0xa5, sizeof events); /* they were moved */
    return status;
}

weir_status owned_inlet_push(size_t count) {
    return owned_inlet_push_until(count, 0);
}

weir_verdict owned_inlet_handle(weir_stage *self, weir_batch batch) {
    const struct owned *events = batch.events;
    const struct owned_line *lines = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++) {
        if (f->lines) owned_look_at_line(&f->ledger, &lines[i]);
        if (!f->lines) owned_look(&f->ledger, &events[i]);
    }
    weir__fetch_add_u64(&f->handled, batch.count);
    return WEIR_CONTINUE;
}

static weir_subscribe_verdict by_hand(weir_stage *self, const weir_peer *peer) {
    (void)self;
    f->subscription = peer->subscription;
    return WEIR_MANUAL;
}

void owned_inlet_consume(uint64_t count) {
    const weir_subscribe_to to = {.producer = f->stage, .options.cancel = WEIR_TEMPORARY};
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .subscribe_to = &to,
        .subscribe_count = 1,
        .on = {.handle_events = owned_inlet_handle, .handle_subscribe = by_hand}};
    assert_int_equal(weir_stage_start(f->rig->runtime, &options, NULL), WEIR_OK);
    rig_rest(f->rig);
    if (count > 0) owned_inlet_ask(count);
}

void owned_inlet_ask(uint64_t count) {
    assert_int_equal(weir_ask(f->rig->runtime, f->subscription, count), WEIR_OK);
    rig_rest(f->rig);
}
