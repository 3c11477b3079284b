/*
 * Each form that weir.hpp adds, as a program writes it: run compiles it and runs it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: options in braces, options left out, rows of stages and of references in braces, with
 * and without the last argument, mean one function each, and do what that one does in C.
 * Method: a number goes through each pair that is connected; the sum says that all were.
 */
#include <cstdio>
#include <weir/weir.hpp>

namespace {

constexpr uint64_t WORD = sizeof(uint64_t);
constexpr weir_thread_options THREADS = {.name = "forms", .stack_bytes = WEIR_STACK_BYTES_LEAST};
constexpr weir_memory_options MEMORY = {.ready_bytes = 1};
constexpr weir_subscribe_options FEW = {.max_demand = 2};

weir_verdict one(weir_stage *self, uint64_t) noexcept {
    const uint64_t number = 1;
    weir_must(weir_emit(self, &number, 1));
    return WEIR_FINISH;
}

weir_verdict add(weir_stage *self, weir_batch batch) noexcept {
    **static_cast<uint64_t **>(weir_state(self)) += batch.count;
    return WEIR_CONTINUE;
}

weir_made none(void *, weir_room) noexcept {
    return {0, WEIR_ITERATOR_END};
}

weir_task_result task(void *, const void *, weir_task *) noexcept {
    return WEIR_TASK_OK;
}

uint64_t key(void *, const void *) noexcept {
    return 1;
}

weir_place place(void *, const void *) noexcept {
    return {};
}

weir_outcome store(void *, weir_message *, size_t count, const weir_batch_info *) noexcept {
    return count == 1 ? WEIR_MESSAGE_OK : WEIR_MESSAGE_FAILED;
}

uint64_t sum = 0, *to_sum = &sum;
constexpr weir_stage_options SOURCE = {
    .kind = WEIR_PRODUCER, .event_bytes = WORD, .on = {.handle_demand = one}};
const weir_stage_options SINK = {.kind = WEIR_CONSUMER,
                                 .takes_bytes = WORD,
                                 .state = &to_sum,
                                 .state_bytes = sizeof to_sum,
                                 .on = {.handle_events = add}};

/* A source and a sink, to be connected. */
struct pair {
    weir_ref ends[2];
    explicit pair(weir_runtime *runtime) {
        weir_must(weir_stages_start(runtime, {SOURCE, SINK}, ends));
    }
    weir_ref source() const {
        return ends[0];
    }
    weir_ref sink() const {
        return ends[1];
    }
};

/* Returns how many pairs it has connected. */
unsigned chains(weir_runtime *runtime) {
    const pair a(runtime), b(runtime), c(runtime), d(runtime), e(runtime), f(runtime);
    weir_must(weir_chain(runtime, a.ends, 2));
    weir_must(weir_chain(runtime, b.ends, 2, {}));
    weir_must(weir_chain(runtime, c.ends, 2, {.max_demand = 2}));
    weir_must(weir_chain(runtime, d.ends, 2, nullptr)); /* C's own */
    weir_must(weir_chain(runtime, {e.source(), e.sink()}));
    weir_must(weir_chain(runtime, {f.source(), f.sink()}, {.max_demand = 2}));
    return 6;
}

unsigned subscriptions(weir_runtime *runtime) {
    const pair a(runtime), b(runtime), c(runtime), d(runtime), e(runtime);
    weir_subscription out;
    weir_must(weir_subscribe(runtime, a.sink(), a.source()));
    weir_must(weir_subscribe(runtime, b.sink(), b.source(), {.max_demand = 2}));
    weir_must(weir_subscribe(runtime, c.sink(), c.source(), {}, &out));
    weir_must(weir_subscribe(runtime, d.sink(), d.source(), FEW, &out));
    weir_must(weir_subscribe_wait(runtime, e.sink(), e.source(), {}, WEIR_FOREVER));
    return 5;
}

/* Two producers that keep what they have to themselves, and then one that does not. */
unsigned replaced(weir_runtime *runtime) {
    constexpr weir_stage_options silent = {.kind = WEIR_PRODUCER,
                                           .event_bytes = WORD,
                                           .demand = WEIR_ACCUMULATE,
                                           .on = {.handle_demand = one}};
    weir_ref producers[3], sink;
    weir_subscription first, second;
    weir_must(weir_stages_start(runtime, {silent, silent, SOURCE}, producers));
    weir_must(weir_stage_start(runtime, SINK, &sink));
    weir_must(weir_subscribe(runtime, sink, producers[0], FEW, &first));
    weir_must(weir_resubscribe(runtime, first, WEIR_REASON_NORMAL, producers[1], {}, &second));
    weir_must(weir_resubscribe_wait(runtime, second, WEIR_REASON_NORMAL, producers[2], FEW,
                                    WEIR_FOREVER));
    weir_must(weir_stop(runtime, producers[0], WEIR_REASON_NORMAL));
    weir_must(weir_stop(runtime, producers[1], WEIR_REASON_NORMAL));
    return 1;
}

void parts(weir_runtime *runtime) {
    weir_inlet *inlet;
    weir_stream *stream;
    weir_pool *pool, *turns;
    weir_ref iterator, supervisor;
    weir_must(weir_inlet_open(runtime, {.event_bytes = WORD}, &inlet));
    weir_must(weir_iterator_start(runtime, {.event_bytes = WORD, .next = none}, &iterator));
    weir_must(weir_poller_start(runtime, {.stage = &SOURCE}));
    weir_must(weir_stream_open(runtime, {.event_bytes = WORD, .close_ns = 1}, &stream));
    weir_must(weir_stream_subscribe(stream, iterator));
    weir_must(weir_pool_open(runtime, {.event_bytes = WORD, .task = task}, &pool));
    weir_must(weir_pool_iterate(runtime, {.event_bytes = WORD, .next = none}, &turns));
    weir_source *source;
    weir_must(weir_source_open(runtime, {.name = "source"}, &source));
    weir_must(weir_source_close(source));
    weir_must(weir_supervisor_start(runtime, {.name = "supervisor"}, &supervisor));
    weir_inlet_close(inlet);
    weir_stream_close(stream);
    weir_pool_close(pool, nullptr);
    weir_pool_close(turns, nullptr);
}

/* Stages that gather, keep back, replace and count; each with and without its last argument. */
void stages(weir_runtime *runtime) {
    weir_ref out;
    weir_must(weir_batcher_start(runtime, {.event_bytes = WORD}, &out));
    weir_must(weir_batcher_start(runtime, {.event_bytes = WORD}));
    weir_must(weir_retry_start(runtime, {.event_bytes = WORD, .backoff = {.first_ns = 1}}, &out));
    weir_must(weir_retry_start(runtime, {.event_bytes = WORD, .backoff = {.first_ns = 1}}));
    weir_must(weir_conflate_start(runtime, {.event_bytes = WORD, .key = key}, &out));
    weir_must(weir_conflate_start(runtime, {.event_bytes = WORD, .key = key}));
    weir_must(weir_window_start(runtime, {.takes_bytes = WORD, .place = place}, &out));
    weir_must(weir_window_start(runtime, {.takes_bytes = WORD, .place = place}));
}

/* A pipeline with a rate, and what it may read from and write to.  One message goes through. */
unsigned pipelines(weir_runtime *runtime) {
    weir_rate *rate;
    weir_pipeline *pipeline;
    weir_file_source *lines;
    weir_file_sink *file;
    weir_pipeline_stats stats;
    const char *const paths[] = {"/dev/null"};
    const weir_message message = {.data = {.at = "one", .count = 3}};
    const weir_pipeline_batcher batchers[] = {{.name = "store", .handle_batch = store}};
    weir_must(weir_rate_open(runtime, {.allowed = 1}, &rate));
    weir_must(weir_rate_set(rate, {.allowed = 2, .burst = 1}));
    weir_must(weir_file_source_open({.paths = paths, .path_count = 1}, &lines));
    weir_must(weir_file_sink_open({.path = "/dev/null"}, &file));
    weir_must(weir_pipeline_open(runtime,
                                 {.name = "forms",
                                  .processors = {.count = 2, .rate = rate},
                                  .batchers = batchers,
                                  .batcher_count = 1},
                                 &pipeline));
    weir_must(weir_pipeline_push(pipeline, &message, 1));
    weir_must(weir_pipeline_close(pipeline, &stats));
    weir_file_sink_close(file);
    weir_file_source_close(lines);
    weir_rate_close(rate);
    return static_cast<unsigned>(stats.done);
}

/* The connectors are libraries of their own, so these are compiled, and not called. */
#ifdef WEIR_NATS_H
static_assert(sizeof weir_nats_source_open({.stream = "jobs"}, nullptr) > 0);
static_assert(sizeof weir_nats_sink_open({.subject = "done"}, nullptr) > 0);
#endif
#ifdef WEIR_REDIS_H
static_assert(sizeof weir_redis_source_open({.stream = "jobs"}, nullptr) > 0);
static_assert(sizeof weir_redis_sink_open({.stream = "done"}, nullptr) > 0);
#endif
#ifdef WEIR_KAFKA_H
static_assert(sizeof weir_kafka_source_open({.group = "jobs"}, nullptr) > 0);
static_assert(sizeof weir_kafka_sink_open({.topic = "done"}, nullptr) > 0);
#endif

} // namespace

int main() {
    weir_runtime *runtime;
    weir_must(weir_runtime_open(
        {.mode = WEIR_STEPPED, .workers = 1, .threads = &THREADS, .memory = &MEMORY}, &runtime));
    const unsigned connected = chains(runtime) + subscriptions(runtime) + replaced(runtime);
    weir_must(weir_runtime_run(runtime, WEIR_FOREVER));
    parts(runtime);
    stages(runtime);
    const unsigned stored = pipelines(runtime);
    weir_must(weir_runtime_close(runtime, nullptr));
    std::printf("%llu of %u\n", static_cast<unsigned long long>(sum), connected);
    return sum == connected && stored == 1 ? 0 : 1;
}
