/*
 * The commands of the tool.  Each returns the exit status: 0, or 1 with the reason in trouble.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOL_COMMANDS_H
#define TOOL_COMMANDS_H

#include "feed.h"
#include "options.h"

struct command {
    const char *name;
    int (*run)(const struct options *options);
    unsigned allowed; /* options, see options.h */
    const char *summary;
    const char *help;
};

/* Ends with one whose name is NULL. */
extern const struct command commands[];

int command_list(const struct options *options);
int command_clean(const struct options *options);
int command_stat(const struct options *options);
int command_graph(const struct options *options);
int command_prom(const struct options *options);
int command_top(const struct options *options);
int command_replay(const struct options *options);
int command_web(const struct options *options);
int command_record(const struct options *options);

/* Opens what the options name: a recording, at --at, or a counters file. */
bool open_feed(struct feed *feed, const struct options *options);

#endif
