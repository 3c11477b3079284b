// Open loop: how long events take that come when they come, at low rates and at high ones.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  A thread of the program's pushes events of 8 bytes when they are due, 1,000 to 5
// million a second at random (Poisson), by a port, through a stage, to a consumer.  How late does
// each arrive, counted from when it was due, and how much of a core do the workers take (all
// threads but the pushing one)?  With each `idle`: default, spin, spin_then_park (a fixed time) and
// park; beside a thread behind a queue with mutex and condition and one behind Concurrency
// Kit's ring with a futex (one hop each), Go's channels, and Disruptor, blocking.
//
// Prediction.  Who spins has the least latency and takes the whole core where he has one
// to himself; on the pushing thread's core he stands in its way.  Who sleeps pays some 50 us to be
// woken, at any rate.  The default is as fast as who spins where events come sooner than a
// sleeper wakes, and costs what a sleeper costs where they do not.
//
// The pushing thread is on the first core.  split: the workers are on other cores, as many
// as there are (two workers share the second where there is no third); one_core: one worker
// on the first core as well; spread: two workers, the inlet's and the consumer's on the first core,
// the stage's on the second.  Where it has its core to itself the pushing thread spins for the
// next event; where it shares, it sleeps until then, and pushes what is due when it wakes.
//
// A run is as many events as are due in --open_ms=N (300) milliseconds, and no fewer than 300.
#include "paced.h"
#include "paced_hand.h"
#include "rows.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <vector>
#include <weir/weir.h>

namespace {

constexpr size_t kCapacity = 65536;
constexpr uint64_t kLeastEvents = 300;

double open_ms = 300;

void must(weir_status status) {
    if (status == WEIR_OK) return;
    std::fprintf(stderr, "open_loop: %s: %s\n", weir_status_text(status), weir_refusal());
    std::exit(EXIT_FAILURE);
}

enum class Place { split, one_core, spread };

// This thread's core while it lives, and the cores of the workers.
class Placed {
  public:
    Placed() {
        CPU_ZERO(&allowed_);
        (void)pthread_getaffinity_np(pthread_self(), sizeof allowed_, &allowed_);
        first_ = static_cast<unsigned>(race_cores_pick().sender);
    }
    ~Placed() {
        (void)pthread_setaffinity_np(pthread_self(), sizeof allowed_, &allowed_);
    }
    Placed(const Placed &) = delete;
    Placed &operator=(const Placed &) = delete;

    void go_to_first() const {
        cpu_set_t first;
        CPU_ZERO(&first);
        CPU_SET(first_, &first);
        (void)pthread_setaffinity_np(pthread_self(), sizeof first, &first);
    }

    std::vector<unsigned> cores(Place place) const {
        std::vector<unsigned> list;
        if (place != Place::split || CPU_COUNT(&allowed_) == 1) list.push_back(first_);
        for (unsigned core = 0; core < CPU_SETSIZE && place != Place::one_core; core++) {
            if (core != first_ && CPU_ISSET(core, &allowed_)) list.push_back(core);
        }
        return list;
    }

  private:
    cpu_set_t allowed_;
    unsigned first_;
};

weir_verdict pass(weir_stage *self, weir_batch) {
    return weir_forward(self);
}

weir_verdict arrive(weir_stage *self, weir_batch batch) {
    paced *events = *static_cast<paced **>(weir_state(self));
    const uint64_t *due = static_cast<const uint64_t *>(batch.events);
    for (size_t i = 0; i < batch.count; i++) paced_arrived(events, due[i]);
    return WEIR_CONTINUE;
}

// An inlet, a stage on the last worker, a consumer; the program's thread has a port.
class Line {
  public:
    Line(const std::vector<unsigned> &cores, unsigned workers, weir_idle idle, paced *events) {
        weir_runtime_options options = {};
        options.workers = workers;
        options.cores = cores.data();
        options.core_count = cores.size();
        options.idle = idle;
        must(weir_runtime_open(&options, &runtime_));
        weir_inlet_options inlet = {};
        inlet.event_bytes = sizeof(uint64_t);
        inlet.capacity = kCapacity;
        inlet.when_full = WEIR_BLOCK;
        inlet.worker = WEIR_WORKER(0);
        weir_subscribe_to to = {};
        must(weir_inlet_open(runtime_, &inlet, &inlet_, &to.producer));
        weir_stage_options stage = {};
        stage.kind = WEIR_PRODUCER_CONSUMER;
        stage.event_bytes = sizeof(uint64_t);
        stage.worker = WEIR_WORKER(workers - 1);
        stage.subscribe_to = &to;
        stage.subscribe_count = 1;
        stage.on.handle_events = pass;
        weir_ref middle;
        must(weir_stage_start(runtime_, &stage, &middle));
        to.producer = middle;
        stage.kind = WEIR_CONSUMER;
        stage.event_bytes = 0;
        stage.worker = WEIR_WORKER(0);
        stage.on.handle_events = arrive;
        stage.state = &events;
        stage.state_bytes = sizeof events;
        must(weir_stage_start(runtime_, &stage, nullptr));
        must(weir_port_open(inlet_, &port_));
        must(weir_runtime_settle(runtime_, WEIR_FOREVER));
    }

