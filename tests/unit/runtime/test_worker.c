/*
 * The worker: its thread is pinned, named and deaf to signals; it rests and wakes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: worker i runs on its own of the process's cores, or anywhere when told
 * so, or with a warning where it cannot be pinned; no signal is handled on it;
 * it sleeps when there is nothing to do, and always wakes; more workers than
 * cores work; what comes for a stage that has gone is let go.
 * Method: workers look at themselves in callbacks, and the test at what the
 * kernel says of them; the call that pins is the test's own, and fails on cue.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "support/player.h"
#include "support/worlds.h"

#include "base/atomic.h"
#include "os/clock.h"
#include "os/topology.h"
#include "runtime/runtime.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- pinning ------------------------------------------------------------- */

static uint32_t refuse_pinning; /* atomic: an errno value, or 0 */

/* In place of the C library's: always for the calling thread here. */
int pthread_setaffinity_np(pthread_t thread, size_t bytes, const cpu_set_t *cores) {
    (void)thread;
    int refused = (int)weir__load_relaxed_u32(&refuse_pinning);
    if (refused != 0) return refused;
    return syscall(SYS_sched_setaffinity, 0, bytes, cores) == 0 ? 0 : errno;
}

struct view {
    unsigned count; /* of cores it may use */
    unsigned first; /* of them             */
    char name[16];
};

static weir_verdict look(weir_stage *self, struct player *player, uint64_t number) {
    (void)self;
    (void)number;
    struct view *view = player->own;
    cpu_set_t cores; /* this thread's, not the process's */
    CPU_ZERO(&cores);
    (void)sched_getaffinity(0, sizeof cores, &cores);
    view->count = (unsigned)CPU_COUNT(&cores);
    view->first = 0;
    while (view->first < CPU_SETSIZE && !CPU_ISSET(view->first, &cores)) view->first++;
    pthread_getname_np(pthread_self(), view->name, sizeof view->name);
    return WEIR_CONTINUE;
}

enum { WORKERS_MOST = 64 };

static struct view views[WORKERS_MOST];

/* A stage on each worker looks. */
static void look_everywhere(struct rig *rig) {
    static struct player looks[WORKERS_MOST];
    unsigned workers = weir_runtime_workers(rig->runtime);
    assert_true(workers <= WORKERS_MOST);
    memset(looks, 0, sizeof looks);
    for (unsigned i = 0; i < workers; i++) {
        looks[i].name = "looks";
        looks[i].kind = WEIR_CONSUMER;
        looks[i].own = &views[i];
        looks[i].does.cast = look;
        player_start(&looks[i], rig, &(weir_stage_options){.worker = WEIR_WORKER(i)});
        player_cast(&looks[i], 1);
    }
    rig_rest(rig);
}

static void each_worker_is_pinned_to_a_core(void **state) {
    (void)state;
    unsigned cores[WORKERS_MOST];
    unsigned count = weir__topology_cores(cores, WORKERS_MOST);
    for (unsigned workers = 1; workers <= count + 3 && workers <= WORKERS_MOST; workers++) {
        struct rig rig;
        rig_open(&rig, &(weir_runtime_options){.workers = workers});
        look_everywhere(&rig);
        for (unsigned i = 0; i < workers; i++) { /* more workers than cores go round again */
            assert_int_equal(views[i].count, 1);
            assert_int_equal(views[i].first, cores[i % count]);
            char name[16];
            snprintf(name, sizeof name, "weir/%u", i);
            assert_string_equal(views[i].name, name);
        }
        rig_expect_log(&rig, "");
        rig_close(&rig);
    }
}

static void unpinned_workers_may_run_anywhere(void **state) {
    (void)state;
    unsigned count = weir__topology_cores(NULL, 0);
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 2, .unpinned = true});
    look_everywhere(&rig);
    for (unsigned i = 0; i < 2; i++) assert_int_equal(views[i].count, count);
    rig_expect_log(&rig, "");
    rig_close(&rig);
}

static void workers_kept_to_one_core_keep_to_it(void **state) {
    (void)state;
    unsigned core;
    weir__topology_cores(&core, 1);
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.cores = &core, .core_count = 1});
    assert_int_equal(weir_runtime_workers(rig.runtime), 1);
    look_everywhere(&rig);
    rig_close(&rig);
    rig_open(&rig, &(weir_runtime_options){.workers = 3, .cores = &core, .core_count = 1});
    look_everywhere(&rig);
    for (int i = 0; i < 3; i++) assert_int_equal(views[i].first, core);
    rig_close(&rig);
}

