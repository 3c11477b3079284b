/*
 * What the user asked for on the command line.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options {
    size_t top;          /* how many words to print; SIZE_MAX: all          */
    uint64_t repeat;     /* how often to read the files; 0: not said     */
    uint64_t megabytes;  /* read them until that much is read; 0: not said */
    unsigned workers;    /* 0: as many as there are cores             */
    unsigned tokenizers; /* 0: as many as workers                    */
    bool progress;       /* show it                                   */
    bool quiet;          /* print nothing but the words               */
};

/*
 * Reads the command line.
 * Returns the index of the first file; -1 when the program is to end at once
 * with *exit_code, having printed help or what was wrong.
 */
int options_read(struct options *options, int count, char **arguments, int *exit_code);

#endif
