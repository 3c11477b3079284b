/*
 * The group: joined, served, left; who has which partitions.  See source.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A partition that is revoked within a pull is drained: weir calls back with what is settled
 * meanwhile (weir_pull_revoke), and that is committed before it is given up; nothing of this needs
 * any other thread.  Out of a pull, while a pipeline takes nothing for long, nobody can be waited
 * for: what is settled already is committed, and weir forgets the rest when it pulls next.
 */
#include "connect/kafka/source.h"

#include <stdio.h>
#include <string.h>

/* ---- rebalances --------------------------------------------------------------------- */

static struct weir__kafka_lane *lane_of(weir_kafka_source *source,
                                        const rd_kafka_topic_partition_t *partition, bool make) {
    return weir__kafka_lane_find(source, partition->topic, partition->partition, make);
}

static void take_partitions(weir_kafka_source *source,
                            const rd_kafka_topic_partition_list_t *partitions) {
    for (int i = 0; i < partitions->cnt; i++) {
        struct weir__kafka_lane *lane = lane_of(source, &partitions->elems[i], true);
        if (lane == NULL) {
            snprintf(source->why, sizeof source->why, "no memory for a partition of %.150s",
                     partitions->elems[i].topic);
            source->said = WEIR_BROKEN;
        } else if (lane->queue == NULL) {
            weir__kafka_lane_begin(source, lane);
        }
    }
}

/* What is under way of them has until then to be settled. */
static void drain_partitions(weir_kafka_source *source,
                             const rd_kafka_topic_partition_list_t *partitions, bool lost) {
    uint64_t until = weir__kafka_later(weir__kafka_now(), lost ? 0 : source->options.revoke_ns);
    for (int i = 0; i < partitions->cnt && source->pull != NULL; i++) {
        const struct weir__kafka_lane *lane = lane_of(source, &partitions->elems[i], false);
        uint64_t now = weir__kafka_now();
        if (lane != NULL && lane->state == WEIR__KAFKA_OURS) {
            weir_pull_revoke(source->pull, (uint32_t)(lane - source->lanes),
                             now < until && !weir_pull_stopping(source->pull) ? until - now : 0);
        }
    }
}

static void give_partitions(weir_kafka_source *source,
                            const rd_kafka_topic_partition_list_t *partitions, bool lost) {
    if (lost) { /* what is told of them from here on changes nothing */
        for (int i = 0; i < partitions->cnt; i++) {
            struct weir__kafka_lane *lane = lane_of(source, &partitions->elems[i], false);
            if (lane != NULL && lane->state == WEIR__KAFKA_OURS) {
                lane->settled = -1;
                lane->state = WEIR__KAFKA_GONE;
            }
        }
        if (source->pull != NULL) {
            weir__kafka_lanes_forget(source);
        }
    } else {
        drain_partitions(source, partitions, lost);
        weir__kafka_commit(source, partitions);
    }
    for (int i = 0; i < partitions->cnt; i++) {
        struct weir__kafka_lane *lane = lane_of(source, &partitions->elems[i], false);
        if (lane != NULL) {
            weir__kafka_lane_end(lane);
            lane->state = source->pull != NULL ? WEIR__KAFKA_NONE : WEIR__KAFKA_GONE;
        }
    }
}

void weir__kafka_on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t what,
                              rd_kafka_topic_partition_list_t *partitions, void *opaque) {
    weir_kafka_source *source = opaque;
    bool by_steps = strcmp(rd_kafka_rebalance_protocol(client), "COOPERATIVE") == 0;
    rd_kafka_error_t *error = NULL;
    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        take_partitions(source, partitions);
        if (by_steps) {
            error = rd_kafka_incremental_assign(client, partitions);
        } else {
            rd_kafka_assign(client, partitions);
        }
    } else {
        give_partitions(source, partitions, rd_kafka_assignment_lost(client) != 0);
        if (by_steps) {
            error = rd_kafka_incremental_unassign(client, partitions);
        } else {
            rd_kafka_assign(client, NULL);
        }
    }
    rd_kafka_error_destroy(error);
}

