/*
 * The meter: see meter.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stage/meter.h"

#include "stage/stage.h"
#include "stage/stamp.h"

enum {
    EVERY_MOST = 1024,  /* visits that one may stand for, on average                    */
    WAKE_NS = 100000,   /* a gap behind which the first visit is timed anyway           */
    UNSEEN_NS = 500000, /* between two looks: a visit took long that was not timed      */
    WATCHED = 64,       /* stages that are timed all the more then                      */
    NOTE_NS = 1000000,  /* while the worker is busy                                     */
    NOTED_AT_ONCE = 64, /* stages                                                       */
    CALLS_TIMED = 4,    /* in one visit, of short ones                                  */
    COSTS = 64,         /* times of a stage, of which the older half counts half          */
    OWED_NS = 1000000,  /* busy, but in no time yet: more has been guessed wrong          */
    VISIT_LOOKS = 3,    /* of a visit with one callback, and of the gap behind it       */
    LONG_NS = 100000    /* a callback behind which others of the worker come first      */
};

/* ---- what it is about ---------------------------------------------------- */

static bool has_hot_work(const weir_stage *stage) {
    const struct weir__ready_list *events = &stage->ready->hot[WEIR__EVENTS];
    const struct weir__ready_list *demand = &stage->ready->hot[WEIR__DEMAND];
    return (events->count > 0 && weir__edge_has_events(events->first->edge)) ||
           (demand->count > 0 && weir__edge_has_demand(demand->first->edge));
}

/* Of its first producers one owes it something: others hardly differ. */
static bool asks(const weir_stage *stage) {
    const struct weir__edge *edge = stage->producers;
    for (uint32_t i = 0; i < WEIR__EDGES_NOTED && edge != NULL; i++) {
        if (edge->asked > edge->received) {
            return true;
        }
        edge = edge->producers_next;
    }
    return false;
}

/* Of a stage that has nothing to do. */
static weir_stage_state lack_of(const weir_stage *stage) {
    if (stage->kind == WEIR_CONSUMER) {
        return asks(stage) ? WEIR_STATE_STARVED : WEIR_STATE_IDLE;
    }
    if (weir__stage_open_demand(stage) > 0) {
        return WEIR_STATE_STARVED;
    }
    bool has = stage->kind == WEIR_PRODUCER || weir__stage_has_input(stage) ||
               stage->buffer.queue.events > 0;
    return has ? WEIR_STATE_BLOCKED : asks(stage) ? WEIR_STATE_STARVED : WEIR_STATE_IDLE;
}

static bool has_work(const weir_stage *stage) {
    return stage->begun || stage->control.first != NULL || has_hot_work(stage) ||
           weir__ready_raised(stage->ready) ||
           (weir__stage_has_input(stage) && weir__stage_can_drain(stage));
}

static weir_stage_state state_now(const weir_stage *stage) {
    return has_work(stage) ? WEIR_STATE_WAITING : lack_of(stage);
}

/* ---- visits -------------------------------------------------------------- */

/*
 * One visit took long, though none that was timed: those that come will all be timed for a while.
 * What they stand for until then is a visit more than were.
 */
static void watch_closely(struct weir__host *host) {
    weir_stage *stage = host->unnoted_last;
    for (uint32_t i = 0; i < WATCHED && stage != NULL; i++) {
        struct weir__meter *meter = &stage->meter;
        meter->mean_ns = meter->mean_ns < WEIR__LOOKS_NS ? WEIR__LOOKS_NS : meter->mean_ns;
        meter->own_ns = meter->own_ns < WEIR__LOOKS_NS ? WEIR__LOOKS_NS : meter->own_ns;
        if (meter->left > 1) {
            meter->drawn -= meter->left - 1;
            meter->left = 1;
        }
        stage = meter->listed_previous;
    }
}

static uint64_t clock_of(struct weir__host *host) {
    uint64_t before = host->now_ns;
    host->now_ns = weir_runtime_now(host->runtime);
    host->looks++;
    host->over_ns += host->look_ns;
    if (WEIR__UNLIKELY(host->now_ns - before >= UNSEEN_NS)) {
        watch_closely(host);
    }
    return host->now_ns;
}

