/*
 * Work that is under way outside, in the graphs of endings.c.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A stage gives events away, and takes a token; they come back to it as a cast, and then the
 * token is given back.  Meanwhile they are with a fiber, or with another stage (the clock),
 * which has them in a timer; or they come back at once.
 */
#include "endings.h"

#include <string.h>

enum route { FREE, SENDING, AT_CLOCK, AT_FIBER, ANSWERED };

struct ask {
    enum route route;
    uint64_t serial;
    struct node *node;
    unsigned lives;
    weir_token token;
    unsigned count;
    uint64_t events[ENDINGS_KEPT];
};

static struct {
    uint64_t serial;
    int fiber; /* below 0: none */
    uint32_t bell;
    unsigned first, last; /* of the fiber's queue */
    unsigned queue[ENDINGS_ASKS];
    struct ask ask[ENDINGS_ASKS];
} asks;

void endings_asks_begin(void) {
    memset(&asks, 0, sizeof asks);
    asks.fiber = -1;
}

bool endings_asks_open(void) {
    for (unsigned i = 0; i < ENDINGS_ASKS; i++)
        if (asks.ask[i].route != FREE) return true;
    return false;
}

void endings_answer(unsigned number) {
    struct ask ask = asks.ask[number];
    struct node *node = ask.node;
    SIM_REQUIRE(ask.route != FREE && ask.route != ANSWERED);
    asks.ask[number].route = ANSWERED;
    if (node->alive && node->lives == ask.lives && !endings_cast(node, ask.events, ask.count))
        SIM_REQUIRE(graph.upset); /* it cannot have finished */
    if (node->lives == ask.lives) {
        node->tokens--;
        node->end_told = false;
    }
    must(weir_done(world.runtime, ask.token));
    asks.ask[number].route = FREE;
}

/* --- the clock ------------------------------------------------------------------------------ */

void endings_clock_gone(bool finished) {
    graph.clock_alive = false;
    graph.clock_finished = finished;
    for (unsigned i = 0; i < ENDINGS_ASKS; i++) {
        if (asks.ask[i].route != AT_CLOCK) continue;
        if (finished) sim_fail("the clock has finished before ask %u", i);
        endings_answer(i);
    }
}

static weir_verdict clock_asked(weir_stage *self, const void *message, size_t bytes) {
    struct note note;
    memcpy(&note, message, bytes);
    if (sim_draw(4) == 0)
        endings_answer(note.ask);
    else
        must(weir_send_after(world.runtime, weir_self(self), &note, sizeof note, sim_draw(20000),
                             NULL));
    return WEIR_CONTINUE;
}

static weir_verdict clock_rings(weir_stage *self, const void *message, size_t bytes) {
    struct note note;
    (void)self;
    memcpy(&note, message, bytes);
    endings_answer(note.ask);
    return WEIR_CONTINUE;
}

static weir_verdict clock_events(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_STOP;
}

static void clock_ends(weir_stage *self, weir_reason reason) {
    (void)self;
    endings_clock_gone(reason == WEIR_REASON_NORMAL);
}

const weir_callbacks endings_clock = {
    .handle_events = clock_events,
    .handle_cast = clock_asked,
    .handle_info = clock_rings,
    .terminate = clock_ends,
};

/* False: it takes no more. */
static bool to_clock(unsigned number) {
    struct note note = {.ask = number};
    struct ask *ask = &asks.ask[number];
    uint64_t serial = ask->serial;
    weir_status status = weir_cast(world.runtime, graph.clock, &note, sizeof note);
    if (status != WEIR_OK) {
        SIM_REQUIRE(status == WEIR_NO_STAGE || status == WEIR_CLOSED);
        return false;
    }
    if (ask->route != SENDING || ask->serial != serial) return true; /* it was faster */
    ask->route = AT_CLOCK;
    if (graph.clock_alive) return true;
    if (graph.clock_finished) sim_fail("the clock has finished, and accepted ask %u", number);
    return false;
}

/* --- the fiber ------------------------------------------------------------------------------ */

static void to_fiber(unsigned number) {
    asks.ask[number].route = AT_FIBER;
    asks.queue[asks.last++ % ENDINGS_ASKS] = number;
    asks.bell++;
    sim_futex_wake(&asks.bell, 1);
}

static void serve(void *unused) {
    (void)unused;
    while (!graph.quit || asks.first != asks.last) {
        uint32_t bell = asks.bell;
        if (asks.first == asks.last) {
            sim_futex_wait(&asks.bell, bell, UINT64_MAX);
            continue;
        }
        unsigned number = asks.queue[asks.first++ % ENDINGS_ASKS];
        for (uint64_t wait = sim_draw(30); wait > 0; wait--) sim_now_ns();
        endings_answer(number);
    }
}

void endings_asks_serve(void) {
    asks.fiber = sim_spawn("answers", serve, NULL);
}

void endings_asks_end(void) {
    graph.quit = true;
    asks.bell++;
    sim_futex_wake(&asks.bell, 1);
    if (asks.fiber >= 0) sim_join(asks.fiber);
}

/* --- asking --------------------------------------------------------------------------------- */

static unsigned find_free(void) {
    unsigned number = 0;
    while (number < ENDINGS_ASKS && asks.ask[number].route != FREE) number++;
    return number;
}

void endings_ask(struct node *node, const uint64_t *identities, unsigned count) {
    unsigned number = find_free();
    if (number == ENDINGS_ASKS) { /* without a token: a message holds it up as well */
        SIM_REQUIRE(endings_cast(node, identities, count));
        return;
    }
    struct ask *ask = &asks.ask[number];
    *ask = (struct ask){.route = SENDING,
                        .serial = ++asks.serial,
                        .node = node,
                        .lives = node->lives,
                        .count = count};
    memcpy(ask->events, identities, count * sizeof *identities);
    must(weir_busy(world.runtime, node->ref, &ask->token));
    node->tokens++;
    node->loose = true;
    uint64_t way = sim_draw(5);
    if (way == 0 || (way < 3 && asks.fiber >= 0 && graph.quit)) {
        endings_answer(number);
    } else if (way < 3 && asks.fiber >= 0) {
        to_fiber(number);
    } else if (!to_clock(number)) {
        endings_answer(number);
    }
}
