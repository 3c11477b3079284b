/*
 * The commands: their names, their options, and what --help says of each.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "commands.h"

#include <stddef.h>

#define WHICH                                                                                      \
    "  WHICH             a process's number, that and a runtime's (1234.2), or a counters file;\n" \
    "                    by default the only one there is\n"
#define REPLAY                                                         \
    "  --replay FILE     looks at a recording (weir record) instead\n" \
    "  --at S            of a recording, the moment so many seconds after its begin\n"
#define INTERVAL \
    "  --interval S      rates over so many seconds (default 1); 0: since each stage began\n"

static const char list_help[] =
    "usage: weir list [FOLDER]\n\n"
    "Lists the counters files of your programs in FOLDER (default /dev/shm): whose they are,\n"
    "whether that process lives, and how many workers and stages it has.\n";

static const char clean_help[] =
    "usage: weir clean [FOLDER]\n\n"
    "Removes the counters files of those of your programs that are dead.  A program that ends\n"
    "as it should removes its own; one that has crashed leaves it, to be looked at.\n";

static const char stat_help[] =
    "usage: weir stat [WHICH] [--json] [--interval S] [--replay FILE [--at S]]\n\n"
    "Prints what each stage, subscription and worker does, and in the last line who holds the\n"
    "others up.\n\n" WHICH
    "  --json            everything, as JSON (docs/counters.md)\n" INTERVAL REPLAY "\n"
    "Shares of a stage's time: BUSY at work; WAITING for its worker, which is with another\n"
    "stage; STARVED: it has asked, and nothing has come; BLOCKED: it has events, and nobody\n"
    "asks for them; IDLE: neither.  FILL: how much of its window (max_demand) is under way.\n";

static const char graph_help[] =
    "usage: weir graph [WHICH] [--svg] [--interval S] [--replay FILE [--at S]]\n\n"
    "Prints the graph in the language of graphviz: orange is busy, blue is blocked, a thick\n"
    "arrow is a full window, and a red frame is who holds the others up.\n\n" WHICH
    "  --svg             as a picture, by graphviz's dot\n" INTERVAL REPLAY;

static const char prom_help[] =
    "usage: weir prom [WHICH]\n\n"
    "Prints all counters in the text format that Prometheus reads, of WHICH or of all your\n"
    "programs that run: for the textfile collector of node_exporter, say.\n\n" WHICH;

static const char top_help[] =
    "usage: weir top [WHICH] [--interval S] [--replay FILE [--at S]]\n\n"
    "Shows the stages in the order of flow, as they work.\n\n" WHICH
    "  --interval S      a new picture every so many seconds (default 1)\n" REPLAY "\n"
    "Keys: q quits, s sorts, space stops the picture, tab goes to the next runtime, ? helps.\n";

static const char record_help[] =
    "usage: weir record FILE [WHICH] [--for S] [--every MS]\n\n"
    "Records the counters into FILE, for --replay of stat, graph and top: until S seconds have\n"
    "passed, the program has ended, or it is interrupted.\n\n" WHICH
    "  --for S           so many seconds (default: until the program ends)\n"
    "  --every MS        a moment every so many milliseconds (default 100)\n";

const struct command commands[] = {
    {"top", command_top, OPTION_TARGET | OPTION_INTERVAL | OPTION_REPLAY,
     "the graph as it flows, on the terminal", top_help},
    {"stat", command_stat, OPTION_TARGET | OPTION_JSON | OPTION_INTERVAL | OPTION_REPLAY,
     "one look: rates, shares of time, latencies, and who holds the others up", stat_help},
    {"graph", command_graph, OPTION_TARGET | OPTION_SVG | OPTION_INTERVAL | OPTION_REPLAY,
     "the same as a graph, for graphviz", graph_help},
    {"prom", command_prom, OPTION_TARGET, "all counters, for Prometheus", prom_help},
    {"record", command_record, OPTION_TARGET | OPTION_RECORD, "a stretch, to look at later",
     record_help},
    {"list", command_list, OPTION_TARGET, "which counters files there are", list_help},
    {"clean", command_clean, OPTION_TARGET, "removes those of dead programs", clean_help},
    {NULL, NULL, 0, NULL, NULL}};
