// CAF: messages of any length, as strings.
// SPDX-License-Identifier: Apache-2.0
//
// `item` and `batch` are streams of strings, whose consumers are called for each string or for
// each batch; `shared:N` are streams of vectors of N strings, which are shared, since a stream
// copies what it carries.  With `actors` an actor sends strings, or vectors of N, to another,
// which answers with each that it has read: so many are under way as there are, and their
// memory is used again.
#include "caf_site.h"

#include "../texts.h"

namespace flow {

namespace {

using Strings = std::vector<std::string>;
using SharedStrings = caf::cow_tuple<Strings>;

uint64_t read_all(const Strings &texts) {
    uint64_t sum = 0;
    for (const std::string &text : texts) sum += peer::read_text(text);
    return sum;
}

struct TextItems {
    using Element = std::string;

    explicit TextItems(const peer::Texts &given) : texts(given) {}

    std::string next(Range &range) {
        const message *text = messages_at(texts.stream, range.next++);
        return {text->from, text->bytes};
    }
    auto adder(Sink sink) {
        return
            [sink](caf::unit_t &, const std::string &text) { sink.add(peer::read_text(text), 1); };
    }

    const peer::Texts texts;
};

struct TextBatches : TextItems {
    using TextItems::TextItems;

    auto adder(Sink sink) {
        return [sink](caf::unit_t &, Strings &batch) { sink.add(read_all(batch), batch.size()); };
    }
};

template <size_t size> struct SharedTexts {
    using Element = SharedStrings;

    explicit SharedTexts(const peer::Texts &given) : texts(given) {}

    SharedStrings next(Range &range) {
        Strings some;
        some.reserve(size);
        for (; some.size() < size && !range.empty(); range.next++) {
            const message *text = messages_at(texts.stream, range.next);
            some.emplace_back(text->from, text->bytes);
        }
        return SharedStrings(std::move(some));
    }
    auto adder(Sink sink) {
        return [sink](caf::unit_t &, const SharedStrings &some) {
            sink.add(read_all(caf::get<0>(some)), caf::get<0>(some).size());
        };
    }

    const peer::Texts texts;
};

template <class Kind>
peer::Outcome stream(const peer::Texts &texts, unsigned cores, uint64_t count) {
    Kind kind(texts);
    Tally tally;
    Finish finish(1);
    System system(cores);
    caf::actor sink = spawn_sink(system.actors(), kind, {&tally, count, &finish});
    double start = race_clock_ns();
    spawn_source(system.actors(), kind, {0, count}, sink);
    double end = finish.wait();
    return caf_outcome(start, end, tally.sum, messages_expected(texts.stream, count));
}

// One string, or as many as are left up to a vector's size.
struct Single {
    using Message = std::string;
    static constexpr size_t kUnderWay = 1024;

    static void write(std::string &text, const peer::Texts &texts, Range &range) {
        peer::write_text(text, texts, range.next++);
    }
    static void read(const std::string &text, Sink &sink) {
        sink.add(peer::read_text(text), 1);
    }
};

template <size_t size> struct Many {
    using Message = Strings;
    static constexpr size_t kUnderWay = 16;

    static void write(Strings &some, const peer::Texts &texts, Range &range) {
        some.resize(std::min<uint64_t>(size, range.left()));
        for (std::string &text : some) peer::write_text(text, texts, range.next++);
    }
    static void read(const Strings &some, Sink &sink) {
        sink.add(read_all(some), some.size());
    }
};

template <class Kind> peer::Outcome send(const peer::Texts &texts, unsigned cores, uint64_t count) {
    using Message = typename Kind::Message;
    Tally tally;
    Finish finish(1);
    Range range{0, count};
    Sink sink{&tally, count, &finish};
    System system(cores);
    caf::actor reader = system.actors().spawn([&]() -> caf::behavior {
        return {[&](Message &read) {
            Kind::read(read, sink);
            return std::move(read);
        }};
    });
    caf::actor writer =
        system.actors().spawn([&, reader](caf::event_based_actor *self) -> caf::behavior {
            return {[&, self, reader](Message &free) {
                if (range.empty()) return self->quit();
                Kind::write(free, texts, range);
                self->send(reader, std::move(free));
            }};
        });
    double start = race_clock_ns();
    for (size_t i = 0; i < Kind::kUnderWay; i++) caf::anon_send(writer, Message{});
    double end = finish.wait();
    return caf_outcome(start, end, tally.sum, messages_expected(texts.stream, count));
}

using Run = peer::Outcome (*)(const peer::Texts &texts, unsigned cores, uint64_t count);

constexpr std::pair<const char *, Run> kSettings[] = {
    {"item", stream<TextItems>},
    {"batch", stream<TextBatches>},
    {"shared:64", stream<SharedTexts<64>>},
    {"shared:512", stream<SharedTexts<512>>},
    {"actors,item", send<Single>},
    {"actors,vector:64", send<Many<64>>},
    {"actors,vector:512", send<Many<512>>},
};

} // namespace

void add_caf_texts(std::vector<peer::Case> &cases) {
    for (Placement place : kPlacements) {
        for (const auto &[setting, run] : kSettings) {
            for (const peer::Texts &texts : peer::texts()) {
                cases.push_back(
                    {std::string("payload/") + place.name + "/" + setting + "," + texts.name,
                     [&texts, cores = place.cores, how = run](uint64_t count) {
                         return how(texts, cores, count);
                     }});
            }
        }
    }
}

} // namespace flow
