/*
 * Suite "dispatchers": a dispatcher as a state machine, behind the seam.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Knows dispatchers by their tables only: to add one, give its word in the
 * corpus, its table and the reader of its options in `kinds`.  Partitions run
 * `as_genstage`.  Each case runs
 * twice: with each dispatch in one block, and with each event in its own.
 */
#include "conformance/suite.h"

#include "dispatch/seam.h"
#include "support/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kind_options {
    union {
        weir_demand_dispatcher_options demand;
        weir_broadcast_dispatcher_options broadcast;
        weir_partition_dispatcher_options partition;
    } as;
    struct hash { /* event E: E mod partitions, or nowhere when K divides it */
        uint64_t partitions;
        uint64_t none; /* 0: every event has its place */
    } hash;
};

struct kind {
    const char *word;
    const weir_dispatcher *(*table)(void);
    bool (*read)(const struct words *setup, struct kind_options *options);
};

static bool read_demand(const struct words *setup, struct kind_options *options) {
    uint64_t max_demand = 0;
    if (words_are(setup, 2, "max_demand") && !words_number(setup, 3, &max_demand)) return false;
    options->as.demand.max_demand = max_demand;
    return true;
}

static bool read_broadcast(const struct words *setup, struct kind_options *options) {
    options->as.broadcast.as_genstage = true;
    return setup->count == 2;
}

static uint32_t hash_event(void *context, const void *event) {
    const struct hash *hash = context;
    uint64_t number = *(const uint64_t *)event;
    if (hash->none > 0 && number % hash->none == 0) return WEIR_PARTITION_NONE;
    return (uint32_t)(number % hash->partitions);
}

static bool read_partition(const struct words *setup, struct kind_options *options) {
    struct hash *hash = &options->hash;
    if (!words_number(setup, 2, &hash->partitions) || hash->partitions == 0) return false;
    if (words_are(setup, 3, "none") && !words_number(setup, 4, &hash->none)) return false;
    options->as.partition =
        (weir_partition_dispatcher_options){.partitions = (size_t)hash->partitions,
                                            .hash = hash_event,
                                            .context = hash,
                                            .as_genstage = true};
    return true;
}

static const struct kind kinds[] = {
    {"demand", weir_demand_dispatcher, read_demand},
    {"broadcast", weir_broadcast_dispatcher, read_broadcast},
    {"partition", weir_partition_dispatcher, read_partition},
};

/* Takes the events that leave `rest` when divided by `modulus`. */
struct selector {
    uint64_t modulus;
    uint64_t rest;
};

static bool select_event(void *context, const void *event) {
    const struct selector *selector = context;
    return *(const uint64_t *)event % selector->modulus == selector->rest;
}

struct consumer {
    struct weir_outlet outlet;
    weir_subscription subscription;
    weir_subscribe_options options;
    struct selector selector;
    char *name;
    struct consumer *next;
};

struct subject {
    struct weir__allocator allocator;
    struct weir__pool pool;
    struct weir__queue queue;
    struct weir__queue scratch;
    struct weir__dispatch dispatch;
    struct weir_desk desk;
    uint64_t buffered;          /* the desk's gauge */
    struct consumer *consumers; /* subscribed now */
    size_t per_block;
    uint64_t events;          /* handed to dispatch, over the case */
    uint64_t accounted;       /* delivered, left or dropped        */
    uint64_t dropped;         /* of those                          */
    struct lines *effects;    /* of the operation at hand          */
    struct lines asked_again; /* by the dispatch at hand        */
    struct seen *seen;
};

static bool recognises(const struct test_case *test) {
    return case_setup(test, "dispatcher") != NULL;
}

static const struct kind *kind_of(const struct test_case *test) {
    struct words words = words_of(case_setup(test, "dispatcher"));
    const struct kind *found = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (words_are(&words, 1, kinds[i].word)) found = &kinds[i];
    words_free(&words);
    return found;
}

static const char *skips(const struct test_case *test) {
    return kind_of(test) ? NULL : "a dispatcher of an unknown kind";
}

static size_t variants(const struct test_case *test, const struct settings *settings) {
    (void)test;
    (void)settings;
    return 2;
}

static struct consumer **find(struct subject *subject, const char *name) {
    struct consumer **at = &subject->consumers;
    while (*at && strcmp((*at)->name, name) != 0) at = &(*at)->next;
    return at;
}

