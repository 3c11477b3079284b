/*
 * Who has come.  See tally.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/tally.h"

#include "support/cmocka.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned counts[TALLY_LIMIT];
static size_t expected, missing, again;

void tally_begin(size_t count) {
    pthread_mutex_lock(&lock);
    memset(counts, 0, sizeof counts);
    expected = missing = count;
    again = 0;
    pthread_mutex_unlock(&lock);
}

size_t tally_number(const weir_message *message) {
    size_t number = 0;
    uint32_t i = 0;
    for (; i < message->data.count && message->data.at[i] >= '0' && message->data.at[i] <= '9';
         i++) {
        number = number * 10 + (size_t)(message->data.at[i] - '0');
    }
    return i == 0 || number > TALLY_LIMIT ? TALLY_LIMIT : number;
}

void tally_note(size_t number) {
    pthread_mutex_lock(&lock);
    if (number < TALLY_LIMIT) {
        missing -= counts[number] == 0 && number < expected;
        again += counts[number] > 0;
        counts[number]++;
    }
    pthread_mutex_unlock(&lock);
}

static size_t read_locked(const size_t *figure) {
    pthread_mutex_lock(&lock);
    size_t value = *figure;
    pthread_mutex_unlock(&lock);
    return value;
}

size_t tally_of(size_t number) {
    pthread_mutex_lock(&lock);
    size_t count = counts[number];
    pthread_mutex_unlock(&lock);
    return count;
}

size_t tally_missing(void) {
    return read_locked(&missing);
}

size_t tally_again(void) {
    return read_locked(&again);
}

static bool none_is_missing(void *context) {
    (void)context;
    return tally_missing() == 0;
}

bool tally_until(bool (*condition)(void *), void *context, unsigned seconds) {
    for (unsigned tries = 0; tries < seconds * 500; tries++) {
        if (condition(context)) {
            return true;
        }
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    return condition(context);
}

bool tally_wait(unsigned seconds) {
    return tally_until(none_is_missing, NULL, seconds);
}

void tally_check(void) {
    unsigned shown = 0;
    for (size_t i = 0; i < expected && shown < 10; i++) {
        if (tally_of(i) == 0) {
            shown++;
            print_error("missing: %zu\n", i);
        }
    }
    assert_int_equal(tally_missing(), 0);
}

void tally_push(weir_pipeline *pipeline, size_t first, size_t count) {
    enum { MANY = 100 };
    char texts[MANY][32];
    weir_message messages[MANY];
    for (size_t done = 0; done < count;) {
        size_t some = count - done < MANY ? count - done : MANY;
        for (size_t i = 0; i < some; i++) {
            int length = snprintf(texts[i], sizeof texts[i], "%zu ", first + done + i);
            messages[i] = (weir_message){.data = {texts[i], (uint32_t)length, 0}};
        }
        weir_status status = weir_pipeline_push(pipeline, messages, some);
        assert_true(status == WEIR_OK || status == WEIR_FULL);
        done += status == WEIR_OK ? some : 0;
        if (status == WEIR_FULL) {
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
    }
}
