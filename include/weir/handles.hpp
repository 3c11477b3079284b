/*
 * weir for C++20: what was opened is closed.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   weir::runtime runtime({.workers = 2});
 *   weir::inlet<order> orders(runtime, {.capacity = 1000});
 *   if (orders.push(order{1, 2}) == WEIR_FULL) ...
 *   for (const total &total : weir::stream<total>(runtime, sums)) ...
 *
 * A handle owns what it was opened for: it is moved, not copied, and its destructor closes.  It is
 * also the pointer that weir's own functions take, so whatever is not here is called as in C:
 *   weir_runtime_drain(runtime, WEIR_FOREVER, &report)
 * Declare the runtime first: what lives in it is then closed before it.
 *
 * Errors.  A constructor throws weir::error, which has weir's status and its sentence.  Who would
 * rather have a status calls `open`, which throws nothing, and may not be ignored:
 *   weir::runtime runtime;
 *   if (weir::runtime::open({.workers = 9999}, runtime) != WEIR_OK) puts(weir_refusal());
 * Results that are "not now" (FULL, TIMEOUT, END) are returned, and never thrown.
 *
 * Closing.  close() returns what weir's close did, and the handle is there still where that says
 * so (a callback that does not return: TIMEOUT).  A destructor cannot return it: it tells
 * weir::unclosed, which writes a line to stderr unless the program sets another, and waits on,
 * for what callbacks use must not go before they have ended.  Where waiting is of no use, inside
 * a callback (WRONG_THREAD), it tells as well, and leaves open what cannot be closed there.
 */
#ifndef WEIR_HPP
#include <weir/weir.hpp> /* which includes this one, where its turn is */
#elif !defined(WEIR_HANDLES_HPP)
#define WEIR_HANDLES_HPP

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace weir {

/* What a function has refused: "WEIR_INVALID: workers must be 1 to 1024, got 9999". */
class error : public std::runtime_error {
  public:
    explicit error(weir_status status)
        : std::runtime_error(std::string(weir_status_name(status)) + ": " + weir_refusal()),
          status_(status) {}
    weir_status status() const noexcept {
        return status_;
    }

  private:
    weir_status status_;
};

/* Throws for a negative status, with weir_refusal; returns any other. */
inline weir_status check(weir_status status) {
    if (status >= 0) return status;
#ifdef __cpp_exceptions
    throw error(status);
#else
    std::fprintf(stderr, "weir: %s: %s\n", weir_status_name(status), weir_refusal());
    std::abort();
#endif
}

inline void say_unclosed(const char *what, weir_status status, const char *why) noexcept {
    std::fprintf(stderr, "weir: %s was not closed: %s: %s\n", what, weir_status_name(status), why);
}

/* Called by destructors that could not close, each time; may be called on any thread. */
inline std::atomic<void (*)(const char *what, weir_status status, const char *why) noexcept>
    unclosed{say_unclosed};

/* How a T is closed, what it is called, and whether it is there still after TIMEOUT. */
template <typename T> struct closing;
#define WEIR_CLOSING(type, call, there)                          \
    template <> struct closing<weir_##type> {                    \
        static constexpr const char *name = #type;               \
        static constexpr bool stays = there;                     \
        static weir_status close(weir_##type *opened) noexcept { \
            return call;                                         \
        }                                                        \
    }
WEIR_CLOSING(runtime, weir_runtime_close(opened, nullptr), true);
WEIR_CLOSING(pipeline, weir_pipeline_close(opened, nullptr), true);
WEIR_CLOSING(source, weir_source_close(opened), true);
WEIR_CLOSING(pool, weir_pool_close(opened, nullptr), true);
WEIR_CLOSING(stream, weir_stream_close(opened), false);
WEIR_CLOSING(inlet, (weir_inlet_close(opened), WEIR_OK), false);
WEIR_CLOSING(port, (weir_port_close(opened), WEIR_OK), false);
WEIR_CLOSING(rate, (weir_rate_close(opened), WEIR_OK), false);
WEIR_CLOSING(file_source, (weir_file_source_close(opened), WEIR_OK), false);
WEIR_CLOSING(file_sink, (weir_file_sink_close(opened), WEIR_OK), false);
#ifdef WEIR_NATS_H
WEIR_CLOSING(nats_source, (weir_nats_source_close(opened), WEIR_OK), false);
WEIR_CLOSING(nats_sink, (weir_nats_sink_close(opened), WEIR_OK), false);
#endif
#ifdef WEIR_REDIS_H
WEIR_CLOSING(redis_source, (weir_redis_source_close(opened), WEIR_OK), false);
WEIR_CLOSING(redis_sink, (weir_redis_sink_close(opened), WEIR_OK), false);
#endif
#ifdef WEIR_KAFKA_H
WEIR_CLOSING(kafka_source, (weir_kafka_source_close(opened), WEIR_OK), false);
WEIR_CLOSING(kafka_sink, (weir_kafka_sink_close(opened), WEIR_OK), false);
#endif
#undef WEIR_CLOSING

