/*
 * The stages of a random graph: options and callbacks drawn from the seed.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_TESTS_RANDOM_STAGES_H
#define WEIR_TESTS_RANDOM_STAGES_H

#include "random_books.h"

/*
 * True for WEIR_OK; false for what may happen to anybody while stages come and go.
 * Anything else fails the schedule.
 */
bool may(weir_status status);

/* Something that a thread does (self NULL), or a callback; see random.c. */
void do_deed(weir_stage *self);

/* What casts, calls and infos say. */
struct word {
    enum talk { DEED, EMIT, SERIAL, TIMER } what;
    unsigned serial;
};

void stages_begin(void);

/* Starts a stage, subscribed to some of those that there are. */
void start_some_stage(weir_kind kind);
void start_some_inlet(void);

/* Pushes into the inlet, if there is one. */
void push_some(void);
void close_inlet(void);

/* Opens the rate that some subscriptions share, or not. */
void open_rate(void);
void close_rate(void);
weir_rate *some_rate(void);

/* Some stage; NULL: it came to nothing. */
struct node *some_node(void);

/* Some producer for this consumer: mostly one that was started before it, so no ring. */
struct node *some_producer(const struct node *consumer);

/* --- random_options.c --------------------------------------------------------------------- */

/* Options that suit the producer's dispatcher. */
weir_subscribe_options some_options(const struct node *producer);

/* Room for dispatchers' options, which are read as the stage starts. */
struct dealing {
    weir_partition_dispatcher_options partition;
    weir_shared_dispatcher_options shared;
    weir_demand_dispatcher_options demand;
};

void choose_dispatcher(struct node *node, weir_stage_options *options, struct dealing *room);
void choose_buffer(weir_stage_options *options);

/* How it will behave. */
void choose_character(struct node *node);

#endif
