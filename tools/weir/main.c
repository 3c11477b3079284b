/*
 * The tool `weir`: looks at runtimes from outside, through their counters files.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Exit status: 0; 1: it could not be done, and the reason is told; 2: the command line is wrong.
 */
#include "commands.h"
#include "trouble.h"

#include <stdio.h>
#include <string.h>
#include <weir/version.h>

static void print_commands(FILE *out) {
    fprintf(out, "usage: weir COMMAND [WHICH] [OPTION...]\n\n"
                 "Looks at running programs, and at those that have crashed.  A program that uses\n"
                 "weir lets others look when it is started with WEIR_COUNTERS=1 in its\n"
                 "environment.\n\n");
    for (const struct command *each = commands; each->name != NULL; each++) {
        fprintf(out, "  %-8s %s\n", each->name, each->summary);
    }
    fprintf(out, "\nWHICH is a process's number, that and a runtime's (1234.2), or a counters file;"
                 "\nit may be left out when there is only one.  weir COMMAND --help tells more.\n");
}

static int wrong_line(const char *command) {
    fprintf(stderr, "weir: %s\n", trouble_text());
    fprintf(stderr,
            command == NULL ? "weir --help lists the commands.\n"
                            : "weir %s --help tells what there is.\n",
            command);
    return 2;
}

static int run(const struct command *command, int argc, char **argv) {
    struct options options;
    if (!options_read(&options, argc, argv, command->allowed)) {
        return wrong_line(command->name);
    }
    if (options.help) {
        fputs(command->help, stdout);
        return 0;
    }
    trouble("%s", "");
    int status = command->run(&options);
    if (trouble_text()[0] != 0 && status != 0) {
        fprintf(stderr, "weir: %s\n", trouble_text());
    }
    if (fflush(stdout) != 0 && status == 0) {
        fprintf(stderr, "weir: the output cannot be written\n");
        return 1;
    }
    return status;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        print_commands(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_commands(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("weir %s\n", weir_version_text());
        return 0;
    }
    for (const struct command *each = commands; each->name != NULL; each++) {
        if (strcmp(argv[1], each->name) == 0) {
            return run(each, argc - 1, argv + 1);
        }
    }
    trouble("there is no command '%s'", argv[1]);
    return wrong_line(NULL);
}
