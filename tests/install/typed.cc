/*
 * weir for C++20 as a program uses it: handles, lambdas, typed events, exceptions.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what is captured, moved into a stage or emitted is destroyed exactly once, whatever becomes
 * of the stage: it ends, it is stopped, its init throws, it is started again by a supervisor, its
 * events overflow; what throws stops its stage, or fails its message, and nothing else; what is
 * closed late is told.
 * Method: `counted` counts itself, and remembers which numbers are alive; a number that dies twice
 * or is left over is a failure.  Runtimes are stepped or simulated, but for pools and streams.
 */
#include <cstdio>
#include <mutex>
#include <set>
#include <thread>
#include <weir/weir.hpp>

namespace {

int failures = 0;

void expect_at(bool holds, const char *what, int line) {
    if (holds) return;
    std::printf("typed.cc:%d: %s\n", line, what);
    failures++;
}
#define EXPECT(holds) expect_at(holds, #holds, __LINE__)

/* ---- what is counted ------------------------------------------------------------------ */

std::mutex counting_lock; /* of a pool's thread, and workers */
std::set<const void *> alive;
std::multiset<int> dropped; /* by number, of those that were not moved from */

struct counted {
    int number;
    explicit counted(int n) : number(n) {
        born();
    }
    counted(const counted &other) : number(other.number) {
        born();
    }
    counted(counted &&other) noexcept : number(std::exchange(other.number, -1)) {
        born();
    }
    counted &operator=(const counted &) = delete;
    ~counted() {
        const std::lock_guard<std::mutex> guard(counting_lock);
        EXPECT(alive.erase(this) == 1);
        if (number >= 0) dropped.insert(number);
    }

