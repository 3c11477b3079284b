// The words of the stream, as libraries that pass messages carry them: see words.h.
// SPDX-License-Identifier: Apache-2.0
//
// Written with vectors of two words for the same reason as ../../work.c: the speed
// shall not hang on the compiler's mood.
#include "words.h"

namespace flow {

namespace {

constexpr size_t kLanes = 2;
constexpr size_t kGroup = 4 * kLanes;

typedef uint64_t Lanes
    __attribute__((vector_size(kLanes * sizeof(uint64_t)), aligned(sizeof(uint64_t)), may_alias));

} // namespace

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

void double_words(uint64_t *words, size_t count) {
    size_t i = 0;
    for (; i + kGroup <= count; i += kGroup) {
        Lanes *group = reinterpret_cast<Lanes *>(words + i);
        group[0] += group[0];
        group[1] += group[1];
        group[2] += group[2];
        group[3] += group[3];
    }
    for (; i < count; i++) words[i] += words[i];
}

void split_words(const Words &words, const std::array<Words *, kConsumers> &parts) {
    std::array<uint64_t *, kConsumers> ends;
    for (unsigned key = 0; key < kConsumers; key++) {
        parts[key]->resize(words.size());
        ends[key] = parts[key]->data();
    }
    for (uint64_t word : words) *ends[word % kConsumers]++ = word;
    for (unsigned key = 0; key < kConsumers; key++) {
        parts[key]->resize(static_cast<size_t>(ends[key] - parts[key]->data()));
    }
}

} // namespace flow
