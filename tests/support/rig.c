/*
 * A rig: see rig.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/rig.h"

#include "support/cmocka.h"
#include "support/player.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- texts --------------------------------------------------------------- */

static void add(struct rig_text *text, const char *format, va_list arguments) {
    size_t left = sizeof text->text - text->used;
    int length = vsnprintf(text->text + text->used, left, format, arguments);
    if (length < 0 || (size_t)length >= left) {
        fprintf(stderr, "tests: a journal is full\n");
        abort();
    }
    text->used += (size_t)length;
}

void rig_text_add(struct rig_text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    add(text, format, arguments);
    va_end(arguments);
}

void rig_text_expect(struct rig_text *text, const char *expected) {
    if (strcmp(text->text, expected) != 0) {
        print_error("---- expected ----\n%s---- found ----\n%s----\n", expected, text->text);
        fail();
    }
    text->used = 0;
    text->text[0] = '\0';
}

void rig_say(struct rig *rig, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    pthread_mutex_lock(&rig->lock);
    add(&rig->journal, format, arguments);
    rig_text_add(&rig->journal, "\n");
    pthread_mutex_unlock(&rig->lock);
    va_end(arguments);
}

void rig_expect(struct rig *rig, const char *expected) {
    rig_text_expect(&rig->journal, expected);
}

void rig_wrong(struct rig *rig, const char *file, int line, const char *condition) {
    pthread_mutex_lock(&rig->lock);
    rig_text_add(&rig->wrong, "%s:%d: %s\n", file, line, condition);
    pthread_mutex_unlock(&rig->lock);
}

static void note(void *context, weir_log_level level, const char *text) {
    static const char *const levels[] = {"", "error", "warning", "info"};
    struct rig *rig = context;
    pthread_mutex_lock(&rig->lock);
    rig_text_add(&rig->log, "%s: %s\n", levels[level], text);
    pthread_mutex_unlock(&rig->lock);
}

void rig_expect_log(struct rig *rig, const char *expected) {
    rig_text_expect(&rig->log, expected);
}

/* ---- the runtime --------------------------------------------------------- */

weir_status rig_try_open(struct rig *rig, const weir_runtime_options *options) {
    weir_runtime_options used = {.mode = WEIR_STEPPED, .workers = 1};
    if (options != NULL) used = *options;
    used.default_worker = WEIR_SPREAD; /* what crosses workers is what needs tests */
    used.allocator = rig->memory.allocator.use;
    used.log = note;
    used.log_context = rig;
    return weir_runtime_open(&used, &rig->runtime);
}

static void prepare(struct rig *rig) {
    memset(rig, 0, offsetof(struct rig, journal));
    struct rig_text *texts[] = {&rig->journal, &rig->log, &rig->wrong};
    for (int i = 0; i < 3; i++) {
        texts[i]->used = 0;
        texts[i]->text[0] = '\0';
    }
    test_memory_open(&rig->memory);
    pthread_mutex_init(&rig->lock, NULL);
}

void rig_open(struct rig *rig, const weir_runtime_options *options) {
    prepare(rig);
    assert_int_equal(rig_try_open(rig, options), WEIR_OK);
}

bool rig_open_world(struct rig *rig, int world) {
    static const weir_runtime_options worlds[] = {
        {.mode = WEIR_STEPPED, .workers = 1},
        {.mode = WEIR_STEPPED, .workers = 2},
        {.mode = WEIR_SIMULATED, .workers = 2, .seed = 1},
        {.mode = WEIR_SIMULATED, .workers = 2, .seed = 2},
        {.mode = WEIR_SIMULATED, .workers = 3, .seed = 3},
        {.mode = WEIR_SIMULATED, .workers = 3, .seed = 4},
        {.mode = WEIR_SIMULATED, .workers = 4, .seed = 5},
    };
    if (world >= (int)(sizeof worlds / sizeof *worlds)) return false;
    rig_open(rig, &worlds[world]);
    return true;
}

weir_accounts rig_accounts(const struct rig *rig) {
    weir_accounts accounts;
    assert_int_equal(weir_runtime_accounts(rig->runtime, &accounts), WEIR_OK);
    return accounts;
}

/* What the stages counted, each for itself, makes up what the workers did. */
static void expect_sums(const struct rig *rig) {
    weir_counters_stage all;
    weir_accounts accounts = rig_accounts(rig);
    assert_int_equal(weir_stage_stats(rig->runtime, (weir_ref){0}, &all), WEIR_OK);
    uint64_t discarded = 0;
    for (unsigned i = 0; i < WEIR_DISCARD_CAUSES; i++) discarded += all.discarded[i];
    assert_int_equal(all.events_out, accounts.emitted);
    assert_int_equal(all.handled, accounts.handled);
    assert_int_equal(all.messages, accounts.messages);
    assert_int_equal(discarded, accounts.discarded);
}

void rig_rest(struct rig *rig) {
    assert_int_equal(weir_runtime_settle(rig->runtime, WEIR_FOREVER), WEIR_OK);
    expect_sums(rig);
}

void rig_expect_nothing_left(struct rig *rig, const weir_accounts *accounts) {
    rig_text_expect(&rig->wrong, "");
    const char *unequal = weir_accounts_check(accounts);
    if (unequal != NULL) fail_msg("%s", unequal);
    assert_int_equal(accounts->buffered, 0);
    assert_int_equal(accounts->in_flight, 0);
    assert_int_equal(accounts->accepted + accounts->copied, accounts->taken + accounts->dropped);
    assert_int_equal(accounts->blocks_live, 0);
    assert_int_equal(rig->memory.live, 0);
    pthread_mutex_destroy(&rig->lock);
}

weir_accounts rig_close(struct rig *rig) {
    weir_accounts accounts;
    weir_status status;
    do { /* one of little patience gives up while a busy machine lets no worker rest */
        status = weir_runtime_close(rig->runtime, &accounts);
    } while (status == WEIR_TIMEOUT);
    assert_int_equal(status, WEIR_OK);
    rig_expect_nothing_left(rig, &accounts);
    uint64_t emitted = rig->emitted;
    uint64_t handled = rig->handled;
    for (const struct player *player = rig->players; player != NULL; player = player->started) {
        emitted += player->emitted;
        handled += player->handled;
    }
    assert_int_equal(accounts.emitted, emitted);
    assert_int_equal(accounts.handled, handled);
    return accounts;
}
