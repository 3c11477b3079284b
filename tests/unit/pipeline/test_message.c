/*
 * Messages: new bytes, one that becomes more, and pushes that are told of.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each message that was pushed is told of once, with the worst that became of what was made
 * of it, and its bytes last until then.
 * Method: a source of pushes, a stage that does to each message what its number says, a consumer
 * that looks at the bytes; in every world. The blocks and the memory that are left show what was
 * not let go.
 */
#include "pipeline/ledger.h"
#include "support/cmocka.h"
#include "support/rig.h"
#include "support/worlds.h"

#include <stdio.h>
#include <string.h>

enum { MOST = 1024 };

static struct {
    struct rig *rig;
    weir_source *source;
    weir_ref stage;
    weir_ack acks[MOST];
    size_t told;
    uint64_t seen;     /* messages that the consumer has seen */
    size_t split;      /* how many each becomes */
    uint64_t worst_of; /* the outcome of the one of those that is seen as this one */
} scene;

static void open_scene(struct rig *rig) {
    const weir_source_options options = {.name = "pushes", .max_outstanding = MOST};
    memset(&scene, 0, sizeof scene);
    scene.rig = rig;
    assert_int_equal(weir_source_open(rig->runtime, &options, &scene.source, &scene.stage),
                     WEIR_OK);
}

static void close_scene(void) {
    weir_accounts accounts;
    assert_int_equal(weir_source_drain(scene.source, 0, WEIR_FOREVER), WEIR_OK);
    assert_int_equal(weir_source_close(scene.source), WEIR_OK);
    assert_int_equal(weir_runtime_close(scene.rig->runtime, &accounts), WEIR_OK);
    rig_expect_nothing_left(scene.rig, &accounts);
}

static void told(void *context, const weir_ack *acks, size_t count) {
    (void)context;
    RIG_CHECK(scene.rig, scene.told + count <= MOST);
    memcpy(&scene.acks[scene.told], acks, count * sizeof *acks);
    scene.told += count;
}

static weir_status push(size_t count, weir_pushed *settled) {
    weir_message messages[64] = {0};
    char text[64][16];
    for (size_t i = 0; i < count; i++) {
        int length = snprintf(text[i], sizeof text[i], "text %zu", i);
        messages[i].data = (weir_bytes){.at = text[i], .count = (uint32_t)length};
        messages[i].key = (weir_bytes){.at = "the key", .count = 7};
        messages[i].time = i;
    }
    return weir_source_push(scene.source, messages, count, 0, settled, NULL);
}

static weir_ref start(weir_kind kind, weir_ref producer,
                      weir_verdict (*handle)(weir_stage *, weir_batch)) {
    const weir_subscribe_to to = {.producer = producer, .options = {.max_demand = 50}};
    const weir_stage_options options = {.kind = kind,
                                        .type = kind == WEIR_CONSUMER ? NULL : weir_message_type(),
                                        .subscribe_to = &to,
                                        .subscribe_count = 1,
                                        .on = {.handle_events = handle}};
    weir_ref ref;
    assert_int_equal(weir_stage_start(scene.rig->runtime, &options, &ref), WEIR_OK);
    return ref;
}

static bool reads(const weir_bytes *bytes, const char *text) {
    return bytes->count == strlen(text) && memcmp(bytes->at, text, bytes->count) == 0;
}

/* ---- what consumers see --------------------------------------------------------- */

static weir_verdict look(weir_stage *self, weir_batch batch) {
    const weir_message *messages = batch.events;
    (void)self;
    for (size_t i = 0; i < batch.count; i++, scene.seen++) {
        char text[32];
        snprintf(text, sizeof text, "text %u", (unsigned)messages[i].time);
        RIG_CHECK(scene.rig, reads(&messages[i].data, text));
        RIG_CHECK(scene.rig, reads(&messages[i].key, "the key"));
    }
    return WEIR_CONTINUE;
}

