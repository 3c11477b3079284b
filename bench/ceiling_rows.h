// The ceilings as rows.
// SPDX-License-Identifier: Apache-2.0
#ifndef BENCH_CEILING_ROWS_H
#define BENCH_CEILING_ROWS_H

#include "ceilings.h"
#include "rows.h"

namespace rows {

// ceiling/split/MANNER,SETTING for each manner, the best of which is the ceiling.
void add_slices(race_cores cores, ceiling_window window, const std::string &setting);

// ceiling/one_core/loop,SETTING
void add_loop(race_cores cores, ceiling_window window, ceiling_chores chores,
              const std::string &setting);

// ceiling/split/slots,SETTING and ceiling/one_core/slots,SETTING: of large events.
void add_slots(race_cores cores, ceiling_window window, const std::string &setting);

} // namespace rows

#endif
