/*
 * The bound on batches: at most max - min on an automatic subscription.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A pair of stages may subscribe several times in one case (again after a
 * cancel, or a second time and be refused); the largest of its bounds counts.
 */
#include "conformance/compare.h"

#include <stdlib.h>
#include <string.h>

bool subscribe_words_read(const struct words *words, struct subscribe_words *out) {
    *out = (struct subscribe_words){.max = 1000, .cancel = "permanent"};
    bool has_min = false;
    bool good = words->count >= 3;
    for (size_t i = 3; good && i < words->count; i++) {
        if (words_are(words, i, "manual")) {
            out->manual = true;
        } else if (words_are(words, i, "max")) {
            good = words_number(words, ++i, &out->max);
        } else if (words_are(words, i, "min")) {
            good = has_min = words_number(words, ++i, &out->min);
        } else if (words_are(words, i, "cancel")) {
            good = ++i < words->count;
            if (good) out->cancel = words->at[i];
        } else if (words_are(words, i, "partition")) {
            good = out->partitioned = words_number(words, ++i, &out->partition);
        } else if (words_are(words, i, "selector")) {
            good =
                words_number(words, i + 2, &out->modulus) && words_number(words, i + 4, &out->rest);
            i += 4;
        } else {
            good = false;
        }
    }
    if (!has_min) out->min = out->max / 2;
    return good && out->min < out->max;
}

struct bound {
    const char *consumer; /* in the operation's words, which are kept */
    const char *producer;
    uint64_t most; /* UINT64_MAX: a manual one */
};

struct bounds {
    struct bound *at;
    size_t count;
};

static struct bound *find(const struct bounds *bounds, const struct words *words, size_t consumer,
                          size_t producer) {
    for (size_t i = 0; i < bounds->count; i++)
        if (words_are(words, consumer, bounds->at[i].consumer) &&
            words_are(words, producer, bounds->at[i].producer))
            return &bounds->at[i];
    return NULL;
}

static void add_bound(struct bounds *bounds, const struct words *words) {
    struct subscribe_words options;
    if (!words_are(words, 0, "subscribe") || !subscribe_words_read(words, &options)) return;
    uint64_t most = options.manual ? UINT64_MAX : options.max - options.min;
    struct bound *bound = find(bounds, words, 1, 2);
    if (!bound) {
        bounds->at = must_resize(bounds->at, (bounds->count + 1) * sizeof *bounds->at);
        bound = &bounds->at[bounds->count++];
        *bound = (struct bound){words->at[1], words->at[2], 0};
    }
    if (most > bound->most) bound->most = most;
}

/* True when this effect tells `batch`'s stage, or its upstream, of their subscription's end. */
static bool is_end(const char *line, const struct words *batch) {
    struct words words = words_of(line);
    const char *stage = batch->at[0];
    const char *upstream = batch->at[2];
    bool cancel = words_are(&words, 1, "handle_cancel");
    bool result = (cancel && words_are(&words, 0, stage) && words_are(&words, 2, upstream)) ||
                  (cancel && words_are(&words, 0, upstream) && words_are(&words, 2, stage)) ||
                  (words_are(&words, 1, "terminate") && words_are(&words, 0, upstream));
    words_free(&words);
    return result;
}

/*
 * True when the batch may be one of those that a stage still held when its
 * subscription ended.  A producer_consumer may hold them for many operations.
 */
static bool held_at_end(const struct lines *seen, size_t at, const struct words *batch) {
    size_t first = batch->at[0][0] == 'x' ? 0 : at;
    for (size_t i = first; i <= at; i++)
        for (size_t j = 0; j < seen[i].count; j++)
            if (is_end(seen[i].at[j], batch)) return true;
    return false;
}

static bool over(const struct bounds *bounds, const struct lines *seen, size_t at,
                 const char *line) {
    struct words words = words_of(line);
    bool result = false;
    if (words_are(&words, 1, "handle_events") && words.count > 3) {
        const struct bound *bound = find(bounds, &words, 0, 2);
        result = bound && words.count - 3 > bound->most && !held_at_end(seen, at, &words);
    }
    words_free(&words);
    return result;
}

const char *batch_over_bound(const struct test_case *test, const struct lines *seen) {
    struct words *operations = must_resize(NULL, test->count * sizeof *operations);
    struct bounds bounds = {NULL, 0};
    const char *found = NULL;
    size_t read = 0;
    for (; read < test->count && !found; read++) {
        operations[read] = words_of(test->operations[read].line);
        add_bound(&bounds, &operations[read]);
        for (size_t i = 0; i < seen[read].count && !found; i++)
            if (over(&bounds, seen, read, seen[read].at[i])) found = seen[read].at[i];
    }
    for (size_t i = 0; i < read; i++) words_free(&operations[i]);
    free(operations);
    free(bounds.at);
    return found;
}
