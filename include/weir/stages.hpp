/*
 * weir for C++20: stages are objects, or lambdas, and events have types.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   auto numbers = weir::start(runtime, weir::producer<long>(
 *       [next = 0L](auto self, uint64_t n) mutable { while (n-- > 0) self.emit(next++); }));
 *   weir::start(runtime, weir::consumer<long>([&](std::span<const long> batch) { ... }),
 *               {.subscribe_to = &from, .subscribe_count = 1});
 *
 * A stage is an object of any class that says what it takes and emits, and has functions that are
 * called like weir's callbacks (stage.h), those that it has need of:
 *   struct adder {
 *       using takes = long;
 *       using emits = long;
 *       void handle_events(weir::self<long> self, std::span<const long> batch);
 *       void handle_end(weir::self<long> self);      and handle_demand, handle_cast, terminate ...
 *   };
 * They return a weir_verdict, or nothing, which is WEIR_CONTINUE.  The object is moved to the
 * stage's state as the stage starts, and destroyed there, once, behind `terminate`, however the
 * stage ends.  Of a supervisor's child each start has a copy (weir::child).
 *
 * Events are trivially copyable; or they own something, and then can be moved as bytes are
 * (weir::relocatable): pointers that own, vectors.  weir drops each of those once (event.h): that
 * is its destructor.  `emit` moves one in, `take` moves one out of a batch.
 *
 * An exception that leaves one of those functions stops the stage, and no more than that: with
 * WEIR_REASON_EXCEPTION, or NO_MEMORY for std::bad_alloc; its what() is in the log.  What
 * self's functions refuse they throw (weir::error).
 */
#ifndef WEIR_HPP
#include <weir/weir.hpp> /* which includes this one, where its turn is */
#elif !defined(WEIR_STAGES_HPP)
#define WEIR_STAGES_HPP

#include <cstddef>
#include <vector>
#include <weir/handles.hpp>

