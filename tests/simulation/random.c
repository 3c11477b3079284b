/*
 * Simulates random graphs: topologies and what befalls them are drawn from the seed.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: 2 to 20 stages are started, subscribed to each other at random, with
 * options and behaviour drawn.  Then come one to three rounds: the main thread and up
 * to two others do what random.c's table of deeds says (subscribe, cancel, stop,
 * drain, ask, cast, fail for want of memory ...), callbacks do some of it, too; at the
 * end of a round everything comes to rest, and the books (random_books.h) are
 * compared with weir's accounts, ends of subscriptions with each other, and what
 * waits with who waits for it.  At last the graph is drained, stopped or closed.
 *
 *   stepped    a SIMULATED runtime, stepped by the main thread: fast
 *   threads    workers are threads of their own, and reorder stores
 *   owned      both of these again, with events that own something (random_estate.h)
 *
 * After a drain nothing may have been discarded because somebody stopped; one that
 * does not come to its end must have a reason.
 */
#include "driver.h"
#include "random_estate.h"
#include "random_stages.h"

#include <string.h>

enum {
    LATEST_NS = 20000, /* of timers                                   */
    OWNED = 0x100      /* of a scenario's number: events own something */
};

static bool alone; /* the main thread steps the runtime: others may not wait for it */
static int main_fiber;
static unsigned serial;
static bool quiet;    /* no more deeds */
static bool runs_out; /* memory will */

/* --- deeds about subscriptions ------------------------------------------------------------ */

static struct line *some_line(void) {
    return books.lines == 0 ? NULL : &books.line[sim_draw(books.lines)];
}

static struct node *some_consumer(void) {
    struct node *node = some_node();
    for (int i = 0; i < 4 && node != NULL && (node->kind == WEIR_PRODUCER || !node->alive); i++)
        node = some_node();
    return node == NULL || node->kind == WEIR_PRODUCER ? NULL : node;
}

static void subscribe(weir_stage *self) {
    struct node *consumer = some_consumer();
    struct node *producer = some_producer(consumer);
    if (consumer == NULL || producer == NULL) return;
    weir_subscribe_options options = some_options(producer);
    if (self != NULL || !alone || sim_draw(4) > 0) {
        may(weir_subscribe(world.runtime, consumer->ref, producer->ref, &options, NULL));
        return;
    }
    /* In line behind a relay that nobody asks it might wait for ever. */
    weir_status status =
        weir_subscribe_wait(world.runtime, consumer->ref, producer->ref, &options, 1000000, NULL);
    if (status != WEIR_TIMEOUT) may(status);
}

static void resubscribe(void) {
    const struct line *line = some_line();
    if (line == NULL) return;
    const struct node *producer = sim_draw(2) == 0 ? line->producer : some_producer(line->consumer);
    if (producer == NULL) return;
    weir_subscribe_options options = some_options(producer);
    may(weir_resubscribe(world.runtime, line->id, WEIR_REASON_NORMAL, producer->ref, &options,
                         NULL));
}

static weir_reason some_reason(void) {
    static const weir_reason reasons[] = {WEIR_REASON_NORMAL, WEIR_REASON_SHUTDOWN,
                                          WEIR_REASON_USER};
    return reasons[sim_draw(3)];
}

static void cancel(void) {
    const struct line *line = some_line();
    if (line != NULL) may(weir_cancel(world.runtime, line->id, some_reason()));
}

static void ask(void) {
    struct line *line = some_line();
    uint64_t count = sim_draw(12);
    if (line == NULL || !line->by_hand) return;
    line->asked += count;
    if (!may(weir_ask(world.runtime, line->id, count))) line->asked -= count;
}

/* --- deeds about stages ------------------------------------------------------------------- */

static void say(weir_ref to, enum talk what) {
    struct word word = {.what = what};
    may(weir_cast(world.runtime, to, &word, sizeof word));
}

