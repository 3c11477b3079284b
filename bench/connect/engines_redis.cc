// Redis Streams: entries of a stream through a pipeline to a counting sink, acks included; and
// messages into a stream.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  How much of what hiredis does by hand, XREADGROUP of so many and one XACK for them, is
// left when a pipeline stands between?  And of XADD, so many at a time?  Entries of 64 and of 1,024
// bytes, in batches of 10, 100 and 1,000; a server of its own on loopback, without files.
//
// Prediction.  The server is what takes time, on the same cores.  The loop by hand waits for it,
// and then it waits for the loop; a pipeline has a question with the server while it handles the
// last answer's entries, and takes no block of memory for each string.  So it is not behind at
// batches of 100 and more.
//
// Rows are ceiling/read,... and ceiling/add,... (hiredis by hand), weir/read,... and weir/add,...
#include "connect/engines.h"

extern "C" {
#include "connect/engine.h"
}

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <hiredis/hiredis.h>
#include <string>
#include <unistd.h>
#include <vector>
#include <weir/redis.h>
#include <weir/weir.h>

namespace {

struct engine server;
std::string address;
redisContext *client;

void must(bool done, const char *what) {
    if (!done) {
        std::fprintf(stderr, "engines_redis: %s: %s; %s\n", what, client ? client->errstr : "",
                     weir_refusal());
        std::exit(1);
    }
}

redisReply *answer() {
    void *reply = nullptr;
    must(redisGetReply(client, &reply) == REDIS_OK, "answer");
    return static_cast<redisReply *>(reply);
}

long long ask(const char *command) {
    must(redisAppendCommand(client, command) == REDIS_OK, command);
    redisReply *reply = answer();
    must(reply->type != REDIS_REPLY_ERROR, reply->str);
    long long number = reply->type == REDIS_REPLY_ARRAY && reply->elements > 0
                           ? reply->element[0]->integer
                           : reply->integer;
    freeReplyObject(reply);
    return number;
}

// ---- into a stream ------------------------------------------------------------------------

void add_by_hand(uint64_t count, size_t bytes, uint64_t batch) {
    std::string data(bytes, 'x');
    const char *words[] = {"XADD", "jobs", "*", "data", data.data()};
    const size_t lengths[] = {4, 4, 1, 4, bytes};
    for (uint64_t i = 0; i < count;) {
        uint64_t first = i;
        for (; i < count && i - first < batch; i++) {
            std::memcpy(&data[0], &i, sizeof i);
            redisAppendCommandArgv(client, 5, words, lengths);
        }
        for (; first < i; first++) freeReplyObject(answer());
    }
}

rows::Outcome adding_by_hand(uint64_t count, size_t bytes, uint64_t batch) {
    ask("FLUSHALL");
    rows::Outcome outcome;
    double began = race_clock_ns();
    add_by_hand(count, bytes, batch);
    outcome.nanoseconds = race_clock_ns() - began;
    outcome.correct = ask("XLEN jobs") == static_cast<long long>(count);
    return outcome;
}

// What a pipeline with a sink is fed with.
struct Flood {
    uint64_t next;
    uint64_t count;
    std::string data;
};

weir_pulled flood(void *context, weir_pull *pull, uint64_t events, uint64_t, uint64_t) {
    auto *self = static_cast<Flood *>(context);
    weir_incoming incoming = {};
    incoming.data.at = self->data.data();
    incoming.data.count = static_cast<uint32_t>(self->data.size());
    for (; events > 0 && self->next < self->count; events--, self->next++) {
        std::memcpy(&self->data[0], &self->next, sizeof self->next);
        if (!weir_pull_add(pull, &incoming)) break;
    }
    return self->next < self->count ? WEIR_PULLED : WEIR_SOURCE_END;
}

rows::Outcome adding_by_pipeline(uint64_t count, size_t bytes, size_t batch) {
    ask("FLUSHALL");
    Flood self = {0, count, std::string(bytes, 'x')};
    weir_source_driver driver = {};
    driver.name = "flood";
    driver.pull = flood;
    weir_redis_sink_options options = {};
    options.server.address = address.c_str();
    options.stream = "jobs";
    weir_redis_sink *sink;
    weir_runtime *runtime;
    weir_pipeline *pipeline;
    must(weir_redis_sink_open(&options, &sink) == WEIR_OK, "sink");
    weir_runtime_options one = {};
    one.workers = 1;
    one.unpinned = true;
    must(weir_runtime_open(&one, &runtime) == WEIR_OK, "runtime");
    void *contexts[] = {&self}, *sinks[] = {sink};
    weir_pipeline_batcher batcher = {};
    batcher.name = "sink";
    batcher.size = batch;
    batcher.sink = weir_redis_sink_table(sink);
    batcher.sink_contexts = sinks;
    weir_pipeline_options how = {};
    how.source = &driver;
    how.source_contexts = contexts;
    how.source_count = 1;
    how.batchers = &batcher;
    how.batcher_count = 1;
    rows::Outcome outcome;
    double began = race_clock_ns();
    must(weir_pipeline_open(runtime, &how, &pipeline) == WEIR_OK, "pipeline");
    weir_pipeline_await(pipeline, WEIR_FOREVER);
    outcome.nanoseconds = race_clock_ns() - began;
    outcome.correct = ask("XLEN jobs") == static_cast<long long>(count);
    must(weir_pipeline_close(pipeline, nullptr) == WEIR_OK, "close");
    must(weir_runtime_close(runtime, nullptr) == WEIR_OK, "close");
    weir_redis_sink_close(sink);
    return outcome;
}

// ---- out of a stream ----------------------------------------------------------------------

void fill(uint64_t count, size_t bytes) {
    ask("FLUSHALL");
    add_by_hand(count, bytes, 500);
    ask("XGROUP CREATE jobs workers 0");
}

rows::Outcome reading_by_hand(uint64_t count, size_t bytes, size_t batch) {
    fill(count, bytes);
    std::string question =
        "XREADGROUP GROUP workers me COUNT " + std::to_string(batch) + " BLOCK 1000 STREAMS jobs >";
    uint64_t seen = 0, sum = 0;
    rows::Outcome outcome;
    double began = race_clock_ns();
    while (seen < count) {
        auto *reply = static_cast<redisReply *>(redisCommand(client, question.c_str()));
        if (reply == nullptr || reply->type != REDIS_REPLY_ARRAY) break;
        const redisReply *entries = reply->element[0]->element[1];
        std::vector<const char *> words = {"XACK", "jobs", "workers"};
        std::vector<size_t> lengths = {4, 4, 7};
        for (size_t i = 0; i < entries->elements; i++) {
            const redisReply *entry = entries->element[i];
            sum += engines::number_of(entry->element[1]->element[1]->str);
            words.push_back(entry->element[0]->str);
            lengths.push_back(entry->element[0]->len);
        }
        seen += entries->elements;
        freeReplyObject(
            redisCommandArgv(client, static_cast<int>(words.size()), words.data(), lengths.data()));
        freeReplyObject(reply);
    }
    outcome.nanoseconds = race_clock_ns() - began;
    outcome.correct = engines::right(count, seen, sum) && ask("XPENDING jobs workers") == 0;
    return outcome;
}

// Waits until the server has read every ack: a source hears of that with its next pull.
bool all_acked() {
    for (int tries = 0; tries < 10000; tries++) {
        if (ask("XPENDING jobs workers") == 0) return true;
        usleep(200);
    }
    return false;
}

rows::Outcome reading_by_pipeline(uint64_t count, size_t bytes, size_t batch) {
    fill(count, bytes);
    weir_redis_source_options options = {};
    options.server.address = address.c_str();
    options.stream = "jobs";
    options.group = "workers";
    weir_redis_source *source;
    must(weir_redis_source_open(&options, &source) == WEIR_OK, "source");
    rows::Outcome outcome = engines::through_pipeline(weir_redis_source_driver(source), source,
                                                      count, batch, false, all_acked);
    weir_redis_source_close(source);
    return outcome;
}

using Way = rows::Outcome (*)(uint64_t, size_t, size_t);

void add_row(const char *name, Way way, size_t bytes, size_t batch) {
    rows::add_fixed(
        std::string(name) + "/bytes:" + std::to_string(bytes) + ",batch:" + std::to_string(batch),
        batch == 10 ? 20000 : 60000, [=](uint64_t events) { return way(events, bytes, batch); });
}

} // namespace

int main(int argc, char **argv) {
    if (!engine_found(ENGINE_REDIS)) return 0;
    engine_start(&server, ENGINE_REDIS, "");
    address = "127.0.0.1:" + std::to_string(server.port);
    client = redisConnect("127.0.0.1", static_cast<int>(server.port));
    must(client != nullptr && client->err == 0, "connect");
    for (size_t bytes : {64u, 1024u}) {
        for (size_t batch : {10u, 100u, 1000u}) {
            add_row("ceiling/read", reading_by_hand, bytes, batch);
            add_row("weir/read", reading_by_pipeline, bytes, batch);
            add_row("ceiling/add", adding_by_hand, bytes, batch);
            add_row("weir/add", adding_by_pipeline, bytes, batch);
        }
    }
    int status = rows::run(argc, argv);
    redisFree(client);
    engine_end(&server);
    return status;
}
