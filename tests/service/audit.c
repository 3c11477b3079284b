/*
 * The thread that works for the auditor, outside of weir.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pipeline.h"

#include <pthread.h>
#include <stdlib.h>

struct task {
    struct task *next;
    weir_ref auditor;
    weir_token token;
    struct group group;
};

struct audit {
    weir_runtime *runtime;
    uint64_t random;
    pthread_t thread;
    pthread_mutex_t lock; /* for what is below it */
    pthread_cond_t changed;
    struct task *first;
    struct task **last;
    bool over;
};

/* The cast comes to the auditor before the token is back: the group cannot come too late. */
static void give_back(struct audit *audit, struct task *task) {
    weir_status status;
    while ((status = weir_cast(audit->runtime, task->auditor, &task->group, sizeof task->group)) ==
           WEIR_FULL) {
        nap(10);
    }
    must(status, "weir_cast, with a token");
    must(weir_done(audit->runtime, task->token), "weir_done");
    free(task);
}

static void *run(void *argument) {
    struct audit *audit = argument;
    pthread_mutex_lock(&audit->lock);
    while (audit->first != NULL || !audit->over) {
        struct task *task = audit->first;
        if (task == NULL) {
            pthread_cond_wait(&audit->changed, &audit->lock);
            continue;
        }
        audit->first = task->next;
        if (audit->first == NULL) {
            audit->last = &audit->first;
        }
        pthread_mutex_unlock(&audit->lock);
        audit->random = mix(audit->random);
        if (audit->random % 8 == 0) {
            nap(audit->random / 8 % 200);
        }
        give_back(audit, task);
        pthread_mutex_lock(&audit->lock);
    }
    pthread_mutex_unlock(&audit->lock);
    return NULL;
}

struct audit *audit_open(weir_runtime *runtime, uint64_t seed) {
    struct audit *audit = calloc(1, sizeof *audit);
    if (audit == NULL) {
        give_up("no memory");
    }
    audit->runtime = runtime;
    audit->random = mix(seed);
    audit->last = &audit->first;
    pthread_mutex_init(&audit->lock, NULL);
    pthread_cond_init(&audit->changed, NULL);
    if (pthread_create(&audit->thread, NULL, run, audit) != 0) {
        give_up("no thread for the auditor");
    }
    return audit;
}

void audit_begin(struct audit *audit, weir_ref auditor, const struct group *group) {
    struct task *task = malloc(sizeof *task);
    if (task == NULL) {
        give_up("no memory");
    }
    *task = (struct task){.auditor = auditor, .group = *group};
    must(weir_busy(audit->runtime, auditor, &task->token), "weir_busy");
    pthread_mutex_lock(&audit->lock);
    *audit->last = task;
    audit->last = &task->next;
    pthread_cond_signal(&audit->changed);
    pthread_mutex_unlock(&audit->lock);
}

void audit_close(struct audit *audit) {
    pthread_mutex_lock(&audit->lock);
    audit->over = true;
    if (audit->first != NULL) {
        give_up("the auditor has ended while groups are under way");
    }
    pthread_cond_signal(&audit->changed);
    pthread_mutex_unlock(&audit->lock);
    pthread_join(audit->thread, NULL);
    pthread_cond_destroy(&audit->changed);
    pthread_mutex_destroy(&audit->lock);
    free(audit);
}
