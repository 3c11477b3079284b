/*
 * Commits: what is settled is stored, and told to the group's coordinator.  See source.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What is stored the client commits by itself, each commit_ns.  Those that are waited for have a
 * queue of their own: an answer that comes late finds nobody.
 */
#include "connect/kafka/source.h"

static rd_kafka_resp_err_t wait_for_commit(weir_kafka_source *source,
                                           const rd_kafka_topic_partition_list_t *offsets) {
    rd_kafka_queue_t *answers = rd_kafka_queue_new(source->client);
    rd_kafka_resp_err_t said = rd_kafka_commit_queue(source->client, offsets, answers, NULL, NULL);
    if (said == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_event_t *answer =
            rd_kafka_queue_poll(answers, weir__kafka_in_ms(source->options.server.timeout_ns));
        said = answer == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(answer);
        rd_kafka_event_destroy(answer);
    }
    rd_kafka_queue_destroy(answers);
    return said;
}

/* The group goes on without us, or is about to: what was not committed comes again, to whoever has
 * the partition then. */
static bool is_of_the_past(rd_kafka_resp_err_t said) {
    return said == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
           said == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
           said == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS || said == RD_KAFKA_RESP_ERR__NO_OFFSET;
}

/* Those of `among`, or all, that have something. */
static rd_kafka_topic_partition_list_t *
settled_lanes(weir_kafka_source *source, const rd_kafka_topic_partition_list_t *among) {
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(16);
    for (uint32_t i = 0; i < source->lane_count; i++) {
        const struct weir__kafka_lane *lane = &source->lanes[i];
        if (lane->state == WEIR__KAFKA_OURS && lane->settled >= 0 &&
            (among == NULL || rd_kafka_topic_partition_list_find((void *)among, lane->topic,
                                                                 lane->partition) != NULL)) {
            rd_kafka_topic_partition_list_add(offsets, lane->topic, lane->partition)->offset =
                lane->settled;
        }
    }
    return offsets;
}

weir_pulled weir__kafka_commit(weir_kafka_source *source,
                               const rd_kafka_topic_partition_list_t *among) {
    rd_kafka_topic_partition_list_t *offsets = settled_lanes(source, among);
    rd_kafka_resp_err_t said =
        offsets->cnt == 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : wait_for_commit(source, offsets);
    if (said == RD_KAFKA_RESP_ERR_NO_ERROR) {
        for (int i = 0; i < offsets->cnt; i++) {
            weir__kafka_lane_find(source, offsets->elems[i].topic, offsets->elems[i].partition,
                                  false)
                ->settled = -1;
        }
    }
    rd_kafka_topic_partition_list_destroy(offsets);
    return said == RD_KAFKA_RESP_ERR_NO_ERROR || is_of_the_past(said)
               ? WEIR_PULLED
               : weir__kafka_lost(&source->link, "a commit", said);
}

weir_pulled weir__kafka_ack(void *context, const weir_ack *acks, size_t count) {
    weir_kafka_source *source = context;
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        struct weir__kafka_lane *lane = &source->lanes[acks[i].lane];
        if (lane->state == WEIR__KAFKA_OURS) {
            lane->settled = (int64_t)acks[i].position;
            rd_kafka_topic_partition_list_add(offsets, lane->topic, lane->partition)->offset =
                lane->settled;
        }
    }
    if (offsets->cnt > 0) {
        rd_kafka_offsets_store(source->client, offsets);
    }
    rd_kafka_topic_partition_list_destroy(offsets);
    return source->options.commit_ns > 1 ? WEIR_PULLED : weir__kafka_commit(source, NULL);
}
