// Subscribe time: how long the life of an edge, and of a stage, takes to begin and end.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  How often per second does the main thread subscribe a consumer to a producer,
// wait until both have accepted, cancel and see the end, with both on one worker and on
// two, and where the producer has 1,000 other consumers?  How often does it start a stage and stop
// it?
//
// Prediction.  The main thread sleeps twice in each, until it is answered, and what
// that takes, a futex's wake or two, is what counts: some 10 us on one worker; on two
// the producer's worker is asked as well, twice.  A stage is one sleep.
#include "graph_rows.h"

namespace {

weir_verdict note_cancel(weir_stage *self, const weir_peer *peer, weir_cancel_cause cause,
                         weir_reason reason) {
    (void)peer, (void)cause, (void)reason;
    sem_post(*static_cast<sem_t **>(weir_state(self)));
    return WEIR_CONTINUE;
}

weir_verdict take(weir_stage *self, weir_batch batch) {
    (void)self, (void)batch;
    return WEIR_CONTINUE;
}

// A consumer that posts `ended` when a subscription ends.
weir_ref start_consumer(weir_runtime *runtime, unsigned worker, sem_t *ended) {
    weir_stage_options options = {};
    options.kind = WEIR_CONSUMER;
    options.state_bytes = sizeof ended;
    options.state = &ended;
    options.worker = worker;
    options.on.handle_events = take;
    options.on.handle_cancel = note_cancel;
    weir_ref consumer;
    part_must(weir_stage_start(runtime, &options, &consumer));
    return consumer;
}

weir_ref start_producer(weir_runtime *runtime) {
    part_source source = {};
    source.event_bytes = sizeof(uint64_t);
    source.worker = WEIR_WORKER(0);
    source.stays = true;
    return part_start_source(runtime, &source);
}

void subscribe_others(weir_runtime *runtime, weir_ref producer, unsigned worker, unsigned others,
                      sem_t *ended) {
    weir_subscribe_options window = {};
    window.cancel = WEIR_TEMPORARY;
    for (unsigned i = 0; i < others; i++) {
        weir_ref other = start_consumer(runtime, worker, ended);
        part_must(weir_subscribe(runtime, other, producer, &window, nullptr));
    }
    part_must(weir_runtime_settle(runtime, WEIR_FOREVER));
}

void subscribe_and_cancel(weir_runtime *runtime, unsigned workers, unsigned others,
                          uint64_t count) {
    sem_t ended;
    sem_init(&ended, 0, 0);
    weir_ref producer = start_producer(runtime);
    weir_ref consumer = start_consumer(runtime, WEIR_WORKER(workers - 1), &ended);
    subscribe_others(runtime, producer, WEIR_WORKER(workers - 1), others, &ended);
    weir_subscribe_options window = {};
    window.cancel = WEIR_TEMPORARY;
    for (uint64_t i = 0; i < count; i++) {
        weir_subscription subscription;
        part_must(
            weir_subscribe_wait(runtime, consumer, producer, &window, WEIR_FOREVER, &subscription));
        part_must(weir_cancel(runtime, subscription, WEIR_REASON_NORMAL));
        part_wait(&ended);
    }
    part_must(weir_runtime_stop(runtime, WEIR_REASON_NORMAL));
    part_must(weir_runtime_run(runtime, WEIR_FOREVER));
    sem_destroy(&ended);
}

void start_and_stop(weir_runtime *runtime, unsigned workers, unsigned others, uint64_t count) {
    (void)workers, (void)others;
    for (uint64_t i = 0; i < count; i++) {
        weir_ref stage = start_producer(runtime);
        part_must(weir_stop_wait(runtime, stage, WEIR_REASON_NORMAL, WEIR_FOREVER));
    }
}

using Work = void (*)(weir_runtime *runtime, unsigned workers, unsigned others, uint64_t count);

rows::Outcome run(unsigned workers, unsigned others, Work work, uint64_t count) {
    weir_runtime_options options = {};
    options.workers = workers;
    weir_runtime *runtime;
    part_must(weir_runtime_open(&options, &runtime));
    rows::Outcome outcome;
    double began = race_clock_ns();
    work(runtime, workers, others, count);
    outcome.nanoseconds = race_clock_ns() - began;
    weir_accounts accounts;
    part_must(weir_runtime_close(runtime, &accounts));
    outcome.correct = weir_accounts_check(&accounts) == nullptr;
    outcome.figures["ns"] = outcome.nanoseconds / static_cast<double>(count);
    return outcome;
}

void add(unsigned workers, unsigned others, const std::string &setting, Work work) {
    rows::add("weir/" + rows::place_name(workers) + "/" + setting,
              [=](uint64_t count) { return run(workers, others, work, count); });
}

} // namespace

int main(int argc, char **argv) {
    for (unsigned workers : {1u, 2u}) {
        add(workers, 0, "subscribe_cancel", subscribe_and_cancel);
        add(workers, 1000, "subscribe_cancel,others:1000", subscribe_and_cancel);
    }
    add(1, 0, "start_stop", start_and_stop);
    return rows::run(argc, argv);
}