static void add_taken(struct subject *subject, struct weir__queue *queue, const char *before,
                      uint64_t count) {
    uint64_t *numbers = must_resize(NULL, (size_t)count * sizeof *numbers);
    weir__queue_gather(queue, numbers, count, &subject->pool);
    lines_add_numbers(subject->effects, before, numbers, (size_t)count);
    free(numbers);
    if (queue != &subject->scratch) subject->accounted += count;
}

/* The desk's calls: the stage's part of what a dispatcher does. */

static void send(void *context, weir_outlet *outlet, struct weir__queue *queue, uint64_t count) {
    struct subject *subject = context;
    bool ours = queue == &subject->queue || queue == &subject->scratch;
    for (const struct weir_hold *hold = subject->desk.holds; hold; hold = hold->next)
        ours = ours || queue == &hold->queue;
    if (!ours || count == 0 || count > weir__queue_run(queue, UINT64_MAX)) {
        seen_trouble(subject->seen, "a send of %llu events", (unsigned long long)count);
        return;
    }
    const struct consumer *consumer = (const struct consumer *)(const void *)outlet;
    char before[128];
    snprintf(before, sizeof before, "deliver %.100s", consumer->name);
    add_taken(subject, queue, before, count);
}

/* The file has the ask as an operation. */
static void ask_again(void *context, weir_outlet *outlet, uint64_t count) {
    struct subject *subject = context;
    const struct consumer *consumer = (const struct consumer *)(const void *)outlet;
    lines_addf(&subject->asked_again, "reask %s %llu", consumer->name, (unsigned long long)count);
}

static void demand_again(void *context, uint64_t count) {
    struct subject *subject = context;
    seen_trouble(subject->seen, "%llu are demanded again", (unsigned long long)count);
}

static void discard(void *context, uint64_t count, weir_discard cause) {
    struct subject *subject = context;
    if (cause != WEIR_DISCARD_UNWANTED && cause != WEIR_DISCARD_LEFT)
        seen_trouble(subject->seen, "%llu events were discarded (%d)", (unsigned long long)count,
                     (int)cause);
    subject->accounted += count;
    subject->dropped += count;
}

static void info_due(void *context, void *info) {
    struct subject *subject = context;
    lines_addf(subject->effects, "info %llu", (unsigned long long)(uintptr_t)info);
}

static const struct weir__desk_calls desk_calls = {.send = send,
                                                   .ask_again = ask_again,
                                                   .demand_again = demand_again,
                                                   .discard = discard,
                                                   .info_due = info_due};

static void add_demand(struct subject *subject, uint64_t demand) {
    lines_addf(subject->effects, "demand %llu", (unsigned long long)demand);
}

static void consumer_free(struct subject *subject, struct consumer *consumer) {
    weir__outlet_close(&consumer->outlet, &subject->allocator);
    free(consumer->name);
    free(consumer);
}

/* Each name is a process of its own. */
static uint64_t number_of_name(const char *name) {
    return strtoull(name + 1, NULL, 10) + 1;
}

static bool subscribe(struct subject *subject, const struct words *words) {
    if (words->count < 2) return false;
    struct consumer *consumer = must_resize(NULL, sizeof *consumer);
    *consumer = (struct consumer){.name = must_copy(words->at[1])};
    consumer->outlet.options = &consumer->options;
    consumer->outlet.subscription = &consumer->subscription;
    consumer->subscription.consumer.bits = number_of_name(words->at[1]);
    if (words_are(words, 2, "selector")) {
        if (!words_number(words, 4, &consumer->selector.modulus) ||
            !words_number(words, 6, &consumer->selector.rest) || consumer->selector.modulus == 0) {
            consumer_free(subject, consumer);
            return false;
        }
        consumer->options.selector = select_event;
        consumer->options.selector_context = &consumer->selector;
    }
    const struct weir__dispatch *dispatch = &subject->dispatch;
    if (words_are(words, 2, "partition")) {
        uint64_t partition = 0;
        if (!words_number(words, 3, &partition)) return false;
        consumer->options.partition = WEIR_PARTITION(partition);
    }
    if (!weir__outlet_open(&consumer->outlet, dispatch->table, &subject->allocator)) return false;
    uint64_t upstream = 0;
    weir_reason refused = dispatch->table->subscribe(dispatch->state, &consumer->outlet, &upstream);
    if (refused != WEIR_REASON_NORMAL) {
        lines_addf(subject->effects, "error %s", weir_reason_text(refused));
        consumer_free(subject, consumer);
        return true;
    }
    consumer->next = subject->consumers;
    subject->consumers = consumer;
    add_demand(subject, upstream);
    return true;
}

