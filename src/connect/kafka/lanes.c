/*
 * Lanes: partitions, each with its queue, and what is taken from them.  See source.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Queues of their own rather than the group's one: a lane that is full is passed over, and what was
 * fetched of it stays.  With one queue for all its messages would stand before all others'; and to
 * pause it at once would throw away what was fetched, at every turn of a pipeline that is slower
 * than its topic: librdkafka drops what is queued of a partition that is paused, and fetches it
 * again.  So a lane is paused when it has been full for long.
 */
#include "connect/kafka/lines.h"
#include "connect/kafka/source.h"

#include <stdlib.h>
#include <string.h>

#define WITH_LINES UINT64_C(1)

/* ---- the table ---------------------------------------------------------------------- */

static struct weir__kafka_lane *make_lane(weir_kafka_source *source, const char *topic,
                                          int32_t partition) {
    if (source->lane_count == source->lane_room) {
        uint32_t room = source->lane_room == 0 ? 16 : source->lane_room * 2;
        struct weir__kafka_lane *larger = realloc(source->lanes, room * sizeof *larger);
        if (larger == NULL) {
            return NULL;
        }
        source->lanes = larger;
        source->lane_room = room;
    }
    struct weir__kafka_lane *lane = &source->lanes[source->lane_count];
    *lane = (struct weir__kafka_lane){.topic = strdup(topic),
                                      .partition = partition,
                                      .held = calloc(WEIR__KAFKA_CHUNK, sizeof *lane->held),
                                      .settled = -1};
    if (lane->topic == NULL || lane->held == NULL) {
        free(lane->topic);
        free(lane->held);
        return NULL;
    }
    source->lane_count++;
    return lane;
}

struct weir__kafka_lane *weir__kafka_lane_find(weir_kafka_source *source, const char *topic,
                                               int32_t partition, bool make) {
    for (uint32_t i = 0; i < source->lane_count; i++) {
        struct weir__kafka_lane *lane = &source->lanes[i];
        if (lane->partition == partition && strcmp(lane->topic, topic) == 0) {
            return lane;
        }
    }
    return make ? make_lane(source, topic, partition) : NULL;
}

static uint32_t number_of(const weir_kafka_source *source, const struct weir__kafka_lane *lane) {
    return (uint32_t)(lane - source->lanes);
}

void weir__kafka_lane_begin(weir_kafka_source *source, struct weir__kafka_lane *lane) {
    static const uint64_t one = 1;
    lane->state = lane->state == WEIR__KAFKA_GONE ? WEIR__KAFKA_AGAIN : WEIR__KAFKA_OURS;
    lane->next = 0;
    lane->settled = -1;
    lane->full_at_ns = 0;
    lane->paused = false;
    lane->queue = rd_kafka_queue_get_partition(source->client, lane->topic, lane->partition);
    if (lane->queue != NULL) {
        rd_kafka_queue_forward(lane->queue, NULL);
        rd_kafka_queue_io_event_enable(lane->queue, source->bell, &one, sizeof one);
    }
}