/* What the meter itself did since a look, which is none of the stage's time. */
static void pass_over(struct weir__host *host, uint64_t since_ns) {
    uint64_t took = clock_of(host) - since_ns;
    host->over_ns += took > host->look_ns ? took - host->look_ns : 0;
}

/* Since a look at the clock, but for what the meter did. */
static uint64_t took_since(const struct weir__host *host, uint64_t since_ns, uint64_t over_ns) {
    uint64_t took = host->now_ns - since_ns;
    uint64_t over = host->over_ns - over_ns;
    return took > over ? took - over : 0;
}

/* One more time like those. */
static void add_to_mean(uint64_t *mean_ns, uint64_t ns) {
    *mean_ns += ns / 8;
    *mean_ns -= *mean_ns / 8;
}

/* Of the visits that follow, the one that is timed: so many on, on average, if it takes as many
 * looks as this one. */
static void draw_gap(struct weir__meter *meter, struct weir__host *host) {
    uint64_t every =
        (uint64_t)WEIR__LOOKS_NS / VISIT_LOOKS * host->looks / (meter->mean_ns + 1) + 1;
    every = every < EVERY_MOST ? every : EVERY_MOST;
    meter->turns += meter->drawn;
    meter->drawn = 1 + (uint32_t)weir__rng_below(&host->rng, 2 * every - 1);
    meter->left = 1; /* the next visit closes the gap */
    meter->closing = true;
}

static uint64_t units_of(const weir_stage *stage) {
    const struct weir__tally *did = &stage->meter.tally;
    return did->batches + did->demands + did->messages + did->calls + stage->meter.turns_busy;
}

static uint64_t unit_ns(const struct weir__meter *meter, uint64_t units) {
    return units == 0 || meter->cost_units == 0
               ? 0
               : (uint64_t)((double)units * (double)meter->cost_ns / (double)meter->cost_units);
}

/* What it did in a time that stands for `weight` like it took so long.  A time longer by far than
 * is usual is one of a kind. */
static void learn(struct weir__meter *meter, uint64_t ns, uint64_t units, uint32_t weight) {
    uint64_t usual = 8 * unit_ns(meter, units);
    usual = usual < WEIR__LOOKS_NS ? WEIR__LOOKS_NS : usual;
    meter->cost_ns += (ns < usual || meter->cost_units == 0 ? ns : usual) * weight;
    meter->cost_units += units * weight;
    if (++meter->costs == COSTS) {
        meter->costs /= 2;
        meter->cost_ns /= 2;
        meter->cost_units /= 2;
    }
}

static void spend(struct weir__meter *meter, weir_stage_state state, uint64_t ns) {
    meter->times[state] += ns;
}

/* It rested so long, as it did behind the last visit that was timed. */
static void spend_rest(weir_stage *stage, uint64_t ns) {
    struct weir__meter *meter = &stage->meter;
    uint64_t all = meter->rest_ns + meter->waited_ns + meter->nested_ns;
    if (all > 0) {
        double each = (double)ns / (double)all;
        uint64_t waited = (uint64_t)(each * (double)meter->waited_ns);
        uint64_t nested = (uint64_t)(each * (double)meter->nested_ns);
        spend(meter, WEIR_STATE_WAITING, waited);
        spend(meter, lack_of(stage), nested);
        ns -= waited + nested;
    }
    spend(meter, (weir_stage_state)meter->state, ns);
}

/* So long since it was settled last was it busy: what it did in a timed visit or leg that took
 * `ns`, and the rest by what such things take.  Returns what is left of that time. */
static uint64_t settle_time(weir_stage *stage, uint64_t now, uint64_t ns, uint64_t units) {
    struct weir__meter *meter = &stage->meter;
    uint64_t all = units_of(stage);
    uint64_t past = now > meter->since_ns ? now - meter->since_ns : 0;
    uint64_t owed = meter->owed_ns + ns + unit_ns(meter, all - meter->settled - units);
    uint64_t busy = owed < past ? owed : past;
    owed -= busy;
    meter->owed_ns = owed < OWED_NS ? owed : OWED_NS;
    meter->settled = all;
    meter->since_ns += past;
    spend(meter, WEIR_STATE_BUSY, busy);
    weir__count(&stage->host->seen->turn_ns, busy);
    return past - busy;
}

