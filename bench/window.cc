// Windows: counts by key in tumbling windows of event time.
// SPDX-License-Identifier: Apache-2.0
//
// Question.  How many events of 16 bytes per second go through a source, a window stage and who
// takes its results, all on one worker, with 100 and with 100,000 keys, beside a stage that does
// the same by hand (a table for each window, everything inlined) and beside the bare loop?
// Windows have 500,000 events; the source gives a watermark every 1,000.
//
// Prediction.  The part calls three functions for each event, some 5 ns, and its accumulators have
// 64 bytes with their heads, where those by hand have 16.  With 100,000 keys its table is 16 MiB,
// and in the third cache or beyond; it fetches places ahead, and so waits less than the loop does.
#include "rows.h"
#include "windowed.h"

#include <string>

int main(int argc, char **argv) {
    const struct {
        const char *name;
        windowed_how how;
    } ways[] = {{"weir/1", WINDOWED_PART}, {"hand/1", WINDOWED_HAND}, {"loop/1", WINDOWED_PLAIN}};
    for (uint64_t keys : {100u, 100000u}) {
        for (const auto &way : ways) {
            windowed_how how = way.how;
            rows::add_fixed(way.name + std::string("/keys:") + std::to_string(keys), 4000000,
                            [how, keys](uint64_t events) -> rows::Outcome {
                                return windowed_run(how, keys, events);
                            });
        }
    }
    return rows::run(argc, argv);
}
