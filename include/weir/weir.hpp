/*
 * weir for C++20: the same library, with options written where they are handed over.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   weir_must(weir_stage_start(runtime, {.kind = WEIR_CONSUMER,
 *                                        .on = {.handle_events = count}}, &consumer));
 *
 * In C one writes &(weir_stage_options){...} there; C++ takes no address of what is made in
 * passing.  Each function below takes such options by reference, and calls the one of the same
 * name.  Options that in C may be NULL may be left out where nothing stands behind them, or are
 * {}; rows of stages may be lists:
 *
 *   weir_ref stages[3];
 *   weir_must(weir_stages_start(runtime, {{.kind = WEIR_PRODUCER, ...},
 *                                         {.kind = WEIR_PRODUCER_CONSUMER, ...},
 *                                         {.kind = WEIR_CONSUMER, ...}}, stages));
 *   weir_must(weir_chain(runtime, stages, 3));
 *
 * Everything else is as in C, from weir.h; handles that close, stages that are objects or lambdas,
 * typed events and contained exceptions are in the headers that this one includes at its end, and
 * docs/languages.md shows them.  The connectors' functions are here where their headers
 * are (nats.h, redis.h, kafka.h); a program that calls them links weir::nats and so on.
 *
 * Designated initializers of C++20 follow the order in which the members are declared, and
 * say .on = {.init = f} for .on.init = f.  With -Wextra g++, and clang from 18 on, want a value
 * for every member, which is just what is not needed: say -Wno-missing-field-initializers, too.
 *
 * Callbacks in options are functions, or lambdas that capture nothing.  They are called from C,
 * through which no exception may pass: make them noexcept.  (Those of weir::start may throw.)
 */
#ifndef WEIR_HPP
#define WEIR_HPP

#include <initializer_list>
#include <weir/weir.h>
#if __has_include(<weir/nats.h>)
#include <weir/nats.h>
#endif
#if __has_include(<weir/redis.h>)
#include <weir/redis.h>
#endif
#if __has_include(<weir/kafka.h>)
#include <weir/kafka.h>
#endif

inline weir_status weir_runtime_open(const weir_runtime_options &options, weir_runtime **out) {
    return weir_runtime_open(&options, out);
}

inline weir_status weir_stage_start(weir_runtime *runtime, const weir_stage_options &options,
                                    weir_ref *out = nullptr) {
    return weir_stage_start(runtime, &options, out);
}

/* `out` has room for as many references as the list has stages. */
inline weir_status weir_stages_start(weir_runtime *runtime,
                                     std::initializer_list<weir_stage_options> options,
                                     weir_ref *out = nullptr) {
    return weir_stages_start(runtime, options.begin(), options.size(), out);
}

inline weir_status weir_chain(weir_runtime *runtime, const weir_ref *stages, size_t count,
                              const weir_subscribe_options &options = {}) {
    return weir_chain(runtime, stages, count, &options);
}

inline weir_status weir_chain(weir_runtime *runtime, std::initializer_list<weir_ref> stages,
                              const weir_subscribe_options &options = {}) {
    return weir_chain(runtime, stages.begin(), stages.size(), &options);
}

inline weir_status weir_subscribe(weir_runtime *runtime, weir_ref consumer, weir_ref producer,
                                  const weir_subscribe_options &options = {},
                                  weir_subscription *out = nullptr) {
    return weir_subscribe(runtime, consumer, producer, &options, out);
}

inline weir_status weir_subscribe_wait(weir_runtime *runtime, weir_ref consumer, weir_ref producer,
                                       const weir_subscribe_options &options, uint64_t timeout_ns,
                                       weir_subscription *out = nullptr) {
    return weir_subscribe_wait(runtime, consumer, producer, &options, timeout_ns, out);
}

inline weir_status weir_resubscribe(weir_runtime *runtime, weir_subscription old,
                                    weir_reason reason, weir_ref producer,
                                    const weir_subscribe_options &options = {},
                                    weir_subscription *out = nullptr) {
    return weir_resubscribe(runtime, old, reason, producer, &options, out);
}

inline weir_status weir_resubscribe_wait(weir_runtime *runtime, weir_subscription old,
                                         weir_reason reason, weir_ref producer,
                                         const weir_subscribe_options &options, uint64_t timeout_ns,
                                         weir_subscription *out = nullptr) {
    return weir_resubscribe_wait(runtime, old, reason, producer, &options, timeout_ns, out);
}

inline weir_status weir_inlet_open(weir_runtime *runtime, const weir_inlet_options &options,
                                   weir_inlet **out, weir_ref *stage = nullptr) {
    return weir_inlet_open(runtime, &options, out, stage);
}

inline weir_status weir_iterator_start(weir_runtime *runtime, const weir_iterator_options &options,
                                       weir_ref *out = nullptr) {
    return weir_iterator_start(runtime, &options, out);
}

