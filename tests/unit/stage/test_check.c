/*
 * The stage's checkers: what is broken is named.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: of each equation in the head of stage.h, and of the lists that a stage keeps, a breach
 * aborts and says which; so does mail of a kind that no stage gets.
 * Method: a producer and a consumer at rest, whose fields are changed one by one, each in a
 * process of its own.
 */
#include "base/check.h"
#include "runtime/runtime.h"
#include "stage/control.h"
#include "support/aborts.h"
#include "support/cmocka.h"
#include "support/player.h"

struct scene {
    struct rig rig;
    struct player p;
    struct player c;
    weir_stage *producer;
    weir_stage *consumer;
};

static weir_stage *stage_of(const struct scene *scene, const struct player *player) {
    return weir__registry_find(&scene->rig.runtime->registry, player->ref)->stage;
}

/* It has asked for more than the producer has. */
static void open_scene(struct scene *scene) {
    rig_open(&scene->rig, NULL);
    scene->p = (struct player){.name = "p", .kind = WEIR_PRODUCER, .limit = 3};
    scene->c = (struct player){.name = "c", .kind = WEIR_CONSUMER};
    players_pair(&scene->rig, &scene->p, &scene->c, &(weir_subscribe_options){.max_demand = 10});
    scene->producer = stage_of(scene, &scene->p);
    scene->consumer = stage_of(scene, &scene->c);
}

/* ---- between turns ------------------------------------------------------- */

static const struct weir__item mark = {.flags = WEIR__MARK};

static void keep_an_emission(void *scene) {
    weir_stage *stage = ((struct scene *)scene)->producer;
    weir__queue_push(&stage->emission, mark);
    WEIR__VERIFY(weir__stage_check(stage));
}

static void hold_in_forward(void *scene) {
    weir_stage *stage = ((struct scene *)scene)->producer;
    weir__queue_push(&stage->deferred, mark);
    WEIR__VERIFY(weir__stage_check(stage));
}

static void buffer_beside_demand(void *scene) {
    weir_stage *stage = ((struct scene *)scene)->producer;
    stage->buffer.queue.events = 1;
    WEIR__VERIFY(weir__stage_check(stage));
}

static void begin_nothing(void *scene) {
    weir_stage *stage = ((struct scene *)scene)->consumer;
    stage->begun = true;
    WEIR__VERIFY(weir__stage_check(stage));
}

static void begin_more_than_there_is(void *scene) {
    weir_stage *stage = ((struct scene *)scene)->consumer;
    stage->begun = true;
    stage->message_left = 5;
    WEIR__VERIFY(weir__stage_check(stage));
}

static void have_pieces_of_nothing(void *scene) {
    weir_stage *stage = ((struct scene *)scene)->consumer;
    stage->pieces_left = 1;
    WEIR__VERIFY(weir__stage_check(stage));
}

static void hold_back_nobody(void *scene) {
    weir_stage *stage = ((struct scene *)scene)->consumer;
    stage->beside = true;
    WEIR__VERIFY(weir__stage_check(stage));
}

static void the_invariants_between_turns(void **state) {
    static const struct test_breakage breakages[] = {
        {keep_an_emission,
         "weir__queue_empty(&stage->emission) && weir__queue_empty(&stage->scratch)"},
        {hold_in_forward, "weir__queue_empty(&stage->deferred) || accumulates"},
        {buffer_beside_demand, "stage->buffer.queue.events == 0 || accumulates || "
                               "stage->again > 0 || weir__stage_open_demand(stage) == 0"},
        {begin_nothing, "stage->message_left > 0"},
        {begin_more_than_there_is, "stage->message_left == rest_of_message(&stage->inq)"},
        {have_pieces_of_nothing, "stage->pieces_left == 0 || stage->begun"},
        {hold_back_nobody,
         "stage->beside == (stage->takers_waiting != NULL || stage->limits != NULL)"},
    };
    (void)state;
    if (!WEIR__CHECKED) skip();
    static struct scene scene;
    open_scene(&scene);
    TEST_BREAKAGES(breakages, &scene);
    rig_close(&scene.rig);
}

/* ---- lists --------------------------------------------------------------- */

static void know_one_more(void *scene) {
    weir_stage *stage = ((struct scene *)scene)->producer;
    stage->known.count++;
    WEIR__VERIFY(weir__stage_check_lists(stage));
}

static void be_subscribed_once_more(void *scene) {
    weir_stage *stage = ((struct scene *)scene)->consumer;
    stage->subscriptions.count++;
    WEIR__VERIFY(weir__stage_check_lists(stage));
}

static void have_a_consumer_that_waits(void *scene) {
    weir_stage *stage = ((struct scene *)scene)->producer;
    stage->consumers->waits_for = stage->consumers;
    WEIR__VERIFY(weir__stage_check_lists(stage));
}

static void ask_for_an_unlent_batch(void *scene) {
    weir_stage *stage = ((struct scene *)scene)->consumer;
    const struct weir__item ask = {.flags = WEIR__MARK, .kind = WEIR__MARK_DEMAND};
    weir__queue_push(&stage->lent, ask);
    WEIR__VERIFY(weir__stage_check_lists(stage));
}

static void what_the_lists_say(void **state) {
    static const struct test_breakage breakages[] = {
        {know_one_more, "!all || stage->known.count == consumers + in_line"},
        {be_subscribed_once_more, "edge != NULL || stage->subscriptions.count == count"},
        {have_a_consumer_that_waits, "weir__edge_attached(edge) && edge->waits_for == NULL"},
        {ask_for_an_unlent_batch, "!asks || i > 0"},
    };
    (void)state;
    if (!WEIR__CHECKED) skip();
    static struct scene scene;
    open_scene(&scene);
    TEST_BREAKAGES(breakages, &scene);
    rig_close(&scene.rig);
}

/* ---- mail ---------------------------------------------------------------- */

/* What is a worker's comes to no stage, and to none that is gone. */
static void deliver_a_workers_mail(void *scene) {
    struct weir__mail mail = {.kind = WEIR__MAIL_STOP_ALL};
    weir__stage_mail(((struct scene *)scene)->consumer, &mail);
}

static void bounce_a_workers_mail(void *scene) {
    struct weir__mail mail = {.kind = WEIR__MAIL_STOP_ALL};
    weir__mail_bounce(((struct scene *)scene)->consumer->host, &mail);
}

static void a_workers_mail_is_no_stages(void **state) {
    static const struct test_breakage breakages[] = {
        {deliver_a_workers_mail, "kinds[mail->kind].deliver != NULL"},
        {bounce_a_workers_mail, "kinds[mail->kind].bounce != NULL"},
    };
    (void)state;
    if (!WEIR__CHECKED) skip();
    static struct scene scene;
    open_scene(&scene);
    TEST_BREAKAGES(breakages, &scene);
    rig_close(&scene.rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_invariants_between_turns),
        cmocka_unit_test(what_the_lists_say),
        cmocka_unit_test(a_workers_mail_is_no_stages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
