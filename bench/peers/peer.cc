// A peer: a program that runs the workloads with somebody else's library.
// SPDX-License-Identifier: Apache-2.0
#include "peer.h"

#include "order.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <iostream>
#include <iterator>
#include <pthread.h>
#include <sched.h>
#include <sstream>
#include <thread>

namespace peer {

namespace {

constexpr unsigned kPausesBeforeYield = 32;

void pin(int core) {
    static const race_cores cores = race_cores_pick();
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<size_t>(core == 0 ? cores.sender : cores.receiver), &set);
    (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

// Cases that pass many words at a time through a graph have their work done with either set
// of loops (work.h): nothing else shows in front of the plain ones.
bool has_both_loops(const std::string &name) {
    static const char *const graphs[] = {"pipe2/",     "pipe3/",     "share/",
                                         "broadcast/", "partition/", "merge/"};
    static const char *const manners[] = {"batch:", "in_place:", "vector:"};
    auto begins = [&](const char *graph) { return name.rfind(graph, 0) == 0; };
    auto has = [&](const char *manner) { return name.find(manner) != std::string::npos; };
    return std::any_of(std::begin(graphs), std::end(graphs), begins) &&
           std::any_of(std::begin(manners), std::end(manners), has);
}

std::string answer(const std::vector<Case> &cases, std::string name, uint64_t events) {
    if (work_choose(name.c_str())) name.resize(name.size() - std::strlen(WORK_PLAIN));
    auto found =
        std::find_if(cases.begin(), cases.end(), [&](const Case &one) { return one.name == name; });
    if (found == cases.end()) return "error no such case";
    try {
        Outcome outcome = found->run(events);
        if (!outcome.correct) return "error a wrong sum";
        std::ostringstream line;
        line << std::fixed << "ok " << outcome.nanoseconds;
        if (outcome.p50 > 0) {
            line << ' ' << outcome.p50 << ' ' << outcome.p99 << ' ' << outcome.p999;
        }
        return line.str();
    } catch (const std::exception &problem) {
        return std::string("error ") + problem.what();
    }
}

} // namespace

int serve(const std::vector<Case> &cases) {
    std::string line;
    while (std::getline(std::cin, line)) {
        std::istringstream words(line);
        std::string verb, name;
        uint64_t events = 0;
        words >> verb >> name >> events;
        if (verb == "list") {
            for (const Case &one : cases) {
                std::cout << one.name << '\n';
                if (has_both_loops(one.name)) std::cout << one.name << WORK_PLAIN << '\n';
            }
            std::cout << '.' << std::endl;
        } else if (verb == "run" && events > 0) {
            std::cout << answer(cases, name, events) << std::endl;
        } else {
            std::cout << "error usage: list, or run CASE N" << std::endl;
        }
    }
    return 0;
}

double run_together(const std::vector<Worker> &workers) {
    std::atomic<size_t> standing{0};
    std::atomic<bool> go{false};
    std::vector<std::thread> threads;
    for (const Worker &worker : workers) {
        threads.emplace_back([&standing, &go, &worker] {
            pin(worker.core);
            standing.fetch_add(1);
            // Several may share a core: those that wait leave it to the others.
            while (!go.load(std::memory_order_acquire)) sched_yield();
            worker.work();
        });
    }
    while (standing.load() < workers.size()) sched_yield();
    double start = race_clock_ns();
    go.store(true, std::memory_order_release);
    for (std::thread &thread : threads) thread.join();
    return race_clock_ns() - start;
}

void Wait::again() {
    if (crowded_ && ++failures_ >= kPausesBeforeYield) {
        failures_ = 0;
        sched_yield();
    } else {
        ck_pr_stall();
    }
}

void quantiles(std::vector<double> trips, Outcome &outcome) {
    if (trips.empty()) return;
    std::sort(trips.begin(), trips.end());
    auto at = [&](double share) {
        return trips[std::min(trips.size() - 1,
                              static_cast<size_t>(share * static_cast<double>(trips.size())))];
    };
    outcome.p50 = at(0.5);
    outcome.p99 = at(0.99);
    outcome.p999 = at(0.999);
}

} // namespace peer
