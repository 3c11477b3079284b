/*
 * Waiting for a stage's end: what is left behind, who may not, and an end in init.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: waits that were given up leave next to nothing, and harm none that goes on; a pool's task
 * does not wait for its pool; who asked in init is told, once, though init then stops the stage.
 * Method: polls, beside threads that wait and a function that is to be called; the memory that is
 * live.
 */
#include "support/player.h"
#include "support/worlds.h"

#include "base/atomic.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum { WAITERS = 20, POLLS = 1000 };

static struct rig rig;

struct heard {
    int times;
    pthread_t thread;
    weir_ref stage;
    weir_reason reason;
    weir_status named, settled;
};

static weir_ref heir; /* who may have the name then */

static void hear(void *context, weir_ref stage, weir_reason reason) {
    struct heard *heard = context;
    heard->times++;
    heard->thread = pthread_self();
    heard->stage = stage;
    heard->reason = reason;
    heard->named = weir_register(rig.runtime, heir, "p");
    heard->settled = weir_runtime_settle(rig.runtime, 0);
}

static void polls_leave_nothing_behind(void) {
    struct player p = {.name = "p", .kind = WEIR_PRODUCER};
    struct heard heard = {0};
    uint64_t live = 0;
    player_start(&p, &rig, NULL);
    assert_int_equal(weir_on_end(rig.runtime, p.ref, hear, &heard), WEIR_OK);
    for (int i = 0; i < POLLS; i++) {
        assert_int_equal(weir_wait(rig.runtime, p.ref, 0, NULL), WEIR_TIMEOUT);
        rig_rest(&rig);
        if (i == 100) live = rig.memory.live;
    }
    assert_in_range(rig.memory.live, 0, live + 16);
    player_stop(&p, WEIR_REASON_USER);
    rig_rest(&rig);
    assert_int_equal(heard.times, 1);
    rig_close(&rig);
}

static struct player awaited;
static uint32_t begun; /* atomic */

static void *wait_for_it(void *reason) {
    weir__fetch_add_u32(&begun, 1);
    RIG_CHECK(&rig, weir_wait(rig.runtime, awaited.ref, WEIR_FOREVER, reason) == WEIR_OK);
    return NULL;
}

static void who_goes_on_waiting_is_told(void **state) {
    (void)state;
    pthread_t threads[WAITERS];
    weir_reason reasons[WAITERS];
    rig_open(&rig, &(weir_runtime_options){.workers = 1, .unpinned = true});
    awaited = (struct player){.name = "p", .kind = WEIR_PRODUCER};
    player_start(&awaited, &rig, NULL);
    for (int i = 0; i < WAITERS; i++) {
        pthread_create(&threads[i], NULL, wait_for_it, &reasons[i]);
        for (int k = 0; k < POLLS / WAITERS; k++) {
            assert_int_equal(weir_wait(rig.runtime, awaited.ref, 0, NULL), WEIR_TIMEOUT);
        }
    }
    while (weir__load_relaxed_u32(&begun) < WAITERS) weir_runtime_settle(rig.runtime, 100000);
    player_stop(&awaited, WEIR_REASON_USER);
    for (int i = 0; i < WAITERS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(reasons[i] == WEIR_REASON_USER || reasons[i] == WEIR_REASON_NOPROC);
    }
    rig_close(&rig);
}

/* ---- who may not --------------------------------------------------------- */

static weir_ref pool_stage;

static weir_task_result wait_for_the_pool(void *context, const void *event, weir_task *self) {
    weir_status *status = context;
    (void)event, (void)self;
    *status = weir_wait(rig.runtime, pool_stage, 1000000, NULL);
    RIG_CHECK(&rig,
              *status != WEIR_WRONG_THREAD ||
                  strcmp(weir_refusal(), "weir_wait would wait for the task that calls it") == 0);
    uint64_t buffered; /* for its answer it may */
    RIG_CHECK(&rig,
              weir_estimate_buffered(rig.runtime, pool_stage, WEIR_FOREVER, &buffered) == WEIR_OK);
    return WEIR_TASK_OK;
}

static void a_task_does_not_wait_for_its_pool(void **state) {
    (void)state;
    weir_pool *pool;
    weir_status status = WEIR_OK;
    const uint64_t event = 1;
    rig_open(&rig, &(weir_runtime_options){.workers = 1, .unpinned = true});
    const weir_pool_options options = {
        .event_bytes = sizeof event, .threads = 1, .task = wait_for_the_pool, .context = &status};
    assert_int_equal(weir_pool_open(rig.runtime, &options, &pool, &pool_stage), WEIR_OK);
    assert_int_equal(weir_pool_start_child(pool, &event, NULL), WEIR_OK);
    assert_int_equal(weir_runtime_drain(rig.runtime, WEIR_FOREVER, NULL), WEIR_OK);
    assert_int_equal(status, WEIR_WRONG_THREAD);
    assert_int_equal(weir_pool_close(pool, NULL), WEIR_OK);
    rig_close(&rig);
}

/* ---- an end in init ------------------------------------------------------ */

struct asked {
    struct heard heard;
    int fd;
};

static weir_verdict ask_and_stop(weir_stage *self, struct player *player) {
    struct asked *asked = player->own;
    weir_ref me = weir_self(self);
    RIG_CHECK(&rig, weir_register(rig.runtime, me, "p") == WEIR_OK);
    RIG_CHECK(&rig, weir_on_end(rig.runtime, me, hear, &asked->heard) == WEIR_OK);
    RIG_CHECK(&rig, weir_end_fd(rig.runtime, me, &asked->fd) == WEIR_OK);
    return weir_stop_with(self, WEIR_REASON_USER);
}

static void who_asked_in_an_init_that_fails_is_told(void) {
    struct asked asked = {.fd = -1};
    struct player other = {.name = "other", .kind = WEIR_PRODUCER};
    player_start(&other, &rig, NULL);
    heir = other.ref;
    struct player p = {
        .name = "p", .kind = WEIR_PRODUCER, .own = &asked, .does.init = ask_and_stop};
    assert_int_equal(player_try_start(&p, &rig, NULL), WEIR_INIT_STOPPED);
    assert_string_equal(weir_refusal(), "init of stage p stopped it: user");
    struct pollfd polled = {.fd = asked.fd, .events = POLLIN};
    assert_int_equal(poll(&polled, 1, 0), 1);
    close(asked.fd);
    assert_int_equal(asked.heard.times, 1);
    assert_true(pthread_equal(asked.heard.thread, pthread_self()));
    assert_int_equal(asked.heard.reason, WEIR_REASON_USER);
    assert_int_equal(asked.heard.named, WEIR_OK);
    assert_int_equal(asked.heard.settled, WEIR_WRONG_THREAD);
    rig_rest(&rig);
    assert_int_equal(asked.heard.times, 1);
    rig_close(&rig);
}

#define IN_WORLDS(test) TEST_IN_WORLDS_OF(&rig, test)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLDS(polls_leave_nothing_behind),
        cmocka_unit_test(who_goes_on_waiting_is_told),
        cmocka_unit_test(a_task_does_not_wait_for_its_pool),
        IN_WORLDS(who_asked_in_an_init_that_fails_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
