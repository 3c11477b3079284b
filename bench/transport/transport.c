/*
 * transport_study: what each part of the transport costs, grown step by step.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   transport_study [RUNS [SECTION...]]
 *
 * Two pinned threads pass events over one edge.  Every row is one way to build
 * it, run RUNS times (9) in turns with all others of its section, each between
 * two runs of a yardstick; printed are medians, and min and max of the ratios.
 * docs/transport.md has the tables and what was decided by them.  It takes two
 * minutes; on a busy machine, run it at a real-time priority (chrt -f 10).
 */
#include "rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct section *const sections[] = {
    &section_ceilings, &section_fences, &section_steps,  &section_blocks, &section_sizes,
    &section_windows,  &section_rings,  &section_pieces, &section_one,
};

static int usage(void) {
    fprintf(stderr,
            "usage: transport_study [RUNS (5 to %d) [SECTION...]], sections:", ROWS_RUNS_MOST);
    for (size_t i = 0; i < COUNT_OF(sections); i++) fprintf(stderr, " %s", sections[i]->name);
    fputc('\n', stderr);
    return 2;
}

static bool known(const char *name) {
    for (size_t i = 0; i < COUNT_OF(sections); i++) {
        if (strcmp(name, sections[i]->name) == 0) return true;
    }
    return false;
}

static bool wanted(const struct section *section, int count, char **names) {
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], section->name) == 0) return true;
    }
    return count == 0;
}

int main(int argc, char **argv) {
    long runs = 9;
    char *end = NULL;
    if (argc > 1) runs = strtol(argv[1], &end, 10);
    if (argc > 1 && (*end != '\0' || runs < 5 || runs > ROWS_RUNS_MOST)) return usage();
    for (int i = 2; i < argc; i++) {
        if (!known(argv[i])) return usage();
    }
    struct race_cores cores = race_cores_pick();
    if (cores.sender == cores.receiver) {
        fputs("transport: needs two cores, and may use only one\n", stderr);
        return 1;
    }
    int named = argc > 2 ? argc - 2 : 0;
    printf("cores %d and %d, medians of %ld runs\n", cores.sender, cores.receiver, runs);
    for (size_t i = 0; i < COUNT_OF(sections); i++) {
        if (wanted(sections[i], named, argv + 2)) section_print(sections[i], cores, (int)runs);
    }
    return 0;
}