/* Owns a T, and what its callbacks use (`kept`), which goes once that is closed. */
template <typename T> class handle {
  public:
    handle() noexcept = default;
    explicit handle(T *opened, std::shared_ptr<void> kept = {}) noexcept
        : kept_(std::move(kept)), opened_(opened) {}
    handle(handle &&other) noexcept
        : kept_(std::move(other.kept_)), opened_(std::exchange(other.opened_, nullptr)) {}
    handle &operator=(handle &&other) noexcept {
        if (this == &other) return *this;
        finish();
        kept_ = std::move(other.kept_);
        opened_ = std::exchange(other.opened_, nullptr);
        return *this;
    }
    ~handle() {
        finish();
    }
    operator T *() const noexcept {
        return opened_;
    }
    /* WEIR_OK; else as weir's own close says.  Of what is not open: WEIR_OK. */
    [[nodiscard]] weir_status close() noexcept {
        if (opened_ == nullptr) return WEIR_OK;
        const weir_status status = closing<T>::close(opened_);
        if (status == WEIR_OK || !closing<T>::stays) opened_ = nullptr;
        if (opened_ == nullptr) kept_.reset();
        return status;
    }

  private:
    void finish() noexcept {
        while (opened_ != nullptr) {
            const weir_status status = close();
            if (status == WEIR_OK) return;
            unclosed.load()(closing<T>::name, status, weir_refusal());
            if (status == WEIR_TIMEOUT) continue; /* again, unless it is given back */
            static_cast<void>(new (std::nothrow) std::shared_ptr<void>(std::move(kept_)));
            opened_ = nullptr; /* what it uses is left, too */
        }
    }
    std::shared_ptr<void> kept_;
    T *opened_ = nullptr;
};

/* What is opened with options alone; `opened_in`: in a runtime. */
template <typename T, typename Options, weir_status (*Open)(const Options *, T **)>
class opened : public handle<T> {
  public:
    opened() noexcept = default;
    explicit opened(const Options &options) {
        check(open(options, *this));
    }
    [[nodiscard]] static weir_status open(const Options &options, opened &out) noexcept {
        T *made = nullptr;
        const weir_status status = Open(&options, &made);
        if (status == WEIR_OK) static_cast<handle<T> &>(out) = handle<T>(made);
        return status;
    }
};
template <typename T, typename Options, weir_status (*Open)(weir_runtime *, const Options *, T **)>
class opened_in : public handle<T> {
  public:
    opened_in() noexcept = default;
    opened_in(weir_runtime *in, const Options &options) {
        check(open(in, options, *this));
    }
    [[nodiscard]] static weir_status open(weir_runtime *in, const Options &options,
                                          opened_in &out) noexcept {
        T *made = nullptr;
        const weir_status status = Open(in, &options, &made);
        if (status == WEIR_OK) static_cast<handle<T> &>(out) = handle<T>(made);
        return status;
    }
};

using runtime = opened<weir_runtime, weir_runtime_options, weir_runtime_open>;
using rate = opened_in<weir_rate, weir_rate_options, weir_rate_open>;
using file_source = opened<weir_file_source, weir_file_source_options, weir_file_source_open>;
using file_sink = opened<weir_file_sink, weir_file_sink_options, weir_file_sink_open>;
#ifdef WEIR_NATS_H
using nats_source = opened<weir_nats_source, weir_nats_source_options, weir_nats_source_open>;
using nats_sink = opened<weir_nats_sink, weir_nats_sink_options, weir_nats_sink_open>;
#endif
#ifdef WEIR_REDIS_H
using redis_source = opened<weir_redis_source, weir_redis_source_options, weir_redis_source_open>;
using redis_sink = opened<weir_redis_sink, weir_redis_sink_options, weir_redis_sink_open>;
#endif
#ifdef WEIR_KAFKA_H
using kafka_source = opened<weir_kafka_source, weir_kafka_source_options, weir_kafka_source_open>;
using kafka_sink = opened<weir_kafka_sink, weir_kafka_sink_options, weir_kafka_sink_open>;
#endif

} // namespace weir

#endif