static void pushes_are_told_of(struct rig *rig) {
    open_scene(rig);
    start(WEIR_CONSUMER, scene.stage, look);
    for (int i = 0; i < 10; i++) assert_int_equal(push(30, told), WEIR_OK);
    assert_int_equal(push(3, NULL), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(scene.told, 300);
    assert_int_equal(scene.seen, 303);
    for (size_t i = 0; i < 300; i++) {
        assert_int_equal(scene.acks[i].token, i % 30);
        assert_int_equal(scene.acks[i].outcome, WEIR_MESSAGE_OK);
    }
    close_scene();
}

static void pushes_are_bounded(struct rig *rig) {
    open_scene(rig);
    for (int i = 0; i < MOST / 64; i++) assert_int_equal(push(64, told), WEIR_OK);
    assert_int_equal(push(1, told), WEIR_FULL);
    weir_source_stats stats;
    assert_int_equal(weir_source_statistics(scene.source, &stats), WEIR_OK);
    assert_int_equal(stats.pushed, MOST);
    start(WEIR_CONSUMER, scene.stage, look);
    rig_rest(rig);
    assert_int_equal(scene.told, MOST);
    assert_int_equal(push(1, NULL), WEIR_OK);
    close_scene();
    assert_int_equal(scene.seen, MOST + 1);
}

static void what_waits_is_nakd_as_it_stops(struct rig *rig) {
    open_scene(rig);
    assert_int_equal(push(10, told), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(weir_stop(rig->runtime, scene.stage, WEIR_REASON_USER), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(scene.told, 10);
    assert_int_equal(scene.acks[3].outcome, WEIR_MESSAGE_NAK);
    assert_int_equal(scene.acks[3].why, WEIR_DISCARD_STOPPED);
    assert_int_equal(push(1, told), WEIR_NO_STAGE);
    close_scene();
}

/* ---- new bytes ------------------------------------------------------------------ */

/* "text 3" becomes "text 3", by another way for each. */
static weir_verdict rewrite(weir_stage *self, weir_batch batch) {
    weir_message *messages = weir_own(self);
    for (size_t i = 0; i < batch.count; i++) {
        weir_message *message = &messages[i];
        char text[32];
        snprintf(text, sizeof text, "text %u", (unsigned)message->time);
        switch (message->time % 4) {
        case 0:
            RIG_CHECK(scene.rig, weir_message_set(self, message, "other", 5));
            RIG_CHECK(scene.rig, weir_message_set(self, message, text, strlen(text)));
            break;
        case 1: { /* what it had may be read as it is written anew */
            RIG_CHECK(scene.rig, weir_message_set(self, message, text, strlen(text)));
            weir_bytes old = message->data;
            char *room = weir_message_room(self, message, old.count);
            RIG_CHECK(scene.rig, room != NULL);
            memcpy(room, old.at, old.count);
            break;
        }
        case 2:
            RIG_CHECK(scene.rig, weir_message_set(self, message, NULL, 0));
            RIG_CHECK(scene.rig, message->data.count == 0);
            RIG_CHECK(scene.rig, weir_message_set(self, message, text, strlen(text)));
            break;
        default:
            RIG_CHECK(scene.rig, weir_message_ack(self, message));
            RIG_CHECK(scene.rig, message->ack == 0);
            message->outcome = WEIR_MESSAGE_FAILED; /* of which nobody hears */
            break;
        }
    }
    return weir_forward(self);
}

/* Of whatever lengths lie side by side. */
static weir_verdict align(weir_stage *self, weir_batch batch) {
    weir_message *messages = weir_own(self);
    for (size_t i = 0; i < batch.count; i++) {
        weir_message *message = &messages[i];
        const size_t count = message->time % 3 == 0 ? 8 : 5;
        RIG_CHECK(scene.rig, message->time % 2 == 0
                                 ? weir_message_set(self, message, "aligned?", count)
                                 : weir_message_room(self, message, count) != NULL);
        RIG_CHECK(scene.rig, (uintptr_t)message->data.at % 8 == 0);
        RIG_CHECK(scene.rig, message->data.count == count);
    }
    return WEIR_CONTINUE;
}

static void new_bytes_are_aligned(struct rig *rig) {
    open_scene(rig);
    start(WEIR_CONSUMER, scene.stage, align);
    for (int i = 0; i < 10; i++) assert_int_equal(push(30, told), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(scene.told, 300);
    close_scene();
}

static void new_bytes_last(struct rig *rig) {
    open_scene(rig);
    weir_ref ref = start(WEIR_PRODUCER_CONSUMER, scene.stage, rewrite);
    ref = start(WEIR_PRODUCER_CONSUMER, ref, rewrite);
    for (int i = 0; i < 8; i++) assert_int_equal(push(60, told), WEIR_OK);
    for (int i = 0; i < 15; i++) weir_runtime_step(rig->runtime, 5);
    start(WEIR_CONSUMER, ref, look);
    rig_rest(rig);
    assert_int_equal(scene.seen, 480);
    assert_int_equal(scene.told, 480);
    for (size_t i = 0; i < 480; i++) assert_int_equal(scene.acks[i].outcome, WEIR_MESSAGE_OK);
    close_scene();
}

static void new_bytes_go_with_who_is_stopped(struct rig *rig) {
    open_scene(rig);
    weir_ref ref = start(WEIR_PRODUCER_CONSUMER, scene.stage, rewrite);
    weir_ref last = start(WEIR_CONSUMER, ref, look);
    assert_int_equal(push(60, told), WEIR_OK);
    assert_int_equal(push(60, told), WEIR_OK);
    weir_runtime_step(rig->runtime, 6);
    weir_stop(rig->runtime, last, WEIR_REASON_USER);
    weir_stop(rig->runtime, ref, WEIR_REASON_USER);
    weir_stop(rig->runtime, scene.stage, WEIR_REASON_USER);
    rig_rest(rig);
    assert_int_equal(scene.told, 120);
    close_scene();
}

/* ---- one becomes more ----------------------------------------------------------- */

/* Each becomes `split`, of which all have its bytes, and every third new ones. */
static weir_verdict split(weir_stage *self, weir_batch batch) {
    weir_message *messages = weir_own(self);
    for (size_t i = 0; i < batch.count; i++) {
        if (messages[i].time % 4 < 2) { /* what is made of it has these bytes, too */
            char own[32];
            snprintf(own, sizeof own, "text %u", (unsigned)messages[i].time);
            RIG_CHECK(scene.rig, weir_message_set(self, &messages[i], own, strlen(own)));
        }
        for (size_t n = 1; n < scene.split; n++) {
            weir_message more;
            weir_message_more(&messages[i], &more);
            RIG_CHECK(scene.rig, more.ack != 0 && more.time == messages[i].time);
            more.tries = (uint32_t)n;
            if (n % 3 == 0) {
                char text[32];
                snprintf(text, sizeof text, "text %u", (unsigned)more.time);
                RIG_CHECK(scene.rig, weir_message_set(self, &more, text, strlen(text)));
            }
            RIG_CHECK(scene.rig, weir_emit(self, &more, 1) == WEIR_OK);
        }
    }
    return weir_forward(self);
}

/* Several of one in one batch are settled together or apart. */
static weir_verdict judge(weir_stage *self, weir_batch batch) {
    weir_message *messages = weir_own(self);
    for (size_t i = 0; i < batch.count; i++) {
        if (messages[i].tries == scene.worst_of && messages[i].time % 2 == 1) {
            messages[i].outcome = WEIR_MESSAGE_FAILED;
            messages[i].reason = 77;
        } else {
            messages[i].outcome = messages[i].tries % 2 ? WEIR_MESSAGE_SKIP : WEIR_MESSAGE_OK;
        }
    }
    return look(self, batch);
}

/* Emits what it takes, in another order: so that what was made of one comes back mixed. */
static weir_verdict reverse(weir_stage *self, weir_batch batch) {
    weir_message messages[64];
    for (size_t from = 0; from < batch.count;) {
        size_t count = batch.count - from < 64 ? batch.count - from : 64;
        RIG_CHECK(scene.rig, weir_take(self, from, count, messages) == WEIR_OK);
        for (size_t i = count; i > 0; i--) {
            RIG_CHECK(scene.rig, weir_emit(self, &messages[i - 1], 1) == WEIR_OK);
        }
        from += count;
    }
    return WEIR_CONTINUE;
}

static void several_are_settled_together(struct rig *rig, int way) {
    static const size_t splits[] = {2, 3, 100, 700};
    open_scene(rig);
    scene.split = splits[way];
    scene.worst_of = 1;
    weir_ref ref = start(WEIR_PRODUCER_CONSUMER, scene.stage, split);
    ref = start(WEIR_PRODUCER_CONSUMER, ref, reverse);
    start(WEIR_CONSUMER, ref, judge);
    assert_int_equal(push(10, told), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(scene.told, 10);
    for (size_t i = 0; i < 10; i++) {
        const weir_ack *ack = &scene.acks[i];
        if (i % 2 == 1) {
            assert_int_equal(ack->outcome, WEIR_MESSAGE_FAILED);
            assert_int_equal(ack->reason, 77);
        } else {
            assert_int_equal(ack->outcome, WEIR_MESSAGE_SKIP);
        }
    }
    close_scene();
}

/* ---- what several have ---------------------------------------------------------- */

static weir_verdict take_and_settle(weir_stage *self, weir_batch batch) {
    weir_message messages[64];
    for (size_t i = 0; i < batch.count; i++) {
        RIG_CHECK(scene.rig, weir_take(self, i, 1, &messages[i % 64]) == WEIR_OK);
        messages[i % 64].outcome = messages[i % 64].time % 3 == 0 ? WEIR_MESSAGE_DEAD : 0;
        weir_message_settle(&messages[i % 64], 1, WEIR_DISCARD_HANDLED);
    }
    return WEIR_CONTINUE;
}

static void broadcast_is_settled_by_all(struct rig *rig) {
    const weir_source_options options = {.max_outstanding = MOST,
                                         .dispatcher = weir_broadcast_dispatcher(),
                                         .demand = WEIR_ACCUMULATE};
    memset(&scene, 0, sizeof scene);
    scene.rig = rig;
    assert_int_equal(weir_source_open(rig->runtime, &options, &scene.source, &scene.stage),
                     WEIR_OK);
    start(WEIR_CONSUMER, scene.stage, look);
    start(WEIR_CONSUMER, scene.stage, take_and_settle);
    start(WEIR_CONSUMER, scene.stage, take_and_settle);
    rig_rest(rig);
    assert_int_equal(weir_demand(rig->runtime, scene.stage, WEIR_FORWARD), WEIR_OK);
    for (int i = 0; i < 5; i++) assert_int_equal(push(60, told), WEIR_OK);
    rig_rest(rig);
    assert_int_equal(scene.told, 300);
    for (size_t i = 0; i < 300; i++) {
        assert_int_equal(scene.acks[i].outcome,
                         i % 60 % 3 == 0 ? WEIR_MESSAGE_DEAD : WEIR_MESSAGE_OK);
    }
    close_scene();
}

/* ---- made by a stage ------------------------------------------------------------ */

static weir_verdict make(weir_stage *self, uint64_t demand) {
    uint64_t *made = weir_state(self);
    for (; demand > 0 && *made < 40; demand--, ++*made) {
        weir_message message = {.time = *made, .key = {.at = "the key", .count = 7}};
        char text[32];
        snprintf(text, sizeof text, "text %u", (unsigned)*made);
        RIG_CHECK(scene.rig, weir_message_set(self, &message, text, strlen(text)));
        RIG_CHECK(scene.rig, weir_emit(self, &message, 1) == WEIR_OK);
    }
    return *made < 40 ? WEIR_CONTINUE : WEIR_FINISH;
}

static void any_stage_may_make_messages(struct rig *rig) {
    const weir_stage_options options = {.kind = WEIR_PRODUCER,
                                        .type = weir_message_type(),
                                        .state_bytes = sizeof(uint64_t),
                                        .on = {.handle_demand = make}};
    open_scene(rig);
    weir_ref ref;
    assert_int_equal(weir_stage_start(rig->runtime, &options, &ref), WEIR_OK);
    ref = start(WEIR_PRODUCER_CONSUMER, ref, rewrite);
    start(WEIR_CONSUMER, ref, look);
    rig_rest(rig);
    assert_int_equal(scene.seen, 40);
    close_scene();
}

static weir_verdict init(weir_stage *self, void *argument) {
    weir_message message = {0};
    (void)argument;
    RIG_CHECK(scene.rig, !weir_message_set(self, &message, "abc", 3));
    RIG_CHECK(scene.rig, strstr(weir_refusal(), "callbacks only") != NULL);
    return WEIR_STOP;
}

static void bytes_are_for_callbacks(struct rig *rig) {
    const weir_stage_options options = {.kind = WEIR_PRODUCER,
                                        .type = weir_message_type(),
                                        .on = {.init = init, .handle_demand = make}};
    open_scene(rig);
    assert_int_equal(weir_stage_start(rig->runtime, &options, NULL), WEIR_INIT_STOPPED);
    close_scene();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_IN_WORLDS(pushes_are_told_of),
        TEST_IN_WORLDS(pushes_are_bounded),
        TEST_IN_WORLDS(what_waits_is_nakd_as_it_stops),
        TEST_IN_WORLDS(new_bytes_are_aligned),
        TEST_IN_WORLDS(new_bytes_last),
        TEST_IN_WORLDS(new_bytes_go_with_who_is_stopped),
        TEST_IN_WORLDS_AND_WAYS(several_are_settled_together, 4),
        TEST_IN_WORLDS(broadcast_is_settled_by_all),
        TEST_IN_WORLDS(any_stage_may_make_messages),
        TEST_IN_WORLDS(bytes_are_for_callbacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