namespace weir {

/* ---- events ------------------------------------------------------------------------ */

/* Whether a T may be moved by copying its bytes, and forgetting where they were.  Say so of types
 * of your own: template <> inline constexpr bool weir::relocatable<mine> = true. */
template <typename T> inline constexpr bool relocatable = std::is_trivially_copyable_v<T>;
template <typename T>
inline constexpr bool relocatable<std::unique_ptr<T, std::default_delete<T>>> = true;
template <typename T> inline constexpr bool relocatable<std::shared_ptr<T>> = true;
template <typename T> inline constexpr bool relocatable<std::vector<T>> = true;

template <typename T> constexpr bool fits() {
    static_assert(std::is_object_v<T> && std::is_same_v<T, std::remove_cv_t<T>>,
                  "an event is an object, and not const");
    static_assert(relocatable<T>, "an event is trivially copyable, or weir::relocatable: hold it "
                                  "in a std::unique_ptr");
    static_assert(sizeof(T) <= WEIR_EVENT_BYTES_LIMIT && alignof(T) <= 16,
                  "an event has at most 64 KiB, and is aligned to at most 16");
    static_assert(std::is_nothrow_destructible_v<T>, "an event's destructor does not throw");
    return true;
}

/* weir's type of T, where that owns something; NULL: it is bytes. */
template <typename T> const weir_event_type *type_of() noexcept {
    static_assert(fits<T>());
    if constexpr (std::is_trivially_copyable_v<T>) return nullptr;
    static const weir_event_type type = {
        .bytes = sizeof(T),
        .drop =
            [](void *, const void *events, size_t count, weir_discard) noexcept {
                std::destroy_n(static_cast<T *>(const_cast<void *>(events)), count);
            },
        .copy = [](void *, const void *event, void *copy) noexcept -> bool {
            if constexpr (std::is_copy_constructible_v<T>) {
                try {
                    return new (copy) T(*static_cast<const T *>(event)) != nullptr;
                } catch (...) {}
            }
            return false;
        }};
    return &type;
}

/* Room for a T, whose bytes weir fills or takes away. */
template <typename T> struct cell {
    alignas(T) std::byte bytes[sizeof(T)];
    T &get() noexcept {
        return *std::launder(reinterpret_cast<T *>(bytes));
    }
    T out() noexcept {
        T value(std::move(get()));
        get().~T();
        return value;
    }
};

template <typename T> std::span<const T> view(weir_batch batch) noexcept {
    return {static_cast<const T *>(batch.events), batch.count};
}
inline std::string_view view(const weir_bytes &bytes) noexcept {
    return {bytes.at, bytes.count};
}

/* A stage from within its callbacks; it emits Out.  Else as weir_stage *, which it also is. */
template <typename Out = void> class self;
template <> class self<void> {
  public:
    explicit self(weir_stage *stage) noexcept : stage_(stage) {}
    operator weir_stage *() const noexcept {
        return stage_;
    }
    /* The batch at hand: writable, in place where nobody else has it. */
    template <typename In> std::span<In> own(std::span<const In> batch) const {
        void *events = weir_own(stage_);
        if (events == nullptr) check(WEIR_NO_MEMORY);
        return {static_cast<In *>(events), batch.size()};
    }
    /* Event `number` of the batch at hand: the caller's from now on. */
    template <typename In> In take(size_t number) const {
        cell<In> taken;
        check(weir_take(stage_, number, 1, taken.bytes));
        return taken.out();
    }
    weir_verdict forward() const noexcept {
        return weir_forward(stage_);
    }
    weir_verdict stop(int reason) const noexcept {
        return weir_stop_with(stage_, static_cast<weir_reason>(reason));
    }

  private:
    weir_stage *stage_;
};
template <typename Out> class self : public self<void> {
  public:
    using self<void>::self;
    void emit(const Out &event) const requires std::is_trivially_copyable_v<Out> {
        check(weir_emit(*this, &event, 1));
    }
    void emit(std::span<const Out> events) const requires std::is_trivially_copyable_v<Out> {
        check(weir_emit(*this, events.data(), events.size()));
    }
    void emit(Out &&event) const requires(!std::is_trivially_copyable_v<Out>) {
        cell<Out> moved;
        new (moved.bytes) Out(std::move(event));
        const weir_status status = weir_emit(*this, moved.bytes, 1);
        if (status != WEIR_OK) moved.get().~Out();
        check(status);
    }
    /* Room for up to `want` events, one at least, to be written; then commit. */
    std::span<Out> room(size_t want) const requires std::is_trivially_copyable_v<Out> {
        const weir_room got = weir_reserve(*this, want);
        if (got.events == nullptr) check(WEIR_NO_MEMORY);
        return {static_cast<Out *>(got.events), got.count};
    }
    void commit(size_t count) const {
        check(weir_commit(*this, count));
    }
};

/* ---- exceptions -------------------------------------------------------------------- */

/* What is being thrown: calls say(what) and returns the reason.  For catch (...) alone. */
template <typename Say> weir_reason caught(Say &&say) noexcept {
    try {
        throw;
    } catch (const std::bad_alloc &) {
        return say("out of memory"), WEIR_REASON_NO_MEMORY;
    } catch (const error &e) {
        return say(e.what()),
               e.status() == WEIR_NO_MEMORY ? WEIR_REASON_NO_MEMORY : WEIR_REASON_EXCEPTION;
    } catch (const std::exception &e) {
        return say(e.what()), WEIR_REASON_EXCEPTION;
    } catch (...) {
        return say("something that is no std::exception"), WEIR_REASON_EXCEPTION;
    }
}

template <typename F>
auto contained(weir_stage *stage, const char *where, F &&call) noexcept -> weir_verdict {
    try {
        if constexpr (!std::is_void_v<decltype(call())>)
            return call();
        else
            return call(), WEIR_CONTINUE;
    } catch (...) {
        return weir_stop_with(stage, caught([&](const char *what) {
                                  weir_log(weir_stage_runtime(stage), WEIR_LOG_ERROR,
                                           "stage %s: %s threw: %s", weir_stage_name(stage), where,
                                           what);
                              }));
    }
}

/* ---- stages ------------------------------------------------------------------------ */

template <typename S> struct stage_of {
    template <typename T, typename = void> struct takes_of { using type = void; };
    template <typename T> struct takes_of<T, std::void_t<typename T::takes>> {
        using type = typename T::takes;
    };
    template <typename T, typename = void> struct emits_of { using type = void; };
    template <typename T> struct emits_of<T, std::void_t<typename T::emits>> {
        using type = typename T::emits;
    };
    using takes = typename takes_of<S>::type;
    using emits = typename emits_of<S>::type;
    using me = weir::self<emits>;

    static S &at(weir_stage *stage) noexcept {
        return *std::launder(static_cast<S *>(weir_state(stage)));
    }
    static void end(weir_stage *stage, weir_reason reason) noexcept {
        if constexpr (requires(S & s, me m) { s.terminate(m, reason); })
            contained(stage, "terminate", [&] { at(stage).terminate(me(stage), reason); });
        at(stage).~S();
    }
    /* Options that start such a stage, with whatever else they say. */
    static weir_stage_options complete(weir_stage_options options) noexcept;
};

/* Such a callback, where S has a function for it. */
#define WEIR_CALLED(name, parameters, given)                                  \
    if constexpr (requires parameters { at(stage).name given; })              \
    o.on.name = [] parameters noexcept -> weir_verdict {                      \
        return contained(stage, #name, [&] { return at(stage).name given; }); \
    }
#define WEIR_MEMORY (std::span(static_cast<const std::byte *>(message), bytes))
template <typename S> weir_stage_options stage_of<S>::complete(weir_stage_options o) noexcept {
    static_assert(!std::is_void_v<takes> || !std::is_void_v<emits>, "it takes, or emits, or both");
    static_assert(alignof(S) <= 64, "a stage's state is aligned to 64");
    o.kind = std::is_void_v<takes>   ? WEIR_PRODUCER
             : std::is_void_v<emits> ? WEIR_CONSUMER
                                     : WEIR_PRODUCER_CONSUMER;
    o.state_bytes = sizeof(S);
    if constexpr (!std::is_void_v<emits>) {
        o.event_bytes = sizeof(emits);
        if (o.type == nullptr) o.type = type_of<emits>();
    }
    if constexpr (!std::is_void_v<takes>) {
        static_assert(fits<takes>());
        o.takes_bytes = sizeof(takes);
        o.on.handle_events = [](weir_stage *stage, weir_batch batch) noexcept {
            return contained(stage, "handle_events", [&] {
                return at(stage).handle_events(me(stage), view<takes>(batch));
            });
        };
    }
    WEIR_CALLED(handle_demand, (weir_stage * stage, uint64_t demand), (me(stage), demand));
    WEIR_CALLED(handle_drain, (weir_stage * stage), (me(stage)));
    WEIR_CALLED(handle_end, (weir_stage * stage), (me(stage)));
    WEIR_CALLED(
        handle_cancel,
        (weir_stage * stage, const weir_peer *peer, weir_cancel_cause cause, weir_reason reason),
        (me(stage), *peer, cause, reason));
    WEIR_CALLED(handle_call,
                (weir_stage * stage, weir_from from, const void *message, size_t bytes),
                (me(stage), from, WEIR_MEMORY));
    WEIR_CALLED(handle_cast, (weir_stage * stage, const void *message, size_t bytes),
                (me(stage), WEIR_MEMORY));
    WEIR_CALLED(handle_info, (weir_stage * stage, const void *message, size_t bytes),
                (me(stage), WEIR_MEMORY));
    WEIR_CALLED(handle_down, (weir_stage * stage, weir_ref who, weir_reason reason),
                (me(stage), who, reason));
    WEIR_CALLED(handle_mark, (weir_stage * stage, const weir_peer *from, const weir_mark *mark),
                (me(stage), *from, *mark));
    if constexpr (requires(S & s, me m, const weir_peer &peer) { s.handle_subscribe(m, peer); })
        o.on.handle_subscribe = [](weir_stage *stage, const weir_peer *peer) noexcept {
            weir_subscribe_verdict verdict = WEIR_SUBSCRIBE_STOP;
            contained(stage, "handle_subscribe",
                      [&] { verdict = at(stage).handle_subscribe(me(stage), *peer); });
            return verdict;
        };
    if constexpr (requires(S & s, me m, weir_discard why) { s.discarded(m, uint64_t(1), why); })
        o.on.discarded = [](weir_stage *stage, uint64_t count, weir_discard why) noexcept {
            contained(stage, "discarded", [&] { at(stage).discarded(me(stage), count, why); });
        };
    o.on.terminate = end;
    return o;
}
#undef WEIR_CALLED
#undef WEIR_MEMORY

/* Makes the state from an S, moved or copied, and calls its init, if it has one. */
template <typename S, typename From>
weir_verdict begin(weir_stage *stage, void *argument) noexcept {
    S *made = nullptr;
    const weir_verdict verdict = contained(stage, "init", [&]() -> weir_verdict {
        made = new (weir_state(stage)) S(static_cast<From>(*static_cast<S *>(argument)));
        if constexpr (requires(typename stage_of<S>::me m) { made->init(m); })
            return contained(stage, "init",
                             [&] { return made->init(typename stage_of<S>::me(stage)); });
        return WEIR_CONTINUE;
    });
    if (verdict != WEIR_CONTINUE && made != nullptr) made->~S();
    return verdict;
}

/* Starts a stage: *out receives its reference.  `object` is moved from, unless it is refused
 * before its init. */
template <typename S>
[[nodiscard]] weir_status start(weir_runtime *in, S &&object, weir_stage_options options,
                                weir_ref *out) noexcept {
    static_assert(!std::is_lvalue_reference_v<S>, "a stage is moved: say std::move");
    options = stage_of<S>::complete(options);
    options.on.init = begin<S, S &&>;
    options.argument = &object;
    return weir_stage_start(in, &options, out);
}
template <typename S>
weir_ref start(weir_runtime *in, S &&object, const weir_stage_options &options = {}) {
    weir_ref out = {0};
    check(start(in, std::forward<S>(object), options, &out));
    return out;
}

/* A supervisor's child: it is copied at each start.  It lives as long as the supervisor does. */
template <typename S> class child {
  public:
    explicit child(S object, const weir_stage_options &options = {})
        : object_(std::move(object)), options_(stage_of<S>::complete(options)) {
        options_.on.init = begin<S, const S &>;
        options_.argument = &object_;
    }
    child(const child &) = delete;
    child &operator=(const child &) = delete;
    /* For weir_supervised.stage. */
    const weir_stage_options *stage() const noexcept {
        return &options_;
    }

  private:
    S object_;
    weir_stage_options options_;
};

/* ---- stages that are one function --------------------------------------------------- */

template <typename Out, typename F> struct producing {
    using emits = Out;
    F f;
    auto handle_demand(self<Out> me, uint64_t demand) {
        return f(me, demand);
    }
};
template <typename In, typename Out, typename F> struct handling {
    using takes = In;
    using emits = Out;
    F f;
    auto handle_events(self<Out> me, std::span<const In> batch) {
        if constexpr (std::is_invocable_v<F &, self<Out>, std::span<const In>>)
            return f(me, batch);
        else
            return f(batch);
    }
};

/* f(self, demand) emits Outs; f(self, batch), or f(batch), takes Ins. */
template <typename Out, typename F> producing<Out, F> producer(F f) {
    return {std::move(f)};
}
template <typename In, typename Out, typename F> handling<In, Out, F> converter(F f) {
    return {std::move(f)};
}
template <typename In, typename F> handling<In, void, F> consumer(F f) {
    return {std::move(f)};
}

} // namespace weir

#endif