inline weir_status weir_poller_start(weir_runtime *runtime, const weir_poller_options &options,
                                     weir_ref *out = nullptr) {
    return weir_poller_start(runtime, &options, out);
}

inline weir_status weir_stream_open(weir_runtime *runtime, const weir_stream_options &options,
                                    weir_stream **out) {
    return weir_stream_open(runtime, &options, out);
}

inline weir_status weir_stream_subscribe(weir_stream *stream, weir_ref producer,
                                         const weir_subscribe_options &options = {},
                                         weir_subscription *out = nullptr) {
    return weir_stream_subscribe(stream, producer, &options, out);
}

inline weir_status weir_pool_open(weir_runtime *runtime, const weir_pool_options &options,
                                  weir_pool **out, weir_ref *stage = nullptr) {
    return weir_pool_open(runtime, &options, out, stage);
}

inline weir_status weir_pool_iterate(weir_runtime *runtime, const weir_iterator_options &options,
                                     weir_pool **out, weir_ref *stage = nullptr) {
    return weir_pool_iterate(runtime, &options, out, stage);
}

inline weir_status weir_batcher_start(weir_runtime *runtime, const weir_batcher_options &options,
                                      weir_ref *out = nullptr) {
    return weir_batcher_start(runtime, &options, out);
}

inline weir_status weir_retry_start(weir_runtime *runtime, const weir_retry_options &options,
                                    weir_ref *out = nullptr) {
    return weir_retry_start(runtime, &options, out);
}

inline weir_status weir_conflate_start(weir_runtime *runtime, const weir_conflate_options &options,
                                       weir_ref *out = nullptr) {
    return weir_conflate_start(runtime, &options, out);
}

inline weir_status weir_window_start(weir_runtime *runtime, const weir_window_options &options,
                                     weir_ref *out = nullptr) {
    return weir_window_start(runtime, &options, out);
}

inline weir_status weir_rate_open(weir_runtime *runtime, const weir_rate_options &options,
                                  weir_rate **out) {
    return weir_rate_open(runtime, &options, out);
}

inline weir_status weir_rate_set(weir_rate *rate, const weir_rate_options &options) {
    return weir_rate_set(rate, &options);
}

inline weir_status weir_source_open(weir_runtime *runtime, const weir_source_options &options,
                                    weir_source **out, weir_ref *stage = nullptr) {
    return weir_source_open(runtime, &options, out, stage);
}

inline weir_status weir_pipeline_open(weir_runtime *runtime, const weir_pipeline_options &options,
                                      weir_pipeline **out) {
    return weir_pipeline_open(runtime, &options, out);
}

inline weir_status weir_file_source_open(const weir_file_source_options &options,
                                         weir_file_source **out) {
    return weir_file_source_open(&options, out);
}

inline weir_status weir_file_sink_open(const weir_file_sink_options &options,
                                       weir_file_sink **out) {
    return weir_file_sink_open(&options, out);
}

inline weir_status weir_supervisor_start(weir_runtime *runtime,
                                         const weir_supervisor_options &options,
                                         weir_ref *out = nullptr) {
    return weir_supervisor_start(runtime, &options, out);
}

inline weir_status weir_supervisor_start_child(weir_runtime *runtime, weir_ref supervisor,
                                               const weir_supervised &child, uint64_t timeout_ns,
                                               uint32_t *number = nullptr,
                                               weir_ref *out = nullptr) {
    return weir_supervisor_start_child(runtime, supervisor, &child, timeout_ns, number, out);
}

#ifdef WEIR_NATS_H
inline weir_status weir_nats_source_open(const weir_nats_source_options &options,
                                         weir_nats_source **out) {
    return weir_nats_source_open(&options, out);
}

inline weir_status weir_nats_sink_open(const weir_nats_sink_options &options,
                                       weir_nats_sink **out) {
    return weir_nats_sink_open(&options, out);
}
#endif

#ifdef WEIR_REDIS_H
inline weir_status weir_redis_source_open(const weir_redis_source_options &options,
                                          weir_redis_source **out) {
    return weir_redis_source_open(&options, out);
}

inline weir_status weir_redis_sink_open(const weir_redis_sink_options &options,
                                        weir_redis_sink **out) {
    return weir_redis_sink_open(&options, out);
}
#endif

#ifdef WEIR_KAFKA_H
inline weir_status weir_kafka_source_open(const weir_kafka_source_options &options,
                                          weir_kafka_source **out) {
    return weir_kafka_source_open(&options, out);
}

inline weir_status weir_kafka_sink_open(const weir_kafka_sink_options &options,
                                        weir_kafka_sink **out) {
    return weir_kafka_sink_open(&options, out);
}
#endif

#include <weir/handles.hpp>
#include <weir/parts.hpp>

#endif