static void who_cannot_be_pinned_says_so_and_runs(void **state) {
    (void)state;
    unsigned cores[1];
    weir__topology_cores(cores, 1);
    weir__store_relaxed_u32(&refuse_pinning, EINVAL);
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 1});
    look_everywhere(&rig);
    weir__store_relaxed_u32(&refuse_pinning, 0);
    char expected[200];
    snprintf(expected, sizeof expected,
             "warning: worker 0 cannot be pinned to core %u (%s) and runs unpinned\n", cores[0],
             strerror(EINVAL));
    rig_expect_log(&rig, expected);
    rig_close(&rig);
}

/* ---- signals ------------------------------------------------------------- */

/* Calls `check` with the mask of blocked signals of each thread whose name starts so. */
static unsigned for_each_thread(const char *name, void (*check)(uint64_t blocked)) {
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    unsigned found = 0;
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        char path[300];
        char line[200];
        bool ours = false;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
        while (file != NULL && fgets(line, sizeof line, file) != NULL) {
            unsigned long long blocked;
            if (strncmp(line, "Name:\t", 6) == 0) {
                ours = strncmp(line + 6, name, strlen(name)) == 0;
                found += ours;
            }
            if (ours && sscanf(line, "SigBlk: %llx", &blocked) == 1) check(blocked);
        }
        if (file != NULL) fclose(file);
    }
    closedir(tasks);
    return found;
}

static void must_be_deaf(uint64_t blocked) {
    static const int deaf_to[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGUSR1,  SIGUSR2,  SIGPIPE,
                                  SIGALRM, SIGTERM, SIGCHLD, SIGWINCH, SIGVTALRM};
    static const int open[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF};
    for (size_t i = 0; i < sizeof deaf_to / sizeof *deaf_to; i++) {
        assert_true((blocked >> (deaf_to[i] - 1) & 1) != 0);
    }
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        assert_true((blocked >> (open[i] - 1) & 1) == 0);
    }
}

static void workers_are_deaf_to_signals(void **state) {
    (void)state;
    sigset_t before, after;
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 3});
    look_everywhere(&rig); /* so every thread has begun */
    assert_int_equal(for_each_thread("weir/", must_be_deaf), 3);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    for (int number = 1; number <= SIGRTMAX; number++) {
        assert_int_equal(sigismember(&before, number), sigismember(&after, number));
    }
    rig_close(&rig);
}

/* Who waits outside is interrupted by signals, and goes on waiting. */
static uint32_t signals_seen; /* atomic */

static void count_signal(int number) {
    (void)number;
    weir__fetch_add_u32(&signals_seen, 1);
}

struct disturber {
    pthread_t whom;
    struct player *player;
};

static void disturb(void *argument) {
    struct disturber *disturber = argument;
    /* Again and again: ThreadSanitizer keeps a signal until the thread's next call of the C
     * library, and the one before it went to sleep does not wake it. */
    while (weir__load_relaxed_u32(&signals_seen) < 20) {
        pthread_kill(disturber->whom, SIGUSR1);
        weir__clock_sleep_ns(100000);
    }
    player_stop(disturber->player, WEIR_REASON_NORMAL);
}

static void signals_do_not_end_waiting(void **state) {
    (void)state;
    struct sigaction action, before;
    memset(&action, 0, sizeof action);
    action.sa_handler = count_signal; /* without SA_RESTART */
    sigaction(SIGUSR1, &action, &before);
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 1});
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    player_start(&c, &rig, NULL);
    struct disturber disturber = {pthread_self(), &c};
    struct weir__thread thread;
    assert_int_equal(weir__thread_start(&thread, "disturber", disturb, &disturber), 0);
    assert_int_equal(weir_runtime_run(rig.runtime, WEIR_FOREVER), WEIR_OK);
    assert_true(weir__load_relaxed_u32(&signals_seen) >= 20);
    weir__thread_join(&thread);
    player_expect(&c, "terminate normal\n");
    rig_close(&rig);
    sigaction(SIGUSR1, &before, NULL);
}

/* ---- resting and waking -------------------------------------------------- */

/* Back and forth between two workers that sleep in between: no wake-up is lost. */
static void sleeping_workers_always_wake(void **state) {
    (void)state;
    for (int idle = WEIR_IDLE_ADAPT; idle <= WEIR_IDLE_SPIN_THEN_PARK; idle++) {
        struct rig rig;
        rig_open(&rig, &(weir_runtime_options){.workers = 2, .idle = (weir_idle)idle});
        struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 3000, .quiet = true};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
        player_start(&p, &rig, &(weir_stage_options){.worker = WEIR_WORKER(0)});
        player_start(&c, &rig, &(weir_stage_options){.worker = WEIR_WORKER(1)});
        player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 1});
        while (rig_accounts(&rig).handled < 3000) weir__cpu_relax(); /* hangs if one is lost */
        rig_rest(&rig);
        weir_accounts accounts = rig_close(&rig);
        if (idle == WEIR_IDLE_SPIN) assert_int_equal(accounts.wakes, 0);
    }
}