static bool ask(struct subject *subject, const struct words *words) {
    uint64_t count = 0;
    if (!words_number(words, 2, &count) || count == 0) return false;
    struct consumer *consumer = *find(subject, words->at[1]);
    if (!consumer) return false;
    const struct weir__dispatch *dispatch = &subject->dispatch;
    add_demand(subject, dispatch->table->ask(dispatch->state, &consumer->outlet, count));
    return true;
}

static bool cancel(struct subject *subject, const struct words *words) {
    if (words->count < 2) return false;
    struct consumer **at = find(subject, words->at[1]);
    struct consumer *consumer = *at;
    if (!consumer) return false;
    *at = consumer->next;
    const struct weir__dispatch *dispatch = &subject->dispatch;
    add_demand(subject, dispatch->table->cancel(dispatch->state, &consumer->outlet));
    consumer_free(subject, consumer);
    return true;
}

static bool dispatch(struct subject *subject, const struct words *words) {
    size_t count = words->count - 1;
    if (count == 0) return false;
    uint64_t *numbers = must_resize(NULL, count * sizeof *numbers);
    bool good = true;
    for (size_t i = 0; i < count; i++) good = good && words_number(words, i + 1, &numbers[i]);
    if (good) {
        events_push(&subject->queue, &subject->pool, numbers, count, subject->per_block);
        subject->events += count;
        const struct weir__dispatch *dispatcher = &subject->dispatch;
        uint64_t open = dispatcher->table->open_demand(dispatcher->state);
        uint64_t dropped = subject->dropped;
        weir_run run = {.queue = &subject->queue, .left = count, .desk = &subject->desk};
        dispatcher->table->dispatch(dispatcher->state, &run, count);
        uint64_t taken = count - weir_run_count(&run) - (subject->dropped - dropped);
        if (taken > open || (taken < open && run.left > 0))
            seen_trouble(subject->seen, "open demand was %llu, taken were %llu of %zu",
                         (unsigned long long)open, (unsigned long long)taken, count);
        subject->accounted += run.multicast;
        for (size_t i = 0; i < subject->asked_again.count; i++)
            lines_add(subject->effects, subject->asked_again.at[i]);
        lines_clear(&subject->asked_again);
        if (run.left > 0) add_taken(subject, &subject->queue, "left", run.left);
    }
    free(numbers);
    return good;
}

static bool info(struct subject *subject, const struct words *words) {
    uint64_t number = 0;
    if (!words_number(words, 1, &number)) return false;
    void *payload = (void *)(uintptr_t)number;
    if (!weir__desk_info(&subject->desk, &subject->dispatch, payload)) info_due(subject, payload);
    return true;
}

static void operate(struct subject *subject, const char *line) {
    static const struct {
        const char *word;
        bool (*act)(struct subject *subject, const struct words *words);
    } operations[] = {{"subscribe", subscribe},
                      {"ask", ask},
                      {"cancel", cancel},
                      {"dispatch", dispatch},
                      {"info", info}};
    struct words words = words_of(line);
    bool good = false;
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (words_are(&words, 0, operations[i].word)) good = operations[i].act(subject, &words);
    if (!good) seen_trouble(subject->seen, "operation not understood: %.200s", line);
    words_free(&words);
}

static void begin(struct subject *subject, const struct kind *kind,
                  const struct kind_options *options) {
    weir__allocator_open(&subject->allocator, NULL);
    weir__pool_open(&subject->pool, &subject->allocator);
    weir__queue_open(&subject->queue, &subject->allocator);
    weir__queue_open(&subject->scratch, &subject->allocator);
    subject->desk = (struct weir_desk){.calls = &desk_calls,
                                       .context = subject,
                                       .pool = &subject->pool,
                                       .scratch = &subject->scratch,
                                       .allocator = &subject->allocator,
                                       .buffered = &subject->buffered};
    const weir_dispatcher *table = kind->table();
    subject->dispatch.table = table;
    subject->dispatch.state = weir__alloc_zeroed(&subject->allocator, table->state_bytes, 64);
    if (!subject->dispatch.state ||
        table->init(subject->dispatch.state, &subject->desk, &options->as) != WEIR_OK) {
        fprintf(stderr, "conformance: a dispatcher was not made: %s\n", weir_refusal());
        exit(2);
    }
}

static void drop_info(void *context, void *info) {
    (void)context;
    (void)info;
}