static void inform(struct node *node) {
    struct word word = {.what = SERIAL, .serial = ++serial};
    if (sim_self() == main_fiber && weir_runtime_workers(world.runtime) > 0)
        may(weir_info(world.runtime, node->ref, &word, sizeof word));
}

static void finish(struct node *node) {
    bool before = node->finishing;
    node->finishing = true;
    if (!may(weir_finish(world.runtime, node->ref))) node->finishing = before;
}

static void set_mode(const struct node *node) {
    if (node->kind == WEIR_PRODUCER && !node->inlet)
        may(weir_demand(world.runtime, node->ref,
                        sim_draw(3) == 0 ? WEIR_ACCUMULATE : WEIR_FORWARD));
}

static void watch(weir_stage *self, const struct node *other) {
    weir_monitor monitor;
    if (self == NULL || weir_self(self).bits == other->ref.bits) return;
    struct node *node = books_find(weir_self(self));
    if (node->watches[books_number(other)] > 100) return;
    if (must(weir_monitor_stage(self, other->ref, &monitor))) node->watches[books_number(other)]++;
}

static void arm(const struct node *node) {
    struct word word = {.what = TIMER};
    weir_timer timer;
    if (!may(weir_send_after(world.runtime, node->ref, &word, sizeof word, sim_draw(LATEST_NS),
                             &timer)))
        return;
    if (sim_draw(2) == 0) may(weir_cancel_timer(world.runtime, timer));
}

/* Of who steps the runtime, or of any thread that does not have to. */
static void call(weir_stage *self, const struct node *node) {
    unsigned told = 0;
    struct word word = {.what = SERIAL, .serial = 7};
    weir_answer answer = {.bytes = &told, .room = sizeof told};
    if (self != NULL || !alone || node->inlet) return;
    if (sim_draw(4) == 0) {
        may(weir_stop_wait(world.runtime, node->ref, some_reason(), WEIR_FOREVER));
        return;
    }
    if (may(weir_call(world.runtime, node->ref, &word, sizeof word, &answer, WEIR_FOREVER)))
        SIM_REQUIRE(told == 21 && answer.count == sizeof told);
}

static void run_out_of_memory(void) {
    books.failing = true;
    world.fail_first = world.requests + sim_draw(10);
    world.fail_count = 1 + sim_draw(sim_draw(8) == 0 ? 50 : 3);
}

static void start_another(void) {
    static const weir_kind kinds[] = {WEIR_PRODUCER, WEIR_PRODUCER_CONSUMER, WEIR_CONSUMER};
    start_some_stage(kinds[sim_draw(3)]);
}

void do_deed(weir_stage *self) {
    struct node *node = some_node();
    if (quiet || node == NULL) return;
    uint64_t deed = sim_draw(24);
    sim_note("deed", deed);
    sim_note("... of node", books_number(node));
    switch (deed) {
    case 0:
    case 1:
    case 2:
        subscribe(self);
        return;
    case 3:
        resubscribe();
        return;
    case 4:
    case 5:
        cancel();
        return;
    case 6:
    case 7:
        ask();
        return;
    case 8:
        say(node->ref, node->inlet ? EMIT : sim_draw(2) == 0 ? DEED : EMIT);
        return;
    case 9:
    case 10:
        say(node->ref, EMIT);
        return;
    case 11:
    case 12:
        inform(node);
        return;
    case 13:
        may(weir_stop(world.runtime, node->ref, some_reason()));
        return;
    case 14:
        if (sim_draw(2) == 0) finish(node);
        return;
    case 15:
    case 16:
    case 17:
        set_mode(node);
        return;
    case 18:
        if (self == NULL) start_another();
        return;
    case 19:
        watch(self, node);
        return;
    case 20:
        arm(node);
        return;
    case 21:
        call(self, node);
        return;
    case 22:
        run_out_of_memory();
        return;
    default:
        if (sim_self() == main_fiber && self == NULL) push_some();
        return;
    }
}

