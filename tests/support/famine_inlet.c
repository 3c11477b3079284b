/*
 * Famine of inlets: see famine_inlet.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/famine_inlet.h"

#include <string.h>

/* Of the one play that there is at a time. */
static struct {
    const struct famine_inlet_scene *scene;
    weir_when_full when_full;
    weir_inlet *inlet;
    weir_port *port;
    struct famine_maker *maker;
} in;

static void open_inlet(struct famine *famine) {
    weir_ref ref = {0};
    const weir_event_type *type = in.scene->type != NULL ? in.scene->type(famine) : NULL;
    const weir_inlet_options options = {.type = type,
                                        .event_bytes = type != NULL ? 0 : famine->event_bytes,
                                        .capacity = 20,
                                        .when_full = in.when_full,
                                        .discarded = famine_discarded,
                                        .context = famine};
    in.port = NULL;
    if (!famine_done(famine, weir_inlet_open(famine->runtime, &options, &in.inlet, &ref))) {
        in.inlet = NULL;
    }
    in.maker = famine_add_maker(famine, ref);
    in.maker->orderless = true; /* between the inlet and its port */
}

/* What is refused is not made: it is the pusher's, and the next push has the same numbers. */
static void push(struct famine *famine, uint32_t count, bool by_port) {
    static struct famine_events events; /* too large for a stack */
    if (in.inlet == NULL || (by_port && in.port == NULL)) return;
    famine_numbers(famine, in.maker, events.words, count);
    weir_status status = by_port ? weir_port_push(in.port, events.words, count, 0)
                                 : weir_inlet_push(in.inlet, events.words, count, 0);
    if (famine_done(famine, status) && (status == WEIR_OK || status == WEIR_DROPPED)) {
        famine_made(famine, in.maker, events.words, count);
        in.maker->next += count;
        in.maker->limit += count;
    }
    if (in.scene->pushed != NULL) in.scene->pushed(famine, in.maker);
}

static void play(struct famine *famine) {
    open_inlet(famine);
    famine_start_consumer(famine, 0, in.maker->ref, 10);
    bool has_port = in.when_full != WEIR_DROP_OLDEST && in.inlet != NULL;
    if (has_port && !famine_done(famine, weir_port_open(in.inlet, &in.port))) in.port = NULL;
    for (uint32_t i = 0; i < 14; i++) {
        push(famine, 1 + i % 5, false);
        if (has_port) push(famine, 1 + i % 3, true);
        famine_step(famine, i % 4 * 2);
    }
}

static void end(struct famine *famine) {
    push(famine, 5, false);
    weir_port_close(in.port);
    weir_inlet_close(in.inlet);
    famine_rest(famine);
}

void famine_run_inlets(const struct famine_inlet_scene *scene) {
    static const struct {
        const char *name;
        weir_when_full when_full;
    } ways[] = {{"inlet refuses", WEIR_REFUSE},
                {"inlet blocks", WEIR_BLOCK},
                {"inlet drops newest", WEIR_DROP_NEWEST},
                {"inlet drops oldest", WEIR_DROP_OLDEST}};
    in.scene = scene;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        in.when_full = ways[i].when_full;
        famine_run(&(struct famine_scenario){
            .name = ways[i].name, .play = play, .end = end, .closed = scene->closed});
    }
}
