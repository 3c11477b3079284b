/*
 * The callbacks of the stages of endings.c.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A stage's state is the number of its node; what it keeps is in the node, and is gone with
 * the stage all the same.
 */
#include "endings.h"

#include <string.h>

static struct node *node_of(weir_stage *self) {
    return &graph.node[*(const unsigned *)weir_state(self)];
}

static weir_verdict fail_now(weir_stage *self, struct node *node) {
    if (node->dies == 0 || --node->dies > 0) return WEIR_CONTINUE;
    graph.upset = true;
    graph.unheard = true;
    return weir_stop_with(self, WEIR_REASON_USER);
}

/* --- emitting ------------------------------------------------------------------------------ */

static const void *event_at(weir_batch batch, size_t index) {
    return (const char *)batch.events + index * graph.event_bytes;
}

/* Those with spans are not written in place so. */
static weir_room reserve(weir_stage *self, size_t want) {
    const weir_event_type *type = endings_type();
    bool in_place = sim_draw(2) == 0 && (type == NULL || type->spans == 0);
    return in_place ? weir_reserve(self, want) : (weir_room){0};
}

static void emit(weir_stage *self, const struct node *node, const uint64_t *identities,
                 size_t count) {
    _Alignas(8) unsigned char events[ENDINGS_KEPT * sizeof(struct event)];
    while (count > 0) {
        size_t run = 1 + (size_t)sim_draw(count < ENDINGS_KEPT ? count : ENDINGS_KEPT);
        weir_room room = reserve(self, run);
        if (room.events != NULL) run = room.count;
        endings_write(room.events != NULL ? room.events : events, identities, run);
        for (size_t i = 0; i < run; i++) ledger_out(identities[i], node_number(node));
        must(room.events != NULL ? weir_commit(self, run) : weir_emit(self, events, run));
        identities += run;
        count -= run;
    }
}

/* A broadcaster emits what is its own: another one takes the place. */
static uint64_t own(const struct node *node, uint64_t identity) {
    unsigned number = node_number(node);
    if (!ledger_is_shared(number) || identity >> 32 == number + 1) return identity;
    ledger_becomes(identity, HANDLED, number);
    return ledger_new(number);
}

static void emit_one(weir_stage *self, const struct node *node, uint64_t identity) {
    identity = own(node, identity);
    if (identity != 0) emit(self, node, &identity, 1);
}

/* --- sources ------------------------------------------------------------------------------- */

static void make(weir_stage *self, struct node *node, uint64_t want) {
    uint64_t identities[ENDINGS_KEPT];
    unsigned count = 0;
    while (want-- > 0 && count < ENDINGS_KEPT && node->made < node->total) {
        identities[count++] = ledger_new(node_number(node));
        node->made++;
    }
    node->debt -= count < node->debt ? count : node->debt;
    if (node->part == LATER && count > 0) {
        endings_ask(node, identities, count);
        return;
    }
    emit(self, node, identities, count);
}

static weir_verdict on_demand(weir_stage *self, uint64_t demand) {
    struct node *node = node_of(self);
    SIM_REQUIRE(demand > 0 && node->alive && !node->drained);
    node->debt += demand;
    if (node->part == ON_CAST) return WEIR_CONTINUE;
    uint64_t want = node->debt;
    if (node->lazy && sim_draw(2) == 0) want = sim_draw(want);
    if (node->surplus && sim_draw(4) == 0) want += sim_draw(4);
    make(self, node, want);
    if (!node->ends || node->made < node->total) return fail_now(self, node);
    node->drained = true;
    return WEIR_FINISH;
}

/* --- what is between, and at the end -------------------------------------------------------- */

static void flush(weir_stage *self, struct node *node) {
    unsigned number = node_number(node);
    if (node->kept == 0) return;
    uint64_t whole = ledger_new(number);
    for (unsigned i = 0; i < node->kept; i++)
        ledger_becomes(node->keeps[i], whole != 0 ? MERGED : HANDLED, number);
    node->kept = 0;
    if (whole != 0) emit(self, node, &whole, 1);
}

static void gather(weir_stage *self, struct node *node, uint64_t identity) {
    static const uint64_t hour = UINT64_C(3600000000000);
    node->keeps[node->kept++] = identity;
    if (node->kept == node->batch) flush(self, node);
    if (node->kept == 0 || !node->reminds || node->reminder) return;
    node->reminder = true;
    must(weir_send_after(world.runtime, node->ref, NULL, 0,
                         sim_draw(2) == 0 ? hour : sim_draw(20000), NULL));
}

static void delay(struct node *node, uint64_t identity) {
    struct note note = {.count = 1, .events = {identity}};
    ledger_becomes(identity, MAILED, node_number(node));
    must(weir_send_after(world.runtime, node->ref, &note, sizeof note, sim_draw(20000), NULL));
}

