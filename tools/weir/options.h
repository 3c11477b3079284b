/*
 * What was said on the command line.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOOL_OPTIONS_H
#define TOOL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct options {
    const char *target; /* PID, PID.NUMBER, a file, or for list and clean a folder; or NULL */
    const char *file;   /* record: where to; replay: which */
    const char *replay; /* a recording; or NULL */
    double interval_s;
    double at_s;  /* in a recording: so long after its begin; below 0: at its end */
    double for_s; /* 0: until it is ended from outside */
    double every_ms;
    double pictures; /* top: as text, so many; 0: on the terminal */
    unsigned port;   /* web: 0: any */
    bool json;
    bool svg;
    bool help;
};

/* A bit for each option that a command may have. */
enum {
    OPTION_TARGET = 1,
    OPTION_REPLAY = 2,
    OPTION_INTERVAL = 4,
    OPTION_JSON = 8,
    OPTION_SVG = 16,
    OPTION_RECORD = 32, /* --for, --every */
    OPTION_FILE = 64,   /* a file's name, before the target */
    OPTION_TEXT = 128,  /* --once, --count */
    OPTION_AT = 256,
    OPTION_PORT = 512
};

/* Errors: an option or a value that there is not (trouble.h). */
bool options_read(struct options *options, int argc, char **argv, unsigned allowed);

#endif
