/*
 * What a runtime has logged.  See heard.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/heard.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES = 32, LINE_BYTES = 512 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char lines[LINES][LINE_BYTES];
static unsigned count;

void heard_begin(void) {
    pthread_mutex_lock(&lock);
    memset(lines, 0, sizeof lines);
    pthread_mutex_unlock(&lock);
}

void heard_log(void *context, weir_log_level level, const char *text) {
    (void)context, (void)level;
    pthread_mutex_lock(&lock);
    snprintf(lines[count++ % LINES], LINE_BYTES, "%s", text);
    pthread_mutex_unlock(&lock);
    if (getenv("WEIR_SHOW_LOG") != NULL) {
        fprintf(stderr, "%s\n", text);
    }
}

bool heard(void *text) {
    bool found = false;
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < LINES; i++) {
        found = found || strstr(lines[i], text) != NULL;
    }
    pthread_mutex_unlock(&lock);
    return found;
}
