// Subscriptions: many consumers of one producer.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  What does an event cost that one producer shares out among 1 to 10,000
// consumers, or gives to all of up to 1,000, at max_demand 10 and 1,000, with the
// consumers on the second worker and all on one?
//
// Prediction.  Edges that have asked are found in a ready list, and asks come in the order
// in which the batches went, so the dispatcher's line is never searched far: 10,000
// consumers cost less than twice as much per event as 10.  At max_demand 1,000 that many
// windows are 80 MB, and memory is what counts.  Of a broadcast, each copy costs the same.
#include "graph_rows.h"
#include "work.h"

#include <vector>

namespace {

struct Fan {
    unsigned consumers;
    unsigned workers;
    size_t max_demand;
    bool broadcast;
};

// One run; the stages write into it.  Everybody's window has been filled twice before the
// clock starts: the first asks come all at once, and into cold memory.
class Course {
  public:
    Course(const Fan &chosen, uint64_t count)
        : fan(chosen), copies(fan.broadcast ? fan.consumers : 1), sums(fan.consumers) {
        uint64_t warm_up = 2 * fan.max_demand * (fan.consumers / copies);
        events = warm_up + count;
        lap.left = events * copies;
        lap.timed = count * copies;
        lap.done = &done;
        sem_init(&done, 0, 0);
        weir_runtime_options options = {};
        options.workers = fan.workers;
        part_must(weir_runtime_open(&options, &runtime));
    }
    ~Course() {
        sem_destroy(&done);
    }
    Course(const Course &) = delete;
    Course &operator=(const Course &) = delete;

    rows::Outcome run() {
        weir_ref source = start_source();
        for (uint64_t &sum : sums) start_consumer(source, sum);
        part_must(weir_runtime_settle(runtime, WEIR_FOREVER));
        part_must(weir_demand(runtime, source, WEIR_FORWARD));
        part_wait(&done); // not for the end of all stages, which takes its time
        weir_accounts accounts;
        part_must(weir_runtime_close(runtime, &accounts));
        return judge(accounts);
    }

  private:
    weir_ref start_source() {
        part_source source = {};
        source.events = events;
        source.event_bytes = sizeof(uint64_t);
        source.worker = WEIR_WORKER(0);
        source.stays = true;
        if (fan.broadcast) source.dispatcher = weir_broadcast_dispatcher();
        return part_start_source(runtime, &source);
    }

    void start_consumer(weir_ref source, uint64_t &sum) {
        part_sink sink = {};
        sink.sum = &sum;
        sink.lap = &lap;
        weir_subscribe_options window = {};
        window.max_demand = fan.max_demand;
        weir_ref consumer = part_start_sink(runtime, &sink, WEIR_WORKER(fan.workers - 1));
        part_must(weir_subscribe(runtime, consumer, source, &window, nullptr));
    }

    rows::Outcome judge(const weir_accounts &accounts) const {
        uint64_t sum = 0;
        for (uint64_t one : sums) sum += one;
        rows::Outcome outcome;
        outcome.nanoseconds = lap.ended - lap.began;
        outcome.correct = sum == work_expected(events) * copies &&
                          accounts.handled == events * copies &&
                          weir_accounts_check(&accounts) == nullptr;
        outcome.figures["ns_per_delivery"] = outcome.nanoseconds / static_cast<double>(lap.timed);
        return outcome;
    }

    Fan fan;
    uint64_t copies;
    uint64_t events;
    part_lap lap = {}; // the consumers' worker's
    sem_t done;
    std::vector<uint64_t> sums;
    weir_runtime *runtime = nullptr;
};

void add(const Fan &fan) {
    std::string name = "weir/" + rows::place_name(fan.workers) +
                       (fan.broadcast ? "/broadcast:" : "/share:") + std::to_string(fan.consumers) +
                       ",max:" + std::to_string(fan.max_demand);
    rows::add(name, [=](uint64_t events) { return Course(fan, events).run(); });
}

} // namespace

int main(int argc, char **argv) {
    for (unsigned workers : {1u, 2u}) {
        for (size_t max_demand : {10, 1000}) {
            for (unsigned consumers : {1u, 10u, 100u, 1000u, 10000u}) {
                add({consumers, workers, max_demand, false});
                if (consumers <= 1000) add({consumers, workers, max_demand, true});
            }
        }
    }
    return rows::run(argc, argv);
}
