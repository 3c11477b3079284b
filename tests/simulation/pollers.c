/*
 * Simulates pollers: workers that sleep where descriptors wake them, and whoever rings.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: fibers that are no workers write numbers into pipes, whose descriptors are a poller's or
 * two's, or push them into an inlet beside these; another casts to the pollers.  At the end each
 * number that was read was handled once, in the order of its pipe, or discarded and told; each cast
 * has come; the accounts agree; each descriptor was closed once, and was in no set then (os_sim.c
 * sees to that); nobody waits for ever.
 *
 *   read   everything is read, and the pollers finish
 *   leave  a poller is stopped, or told to finish, amid all that, and another may follow it
 */
#include "driver.h"
#include "world.h"

#include "os/event.h"

#include <string.h>
#include <weir/poller.h>

enum { CASTS_MOST = 6, AT_ONCE = 3, POLLERS = 3 };

/* What is written and not read lies in it. */
struct pipe {
    unsigned number; /* whose numbers */
    int event;
    uint64_t written;
    uint64_t read;
    bool ended;  /* nothing more will be written  */
    bool closed; /* it is nobody's any more       */
};

struct poll_state {
    unsigned pipes; /* that it has */
    uint64_t casts; /* still to come */
};

static struct pipe pipes[POLLERS + 1];
static unsigned used; /* of them */
static weir_ref pollers[POLLERS];
static uint64_t casts[POLLERS]; /* to send */
static bool leaves;             /* the scenario */

/* ---- the stage --------------------------------------------------------------------------- */

static void end_if_done(weir_stage *self) {
    const struct poll_state *state = weir_state(self);
    if (state->pipes == 0 && state->casts == 0 && !leaves)
        must(weir_finish(world.runtime, weir_self(self)));
}

static void on_closed(weir_stage *self, int fd, void *context) {
    struct pipe *pipe = context;
    (void)self;
    SIM_REQUIRE(fd == pipe->event && !pipe->closed);
    pipe->closed = true;
}

/* Some of what lies there.  Who takes the last makes it quiet, and looks once more. */
static weir_verdict read_pipe(weir_stage *self, int fd, unsigned ready, void *context) {
    struct pipe *pipe = context;
    uint64_t numbers[AT_ONCE];
    SIM_REQUIRE(ready == WEIR_POLL_READ && fd == pipe->event && !pipe->closed);
    uint64_t most = 1 + sim_draw(AT_ONCE);
    uint64_t count = pipe->written - pipe->read;
    count = count < most ? count : most;
    for (uint64_t i = 0; i < count; i++) numbers[i] = world_event(pipe->number, pipe->read + i);
    pipe->read += count;
    world.pushed += count;
    if (count > 0) must(weir_emit(self, numbers, (size_t)count));
    if (pipe->read == pipe->written && pipe->ended) {
        struct poll_state *state = weir_state(self);
        must(weir_poller_close(self, fd));
        state->pipes--;
        end_if_done(self);
    } else if (pipe->read == pipe->written) {
        weir__event_clear(fd);
        if (pipe->read != pipe->written || pipe->ended) weir__event_signal(fd);
    }
    return WEIR_CONTINUE;
}

static weir_verdict begin(weir_stage *self, void *argument) {
    struct pipe *first = argument;
    const struct poll_state *state = weir_state(self);
    for (unsigned i = 0; i < state->pipes; i++) {
        const weir_poller_watch watch = {.want = sim_draw(4) == 0 ? WEIR_POLL_READ_ALWAYS
                                                                  : WEIR_POLL_READ,
                                         .ready = read_pipe,
                                         .closed = on_closed,
                                         .context = &first[i]};
        must(weir_poller_add(self, first[i].event, &watch));
    }
    return WEIR_CONTINUE;
}

static weir_verdict on_cast(weir_stage *self, const void *message, size_t bytes) {
    struct poll_state *state = weir_state(self);
    (void)message, (void)bytes;
    SIM_REQUIRE(state->casts > 0);
    state->casts--;
    end_if_done(self);
    return WEIR_CONTINUE;
}

static void start_poller(unsigned number, unsigned count) {
    struct pipe *first = &pipes[used];
    casts[number] = sim_draw(CASTS_MOST);
    for (unsigned i = 0; i < count; i++) {
        first[i].event = weir__event_open();
        SIM_REQUIRE(first[i].event >= 0);
    }
    used += count;
    const weir_stage_options stage = {
        .kind = WEIR_PRODUCER,
        .name = "poller",
        .event_bytes = sizeof(uint64_t),
        .state = &(struct poll_state){.pipes = count, .casts = casts[number]},
        .state_bytes = sizeof(struct poll_state),
        .worker = world_somewhere(),
        .argument = first,
        .on = {.init = begin, .handle_cast = on_cast, .discarded = world_discarded}};
    must(weir_poller_start(world.runtime, &(weir_poller_options){.stage = &stage},
                           &pollers[number]));
}

/* ---- those outside ----------------------------------------------------------------------- */

static void wait_a_while(void) {
    for (uint64_t left = sim_draw(3) * sim_draw(12); left > 0; left--) sim_stall();
}