static void sleeps(weir_idle idle) {
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 1, .idle = idle});
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    player_start(&c, &rig, NULL);
    for (uint64_t i = 1; i <= 20; i++) {
        struct weir__bell *bell = &rig.runtime->workers[0].bell;
        while (weir__load_relaxed_u32(&bell->parked) == 0) weir__cpu_relax();
        uint64_t turns = rig_accounts(&rig).turns;
        player_info(&c, i);
        while (rig_accounts(&rig).turns == turns) weir__cpu_relax();
    }
    rig_rest(&rig);
    assert_true(rig_close(&rig).wakes >= 1);
}

static void an_idle_worker_sleeps(void **state) {
    (void)state;
    sleeps(WEIR_IDLE_PARK);
    sleeps(WEIR_IDLE_SPIN_THEN_PARK);
    sleeps(WEIR_IDLE_ADAPT);
}

/* What it does when it runs dry follows what it found the last time. */
static void an_adapting_worker_polls_while_that_pays(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 1});
    struct weir__worker *worker = &rig.runtime->workers[0];
    assert_true(worker->adapts);
    struct player c = {.name = "c", .kind = WEIR_CONSUMER, .quiet = true};
    player_start(&c, &rig, NULL);
    for (uint64_t i = 1; i <= 20; i++) {
        rig_rest(&rig);
        while (weir__load_relaxed_u32(&worker->bell.parked) == 0) weir__cpu_relax();
        weir__clock_sleep_ns(1000000);
        player_info(&c, i);
    }
    rig_rest(&rig);
    while (weir__load_relaxed_u32(&worker->bell.parked) == 0) weir__cpu_relax();
    assert_int_equal(worker->host.hot_polls, 0); /* work comes late, and it knows */
    rig_close(&rig);
}

static void assert_crowded(unsigned workers, weir_idle idle, bool expected) {
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = workers, .idle = idle});
    assert_int_equal(rig.runtime->crowded, expected);
    if (expected) {
        assert_true(rig.runtime->workers[0].host.hot_polls <= WEIR__YIELDS);
        for (unsigned i = 0; i < workers; i++) { /* hangs if one does not sleep in the end */
            struct weir__bell *bell = &rig.runtime->workers[i].bell;
            while (weir__load_relaxed_u32(&bell->parked) == 0) weir__thread_yield();
        }
    }
    rig_close(&rig);
}

/* More workers than cores: they yield, so that who has work gets a core, and then sleep. */
static void more_workers_than_cores_do_not_spin(void **state) {
    (void)state;
    unsigned cores = weir__topology_cores(NULL, 0);
    assert_crowded(cores + 1, WEIR_IDLE_ADAPT, true);
    assert_crowded(cores, WEIR_IDLE_ADAPT, false);
    assert_crowded(cores + 1, WEIR_IDLE_SPIN_THEN_PARK, true);
    assert_crowded(cores, WEIR_IDLE_SPIN_THEN_PARK, false);
    assert_crowded(cores + 1, WEIR_IDLE_SPIN, false); /* as told */
    assert_crowded(cores + 1, WEIR_IDLE_PARK, false);
}

static void more_workers_than_cores_do_the_work(void **state) {
    (void)state;
    enum { STAGES = 12 };
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.workers = 8});
    static struct player chain[STAGES];
    memset(chain, 0, sizeof chain);
    for (int i = 0; i < STAGES; i++) {
        chain[i].name = "s";
        chain[i].kind = i == 0           ? WEIR_PRODUCER
                        : i < STAGES - 1 ? WEIR_PRODUCER_CONSUMER
                                         : WEIR_CONSUMER;
        chain[i].limit = 5000;
        chain[i].quiet = true;
        chain[i].emits = i % 2 ? PLAYER_FORWARDS : PLAYER_COPIES;
        player_start(&chain[i], &rig, NULL);
        if (i > 0) player_subscribe(&chain[i], &chain[i - 1], NULL);
    }
    while (rig_accounts(&rig).handled < 5000 * (STAGES - 1)) weir__cpu_relax();
    rig_rest(&rig);
    assert_int_equal(chain[STAGES - 1].sum, UINT64_C(5000) * 4999 / 2);
    rig_close(&rig);
}

/* ---- steps --------------------------------------------------------------- */

static void a_step_says_what_it_found(struct rig *rig) {
    struct weir__worker *worker = &rig->runtime->workers[0];
    assert_int_equal(weir__worker_step(worker), WEIR__STEP_COLD);
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    player_start(&c, rig, NULL);
    assert_int_equal(weir__worker_step(worker), WEIR__STEP_BUSY); /* mail: it has joined */
    assert_ptr_equal(worker->stages->ref.bits, c.ref.bits);
    assert_int_equal(weir__worker_step(worker), WEIR__STEP_COLD);
    player_info(&c, 1);
    weir__here = &worker->host;
    assert_int_equal(weir__worker_step(worker), WEIR__STEP_BUSY);
    weir__here = NULL;
    rig_rest(rig);
    player_expect(&c, "info 1\n");
    rig_close(rig);
}

