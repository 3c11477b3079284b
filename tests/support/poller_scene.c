/*
 * A poller and its sockets: see poller_scene.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/poller_scene.h"

#include "support/cmocka.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct poller_scene poller_scene;

int poller_scene_descriptors(void) {
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;
    assert_non_null(folder);
    while (readdir(folder) != NULL) count++;
    closedir(folder);
    return count;
}

/* ---- the stage ---------------------------------------------------------------- */

void poller_scene_closed(weir_stage *self, int fd, void *context) {
    (void)self, (void)context;
    RIG_CHECK(&poller_scene.rig, poller_scene.closes || fcntl(fd, F_GETFD) >= 0); /* still */
    poller_scene.closed++;
}

static weir_verdict read_numbers(weir_stage *self, int fd, unsigned ready, void *context) {
    uint64_t numbers[64];
    unsigned number = (unsigned)(uintptr_t)context;
    if ((ready & WEIR_POLL_WRITE) != 0) poller_scene.writes++;
    if ((ready & WEIR_POLL_READ) == 0) return WEIR_CONTINUE;
    ssize_t got = read(fd, numbers,
                       poller_scene.bytes_a_read > 0 ? poller_scene.bytes_a_read : sizeof *numbers);
    if (got > 0) {
        RIG_CHECK(&poller_scene.rig, got % (ssize_t)sizeof *numbers == 0);
        poller_scene.reads[number]++;
        poller_scene.in.emitted += (size_t)got / sizeof *numbers;
        RIG_CHECK(&poller_scene.rig,
                  weir_emit(self, numbers, (size_t)got / sizeof *numbers) == WEIR_OK);
    } else if (got == 0 || errno != EAGAIN) {
        RIG_CHECK(&poller_scene.rig, weir_poller_close(self, fd) == WEIR_OK);
    }
    return WEIR_CONTINUE;
}

weir_poller_watch poller_scene_watch(unsigned number) {
    return (weir_poller_watch){.want = poller_scene.want != 0 ? poller_scene.want : WEIR_POLL_READ,
                               .ready = read_numbers,
                               .closed = poller_scene_closed,
                               .context = (void *)(uintptr_t)number};
}

static weir_verdict init(weir_stage *self, void *argument) {
    (void)argument;
    for (unsigned i = 0; i < poller_scene.sockets; i++) {
        const weir_poller_watch watch = poller_scene_watch(i);
        assert_int_equal(weir_poller_add(self, poller_scene.own[i], &watch), WEIR_OK);
    }
    return poller_scene.init != NULL ? poller_scene.init(self) : WEIR_CONTINUE;
}

static weir_verdict on_cast(weir_stage *self, const void *message, size_t bytes) {
    (void)message, (void)bytes;
    return poller_scene.cast(self);
}

/* ---- the scene ------------------------------------------------------------------ */

void poller_scene_open_sockets(unsigned count) {
    for (poller_scene.sockets = 0; poller_scene.sockets < count; poller_scene.sockets++) {
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        poller_scene.ends[poller_scene.sockets] = pair[0];
        poller_scene.own[poller_scene.sockets] = pair[1];
    }
}

/* Of its numbers. */
void poller_scene_send(unsigned socket, uint64_t from, uint64_t count) {
    for (uint64_t i = from; i < from + count; i++) {
        uint64_t number = socket * EACH + i;
        assert_int_equal(write(poller_scene.ends[socket], &number, sizeof number), sizeof number);
    }
}

void poller_scene_listen(void) {
    poller_scene.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(listen(poller_scene.listener, 16), 0);
}

void poller_scene_connect(void) {
    struct sockaddr_in address;
    socklen_t bytes = sizeof address;
    assert_int_equal(getsockname(poller_scene.listener, (struct sockaddr *)&address, &bytes), 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int end = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(end, (struct sockaddr *)&address, bytes), 0);
    poller_scene.ends[poller_scene.sockets++] = end;
}

weir_status poller_scene_try_start(weir_kind kind) {
    const weir_stage_options stage = {.kind = kind,
                                      .name = "in",
                                      .event_bytes = sizeof(uint64_t),
                                      .on = {.init = init, .handle_cast = on_cast}};
    const weir_poller_options options = {.stage = &stage, .most = poller_scene.most};
    return weir_poller_start(poller_scene.rig.runtime, &options, &poller_scene.poller);
}

void poller_scene_start(unsigned sockets) {
    poller_scene_open_sockets(sockets);
    assert_int_equal(poller_scene_try_start(WEIR_PRODUCER), WEIR_OK);
    poller_scene.in = (struct player){.name = "in",
                                      .rig = &poller_scene.rig,
                                      .ref = poller_scene.poller,
                                      .started = poller_scene.rig.players};
    poller_scene.rig.players = &poller_scene.in;
    poller_scene.c =
        (struct player){.name = "c", .kind = WEIR_CONSUMER, .manual = true, .quiet = true};
    player_start(&poller_scene.c, &poller_scene.rig, NULL);
    poller_scene.subscription = player_subscribe(&poller_scene.c, &poller_scene.in, NULL);
    rig_rest(&poller_scene.rig);
}

void poller_scene_begin(void) {
    memset((char *)&poller_scene + offsetof(struct poller_scene, poller), 0,
           sizeof poller_scene - offsetof(struct poller_scene, poller));
    poller_scene.listener = -1;
    poller_scene.before = poller_scene_descriptors();
}

void poller_scene_ask(uint64_t count) {
    assert_int_equal(weir_ask(poller_scene.rig.runtime, poller_scene.subscription, count), WEIR_OK);
    rig_rest(&poller_scene.rig);
}

void poller_scene_cast(weir_verdict (*does)(weir_stage *self)) {
    poller_scene.cast = does;
    assert_int_equal(weir_cast(poller_scene.rig.runtime, poller_scene.poller, NULL, 0), WEIR_OK);
    rig_rest(&poller_scene.rig);
}

/* All that it was given was closed, once. */
void poller_scene_end(unsigned closed) {
    for (unsigned i = 0; i < poller_scene.sockets; i++)
        if (poller_scene.ends[i] >= 0) close(poller_scene.ends[i]);
    rig_close(&poller_scene.rig);
    assert_int_equal(poller_scene.closed, closed);
    assert_int_equal(poller_scene_descriptors(), poller_scene.before);
}
