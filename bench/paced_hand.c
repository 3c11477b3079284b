/*
 * Paced events from one thread to another, by hand: see paced_hand.h.
 * SPDX-License-Identifier: Apache-2.0
 *
 * One hop: this thread sends, on the first core, and another receives, on the second or, where
 * they share, on the first one too.
 */
#include "paced_hand.h"

#include "order.h"
#include "race.h"

#include <ck_ring.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ENTRIES = 65536, APART = 128 };

struct lane {
    struct paced paced;
    int core; /* the receiver's */
    void (*receive)(struct lane *lane);
    /* one of the two */
    pthread_mutex_t mutex;
    pthread_cond_t some;
    pthread_cond_t room;
    uint64_t head, tail;
    _Alignas(APART) uint32_t asleep;
    _Alignas(APART) ck_ring_t ring;
    _Alignas(APART) ck_ring_buffer_t entries[ENTRIES];
};

static void pin(int core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
    (void)pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

/* ---- mutex and condition ----------------------------------------------------- */

static void send_locked(void *context, uint64_t event) {
    struct lane *lane = context;
    pthread_mutex_lock(&lane->mutex);
    while (lane->head - lane->tail == ENTRIES) pthread_cond_wait(&lane->room, &lane->mutex);
    lane->entries[lane->head++ % ENTRIES].value = (void *)event;
    pthread_cond_signal(&lane->some);
    pthread_mutex_unlock(&lane->mutex);
}

static void receive_locked(struct lane *lane) {
    for (uint64_t i = 0; i < lane->paced.events; i++) {
        pthread_mutex_lock(&lane->mutex);
        while (lane->head == lane->tail) pthread_cond_wait(&lane->some, &lane->mutex);
        uint64_t event = (uint64_t)lane->entries[lane->tail++ % ENTRIES].value;
        pthread_cond_signal(&lane->room);
        pthread_mutex_unlock(&lane->mutex);
        paced_arrived(&lane->paced, event);
    }
}

/* ---- ring and futex ---------------------------------------------------------- */

static void send_by_ring(void *context, uint64_t event) {
    struct lane *lane = context;
    while (!ck_ring_enqueue_spsc(&lane->ring, lane->entries, (void *)event)) sched_yield();
    fence_full();
    if (ck_pr_load_32(&lane->asleep) != 0 && ck_pr_fas_32(&lane->asleep, 0) != 0) {
        syscall(SYS_futex, &lane->asleep, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}

static void receive_by_ring(struct lane *lane) {
    for (uint64_t i = 0; i < lane->paced.events; i++) {
        void *event;
        while (!ck_ring_dequeue_spsc(&lane->ring, lane->entries, &event)) {
            ck_pr_store_32(&lane->asleep, 1);
            fence_full();
            if (ck_ring_size(&lane->ring) == 0) {
                syscall(SYS_futex, &lane->asleep, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0);
            }
            ck_pr_store_32(&lane->asleep, 0);
        }
        paced_arrived(&lane->paced, (uint64_t)event);
    }
}

/* ---- a run --------------------------------------------------------------------- */

static void *run_receiver(void *argument) {
    struct lane *lane = argument;
    pin(lane->core);
    lane->receive(lane);
    return NULL;
}

static struct paced_result run(uint64_t events, double rate, bool shared,
                               void (*send)(void *context, uint64_t event),
                               void (*receive)(struct lane *lane)) {
    struct race_cores cores = race_cores_pick();
    cpu_set_t before;
    (void)pthread_getaffinity_np(pthread_self(), sizeof before, &before);
    struct lane *lane = aligned_alloc(APART, sizeof *lane);
    if (lane == NULL) abort();
    paced_open(&lane->paced, events, rate, shared);
    lane->core = shared ? cores.sender : cores.receiver;
    lane->receive = receive;
    lane->head = lane->tail = 0;
    lane->asleep = 0;
    pthread_mutex_init(&lane->mutex, NULL);
    pthread_cond_init(&lane->some, NULL);
    pthread_cond_init(&lane->room, NULL);
    ck_ring_init(&lane->ring, ENTRIES);
    pin(cores.sender);
    pthread_t receiver;
    if (pthread_create(&receiver, NULL, run_receiver, lane) != 0) abort();
    usleep(1000); /* it stands ready, asleep */
    paced_run(&lane->paced, send, lane);
    pthread_join(receiver, NULL);
    struct paced_result result = paced_close(&lane->paced);
    free(lane);
    (void)pthread_setaffinity_np(pthread_self(), sizeof before, &before);
    return result;
}

struct paced_result paced_mutex(uint64_t events, double rate, bool shared) {
    return run(events, rate, shared, send_locked, receive_locked);
}

struct paced_result paced_futex(uint64_t events, double rate, bool shared) {
    return run(events, rate, shared, send_by_ring, receive_by_ring);
}
