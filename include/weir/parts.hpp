/*
 * weir for C++20: inlets, streams, pools and pipelines, of typed events and with lambdas.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Their functions are kept with the handle, and destroyed once that is closed.  They may be called
 * on several threads at once where pool.h and pipeline.h say so.  An exception that leaves one:
 *   a pool's task                    the task FAILED
 *   handle_message, handle_batch     these messages FAILED: they are tried again as `retry` says
 *   a source's driver, a sink        it is BROKEN
 *   all others                       has no effect
 * and its what() is in the log, the first time, the second, the fourth, the eighth and so on.
 */
#ifndef WEIR_HPP
#include <weir/weir.hpp> /* which includes this one, where its turn is */
#elif !defined(WEIR_PARTS_HPP)
#define WEIR_PARTS_HPP

#include <iterator>
#include <weir/stages.hpp>

namespace weir {

/* ---- into the graph ---------------------------------------------------------------- */

/* What inlets and ports have in common.  A push returns WEIR_OK, FULL, TIMEOUT, DROPPED, or what
 * was refused; an event that owns something is moved from where it is WEIR_OK or DROPPED. */
template <typename T, typename Handle,
          weir_status (*Push)(Handle *, const void *, size_t, uint64_t)>
class pusher : public handle<Handle> {
  public:
    [[nodiscard]] weir_status
    push(std::span<const T> events,
         uint64_t timeout_ns = 0) noexcept requires std::is_trivially_copyable_v<T> {
        return Push(*this, events.data(), events.size(), timeout_ns);
    }
    [[nodiscard]] weir_status
    push(const T &event,
         uint64_t timeout_ns = 0) noexcept requires std::is_trivially_copyable_v<T> {
        return Push(*this, &event, 1, timeout_ns);
    }
    [[nodiscard]] weir_status push(T &&event, uint64_t timeout_ns = 0) noexcept
        requires(!std::is_trivially_copyable_v<T>) {
        cell<T> moved;
        new (moved.bytes) T(std::move(event));
        const weir_status status = Push(*this, moved.bytes, 1, timeout_ns);
        if (status != WEIR_OK && status != WEIR_DROPPED) event = moved.out();
        return status;
    }