/* ---- serving ------------------------------------------------------------------------ */

void weir__kafka_hear(weir_kafka_source *source, const rd_kafka_message_t *error) {
    const char *topic = error->rkt != NULL ? rd_kafka_topic_name(error->rkt) : NULL;
    bool broken = error->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
                  error->err == RD_KAFKA_RESP_ERR__FATAL;
    if (source->said == WEIR_BROKEN || error->err == RD_KAFKA_RESP_ERR__PARTITION_EOF ||
        error->err == RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED) { /* it joins again by itself */
        return;
    }
    source->said = broken ? WEIR_BROKEN : WEIR_LOST;
    snprintf(source->why, sizeof source->why, "%s %s: %s", topic != NULL ? "topic" : "group",
             topic != NULL ? topic : source->options.group, rd_kafka_message_errstr(error));
}

void weir__kafka_serve_group(weir_kafka_source *source) {
    rd_kafka_message_t *message;
    source->served_ns = weir__kafka_now();
    while ((message = rd_kafka_consumer_poll(source->client, 0)) != NULL) {
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            weir__kafka_hear(source, message);
        }
        rd_kafka_message_destroy(message); /* records come from their own queues */
    }
}

weir_pulled weir__kafka_serve(weir_kafka_source *source) {
    rd_kafka_poll(source->client, 0);
    weir_pulled trouble =
        weir__kafka_trouble(source->client, &source->link, &source->options.server);
    if (trouble == WEIR_PULLED) {
        weir__kafka_serve_group(source);
    }
    return trouble;
}

/* ---- joining and leaving ------------------------------------------------------------ */

static void ring_the_bell(const weir_kafka_source *source, rd_kafka_queue_t *queue) {
    static const uint64_t one = 1;
    rd_kafka_queue_io_event_enable(queue, source->bell, &one, sizeof one);
    rd_kafka_queue_destroy(queue);
}

weir_pulled weir__kafka_join(weir_kafka_source *source) {
    size_t count = source->options.topic_count;
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(topics, source->topics[i], RD_KAFKA_PARTITION_UA);
    }
    ring_the_bell(source, rd_kafka_queue_get_main(source->client));
    ring_the_bell(source, rd_kafka_queue_get_consumer(source->client));
    rd_kafka_resp_err_t said = rd_kafka_subscribe(source->client, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    source->joined = said == RD_KAFKA_RESP_ERR_NO_ERROR;
    return source->joined ? WEIR_PULLED : weir__kafka_lost(&source->link, "subscribing", said);
}

/* Its revocation comes by this queue, too, and is answered by the callback. */
static void close_consumer(weir_kafka_source *source) {
    uint64_t until = weir__kafka_later(weir__kafka_now(), source->options.server.timeout_ns);
    rd_kafka_queue_t *events = rd_kafka_queue_new(source->client);
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(source->client, events);
    while (error == NULL && !rd_kafka_consumer_closed(source->client) &&
           weir__kafka_now() < until) {
        rd_kafka_queue_poll_callback(events, 20);
    }
    rd_kafka_error_destroy(error);
    rd_kafka_queue_destroy(events);
}

void weir__kafka_leave(weir_kafka_source *source) {
    if (source->client == NULL) {
        return;
    }
    source->pull = NULL;
    weir__kafka_commit(source, NULL);
    for (uint32_t i = 0; i < source->lane_count; i++) {
        source->lanes[i].settled = -1; /* what could not be told now will not be */
    }
    close_consumer(source);
    for (uint32_t i = 0; i < source->lane_count; i++) {
        weir__kafka_lane_end(&source->lanes[i]);
        source->lanes[i].state = WEIR__KAFKA_NONE;
    }
    source->client = NULL;
    source->joined = false;
}
