/*
 * Graphs that are held up at a place that is known: for the tool, which is to find it.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   bottlenecks GRAPH [SECONDS]     runs one, for 60 seconds if not told; without, lists them
 *
 * On real threads, with work that takes its time by the clock, so that the slow one is the slow
 * one on a busy machine, too.  "ready" is printed when all flows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <weir/weir.h>

enum { WINDOW = 100, FEW = 4 };

#define US 1000u
#define MS 1000000u
#define S  UINT64_C(1000000000)

enum share { DEMAND, BROADCAST, PARTITION };

struct node {
    const char *name;
    const char *from; /* NULL: a source */
    enum share share; /* how it shares out what it emits */
    unsigned worker;
    unsigned partition;
    uint64_t event_ns; /* work for each event ... */
    uint64_t batch_ns; /* ... and for each batch */
    bool last;         /* it emits nothing */
    bool fed;          /* an inlet, into which main pushes an event now and then */
};

struct graph {
    const char *name;
    unsigned workers;
    struct node nodes[8];
};

static const struct graph graphs[] = {
    {"slow_consumer",
     4,
     {{.name = "source", .worker = 0},
      {.name = "parse", .from = "source", .worker = 1, .event_ns = 1 * US},
      {.name = "enrich", .from = "parse", .worker = 2, .event_ns = 1 * US},
      {.name = "store", .from = "enrich", .worker = 3, .event_ns = 25 * US, .last = true}}},
    {"slow_middle",
     4,
     {{.name = "source", .worker = 0},
      {.name = "parse", .from = "source", .worker = 1, .event_ns = 1 * US},
      {.name = "enrich", .from = "parse", .worker = 2, .event_ns = 25 * US},
      {.name = "store", .from = "enrich", .worker = 3, .event_ns = 1 * US, .last = true}}},
    {"unbalanced_partition",
     4,
     {{.name = "source", .share = PARTITION, .worker = 0},
      {.name = "north", .from = "source", .worker = 1, .event_ns = 20 * US, .last = true},
      {.name = "south",
       .from = "source",
       .worker = 2,
       .partition = 1,
       .event_ns = 20 * US,
       .last = true},
      {.name = "east",
       .from = "source",
       .worker = 3,
       .partition = 2,
       .event_ns = 20 * US,
       .last = true}}},
    {"starved_source",
     3,
     {{.name = "inlet", .fed = true, .worker = 0},
      {.name = "parse", .from = "inlet", .worker = 1, .event_ns = 1 * US},
      {.name = "store", .from = "parse", .worker = 2, .event_ns = 5 * US, .last = true}}},
    {"one_of_four",
     5,
     {{.name = "source", .share = BROADCAST, .worker = 0},
      {.name = "mail", .from = "source", .worker = 1, .event_ns = 1 * US, .last = true},
      {.name = "audit", .from = "source", .worker = 2, .event_ns = 1 * US, .last = true},
      {.name = "index", .from = "source", .worker = 3, .event_ns = 25 * US, .last = true},
      {.name = "archive", .from = "source", .worker = 4, .event_ns = 1 * US, .last = true}}},
    {"full_worker",
     3,
     {{.name = "source", .worker = 0},
      {.name = "parse", .from = "source", .worker = 1, .event_ns = 10 * US},
      {.name = "enrich", .from = "parse", .worker = 1, .event_ns = 12 * US},
      {.name = "store", .from = "enrich", .worker = 2, .event_ns = 1 * US, .last = true}}},
    {"full_chain",
     3,
     {{.name = "source", .worker = 0, .event_ns = 300},
      {.name = "parse", .from = "source", .worker = 0, .event_ns = 400},
      {.name = "store", .from = "parse", .worker = 0, .event_ns = 500, .last = true}}},
    {"noisy_neighbour",
     3,
     {{.name = "source", .worker = 0},
      {.name = "quick", .from = "source", .worker = 1, .event_ns = 1 * US},
      {.name = "store", .from = "quick", .worker = 2, .event_ns = 1 * US, .last = true},
      {.name = "other", .worker = 0},
      {.name = "noisy", .from = "other", .worker = 1, .batch_ns = 12 * MS, .last = true}}},
    {"hung",
     3,
     {{.name = "source", .worker = 0},
      {.name = "parse", .from = "source", .worker = 1, .event_ns = 1 * US},
      {.name = "store", .from = "parse", .worker = 2, .event_ns = 1 * US, .last = true},
      {.name = "other", .worker = 0},
      {.name = "stuck", .from = "other", .worker = 1, .batch_ns = 3600 * S, .last = true}}},
};

static void fail(const char *what) {
    fprintf(stderr, "bottlenecks: %s: %s\n", what, weir_refusal());
    exit(1);
}

static void must(weir_status status, const char *what) {
    if (status != WEIR_OK) {
        fail(what);
    }
}

/* --- work --------------------------------------------------------------------------------- */

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void work(uint64_t ns) {
    for (uint64_t until = now() + ns; ns > 0 && now() < until;) {}
}

static weir_verdict make(weir_stage *self, uint64_t demand) {
    uint64_t *next = weir_state(self);
    for (; demand > 0; demand--, (*next)++) {
        must(weir_emit(self, next, 1), "emit");
    }
    return WEIR_CONTINUE;
}

