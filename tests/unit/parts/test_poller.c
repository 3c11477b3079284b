/*
 * The poller: descriptors of a stage.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what comes by descriptors is read as it is asked for, each in turn, and none of it is lost;
 * each descriptor is closed once, whatever ends it; connections are bounded; a drain reads no more,
 * accepts no more, and waits for writes; every refusal is as documented.
 * Method: pairs of sockets whose other ends are the test's, and a consumer that asks by hand, in
 * runtimes that are stepped; numbers say who sent what.  (On threads: test_poller_threads.c; a
 * whole service: examples.)
 */
#include "support/player.h"
#include "support/worlds.h"

#include <weir/poller.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SOCKETS = 40, EACH = 100 };

struct scene {
    struct rig rig;
    weir_ref poller;
    struct player in; /* lends its reference and name */
    struct player c;
    weir_subscription subscription;
    int ends[SOCKETS]; /* the test's    */
    int own[SOCKETS];  /* the poller's  */
    unsigned sockets;
    unsigned reads[SOCKETS];
    unsigned closed;
    unsigned accepted;
    size_t most;
    unsigned want;
    size_t bytes_a_read; /* default: of one number */
    weir_verdict (*init)(weir_stage *self);
    weir_verdict (*cast)(weir_stage *self);
    int listener;
    weir_status status; /* of what a callback has called */
    unsigned writes;
    int before; /* descriptors that were open */
};

static struct scene f;

static int descriptors(void) {
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;
    assert_non_null(folder);
    while (readdir(folder) != NULL) count++;
    closedir(folder);
    return count;
}

/* ---- the stage ---------------------------------------------------------------- */

static void note_closed(weir_stage *self, int fd, void *context) {
    (void)self, (void)context;
    RIG_CHECK(&f.rig, fcntl(fd, F_GETFD) >= 0); /* it is open still */
    f.closed++;
}

