/*
 * The driver: see driver.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A crash or an endless loop in the code under test is told with its seed, too:
 * the signals are caught on a stack of their own.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "driver.h"

#include "heap.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WATCH_SECONDS = 10, SIGNAL_STACK_BYTES = 64 * 1024 };

static struct {
    const char *program;
    uint64_t schedules; /* of each scenario; 0: its own number */
    bool one;
    uint64_t seed;
    unsigned lines;
    bool sequential;
} options = {.lines = 40};

/* What runs now, for the signal handler. */
static const struct sim_scenario *running;
static uint64_t running_seed;
static uint64_t watched_seed, watched_steps;

static void tell_seed(void) {
    fprintf(stderr, "FAILED: %s, seed %" PRIu64 "\n", running->name, running_seed);
    fprintf(stderr, "again: %s %s --seed %" PRIu64 " --trace 200%s\n", options.program,
            running->name, running_seed, options.sequential ? " --sequential" : "");
}

/* Nothing here is safe in a signal handler, and nothing is lost any more. */
static void on_crash(int number) {
    signal(SIGABRT, SIG_DFL);
    signal(SIGSEGV, SIG_DFL);
    tell_seed();
    fprintf(stderr, "signal %d (%s), ", number, strsignal(number));
    sim_report(SIM_FAILED, options.lines);
    _exit(1);
}

static void on_alarm(int number) {
    if (watched_seed == running_seed && watched_steps == sim_steps()) {
        fputs("no step in 10 seconds: an endless loop without atomic operations\n", stderr);
        on_crash(number);
    }
    watched_seed = running_seed;
    watched_steps = sim_steps();
    alarm(WATCH_SECONDS);
}

static void catch_signals(void) {
    static char memory[SIGNAL_STACK_BYTES];
    stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory};
    sigaltstack(&stack, NULL);
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK | SA_NODEFER};
    for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++)
        sigaction(crashes[i], &action, NULL);
    action.sa_handler = on_alarm;
    sigaction(SIGALRM, &action, NULL);
    alarm(WATCH_SECONDS);
}

static bool run_seed(const struct sim_scenario *scenario, uint64_t seed) {
    struct sim_settings settings = {.seed = seed,
                                    .steps = scenario->steps,
                                    .timeouts = scenario->timeouts,
                                    .sequential = options.sequential,
                                    .lines = options.lines};
    running = scenario;
    running_seed = seed;
    sim_begin(&settings);
    sim_heap_begin();
    scenario->begin(scenario);
    enum sim_result result = sim_run();
    if (result == SIM_DONE) {
        if (scenario->end != NULL) scenario->end();
        sim_heap_end();
        if (!sim_failed()) return true;
        result = SIM_FAILED;
    }
    tell_seed();
    sim_report(result, options.lines);
    return false;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool run_scenario(const struct sim_scenario *scenario) {
    if (options.one) {
        if (!run_seed(scenario, options.seed)) return false;
        printf("%s: seed %" PRIu64 " clean, %" PRIu64 " steps, fingerprint %016" PRIx64 "\n",
               scenario->name, options.seed, sim_steps(), sim_fingerprint());
        return true;
    }
    uint64_t schedules = options.schedules != 0 ? options.schedules : scenario->schedules;
    uint64_t steps = 0;
    double start = seconds();
    for (uint64_t seed = 1; seed <= schedules; seed++) {
        if (!run_seed(scenario, seed)) return false;
        steps += sim_steps();
    }
    double took = seconds() - start;
    printf("%s: %" PRIu64 " schedules clean, %.0f steps each, %.0f schedules/s\n", scenario->name,
           schedules, (double)steps / (double)schedules, (double)schedules / took);
    fflush(stdout);
    return true;
}

/* --- the command line --------------------------------------------------------------------- */

static void usage(const struct sim_scenario *scenarios, size_t scenario_count) {
    fprintf(stderr,
            "usage: %s [SCENARIO...] [--schedules N] [--seed S] [--trace LINES] [--sequential]\n",
            options.program);
    for (size_t i = 0; i < scenario_count; i++) fprintf(stderr, "  %s\n", scenarios[i].name);
    exit(2);
}

static bool read_number(const char *text, uint64_t *number) {
    char *end;
    if (text == NULL || *text == '\0') return false;
    *number = strtoull(text, &end, 0);
    return *end == '\0';
}

/* Returns how many arguments it took; 0: not an option, or a wrong one. */
static int read_option(char **arguments) {
    uint64_t number;
    if (strcmp(arguments[0], "--sequential") == 0) {
        options.sequential = true;
        return 1;
    }
    if (strncmp(arguments[0], "--", 2) != 0 || !read_number(arguments[1], &number)) return 0;
    if (strcmp(arguments[0], "--schedules") == 0) {
        options.schedules = number;
    } else if (strcmp(arguments[0], "--seed") == 0) {
        options.one = true;
        options.seed = number;
    } else if (strcmp(arguments[0], "--trace") == 0) {
        options.lines = (unsigned)number;
    } else {
        return 0;
    }
    return 2;
}

static const struct sim_scenario *find(const char *name, const struct sim_scenario *scenarios,
                                       size_t scenario_count) {
    for (size_t i = 0; i < scenario_count; i++)
        if (strcmp(scenarios[i].name, name) == 0) return &scenarios[i];
    usage(scenarios, scenario_count);
    return NULL;
}

int sim_main(int count, char **arguments, const struct sim_scenario *scenarios,
             size_t scenario_count) {
    uint64_t total;
    const struct sim_scenario *chosen[16];
    size_t chosen_count = 0;
    options.program = arguments[0];
    if (read_number(getenv("WEIR_SIM_SCHEDULES"), &total))
        options.schedules = (total + scenario_count - 1) / scenario_count;
    for (int i = 1, taken; i < count; i += taken) {
        taken = read_option(&arguments[i]);
        if (taken > 0) continue;
        if (chosen_count == sizeof chosen / sizeof chosen[0]) usage(scenarios, scenario_count);
        chosen[chosen_count++] = find(arguments[i], scenarios, scenario_count);
        taken = 1;
    }
    catch_signals();
    for (size_t i = 0; i < (chosen_count > 0 ? chosen_count : scenario_count); i++)
        if (!run_scenario(chosen_count > 0 ? chosen[i] : &scenarios[i])) return 1;
    return 0;
}