  protected:
    using handle<Handle>::handle;
};

template <typename T> class port : public pusher<T, weir_port, weir_port_push> {
  public:
    port() noexcept = default;
    explicit port(weir_inlet *inlet) {
        weir_port *made = nullptr;
        check(weir_port_open(inlet, &made));
        static_cast<handle<weir_port> &>(*this) = handle<weir_port>(made);
    }
};

template <typename T> class inlet : public pusher<T, weir_inlet, weir_inlet_push> {
  public:
    inlet() noexcept = default;
    explicit inlet(weir_runtime *in, const weir_inlet_options &options = {}) {
        check(open(in, options, *this));
    }
    [[nodiscard]] static weir_status open(weir_runtime *in, weir_inlet_options options,
                                          inlet &out) noexcept {
        weir_inlet *made = nullptr;
        weir_ref stage = {0};
        options.event_bytes = sizeof(T);
        if (options.type == nullptr) options.type = type_of<T>();
        const weir_status status = weir_inlet_open(in, &options, &made, &stage);
        if (status != WEIR_OK) return status;
        static_cast<handle<weir_inlet> &>(out) = handle<weir_inlet>(made);
        out.stage_ = stage;
        return status;
    }
    weir_ref stage() const noexcept {
        return stage_;
    }

  private:
    weir_ref stage_ = {0};
};

/* ---- out of the graph --------------------------------------------------------------- */

/* Read by one thread: a loop over it waits for each event, and ends where no more can come. */
template <typename T> class stream : public handle<weir_stream> {
  public:
    stream() noexcept = default;
    stream(weir_runtime *in, weir_ref producer, const weir_stream_options &options = {}) {
        check(open(in, producer, options, *this));
    }
    /* Of no producer ({0}) reads what options.subscribe_to names. */
    [[nodiscard]] static weir_status open(weir_runtime *in, weir_ref producer,
                                          weir_stream_options options, stream &out) noexcept {
        weir_stream *made = nullptr;
        weir_subscribe_to to = {};
        static_assert(fits<T>());
        to.producer = producer;
        options.event_bytes = sizeof(T);
        if (producer.bits != 0) options.subscribe_to = &to, options.subscribe_count = 1;
        const weir_status status = weir_stream_open(in, &options, &made);
        if (status == WEIR_OK) static_cast<handle<weir_stream> &>(out) = handle<weir_stream>(made);
        return status;
    }
    /* Events where they lie, until the next call; none: TIMEOUT, END or AT_MARK. */
    std::span<const T> batch(uint64_t timeout_ns = WEIR_FOREVER, size_t most = 0) {
        const weir_batch got = weir_stream_batch(*this, most, timeout_ns, &status_);
        check(status_);
        return view<T>(got);
    }
    /* Takes the next event, which is moved to *out. */
    [[nodiscard]] weir_status take(T &out, uint64_t timeout_ns = WEIR_FOREVER) {
        cell<T> taken;
        if constexpr (std::is_trivially_copyable_v<T>)
            status_ = weir_stream_next(*this, taken.bytes, timeout_ns);
        else
            status_ = weir_stream_take(*this, taken.bytes, timeout_ns);
        if (status_ == WEIR_OK) out = taken.out();
        return check(status_);
    }
    /* What the last batch or take came to. */
    weir_status status() const noexcept {
        return status_;
    }

    class iterator {
      public:
        using value_type = T;
        using difference_type = std::ptrdiff_t;
        explicit iterator(stream *of) : of_(of), rest_(of->batch()) {}
        const T &operator*() const noexcept {
            return rest_.front();
        }
        iterator &operator++() {
            rest_ = rest_.size() > 1 ? rest_.subspan(1) : of_->batch();
            return *this;
        }
        void operator++(int) {
            ++*this;
        }
        bool operator==(std::default_sentinel_t) const noexcept {
            return rest_.empty();
        }

      private:
        stream *of_;
        std::span<const T> rest_;
    };
    iterator begin() {
        return iterator(this);
    }
    std::default_sentinel_t end() const noexcept {
        return {};
    }

  private:
    weir_status status_ = WEIR_OK;
};

/* ---- functions that are kept ---------------------------------------------------------- */

template <typename F> struct kept {
    F f;
    weir_runtime *where;
    std::string name;
    std::atomic<uint64_t> thrown{0};

    kept(F of, weir_runtime *in, const char *called) : f(std::move(of)), where(in), name(called) {}

    /* Calls it; what a void one returns is `well`, and what is thrown is `ill`. */
    template <typename Result, typename Call>
    Result call(const char *what, Result well, Result ill, Call &&body) noexcept {
        try {
            if constexpr (!std::is_void_v<decltype(body())>)
                return body();
            else
                return body(), well;
        } catch (...) {
            const uint64_t times = thrown.fetch_add(1, std::memory_order_relaxed) + 1;
            caught([&](const char *said) {
                if ((times & (times - 1)) == 0)
                    weir_log(where, WEIR_LOG_ERROR, "%s: %s threw: %s (%llu in all)", name.c_str(),
                             what, said, static_cast<unsigned long long>(times));
            });
            return ill;
        }
    }
};

/* ---- pools -------------------------------------------------------------------------- */

/* task(const In &, weir_task *) on a thread of the pool's; returns a weir_task_result, or nothing.
 * What it emits (weir_task_emit) are Outs; of those that own something weir::emit moves one. */
template <typename In, typename Out = void> class pool : public handle<weir_pool> {
  public:
    pool() noexcept = default;
    template <typename F> pool(weir_runtime *in, F task, weir_pool_options options = {}) {
        static_assert(fits<In>());
        weir_pool_emits emits = options.emits != nullptr ? *options.emits : weir_pool_emits{};
        if constexpr (!std::is_void_v<Out>) {
            emits.event_bytes = sizeof(Out);
            if (emits.type == nullptr) emits.type = type_of<Out>();
            options.emits = &emits;
        }
        auto own = std::make_shared<kept<F>>(std::move(task), in,
                                             options.name != nullptr ? options.name : "pool");
        options.event_bytes = sizeof(In);
        options.context = own.get();
        options.task = [](void *context, const void *event, weir_task *self) noexcept {
            auto *me = static_cast<kept<F> *>(context);
            return me->call("task", WEIR_TASK_OK, WEIR_TASK_FAILED,
                            [&] { return me->f(*static_cast<const In *>(event), self); });
        };
        weir_pool *made = nullptr;
        check(weir_pool_open(in, &options, &made, &stage_));
        static_cast<handle<weir_pool> &>(*this) = handle<weir_pool>(made, std::move(own));
    }
    weir_ref stage() const noexcept {
        return stage_;
    }

  private:
    weir_ref stage_ = {0};
};

template <typename Out> weir_status emit(weir_task *task, Out event) {
    cell<Out> moved;
    new (moved.bytes) Out(std::move(event));
    const weir_status status = weir_task_emit(task, moved.bytes, 1);
    if (status != WEIR_OK) moved.get().~Out();
    return status;
}

/* ---- pipelines ------------------------------------------------------------------------ */

/*
 * With `handlers`, an object that has those of these functions that the pipeline needs:
 *   handle_message(weir_work *, weir_message &)          an outcome, or nothing: OK
 *   handle_batch(std::span<weir_message>, const weir_batch_info &)    likewise; of each batcher
 *                                                        without a sink, whose name is in the info
 *   prepare(std::span<weir_message>), handle_failed(std::span<weir_message>),
 *   observe(const weir_telemetry &)
 * or with a lambda, which is handle_message.  Those in options that are set stay; their context is
 * the object.
 */
class pipeline : public handle<weir_pipeline> {
  public:
    pipeline() noexcept = default;
    template <typename H>
    pipeline(weir_runtime *in, H handlers, const weir_pipeline_options &options) {
        check(open(in, std::move(handlers), options, *this));
    }
    template <typename H>
    [[nodiscard]] static weir_status open(weir_runtime *in, H handlers,
                                          weir_pipeline_options options, pipeline &out) {
        auto own = std::make_shared<kept<H>>(std::move(handlers), in,
                                             options.name != nullptr ? options.name : "pipeline");
        std::vector<weir_pipeline_batcher> batchers(options.batchers,
                                                    options.batchers + options.batcher_count);
        complete<H>(options, batchers);
        options.context = own.get();
        options.batchers = batchers.data();
        weir_pipeline *made = nullptr;
        const weir_status status = weir_pipeline_open(in, &options, &made);
        if (status == WEIR_OK)
            static_cast<handle<weir_pipeline> &>(out) = handle<weir_pipeline>(made, std::move(own));
        return status;
    }

