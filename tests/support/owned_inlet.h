/*
 * An inlet of ten owned events, alone or with a port, and a consumer that asks by hand.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Of events with names, in a ledger of the scene's (support/owned.h).  There is one scene at a
 * time, in a rig of the test's.
 */
#ifndef TESTS_SUPPORT_OWNED_INLET_H
#define TESTS_SUPPORT_OWNED_INLET_H

#include "support/owned.h"
#include "support/rig.h"

enum { OWNED_CAPACITY = 10 };

/* Ways, from 0 to 3: without or with a port; with events that have text, or not. */
enum { OWNED_ALONE = 0, OWNED_PORTED = 1, OWNED_LINES = 2, OWNED_WAYS = 4 };

struct owned_inlet {
    struct rig *rig;
    weir_inlet *inlet;
    weir_port *port; /* NULL: pushes go to the inlet */
    weir_ref stage;
    weir_subscription subscription;
    bool lines;
    uint64_t handled; /* atomic, as is the next */
    uint64_t told[WEIR_DISCARD_CAUSES];
    struct owned_ledger ledger;
};

extern struct owned_inlet owned_inlet;

/* With a port, its positions soon wrap, and so does its ring. */
void owned_inlet_open(struct rig *rig, int way, weir_when_full when_full);
void owned_inlet_open_bounded(struct rig *rig, int way, weir_when_full when_full,
                              size_t capacity_bytes);

/* Pushes so many new events.  What is refused is the caller's still: it is released. */
weir_status owned_inlet_push(size_t count);
weir_status owned_inlet_push_until(size_t count, uint64_t timeout_ns);

/* A callback: handle_events, which looks at them and counts them. */
weir_verdict owned_inlet_handle(weir_stage *self, weir_batch batch);

/* A consumer comes, and asks for so many, if any / asks for more. */
void owned_inlet_consume(uint64_t count);
void owned_inlet_ask(uint64_t count);

/* The inlet's stage stops, for reason USER. */
void owned_inlet_stop(void);

/* What the ledger says now (owned_expect), and what the runtime says was dropped. */
void owned_inlet_expect(const char *expected, uint64_t overflow, uint64_t stopped);

/* Closes port, inlet and rig; asserts that, and what owned_close does. */
void owned_inlet_close(const char *expected);

#endif