static void end(struct subject *subject) {
    const weir_dispatcher *table = subject->dispatch.table;
    void *state = subject->dispatch.state;
    struct lines unseen = {0};
    subject->effects = &unseen;
    while (subject->consumers) {
        struct consumer *consumer = subject->consumers;
        subject->consumers = consumer->next;
        (void)table->cancel(state, &consumer->outlet);
        consumer_free(subject, consumer);
    }
    bool pooled = table->partitions; /* demand belongs to nobody in particular */
    if (!pooled && table->open_demand(state) != 0)
        seen_trouble(subject->seen, "open demand is left when all consumers have gone");
    subject->accounted += weir__desk_empty(&subject->desk, drop_info, NULL);
    if (table->close) table->close(state);
    weir__desk_close(&subject->desk);
    weir__free(&subject->allocator, state, table->state_bytes);
    lines_clear(&unseen);
    weir__queue_close(&subject->queue, WEIR_DISCARD_STOPPED, &subject->pool);
    weir__queue_close(&subject->scratch, WEIR_DISCARD_STOPPED, &subject->pool);
    uint64_t away = weir__pool_close(&subject->pool);
    if (away)
        seen_trouble(subject->seen, "%llu blocks did not come home", (unsigned long long)away);
    if (subject->events != subject->accounted)
        seen_trouble(subject->seen, "%llu events dispatched, %llu delivered or left",
                     (unsigned long long)subject->events, (unsigned long long)subject->accounted);
}

static void run(const struct test_case *test, const struct settings *settings, size_t variant,
                struct seen *seen) {
    (void)settings;
    snprintf(seen->variant, sizeof seen->variant, "%s",
             variant == 0 ? "a block for each dispatch" : "a block for each event");
    const struct kind *kind = kind_of(test);
    struct words setup = words_of(case_setup(test, "dispatcher"));
    struct kind_options options = {0};
    bool good = kind->read(&setup, &options);
    words_free(&setup);
    if (!good) {
        seen_trouble(seen, "the setup is not understood");
        return;
    }
    struct subject subject = {.per_block = variant, .seen = seen};
    begin(&subject, kind, &options);
    for (size_t i = 0; i < test->count && !seen->trouble[0]; i++) {
        subject.effects = &seen->effects[i];
        operate(&subject, test->operations[i].line);
    }
    end(&subject);
}

/* Puts a broadcast's `deliver` lines in the order of consumers, keeping each one's order. */
static void sort_deliveries(struct lines *deliveries) {
    for (size_t i = 1; i < deliveries->count; i++) {
        for (size_t j = i; j > 0; j--) {
            struct words before = words_of(deliveries->at[j - 1]);
            struct words after = words_of(deliveries->at[j]);
            bool stays = strcmp(before.at[1], after.at[1]) <= 0;
            words_free(&before);
            words_free(&after);
            if (stays) break;
            char *line = deliveries->at[j];
            deliveries->at[j] = deliveries->at[j - 1];
            deliveries->at[j - 1] = line;
        }
    }
}

/* What of a broadcast's effects is not free: sorted, and without empty deliveries. */
static struct lines normal(const struct lines *effects) {
    struct lines parts[3] = {{0}, {0}, {0}}; /* deliver, reask, the rest */
    for (size_t i = 0; i < effects->count; i++) {
        struct words words = words_of(effects->at[i]);
        bool deliver = words_are(&words, 0, "deliver");
        int part = deliver ? 0 : words_are(&words, 0, "reask") ? 1 : 2;
        if (!deliver || words.count > 2) lines_add(&parts[part], effects->at[i]);
        words_free(&words);
    }
    sort_deliveries(&parts[0]);
    lines_sort(&parts[1]);
    struct lines result = {0};
    for (int part = 0; part < 3; part++) {
        for (size_t i = 0; i < parts[part].count; i++) lines_add(&result, parts[part].at[i]);
        lines_clear(&parts[part]);
    }
    return result;
}

static const char *compare(const struct test_case *test, const struct settings *settings,
                           const struct lines *expected, const struct lines *seen) {
    if (strcmp(kind_of(test)->word, "broadcast") != 0)
        return compare_lines(test, settings, expected, seen);
    struct lines one = normal(expected);
    struct lines other = normal(seen);
    bool equal = lines_equal(&one, &other);
    lines_clear(&one);
    lines_clear(&other);
    return equal ? NULL : "effects";
}

const struct suite dispatchers_suite = {"dispatchers", recognises, skips, variants, run, compare};
