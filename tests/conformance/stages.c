/*
 * Suite "stages": whole running stages, driven through the public functions.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each case runs stepped on one worker, stepped on several, simulated from
 * several seeds, and, when asked for, on real workers.  After each operation
 * the runtime comes to rest, and what the stages' journals hold then is what
 * that operation brought about.  At the end the accounts must add up, agree
 * with what the stages saw themselves, and all memory must be back.
 */
#include "conformance/actors.h"
#include "conformance/compare.h"
#include "conformance/suite.h"

#include "base/atomic.h"

#include <stdlib.h>
#include <string.h>

enum { WORKERS = 3, TURNS_LIMIT = 2000000 };

struct link {
    const struct actor *consumer;
    const struct actor *producer;
    weir_subscription subscription;
};

struct drive {
    weir_runtime *runtime;
    bool stepped; /* or simulated: turns run on this thread */
    struct troupe troupe;
    struct link *links;
    size_t link_count;
    uint64_t discards_logged; /* atomic */
    struct seen *seen;
};

static bool recognises(const struct test_case *test) {
    return case_setup(test, "stage") != NULL;
}

/* ---- the runtime --------------------------------------------------------- */

static size_t variants(const struct test_case *test, const struct settings *settings) {
    (void)test;
    return 2 + settings->seeds + (settings->threads > 0);
}

static weir_runtime_options runtime_options(const struct settings *settings, size_t variant,
                                            struct seen *seen) {
    weir_runtime_options options = {
        .mode = WEIR_STEPPED, .workers = WORKERS, .default_worker = WEIR_SPREAD};
    if (variant < 2) {
        options.workers = variant == 0 ? 1 : WORKERS;
        snprintf(seen->variant, sizeof seen->variant, "stepped, %u workers", options.workers);
    } else if (variant < 2 + settings->seeds) {
        options.mode = WEIR_SIMULATED;
        options.seed = settings->seed + variant - 2;
        snprintf(seen->variant, sizeof seen->variant, "simulated, %u workers, seed %llu",
                 options.workers, (unsigned long long)options.seed);
    } else {
        options.mode = WEIR_THREADS;
        options.workers = settings->threads;
        snprintf(seen->variant, sizeof seen->variant, "%u threads", options.workers);
    }
    return options;
}

/* What no stage is left to be told of is logged.  Other warnings are no effects in the corpus. */
static void note_log(void *context, weir_log_level level, const char *text) {
    (void)level;
    struct drive *drive = context;
    char *end = NULL;
    unsigned long long count = strtoull(text, &end, 10);
    if (strncmp(end, " events were discarded", 22) == 0)
        weir__fetch_add_u64(&drive->discards_logged, count);
}

/* Waits until nothing moves any more. */
static void come_to_rest(struct drive *drive) {
    if (drive->stepped && weir_runtime_step(drive->runtime, TURNS_LIMIT) == TURNS_LIMIT) {
        seen_trouble(drive->seen, "not at rest after %d turns", TURNS_LIMIT);
        return;
    }
    weir_status status = weir_runtime_settle(drive->runtime, 20ull * 1000000000ull);
    if (status != WEIR_OK)
        seen_trouble(drive->seen, "it does not come to rest: %s", weir_status_text(status));
}

/* ---- setup --------------------------------------------------------------- */

static int by_name(const void *one, const void *other) {
    const struct actor *a = one;
    const struct actor *b = other;
    return strcmp(a->name, b->name);
}

static bool read_actors(struct drive *drive, const struct test_case *test) {
    struct troupe *troupe = &drive->troupe;
    troupe->at = must_resize(NULL, test->setup.count * sizeof *troupe->at);
    bool good = true;
    for (size_t i = 0; i < test->setup.count && good; i++) {
        struct words words = words_of(test->setup.at[i]);
        if (words_are(&words, 0, "stage")) {
            struct actor *actor = &troupe->at[troupe->count++];
            *actor = (struct actor){.troupe = troupe};
            good = actor_read(&words, actor);
        }
        words_free(&words);
        if (!good) seen_trouble(drive->seen, "not understood: %.200s", test->setup.at[i]);
    }
    if (good) qsort(troupe->at, troupe->count, sizeof *troupe->at, by_name);
    return good;
}

static bool start_actors(struct drive *drive) {
    for (size_t i = 0; i < drive->troupe.count; i++) {
        weir_status status = actor_start(&drive->troupe.at[i], drive->runtime);
        if (status == WEIR_OK) continue;
        seen_trouble(drive->seen, "%s did not start: %s (%s)", drive->troupe.at[i].name,
                     weir_status_text(status), weir_refusal());
        return false;
    }
    return true;
}

/* ---- operations ---------------------------------------------------------- */

