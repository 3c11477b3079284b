/*
 * The stages of typed_loops.c, by weir.hpp.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <weir/weir.hpp>

struct add_events {
    using takes = uint64_t;
    uint64_t sum = 0;
    void handle_events(weir::self<>, std::span<const uint64_t> batch) {
        uint64_t all = 0;
        for (uint64_t number : batch) all += number;
        sum += all;
    }
};

struct shift_events {
    using takes = uint64_t;
    using emits = uint64_t;
    uint64_t bits = 1;
    weir_verdict handle_events(weir::self<uint64_t> self, std::span<const uint64_t> batch) {
        const uint64_t by = bits;
        for (uint64_t &event : self.own(batch)) event <<= by;
        return self.forward();
    }
};

void start_all(weir_runtime *runtime) {
    weir::start(runtime, add_events());
    weir::start(runtime, shift_events());
    weir::start(runtime,
                weir::converter<uint64_t, uint64_t>([](auto self, std::span<const uint64_t> batch) {
                    for (const uint64_t &number : batch) self.emit(number);
                }));
}