static weir_verdict handle(weir_stage *self, weir_batch batch) {
    const struct node *node = *(const struct node **)weir_state(self);
    work(node->batch_ns + batch.count * node->event_ns);
    return node->last ? WEIR_CONTINUE : weir_forward(self);
}

/* Of ten events, eight go south. */
static uint32_t place(void *context, const void *event) {
    uint64_t number;
    (void)context;
    memcpy(&number, event, sizeof number);
    return number % 10 == 0 ? 0 : number % 10 == 1 ? 2 : 1;
}

/* --- graphs ------------------------------------------------------------------------------- */

static const struct graph *find_graph(const char *name) {
    for (size_t i = 0; i < sizeof graphs / sizeof *graphs; i++) {
        if (strcmp(graphs[i].name, name) == 0) {
            return &graphs[i];
        }
    }
    return NULL;
}

static size_t number_of(const struct graph *graph, const char *name) {
    size_t i = 0;
    while (strcmp(graph->nodes[i].name, name) != 0) {
        i++;
    }
    return i;
}

static void start_source(weir_runtime *runtime, const struct node *node, weir_ref *ref) {
    static const weir_partition_dispatcher_options places = {.partitions = 3, .hash = place};
    weir_stage_options options = {.kind = WEIR_PRODUCER,
                                  .name = node->name,
                                  .event_bytes = sizeof(uint64_t),
                                  .state_bytes = sizeof(uint64_t),
                                  .worker = WEIR_WORKER(node->worker),
                                  .demand = WEIR_ACCUMULATE,
                                  .on.handle_demand = make};
    if (node->share == PARTITION) {
        options.dispatcher = weir_partition_dispatcher();
        options.dispatcher_options = &places;
    } else if (node->share == BROADCAST) {
        options.dispatcher = weir_broadcast_dispatcher();
    }
    must(weir_stage_start(runtime, &options, ref), node->name);
}

static void start_taker(weir_runtime *runtime, const struct node *node, weir_ref from,
                        bool partitions, weir_ref *ref) {
    weir_subscribe_to to = {.producer = from, .options.max_demand = WINDOW};
    to.options.partition = partitions ? WEIR_PARTITION(node->partition) : 0;
    const weir_stage_options options = {.kind = node->last ? WEIR_CONSUMER : WEIR_PRODUCER_CONSUMER,
                                        .name = node->name,
                                        .event_bytes = node->last ? 0 : sizeof(uint64_t),
                                        .state = &node,
                                        .state_bytes = sizeof node,
                                        .worker = WEIR_WORKER(node->worker),
                                        .subscribe_to = &to,
                                        .subscribe_count = 1,
                                        .on.handle_events = handle};
    must(weir_stage_start(runtime, &options, ref), node->name);
}

static weir_inlet *start_all(weir_runtime *runtime, const struct graph *graph) {
    weir_ref refs[8];
    weir_inlet *inlet = NULL;
    for (size_t i = 0; graph->nodes[i].name != NULL; i++) {
        const struct node *node = &graph->nodes[i];
        if (node->fed) {
            const weir_inlet_options options = {.name = node->name,
                                                .event_bytes = sizeof(uint64_t),
                                                .worker = WEIR_WORKER(node->worker)};
            must(weir_inlet_open(runtime, &options, &inlet, &refs[i]), node->name);
        } else if (node->from == NULL) {
            start_source(runtime, node, &refs[i]);
        } else {
            size_t from = number_of(graph, node->from);
            start_taker(runtime, node, refs[from], graph->nodes[from].share == PARTITION, &refs[i]);
        }
    }
    weir_runtime_settle(runtime, WEIR_FOREVER); /* all have subscribed */
    for (size_t i = 0; graph->nodes[i].name != NULL; i++) {
        if (graph->nodes[i].from == NULL && !graph->nodes[i].fed) {
            must(weir_demand(runtime, refs[i], WEIR_FORWARD), "demand");
        }
    }
    return inlet;
}

/* An inlet gets some events every few milliseconds. */
static void feed(weir_inlet *inlet, double seconds) {
    const uint64_t events[FEW] = {1, 2, 3, 4};
    const struct timespec pause = {.tv_nsec = 2 * MS};
    for (uint64_t end = now() + (uint64_t)(seconds * 1e9); now() < end;) {
        if (inlet != NULL) {
            must(weir_inlet_push(inlet, events, FEW, 0), "push");
        }
        nanosleep(&pause, NULL);
    }
}

static int run(const struct graph *graph, double seconds) {
    weir_runtime *runtime;
    const weir_runtime_options options = {.workers = graph->workers};
    must(weir_runtime_open(&options, &runtime), "open");
    weir_inlet *inlet = start_all(runtime, graph);
    puts("ready");
    fflush(stdout);
    feed(inlet, seconds);
    if (inlet != NULL) {
        weir_inlet_close(inlet);
    }
    must(weir_runtime_close(runtime, NULL), "close");
    return 0;
}

int main(int count, char **arguments) {
    const struct graph *graph = count > 1 ? find_graph(arguments[1]) : NULL;
    if (graph != NULL) {
        return run(graph, count > 2 ? strtod(arguments[2], NULL) : 60);
    }
    for (size_t i = 0; i < sizeof graphs / sizeof *graphs; i++) {
        puts(graphs[i].name);
    }
    return count > 1;
}
