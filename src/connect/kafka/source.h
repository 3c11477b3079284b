/*
 * The source's parts: its lanes, its group, its commits.
 * SPDX-License-Identifier: Apache-2.0
 *
 * All is the source's thread's, where librdkafka's callbacks are called too: they come out of the
 * two queues that are polled (the client's own: errors; the group's: rebalances), never otherwise.
 *
 * A lane is a partition, by its place in the table, for as long as the source lives.
 *
 *   NONE -> OURS            it is assigned; its queue is its own
 *   OURS -> NONE            revoked within a pull: weir has forgotten what was under way
 *   OURS -> GONE -> NONE    revoked elsewhere: weir forgets it when it pulls next
 *   GONE -> AGAIN -> OURS   the same, and it has been assigned again meanwhile
 *
 * What is settled of one that is not OURS is of another generation, and stores nothing.
 */
#ifndef WEIR__CONNECT_KAFKA_SOURCE_H
#define WEIR__CONNECT_KAFKA_SOURCE_H

#include "connect/kafka/link.h"

enum { WEIR__KAFKA_TOPICS = 64, WEIR__KAFKA_CHUNK = 128 };

enum weir__kafka_lane_state {
    WEIR__KAFKA_NONE,
    WEIR__KAFKA_OURS,
    WEIR__KAFKA_GONE,
    WEIR__KAFKA_AGAIN
};

struct weir__kafka_lane {
    char *topic;
    int32_t partition;
    enum weir__kafka_lane_state state;
    rd_kafka_queue_t *queue; /* of OURS and AGAIN */
    /* Taken from the queue, and not added: there was no room. */
    rd_kafka_message_t **held;
    uint32_t held_first;
    uint32_t held_count;
    int64_t next;        /* behind what was added last */
    int64_t settled;     /* to be committed; -1: nothing that is not */
    uint64_t full_at_ns; /* since when it is full; 0: it is not */
    bool paused;
};

struct weir__kafka_client {
    rd_kafka_t *handle;
    struct weir__kafka_client *before; /* pipelines that had this source before */
};

struct weir_kafka_source {
    struct weir__kafka_link link; /* first: the client's opaque */
    weir_source_driver driver;
    struct weir__texts texts;
    weir_kafka_source_options options; /* defaults filled in */
    const char *topics[WEIR__KAFKA_TOPICS];
    int bell;                           /* an eventfd: something has come, or it is to end */
    struct weir__kafka_client *clients; /* the first is the one in use, or was */
    rd_kafka_t *client;                 /* NULL: none is in use    */
    struct weir__kafka_lane *lanes;
    uint32_t lane_count;
    uint32_t lane_room;
    uint32_t turn; /* the lane that is asked first      */
    weir_pull *pull;
    bool joined;
    weir_pulled said; /* by what came out of a queue, until a pull has said so: PULLED: nothing */
    char why[WEIR__KAFKA_WORDS];
    uint64_t served_ns; /* when the queues were looked at last */
};

/* ---- lanes.c ------------------------------------------------------------------------ */

/* NULL: there is none, or no memory. */
struct weir__kafka_lane *weir__kafka_lane_find(weir_kafka_source *source, const char *topic,
                                               int32_t partition, bool make);
void weir__kafka_lane_begin(weir_kafka_source *source, struct weir__kafka_lane *lane);

/* Nothing more is taken from it; what was held is let go. */
void weir__kafka_lane_end(struct weir__kafka_lane *lane);
void weir__kafka_lanes_free(weir_kafka_source *source);

/* Lanes that are GONE are forgotten by weir: at the beginning of a pull. */
void weir__kafka_lanes_forget(weir_kafka_source *source);

/* Adds up to `most`; returns how many. */
uint64_t weir__kafka_lanes_take(weir_kafka_source *source, uint64_t most);

/* A record is destroyed, with its lines. */
void weir__kafka_release(void *source, uint64_t token);

/* ---- group.c ------------------------------------------------------------------------ */

/* Joins, in a client that has been made; LOST. */
weir_pulled weir__kafka_join(weir_kafka_source *source);

/* Serves what has come out of the group's queue: rebalances, and what is wrong (`said`). */
void weir__kafka_serve_group(weir_kafka_source *source);

/* That, and what the client itself has to say. */
weir_pulled weir__kafka_serve(weir_kafka_source *source);

/* What the client has said of a topic or of the group. */
void weir__kafka_hear(weir_kafka_source *source, const rd_kafka_message_t *error);

/* Commits, and leaves, within timeout_ns.  The client is in use no more. */
void weir__kafka_leave(weir_kafka_source *source);

void weir__kafka_on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t what,
                              rd_kafka_topic_partition_list_t *partitions, void *opaque);

/* ---- commit.c ----------------------------------------------------------------------- */

/* Stores what acks say, and commits, if it is each at once. */
weir_pulled weir__kafka_ack(void *source, const weir_ack *acks, size_t count);

/* Commits what is settled of all lanes that are OURS, or, unless NULL, of these, and waits for
 * that.  LOST, with a sentence. */
weir_pulled weir__kafka_commit(weir_kafka_source *source,
                               const rd_kafka_topic_partition_list_t *partitions);

#endif