static void go_on(weir_stage *self, struct node *node, uint64_t identity) {
    switch (node->way) {
    case GATHERS:
        gather(self, node, identity);
        return;
    case DELAYS:
        delay(node, identity);
        return;
    case ASKS:
        endings_ask(node, &identity, 1);
        return;
    case RETRIES:
        if (ledger_rounds(identity) == 1 || (identity & 1) != 0) ledger_round(identity);
        emit_one(self, node, identity);
        return;
    case FILTERS:
        if (sim_draw(2) == 0) break;
        emit_one(self, node, identity);
        return;
    default:
        emit_one(self, node, identity);
        return;
    }
    ledger_becomes(identity, HANDLED, node_number(node));
}

static void handle(weir_stage *self, struct node *node, uint64_t identity) {
    if (node->part == BETWEEN)
        go_on(self, node, identity);
    else
        ledger_becomes(identity, HANDLED, node_number(node));
    if (node->feeds != NULL && sim_draw(4) == 0) endings_feed(node);
}

struct node *endings_find(weir_ref ref) {
    for (unsigned i = 0; i < graph.nodes; i++)
        if (graph.node[i].ref.bits == ref.bits) return &graph.node[i];
    return NULL;
}

/* The whole batch as it is: of nobody who shares it. */
static bool forwards(const struct node *node, const struct node *from) {
    return node->part == BETWEEN && node->way == PASSES && from != NULL &&
           !ledger_is_shared(node_number(node)) && !ledger_is_shared(node_number(from)) &&
           sim_draw(2) == 0;
}

static weir_verdict on_events(weir_stage *self, weir_batch batch) {
    struct node *node = node_of(self);
    unsigned number = node_number(node);
    const struct node *from = endings_find(weir_batch_subscription(self).producer);
    SIM_REQUIRE(node->alive && weir_batch_event_bytes(self) == graph.event_bytes);
    node->end_told = false;
    bool whole = forwards(node, from);
    bool slices = whole && endings_slices();
    for (size_t i = 0; i < batch.count; i++) {
        uint64_t identity = ledger_came(number, from != NULL ? node_number(from) : LEDGER_ANYBODY,
                                        endings_identity(event_at(batch, i)));
        if (whole) ledger_out(identity, number);
        if (slices) endings_owe(identity);
        if (slices) must(weir_emit_slices(self, event_at(batch, i), 1));
        if (!whole && identity != 0) handle(self, node, identity);
    }
    if (slices) return WEIR_CONTINUE;
    if (whole) return weir_forward(self);
    return fail_now(self, node);
}

/* --- messages ------------------------------------------------------------------------------ */

static void given(weir_stage *self, struct node *node, const struct note *note) {
    node->end_told = false;
    for (unsigned i = 0; i < note->count; i++) {
        SIM_REQUIRE(ledger_fate(note->events[i]) == MAILED ||
                    ledger_fate(note->events[i]) == MAILING);
        emit_one(self, node, note->events[i]);
    }
}

static weir_verdict on_cast(weir_stage *self, const void *message, size_t bytes) {
    struct note note;
    SIM_REQUIRE(bytes == sizeof note);
    memcpy(&note, message, sizeof note);
    given(self, node_of(self), &note);
    return fail_now(self, node_of(self));
}

static weir_verdict on_info(weir_stage *self, const void *message, size_t bytes) {
    struct node *node = node_of(self);
    if (bytes > 0) return on_cast(self, message, bytes);
    node->end_told = false;
    node->reminder = false;
    flush(self, node);
    return fail_now(self, node);
}

bool endings_cast(struct node *node, const uint64_t *identities, unsigned count) {
    struct note note = {.count = count};
    unsigned number = node_number(node);
    unsigned lives = node->lives;
    memcpy(note.events, identities, count * sizeof *identities);
    for (unsigned i = 0; i < count; i++) ledger_becomes(identities[i], MAILING, number);
    weir_status status = weir_cast(world.runtime, node->ref, &note, sizeof note);
    SIM_REQUIRE(status == WEIR_OK || status == WEIR_NO_STAGE || status == WEIR_CLOSED);
    bool lives_on = node->alive && node->lives == lives;
    for (unsigned i = 0; i < count; i++) {
        if (!ledger_is(identities[i], MAILING, number)) continue; /* it went on, perhaps far */
        if (status == WEIR_OK && !lives_on && node->lives == lives && node->finished)
            sim_fail("node %u has finished, and accepted a cast", number);
        ledger_becomes(identities[i],
                       status != WEIR_OK ? REFUSED
                       : lives_on        ? MAILED
                                         : LEFT,
                       number);
    }
    return status == WEIR_OK;
}

/* --- beginnings and ends ------------------------------------------------------------------- */