void weir__kafka_lane_end(struct weir__kafka_lane *lane) {
    for (; lane->held_count > 0; lane->held_count--) {
        rd_kafka_message_destroy(lane->held[lane->held_first++]);
    }
    if (lane->queue != NULL) {
        rd_kafka_queue_io_event_enable(lane->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(lane->queue);
        lane->queue = NULL;
    }
}

void weir__kafka_lanes_free(weir_kafka_source *source) {
    for (uint32_t i = 0; i < source->lane_count; i++) {
        weir__kafka_lane_end(&source->lanes[i]);
        free(source->lanes[i].topic);
        free(source->lanes[i].held);
    }
    free(source->lanes);
    source->lanes = NULL;
    source->lane_count = source->lane_room = 0;
}

void weir__kafka_lanes_forget(weir_kafka_source *source) {
    for (uint32_t i = 0; i < source->lane_count; i++) {
        struct weir__kafka_lane *lane = &source->lanes[i];
        if (lane->state == WEIR__KAFKA_GONE || lane->state == WEIR__KAFKA_AGAIN) {
            weir_pull_revoke(source->pull, i, 0);
            lane->state = lane->state == WEIR__KAFKA_GONE ? WEIR__KAFKA_NONE : WEIR__KAFKA_OURS;
        }
    }
}

/* ---- pausing ------------------------------------------------------------------------ */

static void pause_or_resume(weir_kafka_source *source, struct weir__kafka_lane *lane, bool pause) {
    rd_kafka_topic_partition_list_t *one = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(one, lane->topic, lane->partition);
    if (pause) {
        rd_kafka_pause_partitions(source->client, one);
    } else {
        rd_kafka_resume_partitions(source->client, one);
    }
    lane->paused = pause;
    rd_kafka_topic_partition_list_destroy(one);
}

/* False: it is full. */
static bool look_at_lane(weir_kafka_source *source, struct weir__kafka_lane *lane) {
    if (!weir_pull_lane_full(source->pull, number_of(source, lane))) {
        lane->full_at_ns = 0;
        if (lane->paused) {
            pause_or_resume(source, lane, false);
        }
        return true;
    }
    if (lane->full_at_ns == 0) {
        lane->full_at_ns = source->served_ns;
    } else if (!lane->paused && rd_kafka_queue_length(lane->queue) > 0 &&
               source->served_ns - lane->full_at_ns >= source->options.pause_ns) {
        pause_or_resume(source, lane, true);
    }
    return false;
}

/* ---- taking ------------------------------------------------------------------------- */

/* A token's lowest bit says whether it is the record, or its lines, which name it. */
void weir__kafka_release(void *source, uint64_t token) {
    (void)source;
    if ((token & WITH_LINES) == 0) {
        rd_kafka_message_destroy((rd_kafka_message_t *)(uintptr_t)token);
        return;
    }
    struct weir__kafka_lines *lines = (struct weir__kafka_lines *)(uintptr_t)(token - WITH_LINES);
    rd_kafka_message_destroy(lines->message);
    free(lines);
}

static uint64_t time_of(const rd_kafka_message_t *message) {
    rd_kafka_timestamp_type_t type;
    int64_t ms = rd_kafka_message_timestamp(message, &type);
    return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || ms < 0 ? 0 : (uint64_t)ms * WEIR__KAFKA_MS;
}

static bool add_record(weir_kafka_source *source, struct weir__kafka_lane *lane,
                       rd_kafka_message_t *message) {
    const weir_kafka_source_options *options = &source->options;
    weir_incoming incoming = {.data = {message->payload, (uint32_t)message->len, 0},
                              .key = {message->key, (uint32_t)message->key_len, 0},
                              .token = (uintptr_t)message,
                              .position = (uint64_t)message->offset,
                              .time = time_of(message),
                              .lane = number_of(source, lane),
                              .lent = true};
    if (message->offset < lane->next) { /* the log was cut off: it begins anew */
        weir_pull_revoke(source->pull, incoming.lane, 0);
        lane->settled = -1;
    }
    struct weir__kafka_lines *lines =
        options->headers || options->origin
            ? weir__kafka_lines_of(message, options->origin ? lane->topic : NULL, options->headers)
            : NULL;
    if (lines != NULL) {
        incoming.headers = (weir_bytes){lines->text, lines->count, 0};
        incoming.token = (uintptr_t)lines | WITH_LINES;
    }
    if (!weir_pull_add(source->pull, &incoming)) {
        free(lines);
        return false;
    }
    lane->next = message->offset + 1;
    return true;
}

/* Adds what is held; false: there is no room for all of it. */
static bool add_held(weir_kafka_source *source, struct weir__kafka_lane *lane, uint64_t *added) {
    while (lane->held_count > 0) {
        rd_kafka_message_t *message = lane->held[lane->held_first];
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            weir__kafka_hear(source, message);
            rd_kafka_message_destroy(message);
        } else if (add_record(source, lane, message)) {
            ++*added;
        } else {
            return false;
        }
        lane->held_first++;
        lane->held_count--;
    }
    return true;
}

static uint64_t take_from_lane(weir_kafka_source *source, struct weir__kafka_lane *lane,
                               uint64_t most) {
    uint64_t added = 0;
    while (add_held(source, lane, &added) && added < most) {
        size_t room = most - added < WEIR__KAFKA_CHUNK ? most - added : WEIR__KAFKA_CHUNK;
        ssize_t came = rd_kafka_consume_batch_queue(lane->queue, 0, lane->held, room);
        if (came <= 0) {
            break;
        }
        lane->held_first = 0;
        lane->held_count = (uint32_t)came;
    }
    return added;
}

uint64_t weir__kafka_lanes_take(weir_kafka_source *source, uint64_t most) {
    uint64_t added = 0;
    for (uint32_t i = 0; i < source->lane_count && added < most; i++) {
        source->turn = source->turn + 1 < source->lane_count ? source->turn + 1 : 0;
        struct weir__kafka_lane *lane = &source->lanes[source->turn];
        if (lane->state == WEIR__KAFKA_OURS && lane->queue != NULL && look_at_lane(source, lane)) {
            added += take_from_lane(source, lane, most - added);
        }
    }
    return added;
}