    static void push(void *line, uint64_t event) {
        must(weir_port_push(static_cast<Line *>(line)->port_, &event, 1, WEIR_FOREVER));
    }

    bool close() {
        weir_port_close(port_);
        weir_inlet_close(inlet_);
        weir_accounts accounts;
        must(weir_runtime_close(runtime_, &accounts));
        return weir_accounts_check(&accounts) == nullptr;
    }

  private:
    weir_runtime *runtime_;
    weir_inlet *inlet_;
    weir_port *port_;
};

rows::Outcome outcome_of(const paced_result &result, bool accounts) {
    rows::Outcome outcome;
    outcome.nanoseconds = result.nanoseconds;
    outcome.correct = result.correct && accounts;
    outcome.figures = {{"p50", result.p50},
                       {"p99", result.p99},
                       {"p99.9", result.p999},
                       {"max", result.most},
                       {"cpu_percent", result.cpu_percent}};
    return outcome;
}

rows::Outcome run(Place place, unsigned workers, weir_idle idle, double rate, uint64_t events) {
    paced paced;
    paced_open(&paced, events, rate, place != Place::split);
    Placed placed;
    Line line(placed.cores(place), workers, idle, &paced);
    placed.go_to_first();
    paced_run(&paced, Line::push, &line);
    bool accounts = line.close();
    return outcome_of(paced_close(&paced), accounts);
}

uint64_t events_at(double rate) {
    return std::max(kLeastEvents, static_cast<uint64_t>(rate * open_ms * 1e-3));
}

constexpr const char *kRate = "rate:";

// Of a row whose name ends in its rate.
uint64_t events_of(const std::string &row) {
    size_t at = row.rfind(kRate);
    return events_at(at == std::string::npos ? 1
                                             : std::atof(row.c_str() + at + std::strlen(kRate)));
}

void add_all_at(uint64_t rate) {
    const std::string end = std::string(",") + kRate + std::to_string(rate);
    auto pace = static_cast<double>(rate);
    static const struct {
        const char *name;
        Place place;
        unsigned workers;
    } shapes[] = {{"split/workers:1", Place::split, 1},
                  {"split/workers:2", Place::split, 2},
                  {"one_core/workers:1", Place::one_core, 1},
                  {"spread/workers:2", Place::spread, 2}};
    static const struct {
        const char *name;
        weir_idle idle;
    } idles[] = {{"default", weir_idle{}},
                 {"spin", WEIR_IDLE_SPIN},
                 {"spin_then_park", WEIR_IDLE_SPIN_THEN_PARK},
                 {"park", WEIR_IDLE_PARK}};
    for (const auto &shape : shapes) {
        for (const auto &idle : idles) {
            rows::add_fixed(std::string("weir/") + shape.name + ",idle:" + idle.name + end,
                            events_at(pace), [=](uint64_t events) {
                                return run(shape.place, shape.workers, idle.idle, pace, events);
                            });
        }
    }
    for (bool shared : {false, true}) {
        auto add = [&](const char *name, auto run) {
            const char *place = shared ? "one_core/" : "split/";
            rows::add_fixed(
                std::string("ceiling/") + place + name + end, events_at(pace),
                [=](uint64_t events) { return outcome_of(run(events, pace, shared), true); });
        };
        add("mutex", paced_mutex);
        add("futex", paced_futex);
    }
}

} // namespace

int main(int argc, char **argv) {
    int left = rows::take_number(argc, argv, "--open_ms=", open_ms);
    open_ms = std::max(1.0, open_ms);
    (void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0); // of all threads, and of the peers'
    for (uint64_t rate : {1000, 10000, 50000, 200000, 1000000, 5000000}) add_all_at(rate);
    rows::add_peers_fixed("open_loop", events_of);
    return rows::run(left, argv);
}
