/*
 * The simulator: the library's real code, run by threads that are not real.
 * SPDX-License-Identifier: Apache-2.0
 *
 * All threads are fibers of one operating system thread.  Every atomic operation
 * of the code under test (include/ck_pr.h) and every call it makes to the system
 * (os_sim.c) is a scheduling point, where another fiber may go on.  Stores wait in
 * a buffer of their fiber, as x86 has it, so that what a missing fence does wrong
 * is done wrong here too.  All choices are drawn from one seed: one build runs
 * one seed the same way every time.
 *
 * A schedule ends well when every fiber has returned.  It fails when nothing can
 * go on (a wake-up was lost), when it does not end (livelock), or when somebody
 * calls sim_fail.
 *
 * What is not explored: plain accesses take effect at once and in program order,
 * so races on plain data are for ThreadSanitizer; machines weaker than x86.
 */
#ifndef WEIR_TESTS_SIM_H
#define WEIR_TESTS_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIM_FIBERS = 32 };

/* How one schedule is run. */
struct sim_settings {
    uint64_t seed;
    uint64_t steps;  /* more are a livelock                             */
    bool timeouts;   /* false: no wait times out, so no timeout hides a
                                 lost wake-up; sleeps end all the same            */
    bool sequential; /* no store buffers: finds less, for comparison    */
    unsigned lines;  /* of the trace that are kept, at least; to 4096   */
};

enum sim_result { SIM_DONE, SIM_LOST_WAKE, SIM_LIVELOCK, SIM_FAILED };

/* Starts afresh; then sim_spawn what shall run (from outside: 1 to SIM_FIBERS). */
void sim_begin(const struct sim_settings *settings);

/* Runs until all have returned or one of the failures. */
enum sim_result sim_run(void);

/*
 * A new fiber, also from inside of one.  Returns its number, or -1 when there are
 * SIM_FIBERS already.  The name is for reports.
 */
int sim_spawn(const char *name, void (*run)(void *argument), void *argument);

/* Waits for a fiber to return, and for its stores to be out. */
void sim_join(int fiber);

/* Which fiber runs; -1 outside. */
int sim_self(void);

/* --- operations, each a scheduling point: by include/ck_pr.h ------------------------------ */

/* size: 4 or 8.  Outside of fibers they take effect at once. */
uint64_t sim_load(const void *place, unsigned size);
void sim_store(void *place, uint64_t value, unsigned size);

/* Read-modify-writes; each returns the old value. */
uint64_t sim_exchange(void *place, uint64_t value, unsigned size);
uint64_t sim_add(void *place, uint64_t amount, unsigned size);
uint64_t sim_replace(void *place, uint64_t expected, uint64_t value, unsigned size);

void sim_fence(void);

/* The caller waits for others: it goes on when something has changed, or nobody else can. */
void sim_stall(void);

/* --- the system: by os_sim.c -------------------------------------------------------------- */

void sim_futex_wait(const uint32_t *word, uint32_t expected, uint64_t deadline_ns);
void sim_futex_wake(const uint32_t *word, int count);
uint64_t sim_now_ns(void);
void sim_sleep_ns(uint64_t nanoseconds);

/* Waits until the event (os/event.h) is readable. */
void sim_event_wait(int event);

/* For scenarios with descriptors of their own: none is open / each was closed. */
void sim_events_begin(void);
void sim_events_end(void);

/* --- for scenarios ------------------------------------------------------------------------ */

/* A number in 0..bound-1 drawn from the seed. */
uint64_t sim_draw(uint64_t bound);

/* Ends the schedule as failed.  Does not return inside a fiber. */
__attribute__((format(printf, 1, 2))) void sim_fail(const char *format, ...);

bool sim_failed(void);

#define SIM_REQUIRE(condition) \
    ((condition) ? (void)0 : sim_fail("%s:%d: %s", __FILE__, __LINE__, #condition))

/*
 * From now on in this schedule `check`, unless NULL, is called at each quiet point, when nobody can
 * run and all stores are out: from outside of all fibers, as time goes on.
 */
void sim_at_quiet(void (*check)(void));

/* A line of the scenario's own in the trace. text: a constant. */
void sim_note(const char *text, uint64_t value);

/* Steps of this schedule, so far; and a hash of who did what when. */
uint64_t sim_steps(void);
uint64_t sim_fingerprint(void);

/* Writes to standard error what happened, what each fiber waits for, and the last lines. */
void sim_report(enum sim_result result, unsigned lines);

#endif
