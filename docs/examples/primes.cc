/*
 * C++20: a row of five stages that sifts the primes out of the numbers.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     numbers ──► not by 2 ──► not by 3 ──► not by 5 ──► sum
 *
 * Of the numbers from 7 to 48 those are left that 2, 3 and 5 do not divide: all primes.
 */
#include <cstdio>
#include <weir/weir.hpp>

namespace {

constexpr uint64_t FIRST = 7, LAST = 48, DIVISORS[] = {2, 3, 5};

/* A stage's state, as what it is. */
template <typename T> T &state_of(weir_stage *self) {
    return *static_cast<T *>(weir_state(self));
}

weir_verdict count(weir_stage *self, uint64_t demand) noexcept {
    uint64_t &next = state_of<uint64_t>(self);
    for (; demand > 0 && next <= LAST; demand--, next++) weir_must(weir_emit(self, &next, 1));
    return next <= LAST ? WEIR_CONTINUE : WEIR_FINISH;
}

weir_verdict sift(weir_stage *self, weir_batch batch) noexcept {
    const uint64_t divisor = state_of<uint64_t>(self);
    const auto *number = static_cast<const uint64_t *>(batch.events);
    for (size_t i = 0; i < batch.count; i++)
        if (number[i] % divisor != 0) weir_must(weir_emit(self, &number[i], 1));
    return WEIR_CONTINUE;
}

struct total {
    uint64_t count, sum;
};

weir_verdict add(weir_stage *self, weir_batch batch) noexcept {
    total &all = *state_of<total *>(self);
    const auto *number = static_cast<const uint64_t *>(batch.events);
    for (size_t i = 0; i < batch.count; i++) all.sum += number[i];
    all.count += batch.count;
    return WEIR_CONTINUE;
}

weir_stage_options sieve(const uint64_t &divisor) {
    return {.kind = WEIR_PRODUCER_CONSUMER,
            .name = "sieve",
            .event_bytes = sizeof divisor,
            .takes_bytes = sizeof divisor,
            .state = &divisor,
            .state_bytes = sizeof divisor,
            .on = {.handle_events = sift}};
}

} // namespace

int main() {
    weir_runtime *runtime;
    weir_accounts accounts;
    weir_ref row[5];
    total all = {0, 0}, *to = &all;
    weir_must(weir_runtime_open({.workers = 2}, &runtime));
    weir_must(weir_stages_start(runtime,
                                {{.kind = WEIR_PRODUCER,
                                  .name = "numbers",
                                  .event_bytes = sizeof FIRST,
                                  .state = &FIRST,
                                  .state_bytes = sizeof FIRST,
                                  .on = {.handle_demand = count}},
                                 sieve(DIVISORS[0]),
                                 sieve(DIVISORS[1]),
                                 sieve(DIVISORS[2]),
                                 {.kind = WEIR_CONSUMER,
                                  .name = "sum",
                                  .takes_bytes = sizeof(uint64_t),
                                  .state = &to,
                                  .state_bytes = sizeof to,
                                  .on = {.handle_events = add}}},
                                row));
    weir_must(weir_chain(runtime, row, 5, {.max_demand = 10}));
    weir_must(weir_runtime_run(runtime, WEIR_FOREVER));
    weir_must(weir_runtime_close(runtime, &accounts));
    const char *wrong = weir_accounts_check(&accounts);
    std::printf("%llu primes, together %llu; the accounts: %s\n",
                static_cast<unsigned long long>(all.count),
                static_cast<unsigned long long>(all.sum), wrong == nullptr ? "right" : wrong);
    return 0;
}
