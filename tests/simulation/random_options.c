/*
 * What is drawn for a stage of a random graph before it starts: see random_stages.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "random_estate.h"
#include "random_stages.h"

#include <string.h>

struct node *some_node(void) {
    struct node *node = books.nodes == 0 ? NULL : &books.node[sim_draw(books.nodes)];
    return node != NULL && node->known ? node : NULL;
}

static bool produces(const struct node *node) {
    return node->known && node->alive && node->kind != WEIR_CONSUMER;
}

/* One that comes before, so that there are no rings; now and then any. */
struct node *some_producer(const struct node *consumer) {
    bool any = consumer == NULL || (!books.straight && sim_draw(24) == 0);
    unsigned bound = any ? books.nodes : books_number(consumer);
    if (bound == 0) return NULL;
    struct node *node = &books.node[sim_draw(bound)];
    for (unsigned i = 0; i < bound && !produces(node); i++) node = &books.node[sim_draw(bound)];
    return produces(node) && node != consumer ? node : NULL;
}

static bool select_event(void *context, const void *event) {
    uint64_t label;
    (void)context;
    memcpy(&label, event, sizeof label);
    return books_selected(label);
}

static void select_events(void *context, weir_batch batch, bool *wanted) {
    const struct node *producer = context;
    const char *event = batch.events;
    for (size_t i = 0; i < batch.count; i++, event += producer->event_bytes)
        wanted[i] = select_event(NULL, event);
}

weir_subscribe_options some_options(const struct node *producer) {
    static const weir_cancel_mode modes[] = {WEIR_TEMPORARY, WEIR_TEMPORARY, WEIR_TRANSIENT,
                                             WEIR_PERMANENT};
    static const unsigned most[] = {1, 4, 8, 8, 40};
    weir_subscribe_options options = {.max_demand = 1 + (size_t)sim_draw(most[sim_draw(5)]),
                                      .cancel = modes[sim_draw(4)]};
    size_t min = (size_t)sim_draw(options.max_demand);
    options.min_demand = min == 0 ? WEIR_NONE : min;
    if (producer->deal == BY_BROADCAST && sim_draw(4) == 0) {
        bool many = options.max_demand % 2 == 0;
        options.selector = many ? NULL : select_event;
        options.select_many = many ? select_events : NULL;
        options.selector_context = (void *)(uintptr_t)producer;
    }
    if (producer->deal == BY_PARTITION) { /* now and then one that there is not */
        bool known = sim_draw(16) > 0 && sim_draw(8) > 0;
        unsigned number = known ? (unsigned)sim_draw(producer->partitions) : producer->partitions;
        options.partition = WEIR_PARTITION(number);
    }
    if (producer->deal != BY_SHARE && sim_draw(4) == 0) { /* of a few events, or of less than one */
        options.max_bytes = 1 + (size_t)sim_draw(6 * producer->event_bytes);
    }
    if (producer->deal != BY_SHARE) options.rate = some_rate();
    return options;
}

static uint32_t choose_partition(void *context, const void *event) {
    const struct node *node = context;
    uint64_t label;
    memcpy(&label, event, sizeof label);
    uint32_t number = (uint32_t)(label & UINT32_MAX);
    if (number % 16 == 7) return WEIR_PARTITION_NONE;
    return number % 64 == 14 ? 1000 : number % node->partitions;
}

void choose_dispatcher(struct node *node, weir_stage_options *options, struct dealing *room) {
    static const enum deal deals[] = {BY_DEMAND,    BY_DEMAND,    BY_DEMAND, BY_BROADCAST,
                                      BY_BROADCAST, BY_PARTITION, BY_SHARE};
    node->deal = deals[sim_draw(7)];
    switch (node->deal) {
    case BY_DEMAND:
        room->demand = (weir_demand_dispatcher_options){.shuffle_first = sim_draw(4) == 0,
                                                        .seed = sim_draw(99)};
        options->dispatcher = weir_demand_dispatcher();
        options->dispatcher_options = &room->demand;
        return;
    case BY_BROADCAST:
        options->dispatcher = weir_broadcast_dispatcher();
        return;
    case BY_PARTITION:
        node->partitions = 1 + (unsigned)sim_draw(3);
        room->partition = (weir_partition_dispatcher_options){
            .partitions = node->partitions,
            .hash = choose_partition,
            .context = node,
            .queue = sim_draw(4) == 0 ? WEIR_QUEUE_DISCARD : WEIR_QUEUE_KEEP};
        options->dispatcher = weir_partition_dispatcher();
        options->dispatcher_options = &room->partition;
        return;
    case BY_SHARE:
        room->shared =
            (weir_shared_dispatcher_options){.grain = sim_draw(4), .entries = 2u << sim_draw(4)};
        options->dispatcher = weir_shared_dispatcher();
        options->dispatcher_options = &room->shared;
        return;
    }
}

void choose_buffer(weir_stage_options *options) {
    static const size_t sizes[] = {0, 0, 0, WEIR_NONE, 1, 4, 10, WEIR_INFINITY};
    options->buffer_size = sizes[sim_draw(8)];
    options->buffer_keep = sim_draw(2) == 0 ? WEIR_KEEP_LAST : WEIR_KEEP_FIRST;
    options->drop_unheard = sim_draw(8) == 0;
    options->discard_returned = sim_draw(16) == 0;
}

void choose_character(struct node *node) {
    size_t common = estate_is_owned() ? 16 : 8;
    node->event_bytes = node->kind == WEIR_CONSUMER ? 0 : sim_draw(4) == 0 ? 48 : common;
    node->way = (enum way)sim_draw(WAYS);
    node->by_hand = node->kind != WEIR_PRODUCER && sim_draw(12) == 0;
    node->looks = node->kind == WEIR_CONSUMER || !books.straight || sim_draw(3) == 0;
    if (sim_draw(12) == 0) node->mine = 1 + (unsigned)sim_draw(20);
    if (node->kind != WEIR_PRODUCER) return;
    node->total = 1 + (unsigned)sim_draw(sim_draw(4) == 0 ? 100 : 30);
    node->lazy = sim_draw(3) == 0;
    node->surplus = sim_draw(3) == 0;
    node->ends = sim_draw(4) == 0;
}