/* --- rounds ------------------------------------------------------------------------------- */

static void run_other(void *unused) {
    (void)unused;
    for (uint64_t left = 1 + sim_draw(5); left > 0; left--) do_deed(NULL);
}

static void let_run(void) {
    if (world.mode == WEIR_SIMULATED)
        weir_runtime_step(world.runtime, sim_draw(2) == 0 ? sim_draw(4) : sim_draw(40));
}

/* Also beyond the last timer: who finishes may end for it, amid the books. */
static void rest(void) {
    must(weir_runtime_settle(world.runtime, WEIR_FOREVER));
    if (world.mode == WEIR_THREADS) {
        sim_sleep_ns(LATEST_NS + 5000);
        must(weir_runtime_settle(world.runtime, WEIR_FOREVER));
    }
    books_at_rest();
}

static void one_round(void) {
    int others[2];
    unsigned count = sim_draw(3) > 0 ? 0 : 1 + (unsigned)sim_draw(2);
    alone = count == 0 || world.mode == WEIR_THREADS;
    for (unsigned i = 0; i < count; i++) others[i] = sim_spawn("other", run_other, NULL);
    for (uint64_t left = 1 + sim_draw(8); left > 0; left--) {
        if (runs_out && sim_draw(3) == 0) run_out_of_memory();
        do_deed(NULL);
        let_run();
    }
    for (unsigned i = 0; i < count; i++) sim_join(others[i]);
    alone = true;
    if (world.mode == WEIR_SIMULATED && sim_draw(4) == 0)
        must(weir_runtime_advance(world.runtime, sim_draw(30000)));
    rest();
}

static void let_all_forward(void) {
    for (unsigned i = 0; i < books.nodes; i++)
        if (books.node[i].known && books.node[i].kind == WEIR_PRODUCER && !books.node[i].inlet)
            may(weir_demand(world.runtime, books.node[i].ref, WEIR_FORWARD));
}

static void start_graph(unsigned most) {
    static const weir_kind kinds[] = {WEIR_PRODUCER, WEIR_PRODUCER_CONSUMER, WEIR_PRODUCER_CONSUMER,
                                      WEIR_CONSUMER, WEIR_CONSUMER,          WEIR_CONSUMER};
    unsigned count = 2 + (unsigned)sim_draw(sim_draw(2) > 0 ? 6 : most - 1);
    open_rate();
    if (sim_draw(6) == 0) start_some_inlet();
    start_some_stage(WEIR_PRODUCER);
    while (--count > 1) start_some_stage(kinds[sim_draw(6)]);
    start_some_stage(WEIR_CONSUMER);
    if (sim_draw(2) == 0) let_all_forward();
}

/* --- ends --------------------------------------------------------------------------------- */

static bool any_mine(void) {
    for (unsigned i = 0; i < books.nodes; i++)
        if (books.node[i].alive && books.node[i].mine > 0) return true;
    return false;
}

static bool has_source(const struct node *node) {
    for (unsigned i = 0; i < books.lines; i++)
        if (books.line[i].consumer == node && books.line[i].up) return true;
    return false;
}

/* It will have one, perhaps: or that has let go of it, which it does not know yet. */
static bool may_get_source(const struct node *node) {
    for (unsigned i = 0; i < books.lines; i++) {
        const struct line *line = &books.line[i];
        if (line->consumer == node && line->down && line->producer->alive &&
            books_waits_in_line(line))
            return true;
    }
    return false;
}

static bool keeps_something(const struct node *node) {
    if (node->deal == BY_BROADCAST || node->inlet) return true;
    for (unsigned i = 0; i < node->emitted; i++)
        if (!node->seen[i]) return true;
    return false;
}

/*
 * A drain that was given up, at rest: nobody is at work, and who is named waits for
 * something; who has no source any more holds something.  (An inlet tells us nothing of its
 * end.)
 */
