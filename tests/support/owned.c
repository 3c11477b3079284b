/*
 * Owned events for tests: see owned.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/owned.h"

#include "support/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say_wrong(struct owned_ledger *ledger, uint64_t number, const char *what) {
    if (ledger->wrong[0] == 0) {
        snprintf(ledger->wrong, sizeof ledger->wrong, "event %llu %s", (unsigned long long)number,
                 what);
    }
}

/* Under the lock.  NULL: it is none of the ledger's. */
static struct owned_fate *fate_of(struct owned_ledger *ledger, const struct owned *event) {
    bool known = event->number > 0 && event->number <= ledger->made;
    if (!known) {
        say_wrong(ledger, event->number, "was never made");
        return NULL;
    }
    return &ledger->fates[event->number];
}

static void end_one(struct owned_ledger *ledger, const struct owned *event, bool released,
                    weir_discard why) {
    pthread_mutex_lock(&ledger->lock);
    struct owned_fate *fate = fate_of(ledger, event);
    bool again = fate == NULL || fate->over;
    if (fate != NULL && again) {
        say_wrong(ledger, event->number, "was dropped twice");
    }
    if (!again) {
        *fate = (struct owned_fate){.made = true, .over = true, .released = released, .why = why};
        if (*event->heap != event->number) {
            say_wrong(ledger, event->number, "has another's memory");
        }
    }
    pthread_mutex_unlock(&ledger->lock);
    if (!again) {
        free(event->heap);
    }
}

static void drop_owned(void *context, const void *events, size_t count, weir_discard why) {
    const struct owned *event = events;
    for (size_t i = 0; i < count; i++) end_one(context, &event[i], false, why);
}

static bool copy_owned(void *context, const void *event, void *copy) {
    struct owned_ledger *ledger = context;
    owned_look(ledger, event);
    if (ledger->copies_fail) return false;
    *(struct owned *)copy = owned_make(ledger);
    pthread_mutex_lock(&ledger->lock);
    ledger->copies++;
    pthread_mutex_unlock(&ledger->lock);
    return true;
}

/* ---- lines ------------------------------------------------------------------ */

static uint32_t text_length(uint64_t number) {
    return (uint32_t)(number * 29 % (OWNED_TEXT_MOST + 1));
}

static char text_letter(uint64_t number, uint32_t at) {
    return (char)('a' + (number + at) % 26);
}

static void check_text(struct owned_ledger *ledger, const struct owned_line *line) {
    uint64_t number = line->event.number;
    bool right = line->text.count == text_length(number) && line->text.reserved == 0;
    for (uint32_t i = 0; right && i < line->text.count; i++) {
        right = line->text.at[i] == text_letter(number, i);
    }
    if (!right) {
        pthread_mutex_lock(&ledger->lock);
        say_wrong(ledger, number, "has another's text");
        pthread_mutex_unlock(&ledger->lock);
    }
}

static void drop_lines(void *context, const void *events, size_t count, weir_discard why) {
    const struct owned_line *line = events;
    for (size_t i = 0; i < count; i++) {
        check_text(context, &line[i]);
        end_one(context, &line[i].event, false, why);
    }
}

void owned_look_at_line(struct owned_ledger *ledger, const struct owned_line *line) {
    check_text(ledger, line);
    owned_look(ledger, &line->event);
}

struct owned_line owned_make_line(struct owned_ledger *ledger, char *text) {
    struct owned_line line = {.event = owned_make(ledger)};
    line.text = (weir_bytes){.at = text, .count = text_length(line.event.number)};
    for (uint32_t i = 0; i < line.text.count; i++) text[i] = text_letter(line.event.number, i);
    return line;
}

/* ---- the ledger ------------------------------------------------------------- */

void owned_open(struct owned_ledger *ledger) {
    uint64_t used = ledger->made + 1;
    memset(ledger, 0, offsetof(struct owned_ledger, fates)); /* all of it takes long */
    memset(ledger->fates, 0, (size_t)used * sizeof *ledger->fates);
    pthread_mutex_init(&ledger->lock, NULL);
    ledger->type = (weir_event_type){
        .bytes = sizeof(struct owned), .drop = drop_owned, .copy = copy_owned, .context = ledger};
    ledger->lines = (weir_event_type){
        .bytes = sizeof(struct owned_line), .spans = 1, .drop = drop_lines, .context = ledger};
}

struct owned owned_make(struct owned_ledger *ledger) {
    struct owned event = {.heap = malloc(sizeof *event.heap)};
    pthread_mutex_lock(&ledger->lock);
    if (event.heap == NULL || ledger->made + 1 == OWNED_MOST) abort();
    event.number = ++ledger->made;
    *event.heap = event.number;
    ledger->fates[event.number].made = true;
    pthread_mutex_unlock(&ledger->lock);
    return event;
}

void owned_release(struct owned_ledger *ledger, struct owned event) {
    end_one(ledger, &event, true, WEIR_DISCARD_HANDLED);
}

void owned_look(struct owned_ledger *ledger, const struct owned *event) {
    pthread_mutex_lock(&ledger->lock);
    struct owned_fate *fate = fate_of(ledger, event);
    if (fate != NULL && fate->over) {
        say_wrong(ledger, event->number, "was seen after its end");
    } else if (fate != NULL && *event->heap != event->number) {
        say_wrong(ledger, event->number, "has another's memory");
    }
    pthread_mutex_unlock(&ledger->lock);
}

void owned_expect(struct owned_ledger *ledger, const char *expected) {
    static const char *const words[WEIR_DISCARD_CAUSES] = {
        "handled",  "overflow",      "stopped", "consumer",  "unheard", "no memory",
        "unwanted", "bad partition", "left",    "abandoned", "replaced"};
    uint64_t found[WEIR_DISCARD_CAUSES] = {0};
    uint64_t released = 0;
    uint64_t left = 0;
    char text[256] = "";
    for (uint64_t i = 1; i <= ledger->made; i++) {
        const struct owned_fate *fate = &ledger->fates[i];
        *(!fate->over ? &left : fate->released ? &released : &found[fate->why]) += 1;
    }
    size_t used = 0;
    for (int i = 0; i < WEIR_DISCARD_CAUSES + 2; i++) {
        uint64_t count = i < WEIR_DISCARD_CAUSES    ? found[i]
                         : i == WEIR_DISCARD_CAUSES ? released
                                                    : left;
        const char *word = i < WEIR_DISCARD_CAUSES    ? words[i]
                           : i == WEIR_DISCARD_CAUSES ? "released"
                                                      : "left";
        if (count > 0) {
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s %llu",
                                     used > 0 ? ", " : "", word, (unsigned long long)count);
        }
    }
    assert_string_equal(text, expected);
    assert_string_equal(ledger->wrong, "");
}

void owned_expect_one(struct owned_ledger *ledger, uint64_t number, weir_discard why) {
    assert_true(ledger->fates[number].over && !ledger->fates[number].released);
    assert_int_equal(ledger->fates[number].why, why);
}

void owned_close(struct owned_ledger *ledger, const weir_accounts *accounts) {
    uint64_t sum = 0;
    assert_string_equal(ledger->wrong, "");
    for (uint64_t i = 1; i <= ledger->made; i++) {
        assert_true(ledger->fates[i].over);
        sum += ledger->fates[i].released ? 0 : 1;
    }
    if (accounts != NULL) {
        assert_int_equal(accounts->dropped, sum);
        assert_int_equal(accounts->copied, ledger->copies);
        assert_int_equal(accounts->accepted + accounts->copied, sum + accounts->taken);
    }
    pthread_mutex_destroy(&ledger->lock);
}