  private:
    template <typename H>
    static void complete(weir_pipeline_options &o,
                         std::vector<weir_pipeline_batcher> &batchers) noexcept {
        using keeper = kept<H>;
        using rows = std::span<weir_message>;
        if constexpr (requires(H & h, weir_work * w, weir_message & m) { h.handle_message(w, m); })
            o.processors.handle_message = [](void *c, weir_work *work, weir_message *m) noexcept {
                auto *me = static_cast<keeper *>(c);
                return me->call("handle_message", WEIR_MESSAGE_OK, WEIR_MESSAGE_FAILED,
                                [&] { return me->f.handle_message(work, *m); });
            };
        else if constexpr (requires(H & h, weir_work * w, weir_message & m) { h(w, m); })
            o.processors.handle_message = [](void *c, weir_work *work, weir_message *m) noexcept {
                auto *me = static_cast<keeper *>(c);
                return me->call("handle_message", WEIR_MESSAGE_OK, WEIR_MESSAGE_FAILED,
                                [&] { return me->f(work, *m); });
            };
        if constexpr (requires(H & h, rows m) { h.prepare(m); })
            o.processors.prepare = [](void *c, weir_message *m, size_t count) noexcept {
                auto *me = static_cast<keeper *>(c);
                me->call("prepare", 0, 0, [&] { me->f.prepare(rows(m, count)); });
            };
        if constexpr (requires(H & h, rows m) { h.handle_failed(m); })
            o.handle_failed = [](void *c, weir_message *m, size_t count) noexcept {
                auto *me = static_cast<keeper *>(c);
                me->call("handle_failed", 0, 0, [&] { me->f.handle_failed(rows(m, count)); });
            };
        if constexpr (requires(H & h, const weir_telemetry &t) { h.observe(t); })
            o.observe = [](void *c, const weir_telemetry *telemetry) noexcept {
                auto *me = static_cast<keeper *>(c);
                me->call("observe", 0, 0, [&] { me->f.observe(*telemetry); });
            };
        if constexpr (requires(H & h, rows m, const weir_batch_info &b) { h.handle_batch(m, b); })
            for (weir_pipeline_batcher &batcher : batchers)
                if (batcher.handle_batch == nullptr && batcher.sink == nullptr)
                    batcher.handle_batch = [](void *c, weir_message *m, size_t count,
                                              const weir_batch_info *info) noexcept {
                        auto *me = static_cast<keeper *>(c);
                        return me->call("handle_batch", WEIR_MESSAGE_OK, WEIR_MESSAGE_FAILED,
                                        [&] { return me->f.handle_batch(rows(m, count), *info); });
                    };
    }
};

} // namespace weir

#endif
