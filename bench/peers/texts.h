// Messages of any length, as C++ programs pass them: strings.
// SPDX-License-Identifier: Apache-2.0
#ifndef BENCH_PEERS_TEXTS_H
#define BENCH_PEERS_TEXTS_H

#include "messages.h"

#include <string>
#include <vector>

namespace peer {

// A stream that all rows of a case's kind send, and what its setting is called.
struct Texts {
    const messages *stream;
    std::string name; // "bytes:" and the mean
    size_t longest;   // bytes
};

// Short ones and mixed ones, each made once.
const std::vector<Texts> &texts();

inline void write_text(std::string &to, const Texts &from, uint64_t number) {
    const message *next = messages_at(from.stream, number);
    to.assign(next->from, next->bytes);
}

inline uint64_t read_text(const std::string &text) {
    return messages_add(text.data(), text.size());
}

} // namespace peer

#endif