static bool saw_end(const struct actor *actor, const struct link *link) {
    for (size_t i = 0; i < actor->ended_count; i++)
        if (actor->ended[i] == link->subscription.id) return true;
    return false;
}

/* The end is not always seen by both: one may have stopped, or have much to do first. */
static bool has_ended(const struct link *link) {
    return saw_end(link->consumer, link) || saw_end(link->producer, link);
}

/* The pair's subscription that is live, the earliest if there are two. */
static const struct link *find_link(const struct drive *drive, const struct actor *consumer,
                                    const struct actor *producer) {
    for (size_t i = 0; i < drive->link_count; i++) {
        const struct link *link = &drive->links[i];
        if (link->consumer == consumer && link->producer == producer && !has_ended(link))
            return link;
    }
    return NULL;
}

static weir_cancel_mode cancel_mode(const char *word) {
    if (strcmp(word, "transient") == 0) return WEIR_TRANSIENT;
    return strcmp(word, "temporary") == 0 ? WEIR_TEMPORARY : WEIR_PERMANENT;
}

/* A selector's two small numbers travel in the context pointer itself. */
enum { MODULUS_AT = 16 };

static void *selector_context(const struct subscribe_words *given) {
    return (void *)(uintptr_t)(given->modulus << MODULUS_AT | given->rest);
}

static bool select_event(void *context, const void *event) {
    uintptr_t numbers = (uintptr_t)context;
    uint64_t rest = numbers & ((1u << MODULUS_AT) - 1);
    return *(const uint64_t *)event % (numbers >> MODULUS_AT) == rest;
}

static weir_status subscribe(struct drive *drive, const struct words *words, struct actor *consumer,
                             struct actor *producer) {
    struct subscribe_words given;
    if (!subscribe_words_read(words, &given)) return WEIR_INVALID;
    weir_subscribe_options options = {.max_demand = (size_t)given.max,
                                      .min_demand = given.min ? (size_t)given.min : WEIR_NONE,
                                      .cancel = cancel_mode(given.cancel)};
    if (given.modulus > 0) {
        options.selector = select_event;
        options.selector_context = selector_context(&given);
    }
    if (given.partitioned) options.partition = WEIR_PARTITION(given.partition);
    if (given.manual) options.user = (void *)(uintptr_t)manual_subscription;
    drive->links = must_resize(drive->links, (drive->link_count + 1) * sizeof *drive->links);
    struct link *link = &drive->links[drive->link_count];
    *link = (struct link){.consumer = consumer, .producer = producer};
    weir_status status = weir_subscribe(drive->runtime, consumer->stage, producer->stage, &options,
                                        &link->subscription);
    if (status == WEIR_OK) drive->link_count++;
    return status;
}

/* Operations on a subscription: "ask C P N", "cancel C P REASON". */
static weir_status on_link(struct drive *drive, const struct words *words,
                           const struct actor *consumer, const struct actor *producer) {
    const struct link *link = find_link(drive, consumer, producer);
    if (!link) return WEIR_NO_SUBSCRIPTION;
    if (words_are(words, 0, "cancel"))
        return weir_cancel(drive->runtime, link->subscription, reason_of(words->at[3]));
    uint64_t count = 0;
    if (!words_number(words, 3, &count)) return WEIR_INVALID;
    return weir_ask(drive->runtime, link->subscription, count);
}

/* Operations on one stage. */
static weir_status on_stage(struct drive *drive, const struct words *words, weir_ref stage) {
    uint64_t number = 0;
    if (words_are(words, 0, "buffered")) {
        struct order order = {.what = ORDER_BUFFERED};
        return weir_cast(drive->runtime, stage, &order, sizeof order);
    }
    if (words_are(words, 0, "stop") && words->count == 3)
        return weir_stop(drive->runtime, stage, reason_of(words->at[2]));
    if (words_are(words, 0, "demand"))
        return weir_demand(drive->runtime, stage,
                           words_are(words, 2, "forward") ? WEIR_FORWARD : WEIR_ACCUMULATE);
    if (!words_number(words, 2, &number)) return WEIR_INVALID;
    if (words_are(words, 0, "info"))
        return weir_info(drive->runtime, stage, &number, sizeof number);
    struct order order = {.what = ORDER_PUSH, .count = number};
    if (words_are(words, 0, "push")) return weir_cast(drive->runtime, stage, &order, sizeof order);
    return WEIR_INVALID;
}

static weir_status operate(struct drive *drive, const struct words *words) {
    if (words->count < 2) return WEIR_INVALID;
    struct actor *first = troupe_find(&drive->troupe, words->at[1]);
    if (!first) return WEIR_INVALID;
    bool subscribes = words_are(words, 0, "subscribe");
    bool uses_link = words_are(words, 0, "ask") || words_are(words, 0, "cancel");
    if (!subscribes && !uses_link) return on_stage(drive, words, first->stage);
    struct actor *second = words->count > 2 ? troupe_find(&drive->troupe, words->at[2]) : NULL;
    if (!second) return WEIR_INVALID;
    if (subscribes) return subscribe(drive, words, first, second);
    return words->count == 4 ? on_link(drive, words, first, second) : WEIR_INVALID;
}

