/*
 * `weir graph`: a look as a graph in graphviz's language, or as a picture.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOL_GRAPH_H
#define TOOL_GRAPH_H

#include "look.h"

#include <stdio.h>

void graph_print(FILE *out, const struct look *look);

/* Has graphviz's dot write SVG to the standard output.  Errors: there is no dot, or it failed. */
bool graph_svg(const struct look *look);

#endif
