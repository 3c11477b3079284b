/*
 * Who asks for what: see ask_scene.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/ask_scene.h"

#include <stdio.h>
#include <string.h>

void ask_scene_play(void **state) {
    static struct ask_scene scene;
    const struct ask_test *test = *state;
    for (int world = 0; ask_scene_open(&scene, world, test->producer); world++) {
        test->play(&scene);
        rig_close(&scene.rig);
    }
}

bool ask_scene_open(struct ask_scene *scene, int world, const weir_stage_options *producer) {
    static const char *const names[] = {"a", "b", "c"};
    if (!rig_open_world(&scene->rig, world)) return false;
    memset(&scene->p, 0, sizeof scene->p + sizeof scene->c);
    scene->dealt = producer != NULL && producer->dispatcher == weir_partition_dispatcher();
    scene->p.name = "p";
    scene->p.kind = WEIR_PRODUCER;
    player_start(&scene->p, &scene->rig, producer);
    for (int i = 0; i < ASK_CONSUMERS; i++) {
        scene->c[i].name = names[i];
        scene->c[i].kind = WEIR_CONSUMER;
        scene->c[i].manual = true;
        player_start(&scene->c[i], &scene->rig, NULL);
    }
    return true;
}

void ask_scene_come(struct ask_scene *scene, int consumer, weir_subscribe_options options) {
    options.cancel = WEIR_TEMPORARY;
    scene->subscription[consumer] = player_subscribe(&scene->c[consumer], &scene->p, &options);
    rig_rest(&scene->rig);
    player_expect(&scene->c[consumer], "subscribe p\n");
    rig_text_expect(&scene->p.journal, scene->p.journal.text);
}

static uint64_t sum_of_demand(const char *text) {
    uint64_t sum = 0;
    for (; (text = strstr(text, "demand ")) != NULL; text++) {
        unsigned long long one = 0;
        assert_int_equal(sscanf(text, "demand %llu", &one), 1);
        sum += one;
    }
    return sum;
}

void ask_scene_expect_demand(struct ask_scene *scene, uint64_t demand) {
    struct rig_text *journal = &scene->p.journal;
    const char *heard = strstr(journal->text, "demand");
    char line[40] = "";
    if (demand > 0) snprintf(line, sizeof line, "demand %llu\n", (unsigned long long)demand);
    if (scene->dealt) {
        assert_int_equal(sum_of_demand(journal->text), demand);
    } else {
        assert_string_equal(heard != NULL ? heard : "", line);
    }
    rig_text_expect(journal, journal->text);
}

void ask_scene_ask(struct ask_scene *scene, int consumer, uint64_t count, uint64_t demand) {
    assert_int_equal(weir_ask(scene->rig.runtime, scene->subscription[consumer], count), WEIR_OK);
    rig_rest(&scene->rig);
    ask_scene_expect_demand(scene, demand);
}

void ask_scene_leave(struct ask_scene *scene, int consumer, uint64_t demand) {
    weir_subscription subscription = scene->subscription[consumer];
    assert_int_equal(weir_cancel(scene->rig.runtime, subscription, WEIR_REASON_NORMAL), WEIR_OK);
    rig_rest(&scene->rig);
    player_expect(&scene->c[consumer], "cancel p normal\n");
    ask_scene_expect_demand(scene, demand);
}

void ask_scene_emit(struct ask_scene *scene, uint64_t count) {
    player_cast(&scene->p, count);
    rig_rest(&scene->rig);
}
