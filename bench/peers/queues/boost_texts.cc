// Peer: Boost.Lockfree, messages of any length through its spsc_queue.
// SPDX-License-Identifier: Apache-2.0
//
// To push one copies it: the string that it is copied from keeps its memory.  To push many from
// move iterators moves them.  consume_one and consume_all show a string where it lies and free
// it there, where pop would copy it.
#include "texts.h"

#include <boost/lockfree/spsc_queue.hpp>
#include <iterator>

namespace queues {

namespace {

template <class T, bool bulk> class Spsc {
  public:
    using Item = T;
    static constexpr bool kBulk = bulk;

    explicit Spsc(size_t capacity) : queue_(capacity) {}

    class Writer {
      public:
        explicit Writer(Spsc &spsc) : queue_(spsc.queue_) {}
        size_t push(T *items, size_t count) {
            if constexpr (bulk) {
                auto first = std::make_move_iterator(items);
                auto last = std::make_move_iterator(items + count);
                return static_cast<size_t>(queue_.push(first, last) - first);
            } else {
                size_t pushed = 0;
                while (pushed < count && queue_.push(items[pushed])) pushed++;
                return pushed;
            }
        }

      private:
        boost::lockfree::spsc_queue<T> &queue_;
    };

    class Reader {
      public:
        explicit Reader(Spsc &spsc) : queue_(spsc.queue_) {}
        template <class Use> size_t take(size_t most, Use &&use) {
            auto one = [&use](T &item) { use(&item, size_t{1}); };
            size_t taken = 0;
            if constexpr (!bulk) {
                while (taken < most && queue_.consume_one(one)) taken++;
            } else if constexpr (std::is_pointer_v<T>) {
                taken = queue_.pop(some_, most);
                if (taken > 0) use(some_, taken);
            } else {
                taken = queue_.consume_all(one);
            }
            return taken;
        }

      private:
        boost::lockfree::spsc_queue<T> &queue_;
        T some_[std::is_pointer_v<T> ? kTextBulk : 1] = {};
    };

  private:
    alignas(kApart) boost::lockfree::spsc_queue<T> queue_;
};

} // namespace

void add_texts(std::vector<peer::Case> &cases) {
    add_text_cases<Spsc<std::string, false>>(cases, "");
    add_text_cases<Spsc<std::string, true>>(cases, "");
    add_text_cases<Spsc<std::string *, false>>(cases, "");
    add_text_cases<Spsc<std::string *, true>>(cases, "");
}

} // namespace queues