  private:
    void born() {
        const std::lock_guard<std::mutex> guard(counting_lock);
        EXPECT(alive.insert(this).second);
    }
};

using owned = std::unique_ptr<counted>;

std::string logged;
void keep_log(void *, weir_log_level, const char *text) noexcept {
    logged += text;
    logged += '\n';
}
bool says(const char *what) {
    return logged.find(what) != std::string::npos;
}
weir_runtime_options stepped() {
    return {.mode = WEIR_SIMULATED, .seed = 1, .workers = 2, .log = keep_log};
}

/* Nothing is left, and it begins anew. */
void expect_none() {
    EXPECT(alive.empty());
    alive.clear();
    dropped.clear();
    logged.clear();
}

/* ---- lambdas --------------------------------------------------------------------------- */

auto counting(long upto) {
    return weir::producer<long>([next = 0L, upto](auto self, uint64_t wanted) mutable {
        while (wanted-- > 0 && next < upto) self.emit(next++);
        return next < upto ? WEIR_CONTINUE : WEIR_FINISH;
    });
}

weir_ref subscribe(weir_runtime *runtime, weir_ref consumer, weir_ref producer,
                   const weir_subscribe_options &options = {}) {
    weir::check(weir_subscribe(runtime, consumer, producer, options));
    return consumer;
}

/* A stage that adds, and knows of its end. */
struct adder {
    using takes = long;
    long *sum;
    counted own;
    int fails_at = -1;
    void handle_events(weir::self<>, std::span<const long> batch) {
        for (long number : batch) {
            if (number == fails_at) throw std::runtime_error("a bad number");
            *sum += number;
        }
    }
    void handle_cast(weir::self<> self, std::span<const std::byte> message) {
        if (message.size() == 1) throw 1;
        if (message.size() == 2) throw std::bad_alloc();
        self.stop(WEIR_REASON_USER);
    }
};

void lambdas() {
    long sum = 0, seen = 0;
    {
        weir::runtime runtime(stepped());
        const weir_ref numbers = weir::start(runtime, counting(1000), {.name = "numbers"});
        auto twice = [k = counted(1)](auto self, std::span<const long> batch) {
            for (long &number : self.own(batch)) number *= 1 + k.number;
            return self.forward();
        };
        auto add = [&, k = owned(new counted(2))](std::span<const long> batch) {
            for (long number : batch) sum += number;
            seen += k != nullptr ? static_cast<long>(batch.size()) : 0;
        };
        const weir_ref row[] = {numbers,
                                weir::start(runtime, weir::converter<long, long>(std::move(twice))),
                                weir::start(runtime, weir::consumer<long>(std::move(add)))};
        weir::check(weir_chain(runtime, row, 3));
        EXPECT(weir_runtime_run(runtime, WEIR_FOREVER) == WEIR_OK);
        EXPECT(dropped == std::multiset<int>({1, 2})); /* at the stages' ends */
        EXPECT(runtime.close() == WEIR_OK && runtime == nullptr && runtime.close() == WEIR_OK);
    }
    EXPECT(sum == 999000 && seen == 1000);
    expect_none();
}

/* ---- ends ------------------------------------------------------------------------------ */

struct no_start {
    using takes = long;
    counted own{9};
    void handle_events(weir::self<>, std::span<const long>) {}
    void init(weir::self<>) {
        throw std::runtime_error("no start");
    }
};

/* What throws out of init leaves no name taken. */
void named_again(weir::runtime &runtime) {
    const weir_stage_options named = {.name = "again", .registered = true};
    weir_ref out = {7};
    for (int i = 0; i < 2; i++) {
        EXPECT(weir::start(runtime, no_start(), named, &out) == WEIR_INIT_STOPPED);
        EXPECT(weir_whereis(runtime, "again", &out) == WEIR_NO_NAME && out.bits == 7);
    }
}

weir_verdict throws_through_c(weir_stage *, void *) {
    throw std::runtime_error("out of init");
}

weir_verdict take_none(weir_stage *, weir_batch) {
    return WEIR_CONTINUE;
}

/* As docs/embedding.md says: the name is taken until the runtime is closed, by another thread. */
void left_by_an_exception() {
    weir::runtime runtime(stepped());
    weir_stage_options options = {.kind = WEIR_CONSUMER,
                                  .name = "left",
                                  .registered = true,
                                  .takes_bytes = sizeof(long),
                                  .on = {.init = throws_through_c, .handle_events = take_none}};
    bool caught = false;
    std::thread([&] {
        try {
            (void)weir_stage_start(runtime, &options, nullptr);
        } catch (const std::runtime_error &) {
            caught = true;
        }
    }).join();
    options.on.init = nullptr;
    EXPECT(caught && weir_stage_start(runtime, &options, nullptr) == WEIR_NAME_TAKEN);
    EXPECT(runtime.close() == WEIR_OK);
}

void refused() {
    weir::runtime runtime(stepped());
    weir_ref out = {7};
    EXPECT(weir::start(runtime, no_start(), {}, &out) == WEIR_INIT_STOPPED && out.bits == 7);
    EXPECT(says("init threw: no start"));
    named_again(runtime);
    long sum = 0;
    adder first{&sum, counted(1)};
    EXPECT(weir::start(runtime, std::move(first), {.worker = WEIR_WORKER(99)}, &out) ==
           WEIR_INVALID);
    EXPECT(first.own.number == 1); /* not moved from */
    try {
        weir::start(runtime, std::move(first), {.worker = WEIR_WORKER(99)});
        EXPECT(false);
    } catch (const weir::error &e) {
        EXPECT(e.status() == WEIR_INVALID);
        EXPECT(std::string(e.what()).find("WEIR_INVALID: ") == 0);
    }
    weir::runtime none;
    EXPECT(weir::runtime::open({.workers = 9999}, none) == WEIR_INVALID && none == nullptr);
}

/* What each ending costs: the stage alone, with its reason, and what() in the log. */
void thrown(int by, weir_reason wanted, const char *said) {
    {
        weir::runtime runtime(stepped());
        weir_reason reason = WEIR_REASON_NORMAL;
        long sum = 0;
        const weir_ref numbers = weir::start(runtime, counting(1000000000));
        const weir_ref add = weir::start(runtime, adder{&sum, counted(1), by == 0 ? 50 : -1});
        if (by == 0)
            subscribe(runtime, add, numbers, {.cancel = WEIR_TEMPORARY});
        else
            weir::check(weir_cast(runtime, add, "xyz", static_cast<size_t>(by)));
        weir::check(weir_on_end(
            runtime, add,
            [](void *to, weir_ref, weir_reason why) { *static_cast<weir_reason *>(to) = why; },
            &reason));
        EXPECT(weir_runtime_settle(runtime, WEIR_FOREVER) == WEIR_OK);
        EXPECT(reason == wanted && dropped.count(1) == 1);
        EXPECT(weir_runtime_stages(runtime) == 1); /* the other one goes on */
        EXPECT(*said == 0 || says(said));
    }
    expect_none();
}

/* A child that fails is made anew of what was given, and each is destroyed. */
void supervised() {
    {
        weir::runtime runtime(stepped());
        long sum = 0;
        const weir::child<adder> child(adder{&sum, counted(5)}, {.name = "adder"});
        const weir_supervised children[] = {{.stage = child.stage()}};
        weir_ref supervisor, now;
        weir::check(weir_supervisor_start(
            runtime, {.max_restarts = 10, .children = children, .child_count = 1}, &supervisor));
        dropped.clear();
        for (int i = 0; i < 4; i++) {
            weir::check(weir_supervisor_child(runtime, supervisor, 0, WEIR_FOREVER, &now));
            weir::check(weir_cast(runtime, now, "x", 1));
            weir_runtime_settle(runtime, WEIR_FOREVER);
            EXPECT(dropped.count(5) == static_cast<size_t>(i) + 1 && alive.size() == 2);
        }
        EXPECT(runtime.close() == WEIR_OK);
        EXPECT(dropped.count(5) == 5 && alive.size() == 1);
    }
    expect_none();
}

/* ---- events that own --------------------------------------------------------------------- */

/* Ten thousand into a buffer of 100; a consumer takes each third; the rest is dropped by weir. */
void owned_events() {
    std::vector<owned> taken;
    {
        weir::runtime runtime(stepped());
        const weir_ref make =
            weir::start(runtime, weir::producer<owned>([next = 0](auto self, uint64_t) mutable {
                            for (int i = 0; i < 1000; i++) self.emit(owned(new counted(next++)));
                            return next < 10000 ? WEIR_CONTINUE : WEIR_FINISH;
                        }),
                        {.buffer_size = 100});
        const weir_ref take = weir::start(
            runtime, weir::consumer<owned>([&](auto self, std::span<const owned> batch) {
                for (size_t i = 0; i < batch.size(); i++)
                    if (batch[i]->number % 3 == 0) taken.push_back(self.template take<owned>(i));
                if (!taken.empty() && taken.back()->number > 9000)
                    throw std::runtime_error("enough");
            }));
        subscribe(runtime, take, make, {.max_demand = 10});
        weir_runtime_run(runtime, WEIR_FOREVER);
    }
    EXPECT(dropped.size() + taken.size() == 10000 && alive.size() == taken.size());
    std::set<int> once(dropped.begin(), dropped.end());
    for (const owned &one : taken) once.insert(one->number);
    EXPECT(once.size() == 10000);
    taken.clear();
    expect_none();
}

/* In by an inlet and a port, out by a stream, on threads. */
void through() {
    {
        weir::runtime runtime({.workers = 1, .log = keep_log});
        weir::inlet<owned> inlet(runtime, {.capacity = 4});
        weir::port<owned> port(inlet);
        owned one(new counted(0));
        for (int i = 1; i <= 4; i++) EXPECT(inlet.push(owned(new counted(i))) == WEIR_OK);
        EXPECT(inlet.push(std::move(one)) == WEIR_FULL && one != nullptr);
        EXPECT(port.push(std::move(one)) == WEIR_OK && one == nullptr);
        weir::stream<owned> stream(runtime, inlet.stage());
        weir::check(port.close());
        weir::check(weir_inlet_finish(inlet));
        EXPECT(stream.take(one) == WEIR_OK && one != nullptr);
        int sum = one->number, count = 1;
        for (const owned &next : stream) sum += next->number, count++;
        EXPECT(sum == 10 && count == 5 && stream.status() == WEIR_END);
    }
    expect_none();
    weir::runtime runtime({.workers = 1});
    weir::inlet<long> inlet(runtime);
    const long some[] = {1, 2, 3};
    EXPECT(inlet.push(some) == WEIR_OK && inlet.push(4) == WEIR_OK);
    weir::check(weir_inlet_finish(inlet));
    long sum = 0;
    for (long next : weir::stream<long>(runtime, inlet.stage())) sum += next;
    EXPECT(sum == 10);
}

/* ---- pools and pipelines -------------------------------------------------------------------- */

void pools() {
    std::atomic<long> sum{0};
    {
        weir::runtime runtime({.workers = 1, .log = keep_log});
        const weir_ref numbers = weir::start(runtime, counting(100));
        weir::pool<long, owned> pool(
            runtime,
            [k = std::make_shared<counted>(3)](const long &number, weir_task *task) {
                if (number == 50) throw std::runtime_error("not 50");
                weir::check(weir::emit(task, owned(new counted(k->number + 7))));
            },
            {.threads = 1});
        const weir_ref add =
            weir::start(runtime, weir::consumer<owned>([&](std::span<const owned> batch) {
                            for (const owned &one : batch) sum += one->number;
                        }));
        const weir_ref row[] = {numbers, pool.stage(), add};
        weir::check(weir_chain(runtime, row, 3));
        weir::check(weir_runtime_run(runtime, WEIR_FOREVER));
        EXPECT(alive.size() == 1); /* the task's own, until the pool is closed */
    }
    EXPECT(sum == 990 && says("pool: task threw: not 50 (1 in all)"));
    expect_none();
}

struct shipper {
    std::string *stored;
    counted own{4};
    weir_outcome handle_message(weir_work *, weir_message &message) {
        if (weir::view(message.data) == "bad") throw std::runtime_error("a bad line");
        return weir::view(message.data) == "" ? WEIR_MESSAGE_SKIP : WEIR_MESSAGE_OK;
    }
    void handle_batch(std::span<weir_message> messages, const weir_batch_info &batch) {
        for (weir_message &message : messages) {
            if (weir::view(message.data) == "worse") throw 3;
            *stored +=
                std::string(batch.batcher) + ":" + std::string(weir::view(message.data)) + " ";
        }
    }
    void handle_failed(std::span<weir_message> messages) {
        for (weir_message &message : messages) message.outcome = WEIR_MESSAGE_DEAD;
    }
};

weir_message line(const char *text) {
    weir_message message = {};
    message.data = {.at = text, .count = static_cast<uint32_t>(std::string_view(text).size())};
    return message;
}

void pipelines() {
    std::string stored;
    {
        weir::runtime runtime(stepped());
        const weir_pipeline_batcher batchers[] = {{.name = "store"}, {.name = "dead"}};
        weir::pipeline pipeline(runtime, shipper{&stored},
                                {.name = "lines",
                                 .processors = {.count = 1},
                                 .batchers = batchers,
                                 .batcher_count = 2,
                                 .dead = "dead"});
        const weir_message lines[] = {line("one"), line("bad"), line(""), line("worse")};
        weir_outcome out[4];
        EXPECT(weir_pipeline_test(pipeline, lines, 4, WEIR_BATCH_FLUSH, WEIR_FOREVER, out) ==
               WEIR_OK);
        EXPECT(out[0] == WEIR_MESSAGE_OK && out[2] == WEIR_MESSAGE_SKIP);
        EXPECT(stored.find("store:one ") != std::string::npos);
        EXPECT(stored.find("dead:bad ") != std::string::npos);
        EXPECT(says("lines: handle_message threw: a bad line (1 in all)"));
        EXPECT(says("lines: handle_batch threw: something that is no std::exception"));
        EXPECT(alive.size() == 1);
    }
    expect_none();
}

/* ---- closing --------------------------------------------------------------------------------- */

weir_status told = WEIR_OK;

/* A pool cannot be closed in a callback: that is told, and what it uses is left. */
void closed_too_early() {
    weir::unclosed = [](const char *, weir_status status, const char *) noexcept { told = status; };
    {
        weir::runtime runtime(stepped());
        auto pool = std::make_unique<weir::pool<long>>(
            runtime, [](const long &, weir_task *) {}, weir_pool_options{.threads = WEIR_NONE});
        const weir_ref closer = weir::start(runtime, weir::producer<long>([&](auto, uint64_t) {
                                                pool.reset();
                                                return WEIR_STOP;
                                            }));
        long sum = 0;
        subscribe(runtime, weir::start(runtime, adder{&sum, counted(1)}), closer);
        weir_runtime_settle(runtime, WEIR_FOREVER);
        EXPECT(told == WEIR_WRONG_THREAD);
    }
    weir::unclosed = weir::say_unclosed;
    expect_none();
}

} // namespace

int main() {
    lambdas();
    left_by_an_exception();
    refused();
    expect_none();
    thrown(0, WEIR_REASON_EXCEPTION, "stage consumer: handle_events threw: a bad number");
    thrown(1, WEIR_REASON_EXCEPTION, "handle_cast threw: something that is no std::exception");
    thrown(2, WEIR_REASON_NO_MEMORY, "handle_cast threw: out of memory");
    supervised();
    owned_events();
    through();
    pools();
    pipelines();
    closed_too_early();
    std::printf("%d failures\n", failures);
    return failures == 0 ? 0 : 1;
}
