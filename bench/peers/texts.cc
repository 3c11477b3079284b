// Messages of any length, as C++ programs pass them: see texts.h.
// SPDX-License-Identifier: Apache-2.0
#include "texts.h"

#include <algorithm>

namespace peer {

namespace {

Texts made(messages_lengths lengths, const char *name) {
    auto *stream = new messages; // for as long as the program runs
    messages_make(stream, lengths);
    auto shorter = [](const message &one, const message &other) { return one.bytes < other.bytes; };
    const message *longest =
        std::max_element(stream->cycle, stream->cycle + MESSAGES_CYCLE, shorter);
    return {stream, name, longest->bytes};
}

} // namespace

const std::vector<Texts> &texts() {
    static const std::vector<Texts> all = {made(MESSAGES_LINES, "bytes:120"),
                                           made(MESSAGES_MIXED, "bytes:1010")};
    return all;
}

} // namespace peer
