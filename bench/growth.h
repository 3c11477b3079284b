// Growth: a time for each of n things, at three n, and the exponent with which all of them grow.
// SPDX-License-Identifier: Apache-2.0
#ifndef WEIR_BENCH_GROWTH_H
#define WEIR_BENCH_GROWTH_H

#include "rows.h"

#include <cmath>
#include <functional>
#include <string>
#include <vector>

namespace growth {

constexpr uint64_t kLeast = 1000;
constexpr uint64_t kSteps = 3; // by which n grows fourfold: kLeast, 4 kLeast, 16 kLeast

// Nanoseconds for each of n; *correct becomes false when the accounts are wrong.
using Measure = std::function<double(uint64_t n, bool *correct)>;

inline rows::Outcome run(const Measure &measure) {
    rows::Outcome outcome;
    outcome.correct = true;
    std::vector<double> each;
    for (uint64_t step = 0, n = kLeast; step < kSteps; step++, n *= 4) {
        each.push_back(measure(n, &outcome.correct));
        outcome.figures["ns_of_" + std::to_string(n)] = each.back();
    }
    double grown = std::log(each.back() / each.front()) / std::log(4.0);
    outcome.figures["exponent"] = 1 + grown / static_cast<double>(kSteps - 1);
    return outcome;
}

inline void add(const std::string &setting, const Measure &measure) {
    rows::add_figures("weir/one_core/" + setting, [=] { return run(measure); });
}

} // namespace growth

#endif
