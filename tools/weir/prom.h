/*
 * `weir prom`: counters in the text format that Prometheus reads.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Prometheus wants a metric's lines together, so all runtimes are collected first.
 */
#ifndef TOOL_PROM_H
#define TOOL_PROM_H

#include "view.h"

#include <stdio.h>

struct prom_runtime {
    struct image *image;
    struct view view;
};

struct prom {
    struct prom_runtime *runtimes;
    uint32_t count;
};

/* Takes one image of a counters file.  Errors: as mapped_open, image_take and view_make. */
bool prom_add(struct prom *prom, const char *path);
void prom_print(FILE *out, const struct prom *prom);
void prom_free(struct prom *prom);

#endif
