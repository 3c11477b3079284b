/*
 * The trace: the last operations of a schedule, and the report of how it ended.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Every operation is noted, which costs a few nanoseconds, so that the schedule
 * that fails needs no second run.  The lines of the source are looked up with
 * addr2line, where there is one, when a report is written.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "engine.h"

#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINES_FEWEST = 64, LINES = 4096 };

struct line {
    uint64_t step;
    uint64_t value;
    const void *place;
    const void *caller;
    short fiber;
    short kind;
};

static struct line lines[LINES];
static uint64_t kept; /* so many of them, a power of two: few stay in the nearest cache */
static uint64_t written;

void sim_trace_begin(void) {
    kept = LINES_FEWEST;
    while (kept < LINES && kept < sim.settings.lines) kept *= 2;
    written = 0;
}

void sim_trace(enum sim_kind kind, const struct sim_fiber *fiber, const void *place, uint64_t value,
               const void *caller) {
    short number = fiber == NULL ? -1 : (short)(fiber - sim.fibers);
    lines[written++ & (kept - 1)] = (struct line){.step = sim.steps,
                                                  .value = value,
                                                  .place = place,
                                                  .caller = caller,
                                                  .fiber = number,
                                                  .kind = (short)kind};
    /* No addresses and no values in it: they differ from process to process. */
    uint64_t what = sim.steps << 16 | (uint64_t)kind << 8 | (uint8_t)number;
    sim.fingerprint = (weir__rng_rotate(sim.fingerprint, 5) ^ what) * UINT64_C(0x9e3779b97f4a7c15);
}

/* --- where in the source ------------------------------------------------------------------ */

enum { WHERE_BYTES = 48 };

static int program_base(struct dl_phdr_info *program, size_t bytes, void *base) {
    (void)bytes;
    *(uintptr_t *)base = program->dlpi_addr;
    return 1;
}

/* The headers that only pass an operation on. */
static bool passes_on(const char *text) {
    return strstr(text, "ck_") != NULL || strstr(text, "atomic.h") != NULL;
}

/* addr2line tells of each address itself, then its place in each function inlined there. */
static void read_places(FILE *pipe, char (*where)[WHERE_BYTES], unsigned count) {
    char text[512];
    unsigned next = 0;
    bool found = true;
    while (fgets(text, sizeof text, pipe) != NULL && next <= count) {
        text[strcspn(text, "\n (")] = '\0';
        if (strncmp(text, "0x", 2) == 0) {
            next++;
            found = false;
        } else if (!found && next > 0) {
            snprintf(where[next - 1], WHERE_BYTES, "%.*s", WHERE_BYTES - 1, text);
            found = !passes_on(text);
        }
    }
}

static void find_places(struct line *const *shown, unsigned count, char (*where)[WHERE_BYTES]) {
    static char command[64 + 4096 + LINES * 20];
    char path[4096] = "";
    uintptr_t base = 0;
    dl_iterate_phdr(program_base, &base);
    if (readlink("/proc/self/exe", path, sizeof path - 1) <= 0) return;
    size_t used =
        (size_t)snprintf(command, sizeof command, "addr2line -a -i -s -e '%s' 2>/dev/null", path);
    for (unsigned i = 0; i < count; i++) {
        uintptr_t at = (uintptr_t)shown[i]->caller;
        at = at > base ? at - base - 1 : 0; /* the call, not where it returns to */
        used += (size_t)snprintf(command + used, sizeof command - used, " 0x%" PRIxPTR, at);
    }
    FILE *pipe = popen(command, "r");
    if (pipe == NULL) return;
    read_places(pipe, where, count);
    pclose(pipe);
}

/* --- the report --------------------------------------------------------------------------- */

static const char *const kinds[] = {"load",  "store", "(out)",  "exchange", "add",   "cas",
                                    "fence", "stall", "wait",   "wake",     "sleep", "clock",
                                    "spawn", "join",  "return", "note"};

static void print_line(const struct line *line, const char *where) {
    const char *name = line->fiber < 0 ? "-" : sim.fibers[line->fiber].name;
    char what[96] = "";
    switch ((enum sim_kind)line->kind) {
    case SIM_FENCE:
    case SIM_STALL:
    case SIM_RETURN:
        break;
    case SIM_SPAWN:
    case SIM_JOIN:
        snprintf(what, sizeof what, "%s", (const char *)line->place);
        break;
    case SIM_NOTE:
        snprintf(what, sizeof what, "%s %" PRIu64, (const char *)line->place, line->value);
        break;
    case SIM_SLEEP:
    case SIM_CLOCK:
        snprintf(what, sizeof what, "%" PRIu64 " ns", line->value);
        break;
    default:
        snprintf(what, sizeof what, "%p %s 0x%" PRIx64, line->place,
                 line->kind == SIM_LOAD || line->kind == SIM_EXCHANGE || line->kind == SIM_ADD ||
                         line->kind == SIM_REPLACE
                     ? "was"
                     : "=",
                 line->value);
        break;
    }
    fprintf(stderr, "%8" PRIu64 "  %-15s %-8s %-42s %s\n", line->step, name, kinds[line->kind],
            what, where);
}

static void print_fiber(const struct sim_fiber *fiber) {
    static const char *const states[] = {"",       "can run", "waits for a futex",
                                         "sleeps", "joins",   "has returned"};
    fprintf(stderr, "  %-15s %s", fiber->name, states[fiber->state]);
    if (fiber->state == SIM_WAITING) fprintf(stderr, " at %p", fiber->waits_for);
    if (fiber->state == SIM_JOINING)
        fprintf(stderr, " %s", ((const struct sim_fiber *)fiber->waits_for)->name);
    if (fiber->count > 0) fprintf(stderr, ", %u stores not out", fiber->count);
    fputc('\n', stderr);
}

void sim_report(enum sim_result result, unsigned wanted) {
    static const char *const results[] = {"done", "lost wake-up: nobody can go on", "livelock",
                                          "failed"};
    fprintf(stderr, "%s after %" PRIu64 " steps%s%s\n", results[result], sim.steps,
            sim.failed ? ": " : "", sim.failed ? sim.failure : "");
    for (unsigned i = 0; i < sim.used; i++)
        if (sim.fibers[i].state != SIM_UNUSED) print_fiber(&sim.fibers[i]);
    static struct line *shown[LINES];
    static char where[LINES][WHERE_BYTES];
    unsigned count = wanted < kept ? wanted : (unsigned)kept;
    if (count > written) count = (unsigned)written;
    for (unsigned i = 0; i < count; i++) shown[i] = &lines[(written - count + i) & (kept - 1)];
    memset(where, 0, sizeof where);
    find_places(shown, count, where);
    for (unsigned i = 0; i < count; i++) print_line(shown[i], where[i]);
}