/* What it is about from now on. */
static void rests_as(struct weir__meter *meter, weir_stage_state state) {
    meter->state = (uint8_t)state;
    meter->rest_ns = meter->waited_ns = meter->nested_ns = 0;
}

/*
 * The stage had cooled.  How long that was.  Since others raised it, as far as the worker knows, it
 * has waited for who was visited meanwhile.
 */
static uint64_t end_cold_gap(weir_stage *stage) {
    struct weir__meter *meter = &stage->meter;
    uint64_t now = stage->host->now_ns;
    uint64_t gap = now - meter->since_ns;
    uint64_t came = stage->ready->came_ns;
    uint64_t waited = came > meter->since_ns && came < now ? now - came : 0;
    uint64_t rest = settle_time(stage, now, 0, 0);
    waited = waited < rest ? waited : rest;
    meter->cooled = false;
    spend(meter, WEIR_STATE_WAITING, waited);
    spend(meter, (weir_stage_state)meter->state, rest - waited);
    return gap;
}

/* Of a gap in which it lacked something, and that ends with it there, one half. */
static uint64_t waited_in(const weir_stage *stage, uint64_t gap) {
    bool may_have = gap > WEIR__LOOKS_NS && stage->meter.state != WEIR_STATE_WAITING;
    return may_have && has_work(stage) ? gap / 2 : 0;
}

/* The gap behind the last timed visit ends here: until the next one all are like that. */
static void end_hot_gap(weir_stage *stage) {
    struct weir__meter *meter = &stage->meter;
    uint64_t gap = clock_of(stage->host) - meter->since_ns;
    uint64_t waited = waited_in(stage, gap);
    meter->closing = false;
    meter->left = meter->drawn - 1;
    meter->rest_ns = (gap - waited) * meter->drawn;
    meter->waited_ns = waited * meter->drawn;
    meter->nested_ns = meter->last_nested_ns * meter->left; /* that of the next is told by itself */
}

static void begin_timed(weir_stage *stage, uint32_t weight) {
    struct weir__host *host = stage->host;
    host->looks = 0;
    host->nested_ns = 0;
    host->weight = weight;
    stage->meter.began_units = units_of(stage);
    stage->meter.began_ns = clock_of(host);
    stage->meter.began_over = host->over_ns;
    host->timed = CALLS_TIMED;
    host->stamps = WEIR__STAMPS_TIMED;
}

void weir__meter_begins_anew(weir_stage *stage) {
    struct weir__meter *meter = &stage->meter;
    bool wakes = false;
    if (!meter->listed) {
        weir__meter_list(stage);
    }
    if (meter->cooled) {
        wakes = end_cold_gap(stage) >= WAKE_NS;
    }
    if (meter->left == 0 && meter->closing) {
        end_hot_gap(stage);
    }
    if (meter->left == 0 || wakes) {
        begin_timed(stage, meter->left == 0 ? meter->drawn : 1);
    }
}

/* Meanwhile others worked on what it sent: that is no time of its own. */
static void end_busy(weir_stage *stage, uint64_t now) {
    struct weir__meter *meter = &stage->meter;
    struct weir__host *host = stage->host;
    uint64_t took = took_since(host, meter->began_ns, meter->began_over);
    uint64_t own = took > host->nested_ns ? took - host->nested_ns : 0;
    uint64_t units = units_of(stage) - meter->began_units;
    meter->last_nested_ns = host->nested_ns;
    learn(meter, own, units, host->weight);
    uint64_t rest = settle_time(stage, now, own, units);
    uint64_t nested = host->nested_ns < rest ? host->nested_ns : rest;
    spend(meter, lack_of(stage), nested);
    spend_rest(stage, rest - nested);
    add_to_mean(&meter->mean_ns, took);
    add_to_mean(&meter->own_ns, own);
}

