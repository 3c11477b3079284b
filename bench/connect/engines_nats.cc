// NATS JetStream: messages of a stream through a pipeline to a counting sink, acks included.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  How much of what the bare client library does by hand, fetching so many and acking
// each, is left when a pipeline stands between?  Messages of 64 and of 1,024 bytes, in batches of
// 10, 100 and 1,000; a server of its own on loopback, the stream in memory.
//
// Both begin with nothing, connect, and end when the server has read the last ack.  By hand acks
// are sent batch by batch and not waited for but in the end (fetch), or with a flush for each batch
// (flush), which is what a pipeline's `acked` says.
//
// Prediction.  The server is what takes time, on the same cores; a pipeline asks ahead of what it
// handles, which a fetch does not, so it is not behind at batches of 100 and more.
//
// Rows are ceiling/fetch,... and ceiling/flush,... (the client by hand) and weir/pipeline,...
#include "connect/engines.h"

extern "C" {
#include "connect/engine.h"
}

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nats/nats.h>
#include <string>
#include <weir/nats.h>
#include <weir/weir.h>

namespace {

struct engine server;
std::string url;
natsConnection *connection;
jsCtx *jetstream;

void must(bool done, const char *what) {
    if (!done) {
        std::fprintf(stderr, "engines_nats: %s: %s; %s\n", what, nats_GetLastError(nullptr),
                     weir_refusal());
        std::exit(1);
    }
}

// A stream with so many messages, each with its number, and nobody who has had any.
void fill(uint64_t count, size_t bytes) {
    static const char *const subjects[] = {"jobs"};
    std::string data(bytes, 'x');
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    config.Name = "JOBS";
    config.Subjects = const_cast<const char **>(subjects);
    config.SubjectsLen = 1;
    config.Storage = js_MemoryStorage;
    js_DeleteStream(jetstream, "JOBS", nullptr, nullptr);
    must(js_AddStream(nullptr, jetstream, &config, nullptr, nullptr) == NATS_OK, "stream");
    for (uint64_t i = 0; i < count; i++) {
        std::memcpy(&data[0], &i, sizeof i);
        must(js_PublishAsync(jetstream, "jobs", data.data(), static_cast<int>(bytes), nullptr) ==
                 NATS_OK,
             "publish");
    }
    must(js_PublishAsyncComplete(jetstream, nullptr) == NATS_OK, "publishing");
    jsConsumerConfig consumer;
    jsConsumerConfig_Init(&consumer);
    consumer.Durable = "worker";
    consumer.AckPolicy = js_AckExplicit;
    consumer.AckWait = WEIR_NATS_ACK_WAIT_DEFAULT;
    consumer.MaxAckPending = 65536;
    must(js_AddConsumer(nullptr, jetstream, "JOBS", &consumer, nullptr, nullptr) == NATS_OK,
         "consumer");
}

// Waits until the server knows of every ack.
bool all_acked() {
    for (int tries = 0; tries < 2000; tries++) {
        jsConsumerInfo *info = nullptr;
        must(js_GetConsumerInfo(&info, jetstream, "JOBS", "worker", nullptr, nullptr) == NATS_OK,
             "consumer's figures");
        bool acked = info->NumAckPending == 0 && info->NumPending == 0;
        jsConsumerInfo_Destroy(info);
        if (acked) return true;
        nats_Sleep(1);
    }
    return false;
}

rows::Outcome by_hand(uint64_t count, size_t bytes, int batch, bool flushed) {
    natsConnection *own = nullptr;
    jsCtx *stream = nullptr;
    natsSubscription *subscription = nullptr;
    jsSubOptions options;
    jsSubOptions_Init(&options);
    options.Stream = "JOBS";
    options.Consumer = "worker";
    options.ManualAck = true;
    fill(count, bytes);
    uint64_t seen = 0, sum = 0;
    rows::Outcome outcome;
    double began = race_clock_ns();
    must(natsConnection_ConnectTo(&own, url.c_str()) == NATS_OK, "connect");
    must(natsConnection_JetStream(&stream, own, nullptr) == NATS_OK, "JetStream");
    must(js_PullSubscribe(&subscription, stream, "jobs", "worker", nullptr, &options, nullptr) ==
             NATS_OK,
         "pull subscription");
    while (seen < count) {
        natsMsgList list = {};
        uint64_t left = count - seen;
        int wanted = left < static_cast<uint64_t>(batch) ? static_cast<int>(left) : batch;
        if (natsSubscription_Fetch(&list, subscription, wanted, 2000, nullptr) != NATS_OK) break;
        for (int i = 0; i < list.Count; i++) {
            sum += engines::number_of(natsMsg_GetData(list.Msgs[i]));
            natsMsg_Ack(list.Msgs[i], nullptr);
        }
        seen += static_cast<uint64_t>(list.Count);
        natsMsgList_Destroy(&list);
        if (flushed) natsConnection_Flush(own);
    }
    natsConnection_Flush(own);
    outcome.nanoseconds = race_clock_ns() - began;
    outcome.correct = engines::right(count, seen, sum) && all_acked();
    natsSubscription_Destroy(subscription);
    jsCtx_Destroy(stream);
    natsConnection_Destroy(own);
    return outcome;
}

rows::Outcome by_pipeline(uint64_t count, size_t bytes, size_t batch) {
    fill(count, bytes);
    weir_nats_source_options options = {};
    options.server.url = url.c_str();
    options.stream = "JOBS";
    options.consumer = "worker";
    weir_nats_source *source;
    must(weir_nats_source_open(&options, &source) == WEIR_OK, "source");
    rows::Outcome outcome = engines::through_pipeline(weir_nats_source_driver(source), source,
                                                      count, batch, false, all_acked);
    weir_nats_source_close(source);
    return outcome;
}

} // namespace

int main(int argc, char **argv) {
    if (!engine_found(ENGINE_NATS)) return 0;
    engine_start(&server, ENGINE_NATS, "");
    url = "nats://127.0.0.1:" + std::to_string(server.port);
    must(natsConnection_ConnectTo(&connection, url.c_str()) == NATS_OK, "connect");
    must(natsConnection_JetStream(&jetstream, connection, nullptr) == NATS_OK, "JetStream");
    for (size_t bytes : {64u, 1024u}) {
        for (size_t batch : {10u, 100u, 1000u}) {
            std::string name = "bytes:" + std::to_string(bytes) + ",batch:" + std::to_string(batch);
            const uint64_t count = batch == 10 ? 5000 : 50000;
            for (bool flushed : {false, true}) {
                const std::string way = flushed ? "ceiling/flush/" : "ceiling/fetch/";
                rows::add_fixed(way + name, count, [=](uint64_t events) {
                    return by_hand(events, bytes, static_cast<int>(batch), flushed);
                });
            }
            rows::add_fixed("weir/pipeline/" + name, count,
                            [=](uint64_t events) { return by_pipeline(events, bytes, batch); });
        }
    }
    int status = rows::run(argc, argv);
    jsCtx_Destroy(jetstream);
    natsConnection_Destroy(connection);
    engine_end(&server);
    nats_Close();
    return status;
}
