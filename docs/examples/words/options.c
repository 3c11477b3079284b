/*
 * What the user asked for on the command line.
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE /* getopt_long */

#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "Usage: weir-words [OPTION]... [FILE]...\n"
    "Counts the words of the files and prints the most frequent ones.  A word is\n"
    "a run of the letters A-Z and a-z, in lower case.  Without a file: the plain\n"
    "text that is found on this machine, as often as 512 MB take.\n"
    "\n"
    "  --top N          print N words (20)\n"
    "  --all            print all words, as `uniq -c` does\n"
    "  --repeat N       read the files N times\n"
    "  --mb N           read the files until N million bytes have been read\n"
    "  --tokenizers N   count in N stages (one for each thread)\n"
    "  --workers N      run the stages on N threads (one for each core)\n"
    "  --no-progress    do not show the progress\n"
    "  --quiet          print the words and nothing else\n"
    "  --help           print this\n";

/* Reads a number within limits; false, having said why, when it is none. */
static bool number(const char *option, const char *text, uint64_t limit, uint64_t *out) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    bool digits = *text >= '0' && *text <= '9' && *end == '\0';
    if (digits && errno == 0 && value >= 1 && value <= limit) {
        *out = value;
        return true;
    }
    fprintf(stderr, "weir-words: --%s must be 1 to %llu, got %s\n", option,
            (unsigned long long)limit, text);
    return false;
}

static const struct option list[] = {
    {"top", required_argument, NULL, 't'},     {"all", no_argument, NULL, 'a'},
    {"repeat", required_argument, NULL, 'r'},  {"mb", required_argument, NULL, 'm'},
    {"workers", required_argument, NULL, 'w'}, {"tokenizers", required_argument, NULL, 'k'},
    {"no-progress", no_argument, NULL, 'p'},   {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
};

static bool take(struct options *options, int letter, const char *name) {
    uint64_t value = 0;
    switch (letter) {
    case 't':
        if (!number(name, optarg, 1000000000, &value)) return false;
        options->top = (size_t)value;
        return true;
    case 'a':
        options->top = SIZE_MAX;
        return true;
    case 'r':
        return number(name, optarg, 1000000000, &options->repeat);
    case 'm':
        return number(name, optarg, 1000000000, &options->megabytes);
    case 'w':
        if (!number(name, optarg, 1024, &value)) return false;
        options->workers = (unsigned)value;
        return true;
    case 'k':
        if (!number(name, optarg, 1024, &value)) return false;
        options->tokenizers = (unsigned)value;
        return true;
    case 'p':
        options->progress = false;
        return true;
    case 'q':
        options->quiet = true;
        return true;
    default:
        return false; /* getopt_long has said why */
    }
}

int options_read(struct options *options, int count, char **arguments, int *exit_code) {
    *options = (struct options){.top = 20, .progress = true};
    *exit_code = EXIT_FAILURE;
    int letter, index = 0;
    while ((letter = getopt_long(count, arguments, "", list, &index)) != -1) {
        if (letter == 'h') {
            fputs(help, stdout);
            *exit_code = EXIT_SUCCESS;
            return -1;
        }
        if (!take(options, letter, list[index].name)) {
            fputs("weir-words: see weir-words --help\n", stderr);
            return -1;
        }
    }
    return optind;
}
