/*
 * The command line: see options.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "options.h"

#include "trouble.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum {
    HELP = 'h',
    JSON = 'j',
    SVG = 'g',
    INTERVAL = 'i',
    REPLAY = 'r',
    AT = 'a',
    FOR = 'f',
    EVERY = 'e',
    ONCE = '1',
    COUNT = 'n',
    PORT = 'p'
};

static const struct option all[] = {{"help", no_argument, NULL, HELP},
                                    {"json", no_argument, NULL, JSON},
                                    {"svg", no_argument, NULL, SVG},
                                    {"interval", required_argument, NULL, INTERVAL},
                                    {"replay", required_argument, NULL, REPLAY},
                                    {"at", required_argument, NULL, AT},
                                    {"for", required_argument, NULL, FOR},
                                    {"every", required_argument, NULL, EVERY},
                                    {"once", no_argument, NULL, ONCE},
                                    {"count", required_argument, NULL, COUNT},
                                    {"port", required_argument, NULL, PORT},
                                    {NULL, 0, NULL, 0}};

static unsigned bit_of(int option) {
    switch (option) {
    case JSON:
        return OPTION_JSON;
    case SVG:
        return OPTION_SVG;
    case INTERVAL:
        return OPTION_INTERVAL;
    case REPLAY:
        return OPTION_REPLAY;
    case AT:
        return OPTION_REPLAY | OPTION_AT;
    case FOR:
    case EVERY:
        return OPTION_RECORD;
    case ONCE:
    case COUNT:
        return OPTION_TEXT;
    case PORT:
        return OPTION_PORT;
    default:
        return 0;
    }
}

static const char *name_of(int option) {
    for (const struct option *each = all; each->name != NULL; each++) {
        if (each->val == option) {
            return each->name;
        }
    }
    return "?";
}

/* A number from least to most. */
static bool read_value(double *value, int option, double least, double most) {
    char *end;
    errno = 0;
    *value = strtod(optarg, &end);
    if (end == optarg || *end != 0 || errno != 0 || !(*value >= least && *value <= most)) {
        return trouble("--%s takes a number from %g to %g, and not '%s'", name_of(option), least,
                       most, optarg);
    }
    return true;
}

static bool read_port(unsigned *port) {
    double value;
    if (!read_value(&value, PORT, 0, 65535)) {
        return false;
    }
    *port = (unsigned)value;
    return value == *port || trouble("--port takes a whole number, and not '%s'", optarg);
}

static bool read_option(struct options *options, int option) {
    switch (option) {
    case HELP:
        options->help = true;
        return true;
    case JSON:
        options->json = true;
        return true;
    case SVG:
        options->svg = true;
        return true;
    case ONCE:
        options->pictures = 1;
        return true;
    case COUNT:
        return read_value(&options->pictures, option, 1, 1e9);
    case REPLAY:
        options->replay = optarg;
        return true;
    case INTERVAL:
        return read_value(&options->interval_s, option, 0, 86400);
    case AT:
        return read_value(&options->at_s, option, 0, 1e9);
    case FOR:
        return read_value(&options->for_s, option, 0.001, 1e9);
    case PORT:
        return read_port(&options->port);
    default:
        return read_value(&options->every_ms, option, 1, 3600000);
    }
}

/* What is no option, wherever it stands: the target, and of some a file before that. */
static bool read_word(struct options *options, const char *word, unsigned allowed) {
    if (allowed & OPTION_FILE && options->file == NULL) {
        options->file = word;
        return true;
    }
    if (options->target != NULL || !(allowed & OPTION_TARGET)) {
        return trouble("what is '%s'?", word);
    }
    options->target = word;
    return true;
}

bool options_read(struct options *options, int argc, char **argv, unsigned allowed) {
    *options = (struct options){.interval_s = 1, .at_s = -1, .every_ms = 100, .port = 9347};
    optind = 1;
    opterr = 0;
    for (int option;
         (option = getopt_long(argc, argv, "+:hjn:", all, NULL)) != -1 || optind < argc;) {
        if (option == '?' || option == ':') {
            return trouble(option == '?' ? "there is no option %s" : "%s needs a value",
                           argv[optind - 1]);
        }
        if (option == -1) {
            if (!read_word(options, argv[optind], allowed)) {
                return false;
            }
            optind++;
            continue;
        }
        if (option != HELP && !(allowed & bit_of(option))) {
            return trouble("this command has no option --%s", name_of(option));
        }
        if (!read_option(options, option)) {
            return false;
        }
    }
    if (options->replay != NULL && options->target != NULL) {
        return trouble("--replay names what to look at: '%s' is too much", options->target);
    }
    return options->at_s < 0 || options->replay != NULL || options->file != NULL ||
           trouble("--at is a moment of a recording: name one with --replay");
}