static void end_timed(weir_stage *stage, bool busy) {
    struct weir__meter *meter = &stage->meter;
    struct weir__host *host = stage->host;
    uint64_t now = clock_of(host);
    uint64_t took = now - meter->began_ns;
    host->timed = 0;
    host->took_long = false;
    if (busy) {
        end_busy(stage, now);
    } else {
        meter->last_nested_ns = 0;
        spend_rest(stage, settle_time(stage, now, 0, 0));
    }
    rests_as(meter, state_now(stage));
    host->bell->came_ns = now - (took > WEIR__LOOKS_NS ? took / 2 : 0);
    if (meter->left == 0) {
        draw_gap(meter, host);
    }
    if (now - host->noted_ns >= NOTE_NS) {
        weir__meter_note(host, NOTED_AT_ONCE);
    }
}

void weir__meter_ends(weir_stage *stage, bool busy) {
    struct weir__host *host = stage->host;
    if ((host->stamps & WEIR__STAMPS_TIMED) != 0) {
        end_timed(stage, busy);
    }
    host->stamps = 0;
    host->origin_ns = 0;
}

void weir__meter_cools(weir_stage *stage) {
    struct weir__meter *meter = &stage->meter;
    if (meter->closing) { /* what follows is measured by itself */
        meter->closing = false;
        meter->left = meter->drawn;
    }
    meter->cooled = true;
    spend_rest(stage, settle_time(stage, stage->host->now_ns, 0, 0));
    rests_as(meter, lack_of(stage));
}

/* ---- legs ---------------------------------------------------------------- */

void weir__leg_begins(weir_stage *stage, struct weir__leg *leg) {
    struct weir__host *host = stage->host;
    leg->origin_ns = host->origin_ns;
    leg->nested_ns = host->nested_ns;
    if ((leg->stamps & WEIR__STAMPS_TIMED) != 0) {
        leg->cooled = stage->meter.cooled;
        if (leg->cooled) {
            end_cold_gap(stage);
        }
        leg->timed = host->timed;
        host->timed = CALLS_TIMED; /* of its own: one that takes long is not to be missed */
        host->nested_ns = 0;
        leg->units = units_of(stage);
        leg->began_ns = clock_of(host);
        leg->began_over = host->over_ns;
    }
}

static void end_timed_leg(weir_stage *stage, const struct weir__leg *leg) {
    struct weir__host *host = stage->host;
    struct weir__meter *meter = &stage->meter;
    uint64_t now = clock_of(host);
    uint64_t took = took_since(host, leg->began_ns, leg->began_over);
    uint64_t own = took > host->nested_ns ? took - host->nested_ns : 0;
    uint64_t units = units_of(stage) - leg->units;
    host->nested_ns = leg->nested_ns + took;
    host->timed = leg->timed;
    learn(meter, own, units, host->weight);
    spend_rest(stage, settle_time(stage, now, own, units));
    add_to_mean(&meter->own_ns, own);
    if (leg->cooled) {
        weir__meter_cools(stage);
    }
    pass_over(host, now);
}

void weir__leg_ends(weir_stage *stage, const struct weir__leg *leg) {
    struct weir__host *host = stage->host;
    if ((leg->stamps & WEIR__STAMPS_TIMED) != 0) {
        end_timed_leg(stage, leg);
    }
    host->stamps = leg->stamps;
    host->origin_ns = leg->stamps != 0 ? leg->origin_ns : 0;
}

/* ---- callbacks ----------------------------------------------------------- */

uint64_t weir__meter_clock(struct weir__host *host) {
    return clock_of(host);
}

static void say_longest(weir_stage *stage, uint64_t took) {
    weir_counters_worker *seen = stage->host->seen;
    if (took > seen->longest_ns) {
        weir__sheet_put(&seen->longest_ns, took);
        weir__sheet_put(&seen->longest_stage, stage->ref.bits);
    }
}

uint64_t weir__meter_took(weir_stage *stage, uint64_t began_ns) {
    struct weir__host *host = stage->host;
    uint64_t took = clock_of(host) - began_ns;
    say_longest(stage, took);
    if (took >= LONG_NS) {
        host->took_long = host->seen->thread != 0; /* by steps, turns are as long in any run */
    } else if (stage->meter.own_ns < WEIR__LOOKS_NS) {
        host->timed--;
    }
    return took;
}

void weir__meter_called(weir_stage *stage, uint64_t began_ns) {
    uint64_t took = weir__meter_took(stage, began_ns);
    weir__timing_add(&stage->meter.handling, stage->host->sheet, stage->ref.bits, took);
}