static void run_writer(void *argument) {
    struct pipe *pipe = argument;
    while (pipe->written < world.total && !pipe->closed) {
        uint64_t left = world.total - pipe->written;
        pipe->written += 1 + sim_draw(left < AT_ONCE ? left : AT_ONCE);
        weir__event_signal(pipe->event);
        if (sim_draw(2) == 0) wait_a_while();
    }
    pipe->ended = true;
    if (!pipe->closed) weir__event_signal(pipe->event);
}

static void run_caster(void *argument) {
    unsigned number = (unsigned)(uintptr_t)argument;
    for (uint64_t left = casts[number]; left > 0; left--) {
        wait_a_while();
        weir_status status = weir_cast(world.runtime, pollers[number], NULL, 0);
        SIM_REQUIRE(status == WEIR_OK || (leaves && status == WEIR_NO_STAGE));
    }
}

static void run_pusher(void *argument) {
    for (uint64_t next = 0; next < world.total; next++) {
        const uint64_t event = world_event(1, next);
        must(weir_inlet_push(argument, &event, 1, WEIR_FOREVER));
        world.pushed++;
        if (sim_draw(2) == 0) wait_a_while();
    }
    must(weir_inlet_finish(argument));
}

/* ---- scenarios --------------------------------------------------------------------------- */

static int fibers[SIM_FIBERS];
static unsigned fiber_count;

static void spawn(const char *name, void (*run)(void *argument), void *argument) {
    fibers[fiber_count++] = sim_spawn(name, run, argument);
}

static void join_all(void) {
    while (fiber_count > 0) sim_join(fibers[--fiber_count]);
}

static void open_world(bool leaving) {
    sim_events_begin();
    memset(pipes, 0, sizeof pipes);
    memset(pollers, 0, sizeof pollers);
    used = 0;
    fiber_count = 0;
    leaves = leaving;
    world_open_runtime();
}

static void spawn_poller(unsigned number, unsigned from) {
    for (unsigned i = from; i < used; i++) spawn("writer", run_writer, &pipes[i]);
    spawn("caster", run_caster, (void *)(uintptr_t)number);
}

/* The second producer: another pipe of the first one, another poller, or an inlet. */
static void read_main(void *unused) {
    weir_inlet *inlet = NULL;
    unsigned way = (unsigned)sim_draw(4);
    (void)unused;
    open_world(false);
    pipes[1].number = 1;
    start_poller(0, way == 0 ? 2 : 1);
    world.producers[0] = pollers[0];
    unsigned first = used;
    if (way == 1) {
        start_poller(1, 1);
        world.producers[1] = pollers[1];
    } else if (way == 2) {
        const weir_inlet_options options = {.event_bytes = sizeof(uint64_t),
                                            .capacity = 1 + (size_t)sim_draw(4),
                                            .when_full = WEIR_BLOCK,
                                            .worker = world_somewhere()};
        must(weir_inlet_open(world.runtime, &options, &inlet, &world.producers[1]));
    }
    world_start_consumer(world.producers[1].bits != 0 ? 2 : 1, world.producers);
    for (unsigned i = 0; i < first; i++) spawn("writer", run_writer, &pipes[i]);
    spawn("caster", run_caster, (void *)(uintptr_t)0);
    if (way == 1) spawn_poller(1, first);
    if (way == 2) spawn("pusher", run_pusher, inlet);
    join_all();
    weir_inlet_close(inlet);
    world_finish(world.total * (way == 3 ? 1 : 2));
    SIM_REQUIRE(world.discarded == 0);
    sim_events_end();
}

static void end_one(weir_ref stage) {
    weir_status status = sim_draw(2) == 0 ? weir_stop(world.runtime, stage, WEIR_REASON_NORMAL)
                                          : weir_finish(world.runtime, stage);
    must(status);
}

static void leave_main(void *unused) {
    (void)unused;
    open_world(true);
    world.keep_going = true;
    unsigned rounds = 1 + (unsigned)sim_draw(2);
    for (unsigned i = 0; i <= rounds; i++) pipes[i].number = i < 2 ? i : 1;
    for (unsigned i = 0; i < rounds; i++) {
        start_poller(i, 1);
        world_start_consumer(1, &pollers[i]);
        spawn_poller(i, used - 1);
        for (uint64_t left = sim_draw(60); left > 0; left--) sim_stall();
        if (i + 1 < rounds) end_one(pollers[i]);
    }
    end_one(pollers[rounds - 1]);
    join_all();
    must(weir_runtime_run(world.runtime, WEIR_FOREVER)); /* so that all is read */
    world_finish(world.pushed);
    sim_events_end();
}

/* --- the list ----------------------------------------------------------------------------- */

int main(int count, char **arguments) {
    static const struct sim_scenario scenarios[] = {
        {"read", 4000, 2000000, false, world_begin_scenario, NULL, read_main, 16},
        {"leave", 4000, 2000000, false, world_begin_scenario, NULL, leave_main, 16},
    };
    return SIM_MAIN(count, arguments, scenarios);
}