/* Moves the journals into the operation's effects. */
static void collect(struct drive *drive, struct lines *effects) {
    for (size_t i = 0; i < drive->troupe.count; i++) {
        struct lines *journal = &drive->troupe.at[i].journal;
        for (size_t j = 0; j < journal->count; j++) lines_add(effects, journal->at[j]);
        lines_clear(journal);
    }
}

static void run_operations(struct drive *drive, const struct test_case *test) {
    for (size_t i = 0; i < test->count && !drive->seen->trouble[0]; i++) {
        struct words words = words_of(test->operations[i].line);
        weir_status status = operate(drive, &words);
        words_free(&words);
        /* A stage or a subscription that is gone is told as an effect, which differs. */
        if (status != WEIR_OK)
            lines_addf(&drive->seen->effects[i], "driver refused: %s (%s)",
                       weir_status_text(status), weir_refusal());
        come_to_rest(drive);
        collect(drive, &drive->seen->effects[i]);
    }
}

/* ---- the end ------------------------------------------------------------- */

static void check_equation(struct drive *drive, const weir_accounts *accounts, const char *when) {
    const char *wrong = weir_accounts_check(accounts);
    if (wrong) seen_trouble(drive->seen, "accounts %s: %s", when, wrong);
}

/* What the stages saw themselves must be what the accounts say. */
static void check_journals(struct drive *drive, const weir_accounts *accounts) {
    uint64_t emitted = 0;
    uint64_t handled = 0;
    uint64_t discarded = drive->discards_logged;
    for (size_t i = 0; i < drive->troupe.count; i++) {
        emitted += drive->troupe.at[i].events_emitted;
        handled += drive->troupe.at[i].events_handled;
        discarded += drive->troupe.at[i].events_discarded;
    }
    if (emitted != accounts->emitted || handled != accounts->handled ||
        discarded != accounts->discarded)
        seen_trouble(drive->seen,
                     "the stages emitted %llu, handled %llu, discarded %llu; "
                     "the accounts say %llu, %llu, %llu",
                     (unsigned long long)emitted, (unsigned long long)handled,
                     (unsigned long long)discarded, (unsigned long long)accounts->emitted,
                     (unsigned long long)accounts->handled,
                     (unsigned long long)accounts->discarded);
}

static void end(struct drive *drive) {
    weir_accounts accounts;
    if (!drive->seen->trouble[0] && weir_runtime_accounts(drive->runtime, &accounts) == WEIR_OK)
        check_equation(drive, &accounts, "at rest");
    weir_status status = weir_runtime_close(drive->runtime, &accounts);
    if (status != WEIR_OK) {
        seen_trouble(drive->seen, "close: %s", weir_status_text(status));
        return;
    }
    check_equation(drive, &accounts, "at close");
    check_journals(drive, &accounts);
    if (accounts.buffered || accounts.in_flight || accounts.blocks_live)
        seen_trouble(drive->seen, "at close %llu are buffered, %llu in flight, in %llu blocks",
                     (unsigned long long)accounts.buffered, (unsigned long long)accounts.in_flight,
                     (unsigned long long)accounts.blocks_live);
}

static void run(const struct test_case *test, const struct settings *settings, size_t variant,
                struct seen *seen) {
    struct drive drive = {.seen = seen};
    weir_runtime_options options = runtime_options(settings, variant, seen);
    options.log = note_log;
    options.log_context = &drive;
    drive.stepped = options.mode != WEIR_THREADS;
    bool good = read_actors(&drive, test);
    if (good && weir_runtime_open(&options, &drive.runtime) != WEIR_OK) {
        seen_trouble(seen, "the runtime did not open: %s", weir_refusal());
        good = false;
    }
    if (good) {
        if (start_actors(&drive)) run_operations(&drive, test);
        end(&drive);
        const char *batch = batch_over_bound(test, seen->effects);
        if (batch) seen_trouble(seen, "a batch over max - min: %.300s", batch);
    }
    for (size_t i = 0; i < drive.troupe.count; i++) actor_free(&drive.troupe.at[i]);
    free(drive.troupe.at);
    free(drive.links);
}

static const char *compare(const struct test_case *test, const struct settings *settings,
                           const struct lines *expected, const struct lines *seen) {
    struct rule rule;
    if (!rule_read(test, settings->unmerged, &rule)) return "no `compare` line";
    return effects_differ(&rule, expected, seen);
}

const struct suite stages_suite = {"stages", recognises, NULL, variants, run, compare};
