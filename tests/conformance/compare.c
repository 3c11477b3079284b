/*
 * How effects of running stages are compared: see compare.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An effect is "STAGE VERB WORD...".  Lists are short (a few dozen lines), so
 * everything is found by walking them.
 */
#include "conformance/compare.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *word;
    const char *verb;
    unsigned bit;
} items[] = {
    {"demand", "handle_demand", ITEM_DEMAND},
    {"discarded", "discarded", ITEM_DISCARDED},
    {"subscribe", "handle_subscribe", ITEM_SUBSCRIBE},
    {"cancel", "handle_cancel", ITEM_CANCEL},
    {"info", "handle_info", ITEM_INFO},
    {"terminate", "terminate", ITEM_TERMINATE},
    {"buffered", "buffered", ITEM_BUFFERED},
};

enum { ITEMS = sizeof items / sizeof *items };

bool rule_read(const struct test_case *test, bool unmerged, struct rule *rule) {
    const char *line = unmerged ? case_setup(test, "unmerged") : NULL;
    if (!line) line = case_setup(test, "compare");
    if (!line) return false;
    struct words words = words_of(line);
    bool good = true;
    *rule = (struct rule){LEVEL_EXACT, 0};
    if (words_are(&words, 1, "per_subscription"))
        rule->level = LEVEL_PER_SUBSCRIPTION;
    else if (words_are(&words, 1, "totals"))
        rule->level = LEVEL_TOTALS;
    else
        good = words_are(&words, 1, "exact");
    for (size_t i = 3; i < words.count; i++)
        for (size_t item = 0; item < ITEMS; item++)
            if (words_are(&words, i, items[item].word)) rule->ignored |= items[item].bit;
    words_free(&words);
    return good;
}

/* ---- effects, taken apart ------------------------------------------------ */

struct effects {
    struct words *at;
    size_t count;
};

static bool is(const struct words *effect, const char *verb) {
    return words_are(effect, 1, verb);
}

/* Those of `lines` but handle_events without events, which may always be left out. */
static struct effects effects_of(const struct lines *lines) {
    struct effects effects = {must_resize(NULL, lines->count * sizeof *effects.at), 0};
    for (size_t i = 0; i < lines->count; i++) {
        struct words words = words_of(lines->at[i]);
        if (words.count < 2 || (is(&words, "handle_events") && words.count <= 3))
            words_free(&words);
        else
            effects.at[effects.count++] = words;
    }
    return effects;
}

static void effects_free(struct effects *effects) {
    for (size_t i = 0; i < effects->count; i++) words_free(&effects->at[i]);
    free(effects->at);
}

/* The words from `from` on, joined into one line. */
static char *joined(const struct words *words, size_t from) {
    size_t bytes = 1;
    for (size_t i = from; i < words->count; i++) bytes += strlen(words->at[i]) + 1;
    char *text = must_resize(NULL, bytes);
    char *end = text;
    for (size_t i = from; i < words->count; i++) {
        size_t length = strlen(words->at[i]);
        memcpy(end, words->at[i], length);
        end += length;
        *end++ = ' ';
    }
    *end = '\0';
    return text;
}

static void add_joined(struct lines *lines, const struct words *words, size_t from) {
    char *text = joined(words, from);
    lines_add(lines, text);
    free(text);
}

/* Clears both; true when they were equal. */
static bool equal_and_clear(struct lines *one, struct lines *other) {
    bool equal = lines_equal(one, other);
    lines_clear(one);
    lines_clear(other);
    return equal;
}

/* ---- one list for each stage, or for each subscription ------------------- */

typedef struct lines collect(const struct effects *effects, const struct words *key);

/* True when `collect` gives the same for the stage (and upstream) of every effect of `keys`. */
static bool same_for_each(const struct effects *keys, const struct effects *one,
                          const struct effects *other, collect *gather, const char *verb) {
    for (size_t i = 0; i < keys->count; i++) {
        const struct words *key = &keys->at[i];
        if (verb && !is(key, verb)) continue;
        struct lines a = gather(one, key);
        struct lines b = gather(other, key);
        if (!equal_and_clear(&a, &b)) return false;
    }
    return true;
}

static bool same(const struct effects *one, const struct effects *other, collect *gather,
                 const char *verb) {
    return same_for_each(one, one, other, gather, verb) &&
           same_for_each(other, one, other, gather, verb);
}

/* All lines of the key's stage but handle_demand. */
static struct lines stage_lines(const struct effects *effects, const struct words *key) {
    struct lines lines = {0};
    for (size_t i = 0; i < effects->count; i++)
        if (words_are(&effects->at[i], 0, key->at[0]) && !is(&effects->at[i], "handle_demand"))
            add_joined(&lines, &effects->at[i], 1);
    return lines;
}

