/*
 * Simulates the quay alone: threads outside that call a stage, sleep beside it, and let go of it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: a part that is made of nothing but its quay.  Fibers that are no workers bring it
 * parcels, each by a push and a poke, and doze until those are taken, or it is dead; one closes
 * it, and waits until he is alone.  Whatever is brought is taken; nothing is used once it is
 * nobody's; nobody waits for ever.
 *
 *   visit   it is closed when all visitors have had theirs taken
 *   close   it is closed amid the visits, or its stage is stopped
 */
#include "driver.h"
#include "world.h"

#include "parts/quay.h"

#include <string.h>

enum { VISITORS = 3, PARCELS = 3 };

static struct dock {
    struct weir__quay quay;
    struct weir__berth berth;
    ck_stack_t brought;
    uint64_t taken; /* parcels: the worker stores it without order, and fences */
    uint32_t dead;
    uint32_t closing;
    bool nobodys;
} dock;

static struct parcel {
    ck_stack_entry_t link;
    uint64_t place; /* among those taken, from 1 */
} parcels[VISITORS][PARCELS];

/* --- the stage ---------------------------------------------------------------------------- */

static bool take_parcels(void) {
    ck_stack_entry_t *entry = weir__stack_take_in_order(&dock.brought);
    uint64_t taken = dock.taken;
    SIM_REQUIRE(!dock.nobodys);
    for (; entry != NULL; entry = entry->next) {
        struct parcel *parcel = WEIR__CONTAINER_OF(entry, struct parcel, link);
        SIM_REQUIRE(parcel->place == 0);
        parcel->place = ++taken;
    }
    if (taken == dock.taken) return false;
    weir__store_relaxed_u64(&dock.taken, taken);
    weir__fence_full();
    weir__berth_wake(&dock.berth, UINT32_MAX);
    return true;
}

static bool is_closing(void) {
    return weir__load_relaxed_u32(&dock.closing) != 0;
}

static bool look(weir_stage *self) {
    bool any = take_parcels();
    if (is_closing()) self->stopping = true;
    return any || self->stopping;
}

static bool something_came(weir_stage *self) {
    (void)self;
    return weir__load_relaxed_ptr(&dock.brought.head) != NULL || is_closing();
}

static bool rests(weir_stage *self) {
    return weir__quay_rest(&dock.quay, WEIR__POKED_COLD, self, something_came);
}

static weir_verdict poked(weir_stage *self) {
    weir__quay_watch(self);
    weir__quay_release(&dock.quay, 1);
    return WEIR_CONTINUE;
}

static weir_verdict init(weir_stage *self, void *argument) {
    static const struct weir__part_calls calls = {.poke = poked, .look = look, .rest = rests};
    (void)argument;
    self->part = &calls;
    return WEIR_CONTINUE;
}

static weir_verdict no_events(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

static void end(weir_stage *self, weir_reason reason) {
    (void)reason;
    weir__exchange_u32(&dock.dead, 1);
    weir__berth_ring(&dock.berth);
    if (self->ready->watched) { /* else a poke is on its way, or will be */
        self->ready->watched = false;
        weir__quay_give_up(&dock.quay, WEIR__POKED_COLD);
    }
    take_parcels();
    weir__quay_release(&dock.quay, 1);
}

/* Its worker goes on with what comes too late. */
static void arrived_late(struct weir__quay *quay) {
    weir__quay_give_up(quay, WEIR__POKED_COLD);
    take_parcels();
}

static void is_nobodys(struct weir__quay *quay) {
    (void)quay;
    SIM_REQUIRE(!dock.nobodys);
    dock.nobodys = true;
}

/* --- outside ------------------------------------------------------------------------------ */

static bool were_taken(void *waiter) {
    const struct parcel *last = waiter;
    uint64_t taken = weir__load_relaxed_u64(&dock.taken);
    return (last->place > 0 && taken >= last->place) || weir__load_relaxed_u32(&dock.dead) != 0;
}

/* With a reference of its own. */
static void run_visitor(void *argument) {
    static const struct weir__doze doze = {
        .what = "a parcel to be taken", .turns = 1, .come = were_taken};
    struct parcel *mine = argument;
    for (int i = 0; i < PARCELS; i++) {
        weir__stack_push(&dock.brought, &mine[i].link);
        weir__quay_poke(&dock.quay);
        if (sim_draw(3) > 0)
            must(weir__quay_doze(&dock.quay, &dock.berth, &doze, &mine[i], UINT64_MAX));
    }
    SIM_REQUIRE(!dock.nobodys);
    weir__quay_release(&dock.quay, 1);
}

static void open_dock(void) {
    static const struct weir__quay_kind kind = {
        .name = "dock", .arrived_late = arrived_late, .nobodys = is_nobodys};
    const weir_stage_options stage = {
        .kind = WEIR_CONSUMER,
        .worker = world_somewhere(),
        .on = {.init = init, .handle_events = no_events, .terminate = end}};
    memset(&dock, 0, sizeof dock);
    memset(parcels, 0, sizeof parcels);
    ck_stack_init(&dock.brought);
    weir__quay_open(&dock.quay, &kind, world.runtime, NULL, NULL);
    must(weir_stage_start(world.runtime, &stage, &dock.quay.stage));
}

static void close_dock(void) {
    weir__exchange_u32(&dock.closing, 1);
    weir__quay_poke(&dock.quay);
    SIM_REQUIRE(weir__quay_alone(&dock.quay, WEIR_FOREVER, "close"));
    SIM_REQUIRE(!dock.nobodys);
    weir__quay_release(&dock.quay, 1);
    SIM_REQUIRE(dock.nobodys);
    SIM_REQUIRE(dock.taken == world.pushed);
}

static void run(bool patient) {
    int visitors[VISITORS];
    int count = 1 + (int)sim_draw(VISITORS);
    world_open_runtime();
    open_dock();
    weir__quay_hold(&dock.quay, (uint32_t)count);
    for (int i = 0; i < count; i++) visitors[i] = sim_spawn("visitor", run_visitor, parcels[i]);
    world.pushed = (uint64_t)count * PARCELS;
    for (int i = 0; i < count && patient; i++) sim_join(visitors[i]);
    for (uint64_t left = sim_draw(20); left > 0 && !patient; left--) sim_stall();
    if (!patient && sim_draw(4) == 0)
        must(weir_stop(world.runtime, dock.quay.stage, WEIR_REASON_USER));
    close_dock();
    for (int i = 0; i < count && !patient; i++) sim_join(visitors[i]);
    world_close_runtime();
}

static void visit_main(void *unused) {
    (void)unused;
    run(true);
}

static void close_main(void *unused) {
    (void)unused;
    run(false);
}

/* --- the list ----------------------------------------------------------------------------- */

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"visit", 10000, 2000000, false, world_begin_scenario, NULL, visit_main, 1},
        {"close", 10000, 2000000, false, world_begin_scenario, NULL, close_main, 1},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