static void check_holders(const weir_drain_report *report) {
    SIM_REQUIRE(report->stages > 0);
    if (books_is_unknown(report->stage)) return;
    const struct node *named = books_find(report->stage);
    SIM_REQUIRE(named->alive);
    SIM_REQUIRE(report->why > WEIR_HOLDUP_NONE && report->why < WEIR_HOLDUP_WORK);
    if (report->why == WEIR_HOLDUP_PRODUCERS) SIM_REQUIRE(has_source(named) || named->inlet);
    if (report->waits_for.bits != 0) SIM_REQUIRE(books_find(report->waits_for)->alive);
    for (unsigned i = 0; i < books.nodes; i++) {
        const struct node *node = &books.node[i];
        if (!node->alive || has_source(node) || may_get_source(node) || node->inlet) continue;
        if (node->output != NULL) continue; /* which holds something, perhaps */
        SIM_REQUIRE(node->kind != WEIR_CONSUMER);
        SIM_REQUIRE(node->kind != WEIR_PRODUCER || keeps_something(node));
    }
}

static void drain(bool at_rest) {
    weir_drain_report report;
    bool upset = !at_rest || any_mine() || books_end_unheard(); /* who may yet stop */
    uint64_t stopped = books.stopped;
    quiet = true;
    for (unsigned i = 0; i < books.nodes; i++) books.node[i].finishing = true;
    uint64_t timeout = world.mode == WEIR_THREADS ? 50000000 : WEIR_FOREVER;
    weir_status status = weir_runtime_drain(world.runtime, timeout, &report);
    if (status == WEIR_OK) SIM_REQUIRE(report.stages == 0);
    if (upset || books.failing) return;
    SIM_REQUIRE(books.stopped == stopped);
    if (status == WEIR_OK) return;
    SIM_REQUIRE(status == WEIR_TIMEOUT);
    rest();
    check_holders(&report);
}

static void finish_graph(void) {
    uint64_t way = sim_draw(6);
    if (way < 3) {
        if (sim_draw(3) == 0) close_inlet();
        if (sim_draw(2) == 0) let_all_forward();
        bool at_rest = sim_draw(4) > 0;
        if (at_rest) rest();
        drain(at_rest);
    } else if (way < 4) {
        must(weir_runtime_stop(world.runtime, some_reason()));
        must(weir_runtime_run(world.runtime, WEIR_FOREVER));
    }
    close_inlet();
    close_rate();
    world_close_runtime();
    estate_is_over();
    for (unsigned i = 0; i < books.nodes; i++)
        SIM_REQUIRE(!books.node[i].alive || books.node[i].inlet);
}

static void random_main(void *unused) {
    (void)unused;
    main_fiber = sim_self();
    if (!world_open_runtime()) return;
    start_graph(world.mode == WEIR_THREADS ? 10 : 20);
    for (uint64_t rounds = 1 + sim_draw(3); rounds > 0; rounds--) one_round();
    finish_graph();
}

/* --- the list ----------------------------------------------------------------------------- */

static void begin(const struct sim_scenario *scenario) {
    world_begin(random_main, 1);
    books_begin();
    stages_begin();
    estate_begin((scenario->number & OWNED) != 0);
    world.mode = (weir_runtime_mode)(scenario->number & ~(unsigned)OWNED);
    serial = 0;
    quiet = false;
    alone = true;
    runs_out = sim_draw(6) == 0;
}

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"stepped", 240000, 4000000, true, begin, NULL, NULL, WEIR_SIMULATED},
        {"threads", 80000, 8000000, true, begin, NULL, NULL, WEIR_THREADS},
        {"owned", 12000, 4000000, true, begin, NULL, NULL, WEIR_SIMULATED | OWNED},
        {"owned_threads", 5000, 8000000, true, begin, NULL, NULL, WEIR_THREADS | OWNED},
    };
    int result = SIM_MAIN(count, arguments, scenarios);
    if (result == 1) books_tell();
    return result;
}
