// Growth cost: how what one operation costs grows with how much of the same there is.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  n stages, subscriptions, names, timers, monitors or answers are made, used one
// by one, and ended.  What does each of these cost for n = 1,000, 4,000 and 16,000, and with
// which exponent does the time for all of them grow?  (Parts: growth_parts.)
//
// Prediction.  n log n at worst, which over these n is an exponent of 1.1.  The smallest n
// fits into the caches and the largest does not, and what is fetched from further away takes
// up to four times as long: up to 1.5.  Anything that walked through all the others would
// be at 2.
#include "growth.h"
#include "race.h"
#include "rows.h"

#include <string>
#include <vector>

#include "parts.h"

namespace {

constexpr uint64_t kLater = 1000000000000; // ns: not while this runs

weir_verdict no_message(weir_stage *self, const void *message, size_t bytes) {
    (void)self, (void)message, (void)bytes;
    return WEIR_CONTINUE;
}

weir_verdict no_news(weir_stage *self, weir_ref stage, weir_reason reason) {
    (void)self, (void)stage, (void)reason;
    return WEIR_CONTINUE;
}

weir_subscribe_verdict by_hand(weir_stage *self, const weir_peer *peer) {
    (void)self;
    return peer->side == WEIR_PRODUCER ? WEIR_MANUAL : WEIR_AUTOMATIC;
}

// What a stage that is told to does in its callback, n times.
struct Chores {
    void (*one)(weir_stage *self, Chores *chores, uint64_t i);
    uint64_t count;
    std::vector<weir_ref> stages;
    std::vector<weir_monitor> monitors;
};

weir_verdict do_chores(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    Chores *chores = *static_cast<Chores **>(weir_state(self));
    for (uint64_t i = 0; i < chores->count; i++) chores->one(self, chores, i);
    return WEIR_CONTINUE;
}

// One worker, which this thread steps.
class Site {
  public:
    explicit Site(uint64_t count) : n(count) {
        weir_runtime_options options = {};
        options.workers = 1;
        options.mode = WEIR_STEPPED;
        options.log = part_no_log;
        part_must(weir_runtime_open(&options, &runtime));
    }

    void settle() {
        part_must(weir_runtime_settle(runtime, WEIR_FOREVER));
    }

    // Does it n times, and lets the stages follow now and then.
    template <class One> void each(One one) {
        for (uint64_t i = 0; i < n; i++) {
            one(i);
            if (i % 64 == 63) settle();
        }
        settle();
    }

    weir_ref producer(const weir_dispatcher *dispatcher, const void *choices = nullptr) {
        weir_stage_options options = {};
        options.kind = WEIR_PRODUCER;
        options.event_bytes = sizeof(uint64_t);
        options.dispatcher = dispatcher;
        options.dispatcher_options = choices;
        options.on.handle_demand = part_no_demand;
        options.on.handle_info = no_message;
        return start(options);
    }

    weir_ref consumer(weir_subscribe_verdict (*choose)(weir_stage *, const weir_peer *)) {
        weir_stage_options options = {};
        options.kind = WEIR_CONSUMER;
        options.on.handle_events = part_no_events;
        options.on.handle_subscribe = choose;
        options.on.handle_cast = no_message;
        return start(options);
    }

    // A consumer that does the chores when it is cast anything.
    weir_ref servant(Chores *chores) {
        weir_stage_options options = {};
        options.kind = WEIR_CONSUMER;
        options.state_bytes = sizeof chores;
        options.state = &chores;
        options.on.handle_events = part_no_events;
        options.on.handle_cast = do_chores;
        options.on.handle_down = no_news;
        return start(options);
    }

    weir_ref start(const weir_stage_options &options) {
        weir_ref stage;
        part_must(weir_stage_start(runtime, &options, &stage));
        return stage;
    }

    weir_subscription subscribe(weir_ref consumer, weir_ref producer, size_t max_demand = 2) {
        weir_subscribe_options window = {};
        window.max_demand = max_demand;
        window.min_demand = max_demand == 1 ? WEIR_NONE : max_demand / 2;
        window.cancel = WEIR_TEMPORARY;
        weir_subscription subscription;
        part_must(weir_subscribe(runtime, consumer, producer, &window, &subscription));
        return subscription;
    }

    bool close() {
        weir_accounts accounts;
        part_must(weir_runtime_close(runtime, &accounts));
        return weir_accounts_check(&accounts) == nullptr;
    }

