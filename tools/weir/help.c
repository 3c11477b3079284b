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
    "  --json            everything, as JSON (docs/tool.md)\n" INTERVAL REPLAY "\n"
    "Shares of a stage's time: BUSY at work; WAITING for its worker, which is with another\n"
    "stage; STARVED: it has asked, and nothing has come; BLOCKED: it has events, and nobody\n"
    "asks for them; IDLE: neither.  FILL: how much of its window (max_demand) is under way.\n"
    "SAMPLES: times that were taken; of fewer than ten no p99 is said.\n";

static const char graph_help[] =
    "usage: weir graph [WHICH] [--svg] [--interval S] [--replay FILE [--at S]]\n\n"
    "Prints the graph in the language of graphviz: orange is busy, or waiting for its worker,\n"
    "which is with another stage; blue is blocked; grey is starved or idle.  A thick arrow is a\n"
    "full window, and a red frame is who holds the others up.\n\n" WHICH
    "  --svg             as a picture, by graphviz's dot\n" INTERVAL REPLAY;

static const char prom_help[] =
    "usage: weir prom [WHICH]\n\n"
    "Prints all counters in the text format that Prometheus reads, of WHICH or of all your\n"
    "programs that run: for the textfile collector of node_exporter, say.\n\n"
    "  WHICH             as for other commands; by default all that run\n";

static const char top_help[] =
    "usage: weir top [WHICH] [--once | --count N] [--svg] [--interval S]\n"
    "                [--replay FILE [--at S]]\n\n"
    "Shows the stages in the order of flow, as they work, and who holds the others up.\n\n" WHICH
    "  --once            one picture, as text (COLUMNS in the environment: how wide)\n"
    "  -n, --count N     so many of them, of all your programs if WHICH is not named\n"
    "  --svg             with --once: as a picture in SVG\n"
    "  --interval S      a new picture every so many seconds (default 1)\n" REPLAY "\n"
    "The bar is a stage's time: busy; waiting for its worker, which is with another stage;\n"
    "starved: it has asked, and nothing has come; blocked: it has events, and nobody asks for\n"
    "them.  FILL: of its windows; HOLDS: events that lie with it; p50, p99: how long callbacks\n"
    "took.\n\n"
    "Keys: q quits; s sorts by flow, busy, rate, fill or name; space stops the picture; tab goes\n"
    "on to the next program that runs; arrows and page keys move through the stages.\n";

static const char web_help[] =
    "usage: weir web [WHICH] [--port N] [--replay FILE [--at S]]\n\n"
    "Serves a page that shows the graph at work: rates, what each stage did in the last two\n"
    "minutes, and who holds the others up.  Prints its address, and serves it until it is\n"
    "interrupted, to this machine alone.\n\n"
    "  WHICH             as for other commands; by default all there are, as they come and go\n"
    "  --port N          where it is served (default 9347); 0: at any that is free\n" REPLAY;

static const char record_help[] =
    "usage: weir record FILE [WHICH] [--for S] [--every MS]\n\n"
    "Records the counters into FILE, for weir replay, and for --replay of stat, graph and top:\n"
    "until S seconds have passed, the program has ended, or it is interrupted.  A FILE that there\n"
    "is, is replaced if it is a recording; another one is refused.\n\n" WHICH
    "  --for S           so many seconds (default: until the program ends)\n"
    "  --every MS        a moment every so many milliseconds (default 100)\n";

static const char replay_help[] =
    "usage: weir replay FILE [--at S] [--interval S] [--once | --count N] [--svg]\n\n"
    "Shows a recording (weir record) as weir top would have shown it.\n\n"
    "  --at S            begins so many seconds after the recording's begin\n"
    "  --interval S      a new picture every so many seconds (default 1)\n"
    "  --once, --count, --svg: as of weir top\n\n"
    "Keys: those of weir top; arrows to the right and to the left go an interval on and back.\n";

const struct command commands[] = {
    {"top", command_top, OPTION_TARGET | OPTION_INTERVAL | OPTION_REPLAY | OPTION_TEXT | OPTION_SVG,
     "the graph as it flows, on the terminal", top_help},
    {"web", command_web, OPTION_TARGET | OPTION_PORT | OPTION_REPLAY,
     "the same in the browser, with time lines", web_help},
    {"stat", command_stat, OPTION_TARGET | OPTION_JSON | OPTION_INTERVAL | OPTION_REPLAY,
     "one look: rates, shares of time, latencies, and who holds the others up", stat_help},
    {"graph", command_graph, OPTION_TARGET | OPTION_SVG | OPTION_INTERVAL | OPTION_REPLAY,
     "the same as a graph, for graphviz", graph_help},
    {"prom", command_prom, OPTION_TARGET, "all counters, for Prometheus", prom_help},
    {"record", command_record, OPTION_TARGET | OPTION_FILE | OPTION_RECORD,
     "a stretch, to look at later", record_help},
    {"replay", command_replay, OPTION_FILE | OPTION_AT | OPTION_INTERVAL | OPTION_TEXT | OPTION_SVG,
     "looks at it, as top does", replay_help},
    {"list", command_list, OPTION_TARGET, "which counters files there are", list_help},
    {"clean", command_clean, OPTION_TARGET, "removes those of dead programs", clean_help},
    {NULL, NULL, 0, NULL, NULL}};
