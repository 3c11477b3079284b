// Growth of parts: how what one child costs grows with how many a supervisor or a pool has.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  A supervisor has n children, which are started, fail once each and are stopped:
// alone, subscribed to the first of them by number or by name, all with the first that
// fails, and added by hand.  A pool has n producers, which are subscribed to and stop, or n
// children, half of which are ended.  What does each of these cost for n = 1,000, 4,000 and
// 16,000, and with which exponent does the time for all of them grow?
//
// Prediction.  O(log n) for each, which over these n is an exponent of 1.1; and up to 1.5,
// since the smallest n fits into the caches and the largest does not.  A supervisor that
// walked through its children for each of them would be at 2.
#include "growth.h"
#include "race.h"
#include "rows.h"

#include <string>
#include <vector>

#include "parts.h"

namespace {

weir_verdict fail(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    return weir_stop_with(self, WEIR_REASON_USER);
}

weir_task_result no_task(void *context, const void *event, weir_task *task) {
    (void)context, (void)event, (void)task;
    return {};
}

weir_runtime *open_runtime() {
    weir_runtime_options options = {};
    options.workers = 1;
    options.mode = WEIR_STEPPED;
    options.log = part_no_log;
    weir_runtime *runtime;
    part_must(weir_runtime_open(&options, &runtime));
    return runtime;
}

void settle(weir_runtime *runtime) {
    part_must(weir_runtime_settle(runtime, WEIR_FOREVER));
}

weir_stage_options producer() {
    weir_stage_options options = {};
    options.kind = WEIR_PRODUCER;
    options.event_bytes = sizeof(uint64_t);
    options.on.handle_demand = part_no_demand;
    options.on.handle_cast = fail;
    return options;
}

// ---- supervisors ---------------------------------------------------------------------

struct Family {
    weir_strategy strategy = WEIR_ONE_FOR_ONE;
    bool linked = false; // each child but the first is subscribed to that
    bool named = false;  // by its name, and not by its number
    bool added = false;  // by hand, one after the other
};

// A producer and n - 1 consumers.
class Children {
  public:
    Children(const Family &family, uint64_t count) : supervised(count) {
        from.options.max_demand = 1;
        from.options.min_demand = WEIR_NONE;
        from.options.cancel = WEIR_TEMPORARY;
        from.producer = WEIR_SIBLING(0);
        from.name = family.named ? "first" : nullptr;
        first.name = "first";
        first.registered = true;
        other.kind = WEIR_CONSUMER;
        other.subscribe_to = family.linked ? &from : nullptr;
        other.subscribe_count = family.linked ? 1 : 0;
        other.on.handle_events = part_no_events;
        other.on.handle_cast = fail;
        for (weir_supervised &one : supervised) one.stage = &other;
        supervised[0].stage = &first;
    }

    std::vector<weir_supervised> supervised;

  private:
    weir_subscribe_to from = {};
    weir_stage_options first = producer();
    weir_stage_options other = {};
};

weir_ref start(weir_runtime *runtime, const Family &family, Children &children) {
    weir_supervisor_options options = {};
    options.strategy = family.strategy;
    options.max_restarts = WEIR_INFINITY;
    options.children = children.supervised.data();
    options.child_count = family.added ? 0 : children.supervised.size();
    weir_ref supervisor;
    part_must(weir_supervisor_start(runtime, &options, &supervisor));
    settle(runtime);
    for (const weir_supervised &one : children.supervised) {
        if (!family.added) break;
        part_must(
            weir_supervisor_start_child(runtime, supervisor, &one, WEIR_FOREVER, nullptr, nullptr));
    }
    return supervisor;
}

// Each fails once; or the first does, and takes all others along.
void let_fail(weir_runtime *runtime, weir_ref supervisor, const Family &family, uint64_t count) {
    std::vector<weir_supervised_info> infos(count);
    size_t found;
    part_must(
        weir_supervisor_children(runtime, supervisor, WEIR_FOREVER, infos.data(), count, &found));
    for (uint64_t i = 0; i < count; i++) {
        part_must(weir_cast(runtime, infos[i].stage, "", 1));
        if (family.strategy == WEIR_ONE_FOR_ALL) break;
        if (i % 64 == 63) settle(runtime);
    }
    settle(runtime);
}

void supervise(weir_runtime *runtime, const Family &family, uint64_t count) {
    Children children(family, count);
    weir_ref supervisor = start(runtime, family, children);
    let_fail(runtime, supervisor, family, count);
    part_must(weir_stop(runtime, supervisor, WEIR_REASON_NORMAL));
    settle(runtime);
}

// ---- pools ---------------------------------------------------------------------------

weir_pool *open_pool(weir_runtime *runtime, weir_ref *stage) {
    weir_pool_options options = {};
    options.event_bytes = sizeof(uint64_t);
    options.task = no_task;
    weir_pool *pool;
    part_must(weir_pool_open(runtime, &options, &pool, stage));
    return pool;
}

void pool_producers(weir_runtime *runtime, uint64_t count) {
    weir_ref stage;
    weir_pool *pool = open_pool(runtime, &stage);
    weir_stage_options options = producer();
    weir_subscribe_options window = {};
    window.max_demand = 2;
    window.cancel = WEIR_TEMPORARY;
    std::vector<weir_ref> producers(count);
    for (weir_ref &one : producers) {
        part_must(weir_stage_start(runtime, &options, &one));
        part_must(weir_subscribe(runtime, stage, one, &window, nullptr));
    }
    settle(runtime);
    for (weir_ref one : producers) part_must(weir_stop(runtime, one, WEIR_REASON_NORMAL));
    settle(runtime);
    part_must(weir_pool_close(pool, nullptr));
}

void pool_children(weir_runtime *runtime, uint64_t count) {
    weir_pool *pool = open_pool(runtime, nullptr);
    std::vector<weir_child> children(count);
    for (uint64_t i = 0; i < count; i++) {
        part_must(weir_pool_start_child(pool, &i, &children[i]));
    }
    for (uint64_t i = 0; i < count; i += 2) part_must(weir_pool_end_child(pool, children[i]));
    settle(runtime);
    part_must(weir_pool_close(pool, nullptr));
}

// ---- rows ----------------------------------------------------------------------------

using Work = std::function<void(weir_runtime *runtime, uint64_t count)>;

// The work's nanoseconds, for each of `count`.
double time(const Work &work, uint64_t count, bool *correct) {
    weir_runtime *runtime = open_runtime();
    double began = race_clock_ns();
    work(runtime, count);
    double ended = race_clock_ns();
    weir_accounts accounts;
    part_must(weir_runtime_close(runtime, &accounts));
    *correct = weir_accounts_check(&accounts) == nullptr && *correct;
    return (ended - began) / static_cast<double>(count);
}

void add(const std::string &setting, const Work &work) {
    growth::add(setting, [=](uint64_t n, bool *correct) { return time(work, n, correct); });
}

void add_family(const std::string &setting, const Family &family) {
    add("supervisor," + setting,
        [=](weir_runtime *runtime, uint64_t count) { supervise(runtime, family, count); });
}

} // namespace

int main(int argc, char **argv) {
    Family family;
    add_family("alone", family);
    family.added = true;
    add_family("added", family);
    family.added = false;
    family.linked = true;
    add_family("by_number", family);
    family.named = true;
    add_family("by_name", family);
    family.strategy = WEIR_ONE_FOR_ALL;
    add_family("one_for_all", family);
    add("pool,producers", pool_producers);
    add("pool,children", pool_children);
    return rows::run(argc, argv);
}