static struct weir__ready_stage *ready_of(const struct rig *rig, const struct player *player) {
    return &weir__registry_slot(&rig->runtime->registry, player->ref)->ready;
}

/* Whom no other worker can raise need not cool; who gets an edge abroad does from then on. */
static void who_is_known_here_alone_keeps_its_token(void **state) {
    (void)state;
    struct rig rig;
    rig_open(&rig, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = 2});
    struct player p = {.name = "p", .kind = WEIR_PRODUCER, .limit = 100};
    struct player c = {.name = "c", .kind = WEIR_CONSUMER};
    struct player d = {.name = "d", .kind = WEIR_CONSUMER};
    player_start(&p, &rig, &(weir_stage_options){.worker = WEIR_WORKER(0)});
    player_start(&c, &rig, &(weir_stage_options){.worker = WEIR_WORKER(0)});
    player_start(&d, &rig, &(weir_stage_options){.worker = WEIR_WORKER(1)});
    player_subscribe(&c, &p, NULL);
    rig_rest(&rig);
    for (int i = 0; i < 2; i++) {
        assert_true(ready_of(&rig, i == 0 ? &p : &c)->owned);
        assert_false(ready_of(&rig, i == 0 ? &p : &c)->queued);
        assert_int_equal(ready_of(&rig, i == 0 ? &p : &c)->raised, 1);
    }
    player_subscribe(&d, &p, NULL);
    rig_rest(&rig);
    assert_false(ready_of(&rig, &p)->owned);
    assert_false(ready_of(&rig, &d)->owned);
    assert_true(ready_of(&rig, &c)->owned);
    p.limit = 2000;
    player_cast(&p, 900);
    rig_rest(&rig);
    assert_int_equal(c.handled + d.handled, 2000);
    rig_close(&rig);
}

/*
 * An edge raised for a stage that ends before it looks: whoever finds it lets it
 * go, and a later stage in the same place has nothing to do with it.
 */
static void what_is_raised_for_who_has_gone_is_let_go(void **state) {
    (void)state;
    for (int again = 0; again < 2; again++) {
        struct rig rig;
        rig_open(&rig, &(weir_runtime_options){.mode = WEIR_STEPPED, .workers = 2});
        struct player p = {.name = "p", .kind = WEIR_PRODUCER};
        struct player c = {.name = "c", .kind = WEIR_CONSUMER};
        player_start(&p, &rig, &(weir_stage_options){.worker = WEIR_WORKER(0)});
        player_start(&c, &rig, &(weir_stage_options){.worker = WEIR_WORKER(1)});
        player_subscribe(&c, &p, &(weir_subscribe_options){.max_demand = 100});
        rig_rest(&rig);
        player_stop(&c, WEIR_REASON_NORMAL);
        player_cast(&p, 50);
        /* The consumer's worker, until it has stopped; then the producer's. */
        weir__here = &rig.runtime->workers[1].host;
        while (weir__worker_step(&rig.runtime->workers[1]) != WEIR__STEP_COLD) {}
        weir__here = NULL;
        struct player d = {.name = "d", .kind = WEIR_CONSUMER};
        if (again) player_start(&d, &rig, &(weir_stage_options){.worker = WEIR_WORKER(1)});
        rig_rest(&rig);
        assert_int_equal(rig_accounts(&rig).buffered, 50);
        if (again) {
            assert_int_equal(weir__ref_index(d.ref), weir__ref_index(c.ref));
            player_subscribe(&d, &p, NULL);
            rig_rest(&rig);
            player_expect(&d, "subscribe p\nevents 0..49\n");
        }
        rig_close(&rig);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_worker_is_pinned_to_a_core),
        cmocka_unit_test(unpinned_workers_may_run_anywhere),
        cmocka_unit_test(workers_kept_to_one_core_keep_to_it),
        cmocka_unit_test(who_cannot_be_pinned_says_so_and_runs),
        cmocka_unit_test(workers_are_deaf_to_signals),
        cmocka_unit_test(signals_do_not_end_waiting),
        cmocka_unit_test(sleeping_workers_always_wake),
        cmocka_unit_test(an_idle_worker_sleeps),
        cmocka_unit_test(an_adapting_worker_polls_while_that_pays),
        cmocka_unit_test(more_workers_than_cores_do_not_spin),
        cmocka_unit_test(more_workers_than_cores_do_the_work),
        TEST_STEPPED(a_step_says_what_it_found),
        cmocka_unit_test(who_is_known_here_alone_keeps_its_token),
        cmocka_unit_test(what_is_raised_for_who_has_gone_is_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