static struct lines stage_infos(const struct effects *effects, const struct words *key) {
    struct lines lines = {0};
    for (size_t i = 0; i < effects->count; i++)
        if (words_are(&effects->at[i], 0, key->at[0]) && is(&effects->at[i], "handle_info"))
            add_joined(&lines, &effects->at[i], 2);
    return lines;
}

static struct lines stage_demands(const struct effects *effects, const struct words *key) {
    struct lines lines = {0};
    for (size_t i = 0; i < effects->count; i++)
        if (words_are(&effects->at[i], 0, key->at[0]) && is(&effects->at[i], "handle_demand"))
            add_joined(&lines, &effects->at[i], 2);
    return lines;
}

/* The sum of the key's verb over the key's stage, as one line. */
static struct lines stage_sum(const struct effects *effects, const struct words *key) {
    uint64_t sum = 0;
    for (size_t i = 0; i < effects->count; i++) {
        uint64_t number = 0;
        if (words_are(&effects->at[i], 0, key->at[0]) && is(&effects->at[i], key->at[1]) &&
            words_number(&effects->at[i], 2, &number))
            sum += number;
    }
    struct lines lines = {0};
    lines_addf(&lines, "%llu", (unsigned long long)sum);
    return lines;
}

/* The events of the key's stage from the key's upstream, in order, a line each. */
static struct lines subscription_events(const struct effects *effects, const struct words *key) {
    struct lines lines = {0};
    for (size_t i = 0; i < effects->count; i++) {
        const struct words *effect = &effects->at[i];
        if (!is(effect, "handle_events") || !words_are(effect, 0, key->at[0])) continue;
        if (!words_are(effect, 2, key->at[2])) continue;
        for (size_t j = 3; j < effect->count; j++) lines_add(&lines, effect->at[j]);
    }
    return lines;
}

/* The events of all stages from the key's upstream, sorted. */
static struct lines upstream_events(const struct effects *effects, const struct words *key) {
    struct lines lines = {0};
    for (size_t i = 0; i < effects->count; i++) {
        const struct words *effect = &effects->at[i];
        if (!is(effect, "handle_events") || !words_are(effect, 2, key->at[2])) continue;
        for (size_t j = 3; j < effect->count; j++) lines_add(&lines, effect->at[j]);
    }
    lines_sort(&lines);
    return lines;
}

/* ---- the levels ---------------------------------------------------------- */

/* Where both sides have as many handle_demand lines, they agree one by one. */
static bool same_demands(const struct effects *one, const struct effects *other) {
    for (size_t i = 0; i < one->count; i++) {
        if (!is(&one->at[i], "handle_demand")) continue;
        struct lines a = stage_demands(one, &one->at[i]);
        struct lines b = stage_demands(other, &one->at[i]);
        bool merged = a.count != b.count;
        if (!equal_and_clear(&a, &b) && !merged) return false;
    }
    return true;
}

static bool same_set(const struct effects *one, const struct effects *other, const char *verb) {
    struct lines lines[2] = {{0}, {0}};
    const struct effects *sides[2] = {one, other};
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < sides[side]->count; i++)
            if (is(&sides[side]->at[i], verb)) add_joined(&lines[side], &sides[side]->at[i], 0);
        lines_sort(&lines[side]);
    }
    return equal_and_clear(&lines[0], &lines[1]);
}

static const char *items_differ(const struct rule *rule, const struct effects *one,
                                const struct effects *other) {
    for (size_t item = 0; item < ITEMS; item++) {
        unsigned bit = items[item].bit;
        const char *verb = items[item].verb;
        bool good = true;
        if (rule->ignored & bit) continue;
        if (bit & (ITEM_DEMAND | ITEM_DISCARDED))
            good = same(one, other, stage_sum, verb);
        else if (bit == ITEM_INFO && rule->level == LEVEL_PER_SUBSCRIPTION)
            good = same(one, other, stage_infos, verb);
        else
            good = same_set(one, other, verb);
        if (!good) return items[item].word;
    }
    return NULL;
}

static const char *differ(const struct rule *rule, const struct effects *one,
                          const struct effects *other) {
    if (rule->level == LEVEL_EXACT) {
        if (!same(one, other, stage_lines, NULL)) return "effects";
        if (rule->ignored & ITEM_DEMAND) return NULL;
        bool good = same(one, other, stage_sum, "handle_demand") && same_demands(one, other);
        return good ? NULL : "demand";
    }
    collect *events = rule->level == LEVEL_TOTALS ? upstream_events : subscription_events;
    if (!same(one, other, events, "handle_events")) return "events";
    return items_differ(rule, one, other);
}

const char *effects_differ(const struct rule *rule, const struct lines *expected,
                           const struct lines *seen) {
    struct effects one = effects_of(expected);
    struct effects other = effects_of(seen);
    const char *what = differ(rule, &one, &other);
    effects_free(&one);
    effects_free(&other);
    return what;
}
