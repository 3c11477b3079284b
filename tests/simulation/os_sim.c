/*
 * The system as the simulator gives it: replaces src/os/ in simulated programs.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Threads are fibers, time is virtual, there are four cores, and freeing memory
 * orders as the allocator's own locks do: what was stored in it is out before
 * anybody gets it anew (linked with --wrap=free).
 */
#include "engine.h"
#include "os/clock.h"
#include "os/event.h"
#include "os/fork.h"
#include "os/futex.h"
#include "os/pages.h"
#include "os/poll.h"
#include "os/process.h"
#include "os/program.h"
#include "os/shared_file.h"
#include "os/thread.h"
#include "os/topology.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t weir__clock_now_ns(void) {
    return sim_now_ns();
}

void weir__clock_sleep_ns(uint64_t nanoseconds) {
    sim_sleep_ns(nanoseconds);
}

void weir__futex_wait(uint32_t *word, uint32_t expected, uint64_t deadline_ns) {
    sim_futex_wait(word, expected, deadline_ns);
}

void weir__futex_wake(uint32_t *word, int count) {
    sim_futex_wake(word, count);
}

/* pthread_t is a number on Linux; here it is the fiber's. */
int weir__thread_start(struct weir__thread *thread, const char *name, void (*run)(void *argument),
                       void *argument) {
    thread->run = run;
    thread->argument = argument;
    int fiber = sim_spawn(name, run, argument);
    if (fiber < 0) return EAGAIN;
    thread->handle = (pthread_t)fiber;
    return 0;
}

void weir__thread_join(struct weir__thread *thread) {
    sim_join((int)thread->handle);
}

enum { CORES = 4 };

int weir__thread_pin(unsigned core) {
    return core < CORES ? 0 : EINVAL;
}

int weir__thread_pin_among(const unsigned *cores, unsigned count) {
    return count > 0 && cores[0] < CORES ? 0 : EINVAL;
}

void weir__thread_wake_soon(bool renices) {
    (void)renices;
}

/* Priorities are the system's, and stacks the simulator's. */
int weir__thread_start_as(struct weir__thread *thread, const struct weir__thread_traits *traits,
                          const char *name, void (*run)(void *argument), void *argument) {
    (void)traits;
    return weir__thread_start(thread, name, run, argument);
}

bool weir__thread_is_ours(void) {
    return false;
}

void weir__program_note(void) {}

void weir__program_hold(void) {}
void weir__program_let_go(void) {}

void weir__program_signals(void *signals) {
    sigemptyset(signals);
}

int weir__program_join(void) {
    return 0;
}

/* Nobody forks. */
void weir__fork_around(void (*before)(void), void (*parent)(void), void (*child)(void)) {
    (void)before, (void)parent, (void)child;
}

void weir__fork_returned(const char *what) {
    (void)what;
    abort();
}

bool weir__fork_unshare(void *pages, size_t bytes) {
    (void)pages, (void)bytes;
    return true;
}

/* Memory is the C library's. */
void *weir__pages_map(size_t bytes, size_t alignment) {
    (void)bytes, (void)alignment;
    return NULL;
}

void weir__pages_unmap(void *memory, size_t bytes) {
    (void)memory, (void)bytes;
}

int weir__pages_lock(void *memory, size_t bytes) {
    (void)memory, (void)bytes;
    return ENOSYS;
}

void weir__pages_huge(void *memory, size_t bytes) {
    (void)memory, (void)bytes;
}

void weir__pages_touch(void *memory, size_t bytes) {
    (void)memory, (void)bytes;
}

/* Each fiber is a core. */
unsigned weir__thread_core(void) {
    return sim.current != NULL ? (unsigned)(sim.current - sim.fibers) : 0;
}

/* Each has a core to itself as soon as it is ready, but when it goes on nobody knows. */
void weir__thread_yield(void) {
    sim_stall();
}

unsigned weir__topology_cores(unsigned *cores, unsigned limit) {
    for (unsigned core = 0; core < CORES && core < limit; core++) cores[core] = core;
    return CORES;
}

bool weir__topology_may_use(unsigned core) {
    return core < CORES;
}

