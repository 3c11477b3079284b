// Kafka: messages of a topic through a pipeline to a counting sink, offsets stored.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  How much of what the bare client library does by hand, taking so many at a time and
// storing their offsets, is left when a pipeline stands between?  Messages of 64 and of 1,024
// bytes, 100 and 1,000 at a time.
//
// The broker is librdkafka's mock, a thread of this process that keeps 5 MB of each partition in
// memory: it shows what the client's side costs, and nothing of what a broker can do.  Time runs
// from the first message on, since a group that begins waits for 3 s there.
//
// Prediction.  librdkafka's threads, which take records out of fetched sets, are most of it; weir
// passes pointers on.
//
// Rows are ceiling/consume,... (the client by hand) and weir/pipeline,...
#include "connect/engines.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <string>
#include <unistd.h>
#include <vector>
#include <weir/kafka.h>
#include <weir/weir.h>

namespace {

constexpr int PARTITIONS = 16;

rd_kafka_t *producer;
rd_kafka_mock_cluster_t *cluster;

void must(bool done, const char *what) {
    if (!done) {
        std::fprintf(stderr, "engines_kafka: %s; %s\n", what, weir_refusal());
        std::exit(1);
    }
}

void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char why[160];
    must(rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK, why);
}

rd_kafka_t *make(rd_kafka_type_t type, rd_kafka_conf_t *conf) {
    char why[160];
    rd_kafka_conf_set_log_cb(conf, nullptr);
    rd_kafka_t *made = rd_kafka_new(type, conf, why, sizeof why);
    must(made != nullptr, why);
    return made;
}

void begin_cluster() {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "linger.ms", "100");
    set(conf, "queue.buffering.max.messages", "1000000");
    producer = make(RD_KAFKA_PRODUCER, conf);
    cluster = rd_kafka_mock_cluster_new(producer, 1);
    must(rd_kafka_brokers_add(producer, rd_kafka_mock_cluster_bootstraps(cluster)) > 0, "brokers");
}

// A topic of its own, with so many messages, each with its number.
std::string fill(uint64_t count, size_t bytes) {
    static int topics;
    std::string topic = "topic" + std::to_string(topics++), data(bytes, 'x');
    must(rd_kafka_mock_topic_create(cluster, topic.c_str(), PARTITIONS, 1) ==
             RD_KAFKA_RESP_ERR_NO_ERROR,
         "topic");
    for (uint64_t i = 0; i < count; i++) {
        std::memcpy(&data[0], &i, sizeof i);
        must(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic.c_str()),
                               RD_KAFKA_V_PARTITION(static_cast<int32_t>(i % PARTITIONS)),
                               RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                               RD_KAFKA_V_VALUE(&data[0], bytes),
                               RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR_NO_ERROR,
             "produce");
    }
    must(rd_kafka_flush(producer, 20000) == RD_KAFKA_RESP_ERR_NO_ERROR, "producing");
    return topic;
}

rd_kafka_t *subscribe(const std::string &topic) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(cluster));
    set(conf, "group.id", topic.c_str());
    set(conf, "auto.offset.reset", "earliest");
    set(conf, "enable.auto.offset.store", "false");
    rd_kafka_t *consumer = make(RD_KAFKA_CONSUMER, conf);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, topic.c_str(), RD_KAFKA_PARTITION_UA);
    rd_kafka_poll_set_consumer(consumer);
    must(rd_kafka_subscribe(consumer, topics) == RD_KAFKA_RESP_ERR_NO_ERROR, "subscribe");
    rd_kafka_topic_partition_list_destroy(topics);
    return consumer;
}

void store(rd_kafka_t *consumer, const std::string &topic, std::vector<int64_t> *next) {
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(PARTITIONS);
    for (int i = 0; i < PARTITIONS; i++) {
        int64_t &offset = (*next)[static_cast<size_t>(i)];
        if (offset > 0) {
            rd_kafka_topic_partition_list_add(offsets, topic.c_str(), i)->offset = offset;
        }
        offset = 0;
    }
    rd_kafka_offsets_store(consumer, offsets);
    rd_kafka_topic_partition_list_destroy(offsets);
}

rows::Outcome by_hand(uint64_t count, size_t bytes, size_t batch) {
    std::string topic = fill(count, bytes);
    rd_kafka_t *consumer = subscribe(topic);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
    std::vector<rd_kafka_message_t *> messages(batch);
    std::vector<int64_t> next(PARTITIONS);
    uint64_t seen = 0, sum = 0;
    rows::Outcome outcome;
    double began = 0;
    while (seen < count) {
        ssize_t came = rd_kafka_consume_batch_queue(queue, seen == 0 ? 10000 : 1, messages.data(),
                                                    seen == 0 ? 1 : batch);
        began = seen == 0 ? race_clock_ns() : began;
        for (ssize_t i = 0; i < came; i++) {
            rd_kafka_message_t *message = messages[static_cast<size_t>(i)];
            sum += engines::number_of(message->payload);
            next[static_cast<size_t>(message->partition)] = message->offset + 1;
            rd_kafka_message_destroy(message);
        }
        seen += came > 0 ? static_cast<uint64_t>(came) : 0;
        store(consumer, topic, &next);
    }
    outcome.nanoseconds = race_clock_ns() - began;
    outcome.correct = engines::right(count, seen, sum);
    rd_kafka_queue_destroy(queue);
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return outcome;
}

rows::Outcome by_pipeline(uint64_t count, size_t bytes, size_t batch) {
    std::string topic = fill(count, bytes);
    const char *topics[] = {topic.c_str()};
    weir_kafka_source_options options = {};
    options.server.brokers = rd_kafka_mock_cluster_bootstraps(cluster);
    options.group = topic.c_str();
    options.topics = topics;
    options.topic_count = 1;
    weir_kafka_source *source;
    must(weir_kafka_source_open(&options, &source) == WEIR_OK, "source");
    rows::Outcome outcome = engines::through_pipeline(weir_kafka_source_driver(source), source,
                                                      count, batch, true, [] { return true; });
    weir_kafka_source_close(source);
    return outcome;
}

} // namespace

int main(int argc, char **argv) {
    begin_cluster();
    for (size_t bytes : {64u, 1024u}) {
        for (size_t batch : {100u, 1000u}) {
            std::string name = "bytes:" + std::to_string(bytes) + ",batch:" + std::to_string(batch);
            const uint64_t count = bytes == 64 ? 400000 : 60000;
            rows::add_fixed("ceiling/consume/" + name, count,
                            [=](uint64_t events) { return by_hand(events, bytes, batch); });
            rows::add_fixed("weir/pipeline/" + name, count,
                            [=](uint64_t events) { return by_pipeline(events, bytes, batch); });
        }
    }
    int status = rows::run(argc, argv);
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(producer);
    return status;
}