static weir_verdict on_init(weir_stage *self, void *argument) {
    struct node *node = argument;
    *(unsigned *)weir_state(self) = node_number(node);
    node->ref = weir_self(self);
    node->alive = true;
    node->finished = false;
    node->lives++;
    node->drained = node->end_told = node->loose = node->reminder = false;
    node->sources = node->tokens = node->kept = 0;
    node->debt = 0;
    return WEIR_CONTINUE;
}

static weir_subscribe_verdict on_subscribe(weir_stage *self, const weir_peer *peer) {
    if (peer->side == WEIR_CONSUMER) return WEIR_AUTOMATIC;
    node_of(self)->sources++;
    if (graph.subscriptions < ENDINGS_LINES)
        graph.subscription[graph.subscriptions++] = peer->subscription;
    return WEIR_AUTOMATIC;
}

static weir_verdict on_cancel(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                              weir_reason reason) {
    (void)cause, (void)reason;
    struct node *node = node_of(self);
    if (peer->side == WEIR_CONSUMER) return WEIR_CONTINUE;
    SIM_REQUIRE(node->sources > 0);
    node->sources--;
    return WEIR_CONTINUE;
}

static weir_verdict on_drain(weir_stage *self) {
    node_of(self)->drained = true;
    return WEIR_CONTINUE;
}

static weir_verdict on_end(weir_stage *self) {
    struct node *node = node_of(self);
    sim_note("end of node", node_number(node));
    SIM_REQUIRE(!node->end_told || node->loose);
    SIM_REQUIRE(node->sources == 0 || node->behind_ring);
    node->end_told = true;
    if (node->part == BETWEEN && node->way == GATHERS) flush(self, node);
    if (!node->last_words) return WEIR_CONTINUE;
    node->last_words = false;
    uint64_t word = ledger_new(node_number(node));
    if (word != 0) emit(self, node, &word, 1);
    return WEIR_CONTINUE;
}

void endings_check_feeders(const struct node *node) {
    for (unsigned i = 0; i < graph.nodes; i++)
        if ((node->fed_by >> i & 1) != 0 && graph.node[i].alive && !graph.node[i].behind_ring)
            sim_fail("node %u has finished before node %u, which feeds it", node_number(node), i);
}

/* Its last moment, where it has finished: nothing is with it, nor to come. */
static void check_finished(const struct node *node) {
    unsigned number = node_number(node);
    unsigned kept = ledger_count(number, KEPT);
    unsigned mailed = ledger_count(number, MAILED);
    if (kept > 0) sim_fail("node %u has finished, and keeps %u events", number, kept);
    if (mailed > 0) sim_fail("node %u has finished before %u messages", number, mailed);
    if (node->tokens > 0) sim_fail("node %u has finished, and tokens are out", number);
    if (node->has_end && !node->end_told) sim_fail("node %u was not told its end", number);
    if (node->sources > 0 && !node->behind_ring)
        sim_fail("node %u has finished and is fed", number);
}

void endings_ended(weir_reason reason) {
    if (reason == WEIR_REASON_NOPROC) graph.upset = graph.unheard = true;
}

static void on_terminate(weir_stage *self, weir_reason reason) {
    struct node *node = node_of(self);
    unsigned number = node_number(node);
    sim_note("gone: node", number);
    sim_note("... with", reason);
    endings_ended(reason);
    /* Nobody stops anybody with NORMAL, but who goes with its last consumer. */
    node->finished = reason == WEIR_REASON_NORMAL && !node->stops_alone;
    if (node->finished) check_finished(node);
    node->alive = false;
    node->kept = 0;
    ledger_all_become(number, KEPT, LEFT);
    ledger_all_become(number, MAILED, LEFT);
}

void endings_discarded(void *context, uint64_t count, weir_discard cause) {
    const struct node *node = context;
    world.discarded += count;
    if (cause == WEIR_DISCARD_OVERFLOW) {
        SIM_REQUIRE(node->bounded);
        graph.upset = true;
    }
    sim_note("discarded at node", node_number(node));
    sim_note("... so many", count);
    sim_note("... because", cause);
}

static void on_discarded(weir_stage *self, uint64_t count, weir_discard cause) {
    endings_discarded(node_of(self), count, cause);
}

const weir_callbacks endings_callbacks = {
    .init = on_init,
    .handle_demand = on_demand,
    .handle_events = on_events,
    .handle_subscribe = on_subscribe,
    .handle_cancel = on_cancel,
    .handle_cast = on_cast,
    .handle_info = on_info,
    .handle_drain = on_drain,
    .handle_end = on_end,
    .discarded = on_discarded,
    .terminate = on_terminate,
};

uint32_t endings_partition(void *context, const void *event) {
    const struct node *node = context;
    uint64_t identity = endings_identity(event);
    if (node->way == RETRIES && node->part == BETWEEN) return ledger_rounds(identity) == 1;
    return (uint32_t)(identity & UINT32_MAX) % node->partitions;
}