unsigned weir__topology_at_once(void) {
    return CORES;
}

/* An event is a word: 1 while it is readable. */
enum { EVENTS = 16 };

static uint32_t events[EVENTS];
static uint64_t signals[EVENTS]; /* so many: an edge each */
static bool event_taken[EVENTS];

static void close_event(int event);
static void something_moves(void);

int weir__event_open(void) {
    for (int event = 0; event < EVENTS; event++) {
        if (!event_taken[event]) {
            event_taken[event] = true;
            weir__event_clear(event);
            return event;
        }
    }
    return -EMFILE;
}

void weir__event_close(int event) {
    close_event(event);
}

/* Events are shared by whoever holds one: the copy is another name, and closed once. */
int weir__event_copy(int event) {
    (void)event;
    return -EMFILE;
}

void weir__event_signal(int event) {
    sim_exchange(&events[event], 1, sizeof *events);
    signals[event]++;
    sim_futex_wake(&events[event], EVENTS);
    something_moves();
}

void weir__event_clear(int event) {
    sim_exchange(&events[event], 0, sizeof *events);
}

void sim_event_wait(int event) {
    while (sim_load(&events[event], sizeof *events) == 0)
        sim_futex_wait(&events[event], 0, UINT64_MAX);
}

/* ---- sets of descriptors: these are events, and other sets ------------------------------ */

/* Whatever moves there; who sleeps at a set looks again. */
static uint32_t moves;

enum { POLLS = 12, WATCHED = 8, FIRST_POLL = 100 };

struct watched {
    int descriptor; /* -1: this place is free */
    unsigned asked;
    uint64_t told; /* EDGE: of its signals */
    void *what;
};

static struct poll {
    bool taken;
    struct watched watched[WATCHED];
} polls[POLLS];

static void something_moves(void) {
    sim_add(&moves, 1, sizeof moves);
    sim_futex_wake((const uint32_t *)&moves, SIM_FIBERS);
}

static struct poll *poll_of(int number) {
    struct poll *poll = &polls[number - FIRST_POLL];
    SIM_REQUIRE(number >= FIRST_POLL && number < FIRST_POLL + POLLS && poll->taken);
    return poll;
}

/* Whoever closes a descriptor has taken it out of all sets before. */
static void require_unwatched(int descriptor) {
    for (int i = 0; i < POLLS; i++) {
        for (int k = 0; polls[i].taken && k < WATCHED; k++)
            SIM_REQUIRE(polls[i].watched[k].descriptor != descriptor);
    }
}

static void close_event(int event) {
    SIM_REQUIRE(event >= 0 && event < EVENTS && event_taken[event]); /* once */
    require_unwatched(event);
    event_taken[event] = false;
}

void sim_events_begin(void) {
    memset(events, 0, sizeof events);
    memset(event_taken, 0, sizeof event_taken);
    memset(polls, 0, sizeof polls);
    moves = 0;
}

void sim_events_end(void) {
    for (int i = 0; i < EVENTS; i++) SIM_REQUIRE(!event_taken[i]);
    for (int i = 0; i < POLLS; i++) SIM_REQUIRE(!polls[i].taken);
}

int weir__poll_open(void) {
    for (int i = 0; i < POLLS; i++) {
        if (!polls[i].taken) {
            polls[i].taken = true;
            for (int k = 0; k < WATCHED; k++) polls[i].watched[k].descriptor = -1;
            return FIRST_POLL + i;
        }
    }
    return -EMFILE;
}

void weir__poll_close(int poll) {
    require_unwatched(poll);
    poll_of(poll)->taken = false;
}

static bool is_ready(int poll);

static bool has_come(const struct watched *watched) {
    if (watched->descriptor < 0) return false;
    if (watched->descriptor >= FIRST_POLL) return is_ready(watched->descriptor);
    return (watched->asked & WEIR__POLL_EDGE) != 0
               ? signals[watched->descriptor] != watched->told
               : (watched->asked & WEIR__POLL_IN) != 0 && events[watched->descriptor] != 0;
}

static bool is_ready(int poll) {
    const struct poll *set = poll_of(poll);
    bool any = false;
    for (int k = 0; k < WATCHED; k++) any = any || has_come(&set->watched[k]);
    return any;
}

