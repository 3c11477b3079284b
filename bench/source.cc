// Sources: messages that are acknowledged, from a driver's thread to a consumer.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  What does a message of 8 and of 120 bytes cost, from a driver that makes it, through
// the source's stage to a consumer that reads and drops it, its ack included, beside as many flat
// events of the message's own size (96 bytes) that a thread pushes into an inlet's port?  With the
// consumer on the source's worker, and on a second one.
//
// Prediction.  The port's figure, the copy of the payload, and some 20 ns for record, receipt and
// ack: nothing of it is a locked operation for a message.
//
// The driver's thread is one more than the workers: on two cores the split rows share.
#include "race.h"
#include "rows.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <weir/weir.h>

namespace {

struct Setting {
    size_t bytes;
    bool lends;
    unsigned workers;
    size_t max_demand;
};

struct Field {
    Setting setting;
    uint64_t total;
    uint64_t made = 0;
    uint64_t acked = 0;
    uint64_t sum = 0;
    uint64_t seen = 0;
    double ended = 0;
    char lent[256] = {};
};

void must(weir_status status) {
    if (status != WEIR_OK) {
        std::fprintf(stderr, "%s: %s\n", weir_status_text(status), weir_refusal());
        std::exit(1);
    }
}

weir_pulled pull(void *context, weir_pull *pull, uint64_t events, uint64_t, uint64_t) {
    auto *field = static_cast<Field *>(context);
    char data[256] = {};
    weir_incoming incoming = {};
    char *at = field->setting.lends ? field->lent : data;
    incoming.data.at = at;
    incoming.data.count = static_cast<uint32_t>(field->setting.bytes);
    incoming.lent = field->setting.lends;
    for (; events > 0 && field->made < field->total; events--) {
        incoming.token = field->made;
        if (!field->setting.lends) std::memcpy(at, &field->made, sizeof field->made);
        if (!weir_pull_add(pull, &incoming)) break;
        field->made++;
    }
    return field->made == field->total ? WEIR_SOURCE_END : WEIR_PULLED;
}

weir_pulled ack(void *context, const weir_ack *acks, size_t count) {
    auto *field = static_cast<Field *>(context);
    for (size_t i = 0; i < count; i++) field->acked += acks[i].outcome == WEIR_MESSAGE_OK;
    return WEIR_PULLED;
}

void release(void *, uint64_t) {}

weir_verdict take_messages(weir_stage *self, weir_batch batch) {
    Field *field = *static_cast<Field **>(weir_state(self));
    const auto *messages = static_cast<const weir_message *>(batch.events);
    uint64_t sum = 0;
    for (size_t i = 0; i < batch.count; i++) {
        uint64_t number;
        std::memcpy(&number, messages[i].data.at, sizeof number);
        sum += number;
    }
    field->sum += sum;
    field->seen += batch.count;
    return WEIR_CONTINUE;
}

weir_verdict take_flat(weir_stage *self, weir_batch batch) {
    Field *field = *static_cast<Field **>(weir_state(self));
    const auto *events = static_cast<const unsigned char *>(batch.events);
    uint64_t sum = 0;
    for (size_t i = 0; i < batch.count; i++) {
        uint64_t number;
        std::memcpy(&number, events + i * field->setting.bytes, sizeof number);
        sum += number;
    }
    field->sum += sum;
    field->seen += batch.count;
    return WEIR_CONTINUE;
}

weir_runtime *open_runtime(const Setting &setting) {
    weir_runtime_options options = {};
    options.workers = setting.workers;
    weir_runtime *runtime;
    must(weir_runtime_open(&options, &runtime));
    return runtime;
}

void consume(weir_runtime *runtime, Field *field, weir_ref from,
             weir_verdict (*handle)(weir_stage *, weir_batch)) {
    weir_subscribe_to to = {};
    to.producer = from;
    to.options.max_demand = field->setting.max_demand;
    weir_stage_options options = {};
    options.kind = WEIR_CONSUMER;
    options.state = &field;
    options.state_bytes = sizeof field;
    options.worker = WEIR_WORKER(field->setting.workers - 1);
    options.subscribe_to = &to;
    options.subscribe_count = 1;
    options.on.handle_events = handle;
    must(weir_stage_start(runtime, &options, nullptr));
}

race_result outcome(const Field &field, double began, uint64_t acked) {
    uint64_t total = field.total;
    bool summed = field.setting.lends || field.sum == total * (total - 1) / 2;
    race_result result = {};
    result.nanoseconds = race_clock_ns() - began;
    result.correct = summed && field.seen == total && acked == total;
    return result;
}

race_result run_source(const Setting &setting, uint64_t total) {
    Field field = {setting, total};
    weir_source_driver driver = {};
    driver.pull = pull;
    driver.ack = ack;
    driver.release = release;
    weir_source_options options = {};
    options.driver = &driver;
    options.context = &field;
    options.worker = WEIR_WORKER(0);
    weir_source *source;
    weir_ref stage;
    weir_runtime *runtime = open_runtime(setting);
    double began = race_clock_ns();
    must(weir_source_open(runtime, &options, &source, &stage));
    consume(runtime, &field, stage, take_messages);
    must(weir_runtime_run(runtime, WEIR_FOREVER));
    race_result result = outcome(field, began, field.acked);
    must(weir_source_close(source));
    must(weir_runtime_close(runtime, nullptr));
    return result;
}

race_result run_port(const Setting &setting, uint64_t total) {
    Field field = {setting, total};
    weir_inlet_options options = {};
    options.event_bytes = setting.bytes;
    options.capacity = 1024;
    options.when_full = WEIR_BLOCK;
    options.worker = WEIR_WORKER(0);
    weir_inlet *inlet;
    weir_port *port;
    weir_ref stage;
    weir_runtime *runtime = open_runtime(setting);
    double began = race_clock_ns();
    must(weir_inlet_open(runtime, &options, &inlet, &stage));
    must(weir_port_open(inlet, &port));
    consume(runtime, &field, stage, take_flat);
    std::thread pusher([&] {
        constexpr size_t kMany = 64;
        std::string events(kMany * setting.bytes, 0);
        for (uint64_t next = 0; next < total;) {
            size_t count = total - next < kMany ? static_cast<size_t>(total - next) : kMany;
            for (size_t i = 0; i < count; i++, next++) {
                std::memcpy(&events[i * setting.bytes], &next, sizeof next);
            }
            must(weir_port_push(port, events.data(), count, WEIR_FOREVER));
        }
        weir_port_close(port);
        must(weir_inlet_finish(inlet));
    });
    pusher.join();
    must(weir_runtime_run(runtime, WEIR_FOREVER));
    race_result result = outcome(field, began, total);
    weir_inlet_close(inlet);
    must(weir_runtime_close(runtime, nullptr));
    return result;
}

void add(const std::string &name, const Setting &setting,
         race_result (*run)(const Setting &, uint64_t)) {
    rows::add(name, [=](uint64_t count) {
        rows::Outcome outcome = run(setting, count);
        outcome.figures["ns_per_message"] = outcome.nanoseconds / static_cast<double>(count);
        return outcome;
    });
}

} // namespace

int main(int argc, char **argv) {
    for (unsigned workers : {1u, 2u}) {
        std::string place = workers == 1 ? "weir/one_worker/" : "weir/two_workers/";
        add(place + "source,bytes:8", {8, false, workers, 0}, run_source);
        add(place + "source,bytes:120", {120, false, workers, 0}, run_source);
        add(place + "source,lent:120", {120, true, workers, 0}, run_source);
        add(place + "source,demand:20,bytes:120", {120, false, workers, 20}, run_source);
        add(place + "port,flat:96", {96, false, workers, 0}, run_port);
        add(place + "port,flat:8", {8, false, workers, 0}, run_port);
    }
    return rows::run(argc, argv);
}