    const uint64_t n;
    weir_runtime *runtime = nullptr;
};

// ---- what is timed; each returns when its timed part began and ended ------------------

struct Span {
    double began, ended;
};

template <class Work> Span time(Work work) {
    double began = race_clock_ns();
    work();
    return {began, race_clock_ns()};
}

std::vector<weir_ref> consumers(Site &site, bool manual = false) {
    std::vector<weir_ref> all(site.n);
    site.each([&](uint64_t i) { all[i] = site.consumer(manual ? by_hand : nullptr); });
    return all;
}

// n consumers of one producer, each asking for another amount if `distinct`.
std::vector<weir_subscription> fan(Site &site, const weir_dispatcher *dispatcher,
                                   bool distinct = false) {
    weir_ref producer = site.producer(dispatcher);
    std::vector<weir_ref> all = consumers(site);
    std::vector<weir_subscription> made(site.n);
    site.each([&](uint64_t i) {
        made[i] = site.subscribe(all[i], producer, distinct ? 1 + i * 7919 % site.n : 2);
    });
    return made;
}

template <const weir_dispatcher *(*dispatcher)()> Span subscribe_cancel(Site &site) {
    return time([&] {
        std::vector<weir_subscription> made = fan(site, dispatcher());
        site.each(
            [&](uint64_t i) { part_must(weir_cancel(site.runtime, made[i], WEIR_REASON_NORMAL)); });
    });
}

template <const weir_dispatcher *(*dispatcher)()> Span distinct_demands(Site &site) {
    return time([&] { fan(site, dispatcher(), true); });
}

// Of one consumer's n subscriptions.
template <bool cancels> Span of_one_consumer(Site &site) {
    weir_ref consumer = site.consumer(by_hand);
    std::vector<weir_subscription> made(site.n);
    site.each([&](uint64_t i) { made[i] = site.subscribe(consumer, site.producer(nullptr)); });
    return time([&] {
        site.each([&](uint64_t i) {
            part_must(cancels ? weir_cancel(site.runtime, made[i], WEIR_REASON_NORMAL)
                              : weir_ask(site.runtime, made[i], 1));
        });
    });
}

Span stages(Site &site) {
    return time([&] {
        consumers(site);
        part_must(weir_runtime_stop(site.runtime, WEIR_REASON_NORMAL));
        site.settle();
    });
}

Span names(Site &site) {
    weir_ref stage = site.producer(nullptr), found;
    auto name = [](uint64_t i) { return "stage " + std::to_string(i); };
    return time([&] {
        site.each(
            [&](uint64_t i) { part_must(weir_register(site.runtime, stage, name(i).c_str())); });
        site.each(
            [&](uint64_t i) { part_must(weir_whereis(site.runtime, name(i).c_str(), &found)); });
        site.each([&](uint64_t i) { part_must(weir_unregister(site.runtime, name(i).c_str())); });
    });
}

Span named_partitions(Site &site) {
    std::vector<std::string> texts(site.n);
    std::vector<const char *> pointers(site.n);
    for (uint64_t i = 0; i < site.n; i++) {
        texts[i] = "partition " + std::to_string(i);
        pointers[i] = texts[i].c_str();
    }
    std::vector<weir_ref> all = consumers(site);
    weir_partition_dispatcher_options choices = {};
    choices.partitions = site.n;
    choices.names = pointers.data();
    return time([&] {
        weir_ref producer = site.producer(weir_partition_dispatcher(), &choices);
        site.each([&](uint64_t i) {
            weir_subscribe_options window = {};
            window.max_demand = 2;
            window.partition_name = pointers[i];
            part_must(weir_subscribe(site.runtime, all[i], producer, &window, nullptr));
        });
        site.each([&](uint64_t i) { part_must(weir_info(site.runtime, producer, &i, sizeof i)); });
    });
}

Span timers(Site &site) {
    weir_ref stage = site.consumer(nullptr);
    std::vector<weir_timer> armed(site.n);
    return time([&] {
        site.each([&](uint64_t i) {
            part_must(weir_send_after(site.runtime, stage, &i, sizeof i, kLater, &armed[i]));
        });
        site.each([&](uint64_t i) { part_must(weir_cancel_timer(site.runtime, armed[i])); });
    });
}

Span chores(Site &site, Chores *all) {
    weir_ref servant = site.servant(all);
    all->count = site.n;
    return time([&] {
        part_must(weir_cast(site.runtime, servant, "", 1));
        site.settle();
    });
}

Span monitors(Site &site) {
    Chores all = {};
    all.stages = consumers(site);
    all.monitors.resize(site.n);
    all.one = [](weir_stage *self, Chores *chores, uint64_t i) {
        part_must(weir_monitor_stage(self, chores->stages[i], &chores->monitors[i]));
        if (i + 1 < chores->count) return;
        for (weir_monitor monitor : chores->monitors) part_must(weir_demonitor(self, monitor));
    };
    return chores(site, &all);
}

// Answers to nobody, which are kept until the callback returns.
Span late_answers(Site &site) {
    Chores all = {};
    all.one = [](weir_stage *self, Chores *chores, uint64_t i) {
        (void)chores;
        part_must(weir_reply_after(self, weir_from{}, &i, sizeof i));
    };
    return chores(site, &all);
}

// Of a runtime with n stages.
Span closing(Site &site) {
    Site other(site.n);
    consumers(other);
    return time([&] { part_must(other.close() ? WEIR_OK : WEIR_INVALID); });
}

// ---- rows --------------------------------------------------------------------------------

using Work = Span (*)(Site &site);

void add(const std::string &setting, Work work) {
    growth::add(setting, [=](uint64_t n, bool *correct) {
        Site site(n);
        Span span = work(site);
        *correct = site.close() && *correct;
        return (span.ended - span.began) / static_cast<double>(n);
    });
}

} // namespace

int main(int argc, char **argv) {
    add("stages", stages);
    add("closing", closing);
    add("subscribe_cancel,demand", subscribe_cancel<weir_demand_dispatcher>);
    add("subscribe_cancel,broadcast", subscribe_cancel<weir_broadcast_dispatcher>);
    add("subscribe_cancel,shared", subscribe_cancel<weir_shared_dispatcher>);
    add("distinct_demands,demand", distinct_demands<weir_demand_dispatcher>);
    add("distinct_demands,broadcast", distinct_demands<weir_broadcast_dispatcher>);
    add("distinct_demands,shared", distinct_demands<weir_shared_dispatcher>);
    add("one_consumer,ask_each", of_one_consumer<false>);
    add("one_consumer,cancel_each", of_one_consumer<true>);
    add("names", names);
    add("named_partitions", named_partitions);
    add("timers", timers);
    add("monitors", monitors);
    add("late_answers", late_answers);
    return rows::run(argc, argv);
}
