// The ceilings as rows.
// SPDX-License-Identifier: Apache-2.0
#include "ceiling_rows.h"

namespace rows {

namespace {

const char *const kManners[CEILING_MANNERS] = {"in_place", "ahead", "scratch", "string"};

} // namespace

void add_slices(race_cores cores, ceiling_window window, const std::string &setting) {
    for (int manner = 0; manner < CEILING_MANNERS; manner++) {
        add("ceiling/split/" + std::string(kManners[manner]) + "," + setting, [=](uint64_t events) {
            return ceiling_slices(cores, window, static_cast<ceiling_manner>(manner), events);
        });
    }
}

void add_loop(race_cores cores, ceiling_window window, ceiling_chores chores,
              const std::string &setting) {
    add("ceiling/one_core/loop," + setting,
        [=](uint64_t events) { return ceiling_one_core(cores, window, chores, events); });
}

void add_slots(race_cores cores, ceiling_window window, const std::string &setting) {
    add("ceiling/split/slots," + setting,
        [=](uint64_t events) { return ceiling_ring_of_slots(cores, window, events); });
    add("ceiling/one_core/slots," + setting,
        [=](uint64_t events) { return ceiling_one_core_slots(cores, window, events); });
}

} // namespace rows
