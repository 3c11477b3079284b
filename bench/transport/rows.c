/*
 * Rows and sections: measuring and printing.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A run takes some 20 ms, a yardstick's 5: long against the start of the race,
 * short against the phases of the machine and the slices of its scheduler.
 */
#include "rows.h"

#include <stdio.h>
#include <stdlib.h>

static const double run_ns = 20e6;
static const double yardstick_ns = 5e6;

struct figures {
    double ns[ROWS_RUNS_MOST];    /* of an event                     */
    double ratio[ROWS_RUNS_MOST]; /* to the yardstick before and after */
};

static double measure(shape_run run, struct race_cores cores, struct setting setting, double ns,
                      double ns_per_event) {
    setting.events = (uint64_t)(ns / ns_per_event) + 1;
    struct race_result result = run(cores, &setting);
    if (!result.correct) {
        fputs("transport: a sum is wrong: events were lost, doubled or torn\n", stderr);
        exit(EXIT_FAILURE);
    }
    return result.nanoseconds / (double)setting.events;
}

static void measure_row(const struct section *section, const struct row *row,
                        struct race_cores cores, struct figures *figures, int run) {
    double guess = 5000;
    for (int i = 0; i < 3; i++) {
        guess = measure(section->yardstick, cores, row->setting, yardstick_ns / 10, guess);
    }
    double before = measure(section->yardstick, cores, row->setting, yardstick_ns, guess);
    double ns = measure(row->run, cores, row->setting, run_ns, before);
    double after = measure(section->yardstick, cores, row->setting, yardstick_ns, before);
    figures->ns[run] = ns;
    figures->ratio[run] = ns / ((before + after) / 2);
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_row(const struct row *row, struct figures *figures, int runs) {
    size_t count = (size_t)runs;
    uint32_t batch = row->setting.max - row->setting.min;
    qsort(figures->ns, count, sizeof figures->ns[0], compare);
    qsort(figures->ratio, count, sizeof figures->ratio[0], compare);
    double ns = figures->ns[runs / 2];
    printf("| %-58s | %9.1f | %8.3f | %5.2f | %5.2f .. %5.2f |\n", row->title, ns * batch, ns,
           figures->ratio[runs / 2], figures->ratio[0], figures->ratio[runs - 1]);
}

void section_print(const struct section *section, struct race_cores cores, int runs) {
    struct figures *figures = calloc(section->count, sizeof *figures);
    if (figures == NULL) {
        fputs("transport: no memory\n", stderr);
        exit(EXIT_FAILURE);
    }
    for (int run = 0; run < runs; run++) {
        for (size_t i = 0; i < section->count; i++) {
            measure_row(section, &section->rows[i], cores, &figures[i], run);
        }
    }
    printf("\n%s (ratio: to %s)\n\n", section->title, section->unit);
    printf("| %-58s | %9s | %8s | %5s | %14s |\n", "", "ns/batch", "ns/event", "ratio",
           "min .. max");
    printf("|%.60s|---:|---:|---:|---:|\n",
           "------------------------------------------------------------");
    for (size_t i = 0; i < section->count; i++) {
        print_row(&section->rows[i], &figures[i], runs);
    }
    fflush(stdout);
    free(figures);
}
