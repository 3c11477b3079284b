// The words of the stream, as libraries that pass messages carry them: see words.h.
// SPDX-License-Identifier: Apache-2.0
#include "words.h"

namespace flow {

Range part_of(uint64_t events, unsigned index, unsigned parts) {
    uint64_t each = events / parts;
    uint64_t first = 1 + index * each;
    return {first, index + 1 == parts ? events + 1 : first + each};
}

uint64_t total(const Tallies &tallies) {
    uint64_t sum = 0;
    for (const Tally &tally : tallies) sum += tally.sum;
    return sum;
}

void fill_next(Words &words, size_t size, Range &range) {
    size_t count = static_cast<size_t>(std::min<uint64_t>(size, range.left()));
    words.resize(count);
    work_fill(words.data(), count, range.next);
    range.next += count;
}

void split_words(const Words &words, const std::array<Words *, kConsumers> &parts) {
    std::array<uint64_t *, kConsumers> ends;
    for (unsigned key = 0; key < kConsumers; key++) {
        parts[key]->resize(words.size());
        ends[key] = parts[key]->data();
    }
    work_deal(words.data(), words.size(), ends.data());
    for (unsigned key = 0; key < kConsumers; key++) {
        parts[key]->resize(static_cast<size_t>(ends[key] - parts[key]->data()));
    }
}

} // namespace flow