static weir_verdict read_numbers(weir_stage *self, int fd, unsigned ready, void *context) {
    uint64_t numbers[64];
    unsigned number = (unsigned)(uintptr_t)context;
    if ((ready & WEIR_POLL_WRITE) != 0) f.writes++;
    if ((ready & WEIR_POLL_READ) == 0) return WEIR_CONTINUE;
    ssize_t got = read(fd, numbers, f.bytes_a_read > 0 ? f.bytes_a_read : sizeof *numbers);
    if (got > 0) {
        RIG_CHECK(&f.rig, got % (ssize_t)sizeof *numbers == 0);
        f.reads[number]++;
        f.in.emitted += (size_t)got / sizeof *numbers;
        RIG_CHECK(&f.rig, weir_emit(self, numbers, (size_t)got / sizeof *numbers) == WEIR_OK);
    } else if (got == 0 || errno != EAGAIN) {
        RIG_CHECK(&f.rig, weir_poller_close(self, fd) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

static weir_poller_watch reads(unsigned number) {
    return (weir_poller_watch){.want = f.want != 0 ? f.want : WEIR_POLL_READ,
                               .ready = read_numbers,
                               .closed = note_closed,
                               .context = (void *)(uintptr_t)number};
}

static weir_verdict init(weir_stage *self, void *argument) {
    (void)argument;
    for (unsigned i = 0; i < f.sockets; i++) {
        const weir_poller_watch watch = reads(i);
        assert_int_equal(weir_poller_add(self, f.own[i], &watch), WEIR_OK);
    }
    return f.init != NULL ? f.init(self) : WEIR_CONTINUE;
}

static weir_verdict on_cast(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    return f.cast(self);
}

/* ---- the scene ------------------------------------------------------------------ */

static void open_sockets(unsigned count) {
    for (f.sockets = 0; f.sockets < count; f.sockets++) {
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        f.ends[f.sockets] = pair[0];
        f.own[f.sockets] = pair[1];
    }
}

/* Of its numbers. */
static void send_numbers(unsigned socket, uint64_t from, uint64_t count) {
    for (uint64_t i = from; i < from + count; i++) {
        uint64_t number = socket * EACH + i;
        assert_int_equal(write(f.ends[socket], &number, sizeof number), sizeof number);
    }
}

static weir_status try_start(weir_kind kind) {
    const weir_stage_options stage = {.kind = kind,
                                      .name = "in",
                                      .event_bytes = sizeof(uint64_t),
                                      .on = {.init = init, .handle_cast = on_cast}};
    const weir_poller_options options = {.stage = &stage, .most = f.most};
    return weir_poller_start(f.rig.runtime, &options, &f.poller);
}

static void start(unsigned sockets) {
    open_sockets(sockets);
    assert_int_equal(try_start(WEIR_PRODUCER), WEIR_OK);
    f.in = (struct player){.name = "in", .rig = &f.rig, .ref = f.poller, .started = f.rig.players};
    f.rig.players = &f.in;
    f.c = (struct player){.name = "c", .kind = WEIR_CONSUMER, .manual = true, .quiet = true};
    player_start(&f.c, &f.rig, NULL);
    f.subscription = player_subscribe(&f.c, &f.in, NULL);
    rig_rest(&f.rig);
}

static void begin(void) {
    memset((char *)&f + offsetof(struct scene, poller), 0,
           sizeof f - offsetof(struct scene, poller));
    f.listener = -1;
    f.before = descriptors();
}

static void ask(uint64_t count) {
    assert_int_equal(weir_ask(f.rig.runtime, f.subscription, count), WEIR_OK);
    rig_rest(&f.rig);
}

static void cast(weir_verdict (*does)(weir_stage *self)) {
    f.cast = does;
    assert_int_equal(weir_cast(f.rig.runtime, f.poller, NULL, 0), WEIR_OK);
    rig_rest(&f.rig);
}

/* All that it was given was closed, once. */
static void end(unsigned closed) {
    for (unsigned i = 0; i < f.sockets; i++)
        if (f.ends[i] >= 0) close(f.ends[i]);
    rig_close(&f.rig);
    assert_int_equal(f.closed, closed);
    assert_int_equal(descriptors(), f.before);
}

/* ---- reading as it is asked for --------------------------------------------------- */

static void nothing_is_read_unasked(void) {
    begin();
    start(1);
    send_numbers(0, 0, 50);
    rig_rest(&f.rig);
    assert_int_equal(f.reads[0], 0);
    ask(3);
    assert_int_equal(f.reads[0], 3);
    assert_int_equal(f.c.handled, 3);
    rig_rest(&f.rig);
    assert_int_equal(f.reads[0], 3);
    ask(100);
    assert_int_equal(f.c.handled, 50);
    assert_int_equal(f.c.sum, 49 * 50 / 2);
    send_numbers(0, 50, 10); /* who is asked is woken by what comes */
    rig_rest(&f.rig);
    assert_int_equal(f.c.handled, 60);
    end(1);
}

/* It goes first, and until it has gone nothing is read. */
static void what_was_read_beyond_is_kept(void) {
    begin();
    f.bytes_a_read = 20 * sizeof(uint64_t);
    start(1);
    send_numbers(0, 0, 40);
    ask(5);
    assert_int_equal(f.reads[0], 1);
    ask(14);
    assert_int_equal(f.reads[0], 1);
    assert_int_equal(f.c.handled, 19);
    ask(2);
    assert_int_equal(f.reads[0], 2);
    ask(100);
    assert_int_equal(f.c.handled, 40);
    assert_int_equal(f.c.sum, 39 * 40 / 2);
    end(1);
}

/* More of them than are found at once, and one asked for at a time. */
static void each_has_its_turn(void) {
    begin();
    start(SOCKETS);
    for (unsigned i = 0; i < SOCKETS; i++) send_numbers(i, 0, 3);
    for (unsigned round = 1; round <= 3; round++) {
        for (unsigned i = 0; i < SOCKETS; i++) ask(1);
        for (unsigned i = 0; i < SOCKETS; i++) assert_in_range(f.reads[i], round - 1, round + 1);
    }
    ask(1000);
    assert_int_equal(f.c.handled, 3 * SOCKETS);
    end(SOCKETS);
}

static void each_has_its_turn_at_once(void) {
    begin();
    start(3);
    for (uint64_t i = 0; i < EACH; i++) send_numbers(0, i, 1);
    send_numbers(1, 0, 2);
    send_numbers(2, 0, 2);
    ask(8);
    assert_int_equal(f.reads[1], 2);
    assert_int_equal(f.reads[2], 2);
    ask(1000);
    assert_int_equal(f.c.handled, EACH + 4);
    end(3);
}

static void some_are_read_at_any_time(void) {
    begin();
    f.want = WEIR_POLL_READ_ALWAYS;
    start(1);
    send_numbers(0, 0, 5);
    rig_rest(&f.rig);
    assert_int_equal(f.reads[0], 5);
    assert_int_equal(f.c.handled, 0);
    ask(10);
    assert_int_equal(f.c.handled, 5);
    end(1);
}

/* ---- how one ends ------------------------------------------------------------------- */

/* What was sent before is read first. */
static void an_end_is_read_when_it_is_asked_for(void) {
    begin();
    start(2);
    send_numbers(0, 0, 4);
    close(f.ends[0]);
    f.ends[0] = -1;
    rig_rest(&f.rig);
    assert_int_equal(f.closed, 0);
    ask(4);
    assert_int_equal(f.c.handled, 4);
    ask(1);
    assert_int_equal(f.closed, 1);
    send_numbers(1, 0, 1);
    rig_rest(&f.rig);
    assert_int_equal(f.c.handled, 5);
    end(2);
}

static weir_verdict write_only(weir_stage *self) {
    f.status = weir_poller_want(self, f.own[0], WEIR_POLL_WRITE);
    return WEIR_CONTINUE;
}

static weir_verdict wait_for_nothing(weir_stage *self) {
    f.status = weir_poller_want(self, f.own[0], 0);
    return WEIR_CONTINUE;
}

static void written_when_there_is_room(void) {
    begin();
    start(1);
    cast(wait_for_nothing);
    static const char zeros[4096];
    while (write(f.own[0], zeros, sizeof zeros) > 0) {}
    f.cast = write_only;
    assert_int_equal(weir_cast(f.rig.runtime, f.poller, NULL, 0), WEIR_OK);
    weir_runtime_step(f.rig.runtime, 1000);
    assert_int_equal(f.status, WEIR_OK);
    assert_int_equal(f.writes, 0);
    char got[4096];
    for (int i = 0; i < 200 && f.writes == 0; i++) {
        assert_true(recv(f.ends[0], got, sizeof got, MSG_DONTWAIT) > 0);
        weir_runtime_step(f.rig.runtime, 10);
    }
    assert_true(f.writes > 0);
    cast(wait_for_nothing);
    unsigned writes = f.writes;
    rig_rest(&f.rig);
    assert_int_equal(f.writes, writes);
    end(1);
}

static weir_verdict close_it(weir_stage *self) {
    size_t before = weir_poller_count(self);
    f.status = weir_poller_close(self, f.own[0]);
    RIG_CHECK(&f.rig, weir_poller_count(self) == before - 1);
    RIG_CHECK(&f.rig, weir_poller_close(self, f.own[0]) == WEIR_INVALID);
    return WEIR_CONTINUE;
}

static weir_verdict remove_it(weir_stage *self) {
    f.status = weir_poller_remove(self, f.own[0]);
    RIG_CHECK(&f.rig, weir_poller_count(self) == f.sockets - 1);
    return WEIR_CONTINUE;
}

static void one_is_closed_amid_others(void) {
    begin();
    start(3);
    for (unsigned i = 0; i < 3; i++) send_numbers(i, 0, 2);
    ask(1); /* the others were found, and are not read yet */
    cast(close_it);
    assert_int_equal(f.status, WEIR_OK);
    assert_int_equal(f.closed, 1);
    ask(100);
    assert_in_range(f.c.handled, 4, 5);
    end(3);
}

/* It is open elsewhere: the set would have it still, if nobody took it out. */
static void a_copy_does_not_keep_it(void) {
    begin();
    start(1);
    int copy = dup(f.own[0]);
    cast(close_it);
    send_numbers(0, 0, 2);
    ask(10);
    assert_int_equal(f.c.handled, 0);
    close(copy);
    end(1);
}

static void one_is_removed_and_stays_open(void) {
    begin();
    start(1);
    send_numbers(0, 0, 1);
    cast(remove_it);
    ask(10);
    assert_int_equal(f.c.handled, 0);
    uint64_t number;
    assert_int_equal(read(f.own[0], &number, sizeof number), sizeof number);
    close(f.own[0]);
    end(0);
}

static void a_stop_closes_all(void) {
    begin();
    start(3);
    send_numbers(0, 0, 5);
    assert_int_equal(weir_stop(f.rig.runtime, f.poller, WEIR_REASON_NORMAL), WEIR_OK);
    rig_rest(&f.rig);
    assert_int_equal(f.closed, 3);
    end(3);
}

static weir_verdict stops(weir_stage *self) {
    return weir_stop_with(self, WEIR_REASON_USER);
}

static void a_start_that_fails_closes_all(void **state) {
    (void)state;
    begin();
    rig_open(&f.rig, NULL);
    open_sockets(2);
    f.init = stops;
    assert_int_equal(try_start(WEIR_PRODUCER), WEIR_INIT_STOPPED);
    end(2);
}

static void without_memory_there_is_none(void **state) {
    (void)state;
    for (uint64_t fail = 1;; fail++) {
        begin();
        rig_open(&f.rig, NULL);
        open_sockets(0);
        test_memory_fail(&f.rig.memory, fail, true);
        weir_status status = try_start(WEIR_PRODUCER);
        test_memory_fail_never(&f.rig.memory);
        if (status != WEIR_OK) assert_int_equal(status, WEIR_NO_MEMORY);
        end(0);
        if (status == WEIR_OK) break;
    }
}

/* ---- accepting ---------------------------------------------------------------------- */

static weir_verdict accept_one(weir_stage *self, int fd, unsigned ready, void *context) {
    (void)context;
    RIG_CHECK(&f.rig, ready == WEIR_POLL_ACCEPT);
    int socket = accept(fd, NULL, NULL);
    if (socket < 0) return WEIR_CONTINUE;
    const weir_poller_watch watch = reads(f.accepted);
    RIG_CHECK(&f.rig, weir_poller_add(self, socket, &watch) == WEIR_OK);
    f.own[f.accepted++] = socket;
    return WEIR_CONTINUE;
}

static weir_verdict add_listener(weir_stage *self) {
    f.status = weir_poller_add(
        self, f.listener,
        &(weir_poller_watch){.want = WEIR_POLL_ACCEPT, .ready = accept_one, .closed = note_closed});
    return WEIR_CONTINUE;
}

static void listen_somewhere(void) {
    f.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(listen(f.listener, 16), 0);
}

static void connect_one(void) {
    struct sockaddr_in address;
    socklen_t bytes = sizeof address;
    assert_int_equal(getsockname(f.listener, (struct sockaddr *)&address, &bytes), 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int end = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(end, (struct sockaddr *)&address, bytes), 0);
    f.ends[f.sockets++] = end;
}

static void connections_are_bounded(void) {
    begin();
    f.most = 3;
    listen_somewhere();
    start(0);
    cast(add_listener);
    assert_int_equal(f.status, WEIR_OK);
    for (int i = 0; i < 5; i++) connect_one();
    rig_rest(&f.rig);
    assert_int_equal(f.accepted, 2); /* and itself */
    assert_int_equal(f.closed, 0);
    cast(close_it); /* own[0] */
    assert_int_equal(f.accepted, 3);
    end(4);
}

static weir_verdict add_fourth(weir_stage *self) {
    const weir_poller_watch watch = reads(3);
    f.status = weir_poller_add(self, f.own[3], &watch);
    return WEIR_CONTINUE;
}

static void one_too_many_is_the_callers(void) {
    begin();
    f.most = 3;
    start(3);
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    f.own[3] = pair[0];
    cast(add_fourth);
    assert_int_equal(f.status, WEIR_FULL);
    close(pair[0]);
    close(pair[1]);
    end(3);
}

/* ---- the end -------------------------------------------------------------------------- */

static void a_drain_reads_and_accepts_no_more(void) {
    begin();
    listen_somewhere();
    start(0);
    cast(add_listener);
    connect_one();
    rig_rest(&f.rig);
    assert_int_equal(f.accepted, 1);
    send_numbers(0, 0, 5);
    ask(3);
    assert_int_equal(f.c.handled, 3);
    connect_one();
    assert_int_equal(weir_finish(f.rig.runtime, f.poller), WEIR_OK);
    rig_rest(&f.rig);
    assert_int_equal(f.c.handled, 3);
    assert_int_equal(f.closed, 2);
    end(2);
}

static weir_verdict written(weir_stage *self, int fd, unsigned ready, void *context) {
    (void)context;
    RIG_CHECK(&f.rig, ready == WEIR_POLL_WRITE);
    f.writes++;
    RIG_CHECK(&f.rig, write(fd, "x", 1) == 1);
    f.status = weir_poller_want(self, fd, 0);
    return WEIR_CONTINUE;
}

static weir_verdict fill_and_wait(weir_stage *self) {
    static const char zeros[4096];
    while (write(f.own[0], zeros, sizeof zeros) > 0) {}
    RIG_CHECK(&f.rig, weir_poller_remove(self, f.own[0]) == WEIR_OK);
    f.status = weir_poller_add(
        self, f.own[0],
        &(weir_poller_watch){.want = WEIR_POLL_WRITE, .ready = written, .closed = note_closed});
    return WEIR_CONTINUE;
}

static void a_drain_waits_for_writes(void) {
    begin();
    start(1);
    cast(fill_and_wait);
    assert_int_equal(f.status, WEIR_OK);
    weir_drain_report report;
    assert_int_equal(weir_runtime_drain(f.rig.runtime, 1000, &report), WEIR_TIMEOUT);
    assert_int_equal(report.why, WEIR_HOLDUP_WRITES);
    assert_string_equal(report.name, "in");
    assert_string_equal(weir_holdup_text(report.why), "writes");
    char got[4096];
    while (recv(f.ends[0], got, sizeof got, MSG_DONTWAIT) > 0) {}
    assert_int_equal(weir_runtime_drain(f.rig.runtime, WEIR_FOREVER, &report), WEIR_OK);
    assert_int_equal(f.writes, 1);
    assert_int_equal(f.closed, 1);
    end(1);
}

/* ---- refusals --------------------------------------------------------------------------- */

static void expect_invalid(weir_stage *self, int fd, weir_poller_watch watch, const char *text) {
    RIG_CHECK(&f.rig, weir_poller_add(self, fd, &watch) == WEIR_INVALID);
    RIG_CHECK(&f.rig, strstr(weir_refusal(), text) != NULL);
}

static weir_verdict add_badly(weir_stage *self) {
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    weir_poller_watch watch = reads(0);
    expect_invalid(self, file, watch, "cannot be waited for: it is a file");
    close(file);
    expect_invalid(self, file, watch, "is no descriptor");
    expect_invalid(self, -1, watch, "-1 is no descriptor");
    expect_invalid(self, f.own[0], watch, "already");
    watch.want = 16;
    expect_invalid(self, f.own[1], watch, "want must be of WEIR_POLL_*, got 0x10");
    watch.want = 1;
    watch.ready = NULL;
    expect_invalid(self, f.own[1], watch, "ready must not be NULL");
    watch = reads(0);
    watch.reserved[1] = 1;
    expect_invalid(self, f.own[1], watch, "reserved");
    RIG_CHECK(&f.rig, weir_poller_want(self, 9999, 0) == WEIR_INVALID);
    RIG_CHECK(&f.rig, strcmp(weir_refusal(), "the poller has no descriptor 9999") == 0);
    RIG_CHECK(&f.rig, weir_poller_want(self, f.own[0], 32) == WEIR_INVALID);
    RIG_CHECK(&f.rig, weir_poller_remove(self, 9999) == WEIR_INVALID);
    RIG_CHECK(&f.rig, weir_poller_count(self) == 1);
    return WEIR_CONTINUE;
}

static void what_is_added_badly_is_refused(void) {
    begin();
    start(1);
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    f.own[1] = pair[0];
    cast(add_badly);
    close(pair[0]);
    close(pair[1]);
    end(1);
}

static weir_verdict not_a_poller(weir_stage *self, struct player *player, uint64_t number) {
    (void)number;
    const weir_poller_watch watch = {.want = WEIR_POLL_READ, .ready = read_numbers};
    RIG_CHECK(player->rig, weir_poller_add(self, 0, &watch) == WEIR_WRONG_THREAD);
    RIG_CHECK(player->rig, weir_poller_want(self, 0, 0) == WEIR_WRONG_THREAD);
    RIG_CHECK(player->rig, weir_poller_close(self, 0) == WEIR_WRONG_THREAD);
    RIG_CHECK(player->rig, weir_poller_remove(self, 0) == WEIR_WRONG_THREAD);
    RIG_CHECK(player->rig, weir_poller_count(self) == 0);
    return WEIR_CONTINUE;
}

static void others_have_no_descriptors(struct rig *rig) {
    struct player other = {
        .name = "c", .kind = WEIR_CONSUMER, .quiet = true, .does.cast = not_a_poller};
    player_start(&other, rig, NULL);
    const uint64_t number = 1;
    assert_int_equal(weir_cast(rig->runtime, other.ref, &number, sizeof number), WEIR_OK);
    rig_rest(rig);
    rig_close(rig);
}

static void options_are_looked_at(void **state) {
    (void)state;
    begin();
    rig_open(&f.rig, NULL);
    const weir_stage_options stage = {.kind = WEIR_PRODUCER, .event_bytes = 8};
    weir_poller_options options = {.stage = &stage, .most = (size_t)INT32_MAX + 1};
    assert_int_equal(weir_poller_start(f.rig.runtime, &options, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "most must be from 1 to 2147483647, got 2147483648");
    options = (weir_poller_options){.most = 1};
    assert_int_equal(weir_poller_start(f.rig.runtime, &options, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "stage must not be NULL");
    const weir_stage_options bad = {.kind = WEIR_PRODUCER};
    options = (weir_poller_options){.stage = &bad};
    assert_int_equal(weir_poller_start(f.rig.runtime, &options, NULL), WEIR_INVALID);
    assert_non_null(strstr(weir_refusal(), "event_bytes"));
    end(0);
}

#define IN_WORLDS(test) TEST_IN_WORLDS_OF(&f.rig, test)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLDS(nothing_is_read_unasked),
        IN_WORLDS(what_was_read_beyond_is_kept),
        IN_WORLDS(each_has_its_turn),
        IN_WORLDS(each_has_its_turn_at_once),
        IN_WORLDS(some_are_read_at_any_time),
        IN_WORLDS(an_end_is_read_when_it_is_asked_for),
        IN_WORLDS(written_when_there_is_room),
        IN_WORLDS(one_is_closed_amid_others),
        IN_WORLDS(a_copy_does_not_keep_it),
        IN_WORLDS(one_is_removed_and_stays_open),
        IN_WORLDS(a_stop_closes_all),
        cmocka_unit_test(a_start_that_fails_closes_all),
        cmocka_unit_test(without_memory_there_is_none),
        IN_WORLDS(connections_are_bounded),
        IN_WORLDS(one_too_many_is_the_callers),
        IN_WORLDS(a_drain_reads_and_accepts_no_more),
        IN_WORLDS(a_drain_waits_for_writes),
        IN_WORLDS(what_is_added_badly_is_refused),
        TEST_IN_WORLDS(others_have_no_descriptors),
        cmocka_unit_test(options_are_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