/* As the system has it: what is there already is added no second time, what is not is no place to
 * change. */
int weir__poll_set(int poll, int descriptor, unsigned before, unsigned now, void *what) {
    struct poll *set = poll_of(poll);
    const int sought = before == 0 ? -1 : descriptor;
    if (before == now) return 0;
    sim_load(&moves, sizeof moves);
    int place = 0;
    for (int k = 0; before == 0 && k < WATCHED; k++)
        if (set->watched[k].descriptor == descriptor) return -EEXIST;
    while (place < WATCHED && set->watched[place].descriptor != sought) place++;
    if (place == WATCHED) return before == 0 ? -ENOSPC : -ENOENT;
    set->watched[place] =
        (struct watched){.descriptor = now == 0 ? -1 : descriptor, .asked = now, .what = what};
    if (descriptor < FIRST_POLL && now != 0) set->watched[place].told = signals[descriptor];
    something_moves();
    return 0;
}

/* From anywhere on: whose turn it is nobody knows. */
int weir__poll_look(int poll, struct weir__polled *ready, int most) {
    sim_load(&moves, sizeof moves);
    struct poll *set = poll_of(poll);
    int count = 0;
    const unsigned first = (unsigned)sim_draw(WATCHED);
    for (unsigned k = 0; k < WATCHED && count < most; k++) {
        struct watched *watched = &set->watched[(first + k) % WATCHED];
        if (!has_come(watched)) continue;
        if (watched->descriptor < FIRST_POLL) watched->told = signals[watched->descriptor];
        ready[count++] = (struct weir__polled){.what = watched->what, .ready = WEIR__POLL_IN};
    }
    return count;
}

void weir__poll_sleep(int poll, uint64_t deadline_ns) {
    for (;;) {
        uint32_t seen = (uint32_t)sim_load(&moves, sizeof moves);
        if (is_ready(poll)) break;
        sim_futex_wait(&moves, seen, deadline_ns);
        if (sim_now_ns() >= deadline_ns) return;
    }
    struct weir__polled one;
    weir__poll_look(poll, &one, 1);
}

int weir__poll_never_wait(int descriptor) {
    return descriptor >= 0 && descriptor < EVENTS && event_taken[descriptor] ? 0 : -EBADF;
}

int weir__poll_accept(int listener) {
    (void)listener;
    return -EINVAL; /* none listens */
}

void weir__poll_drop(int descriptor) {
    close_event(descriptor);
}

void __real_free(void *memory);
void __wrap_free(void *memory);

void __wrap_free(void *memory) {
    if (sim.current != NULL) sim_memory_drain(sim.current);
    __real_free(memory);
}

/* ---- the process, and files of its: there are none ------------------------------------- */

uint64_t weir__clock_utc_ns(void) {
    return sim_now_ns();
}

uint64_t weir__process_number(void) {
    return 1;
}

unsigned weir__process_user(void) {
    return 0;
}

uint64_t weir__process_started(void) {
    return 1;
}

void weir__process_name(char *name, size_t bytes) {
    snprintf(name, bytes, "simulation");
}

uint64_t weir__process_thread(void) {
    return 1;
}

int weir__shared_file_make(const char *path, int *file) {
    (void)path, (void)file;
    return EROFS;
}

void *weir__shared_file_map(int file, uint64_t from, size_t bytes) {
    (void)file, (void)from, (void)bytes;
    return NULL;
}

void weir__shared_file_unmap(void *memory, size_t bytes) {
    (void)memory, (void)bytes;
}

void weir__shared_file_leave(int file) {
    (void)file;
}

void weir__shared_file_remove(int file, const char *path) {
    (void)file, (void)path;
}

bool weir__shared_file_left(const char *path, void *start, size_t bytes) {
    (void)path, (void)start, (void)bytes;
    return false;
}

void weir__shared_files(const char *folder, const char *prefix, void *start, size_t bytes,
                        bool (*found)(void *context, const char *path), void *context) {
    (void)folder, (void)prefix, (void)start, (void)bytes, (void)found, (void)context;
}
