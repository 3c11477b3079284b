/*
 * The poller's descriptors: what is refused.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what cannot be waited for, is there already, is one too many, or is asked for elsewhere
 * than in its callbacks is refused as documented, and nothing has changed.
 * Method: calls in callbacks of pollers, and of another stage.
 */
#include "support/poller_scene.h"
#include "support/worlds.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static weir_verdict add_fourth(weir_stage *self) {
    const weir_poller_watch watch = poller_scene_watch(3);
    poller_scene.status = weir_poller_add(self, poller_scene.own[3], &watch);
    return WEIR_CONTINUE;
}

static void one_too_many_is_the_callers(void) {
    poller_scene_begin();
    poller_scene.most = 3;
    poller_scene_start(3);
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    poller_scene.own[3] = pair[0];
    poller_scene_cast(add_fourth);
    assert_int_equal(poller_scene.status, WEIR_FULL);
    assert_int_equal(fcntl(pair[0], F_GETFL) & O_NONBLOCK, 0);
    close(pair[0]);
    close(pair[1]);
    poller_scene_end(3);
}

/* ---- refusals --------------------------------------------------------------------------- */

static void expect_invalid(weir_stage *self, int fd, weir_poller_watch watch, const char *text) {
    RIG_CHECK(&poller_scene.rig, weir_poller_add(self, fd, &watch) == WEIR_INVALID);
    RIG_CHECK(&poller_scene.rig, strstr(weir_refusal(), text) != NULL);
}

static weir_verdict add_badly(weir_stage *self) {
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    weir_poller_watch watch = poller_scene_watch(0);
    expect_invalid(self, file, watch, "cannot be waited for: it is a file");
    RIG_CHECK(&poller_scene.rig, (fcntl(file, F_GETFL) & O_NONBLOCK) == 0);
    close(file);
    expect_invalid(self, file, watch, "is no descriptor");
    expect_invalid(self, -1, watch, "-1 is no descriptor");
    expect_invalid(self, poller_scene.own[0], watch, "already");
    watch.want = 16;
    expect_invalid(self, poller_scene.own[1], watch, "want must be of WEIR_POLL_*, got 0x10");
    watch.want = 1;
    watch.ready = NULL;
    expect_invalid(self, poller_scene.own[1], watch, "ready must not be NULL");
    watch = poller_scene_watch(0);
    watch.reserved[1] = 1;
    expect_invalid(self, poller_scene.own[1], watch, "reserved");
    RIG_CHECK(&poller_scene.rig, weir_poller_want(self, 9999, 0) == WEIR_INVALID);
    RIG_CHECK(&poller_scene.rig, strcmp(weir_refusal(), "the poller has no descriptor 9999") == 0);
    RIG_CHECK(&poller_scene.rig, weir_poller_want(self, poller_scene.own[0], 32) == WEIR_INVALID);
    RIG_CHECK(&poller_scene.rig, weir_poller_remove(self, 9999) == WEIR_INVALID);
    RIG_CHECK(&poller_scene.rig, weir_poller_count(self) == 1);
    return WEIR_CONTINUE;
}

static void what_is_added_badly_is_refused(void) {
    poller_scene_begin();
    poller_scene_start(1);
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    poller_scene.own[1] = pair[0];
    poller_scene_cast(add_badly);
    close(pair[0]);
    close(pair[1]);
    poller_scene_end(1);
}

static weir_verdict look_at_poller(weir_stage *self, struct player *player, uint64_t number) {
    (void)self, (void)number;
    RIG_CHECK(player->rig, weir_poller_count(poller_scene.self) == 0);
    return WEIR_CONTINUE;
}

static weir_verdict remember_self(weir_stage *self) {
    RIG_CHECK(&poller_scene.rig, weir_poller_count(self) == 1);
    poller_scene.self = self;
    return WEIR_CONTINUE;
}

static void only_its_callbacks_count(void) {
    poller_scene_begin();
    poller_scene_start(1);
    poller_scene_cast(remember_self);
    struct player other = {
        .name = "o", .kind = WEIR_CONSUMER, .quiet = true, .does.cast = look_at_poller};
    player_start(&other, &poller_scene.rig, NULL);
    const uint64_t number = 1;
    assert_int_equal(weir_cast(poller_scene.rig.runtime, other.ref, &number, sizeof number),
                     WEIR_OK);
    rig_rest(&poller_scene.rig);
    poller_scene_end(1);
}

static weir_verdict not_a_poller(weir_stage *self, struct player *player, uint64_t number) {
    (void)number;
    const weir_poller_watch watch = {.want = WEIR_POLL_READ, .ready = poller_scene_watch(0).ready};
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
    poller_scene_begin();
    rig_open(&poller_scene.rig, NULL);
    const weir_stage_options stage = {.kind = WEIR_PRODUCER, .event_bytes = 8};
    weir_poller_options options = {.stage = &stage, .most = (size_t)INT32_MAX + 1};
    assert_int_equal(weir_poller_start(poller_scene.rig.runtime, &options, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "most must be from 1 to 2147483647, got 2147483648");
    options = (weir_poller_options){.most = 1};
    assert_int_equal(weir_poller_start(poller_scene.rig.runtime, &options, NULL), WEIR_INVALID);
    assert_string_equal(weir_refusal(), "stage must not be NULL");
    const weir_stage_options bad = {.kind = WEIR_PRODUCER};
    options = (weir_poller_options){.stage = &bad};
    assert_int_equal(weir_poller_start(poller_scene.rig.runtime, &options, NULL), WEIR_INVALID);
    assert_non_null(strstr(weir_refusal(), "event_bytes"));
    poller_scene_end(0);
}

#define IN_WORLDS(test) TEST_IN_WORLDS_OF(&poller_scene.rig, test)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_WORLDS(one_too_many_is_the_callers),  IN_WORLDS(what_is_added_badly_is_refused),
        IN_WORLDS(only_its_callbacks_count),     TEST_IN_WORLDS(others_have_no_descriptors),
        cmocka_unit_test(options_are_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
