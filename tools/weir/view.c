/*
 * What is in an image: see view.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "view.h"

#include "account.h"
#include "flow.h"
#include "text.h"
#include "trouble.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/runtime.h>

static const weir_counters_times *times_at(const struct image *image, uint32_t number) {
    const weir_counters_slot *slot = number == 0 ? NULL : image_slot(image, number);
    return slot != NULL && slot->kind == WEIR_COUNTERS_TIMES ? (const void *)slot : NULL;
}

/* --- how many there are, and where -------------------------------------------------------- */

static uint32_t slots_here(const weir_counters_slot *slot) {
    return slot != NULL ? weir_counters_slots(slot->kind) : 1;
}

static bool is_stage(const weir_counters_slot *slot) {
    return slot->kind == WEIR_COUNTERS_STAGE && ((const weir_counters_stage *)slot)->ref != 0;
}

static void count_all(struct view *view) {
    const struct image *image = view->image;
    for (uint32_t i = 1; i < image->slots; i += slots_here(image_slot(image, i))) {
        const weir_counters_slot *slot = image_slot(image, i);
        if (slot != NULL) {
            view->stage_count += is_stage(slot);
            view->subscription_count += slot->kind == WEIR_COUNTERS_SUBSCRIPTION;
            view->worker_count += slot->kind == WEIR_COUNTERS_WORKER;
        }
    }
}

static void collect(struct view *view) {
    const struct image *image = view->image;
    uint32_t stages = 0;
    uint32_t subscriptions = 0;
    uint32_t workers = 0;
    for (uint32_t i = 1; i < image->slots; i += slots_here(image_slot(image, i))) {
        const weir_counters_slot *slot = image_slot(image, i);
        if (slot == NULL) {
            continue;
        }
        if (is_stage(slot)) {
            view->stages[stages++].at = (const void *)slot;
        } else if (slot->kind == WEIR_COUNTERS_SUBSCRIPTION) {
            view->subscriptions[subscriptions++].at = (const void *)slot;
        } else if (slot->kind == WEIR_COUNTERS_WORKER) {
            view->workers[workers++].at = (const void *)slot;
        }
    }
}

/* --- who belongs to whom ------------------------------------------------------------------ */

static int compare(uint64_t one, uint64_t other) {
    return (one > other) - (one < other);
}

static int by_ref(const void *one, const void *other) {
    const struct view_stage *a = one;
    const struct view_stage *b = other;
    return compare(a->at->ref, b->at->ref);
}

static int by_key(const void *one, const void *other) {
    const struct view_key *a = one;
    const struct view_key *b = other;
    return compare(a->ref, b->ref);
}

static int by_index(const void *one, const void *other) {
    const struct view_worker *a = one;
    const struct view_worker *b = other;
    return compare(a->at->index, b->at->index);
}

static int by_id(const void *one, const void *other) {
    const struct view_subscription *a = one;
    const struct view_subscription *b = other;
    int order = compare(a->at->id, b->at->id);
    return order != 0 ? order : compare(a->at->consumer, b->at->consumer);
}

/* Of stages with one reference, and the like, only the first is kept. */
static uint32_t unique(void *items, uint32_t count, size_t bytes,
                       int (*order)(const void *, const void *)) {
    char *at = items;
    uint32_t kept = 0;
    qsort(items, count, bytes, order);
    for (uint32_t i = 0; i < count; i++) {
        if (kept == 0 || order(at + (kept - 1) * bytes, at + i * bytes) != 0) {
            memmove(at + kept * bytes, at + i * bytes, bytes);
            kept++;
        }
    }
    return kept;
}

static uint32_t place(const void *items, const void *found, size_t bytes) {
    return found == NULL ? NONE
                         : (uint32_t)((size_t)((const char *)found - (const char *)items) / bytes);
}

/* While stages lie in the order of their references. */
static uint32_t stage_of(const struct view *view, uint64_t ref) {
    const weir_counters_stage wanted = {.ref = ref};
    const struct view_stage key = {.at = &wanted};
    return place(view->stages, bsearch(&key, view->stages, view->stage_count, sizeof key, by_ref),
                 sizeof key);
}

static uint32_t worker_of(const struct view *view, uint32_t index) {
    const weir_counters_worker wanted = {.index = index};
    const struct view_worker key = {.at = &wanted};
    return place(view->workers,
                 bsearch(&key, view->workers, view->worker_count, sizeof key, by_index),
                 sizeof key);
}

/* The subscriptions of each stage lie together in `ins` and `outs`. */
static void link_all(struct view *view) {
    uint32_t in = 0;
    uint32_t out = 0;
    for (uint32_t i = 0; i < view->subscription_count; i++) {
        const struct view_subscription *each = &view->subscriptions[i];
        if (each->consumer != NONE) view->stages[each->consumer].ins++;
        if (each->producer != NONE) view->stages[each->producer].outs++;
    }
    for (uint32_t i = 0; i < view->stage_count; i++) {
        struct view_stage *stage = &view->stages[i];
        stage->first_in = in;
        stage->first_out = out;
        in += stage->ins;
        out += stage->outs;
        stage->ins = 0;
        stage->outs = 0;
    }
    for (uint32_t i = 0; i < view->subscription_count; i++) {
        const struct view_subscription *each = &view->subscriptions[i];
        if (each->consumer != NONE) {
            struct view_stage *stage = &view->stages[each->consumer];
            view->ins[stage->first_in + stage->ins++] = i;
        }
        if (each->producer != NONE) {
            struct view_stage *stage = &view->stages[each->producer];
            view->outs[stage->first_out + stage->outs++] = i;
        }
    }
}

/* --- the order, and names ----------------------------------------------------------------- */

static bool sort_by_flow(struct view *view) {
    uint32_t *order = calloc(view->stage_count + 1u, sizeof *order);
    uint32_t *now = calloc(view->stage_count + 1u, sizeof *now);
    struct view_stage *sorted = calloc(view->stage_count + 1u, sizeof *sorted);
    bool have = order != NULL && now != NULL && sorted != NULL && flow_order(view, order);
    if (have) {
        for (uint32_t i = 0; i < view->stage_count; i++) {
            sorted[i] = view->stages[order[i]];
            now[order[i]] = i;
        }
        for (uint32_t i = 0; i < view->subscription_count; i++) {
            struct view_subscription *each = &view->subscriptions[i];
            each->producer = each->producer == NONE ? NONE : now[each->producer];
            each->consumer = each->consumer == NONE ? NONE : now[each->consumer];
        }
        for (uint32_t i = 0; i < view->stage_count; i++) {
            view->keys[i] = (struct view_key){.ref = view->stages[i].at->ref, .stage = now[i]};
        }
        free(view->stages);
        view->stages = sorted;
        sorted = NULL;
    }
    free(order);
    free(now);
    free(sorted);
    return have || trouble("no memory for %u stages", view->stage_count);
}

static int by_name(const void *one, const void *other) {
    const struct view_stage *a = *(struct view_stage *const *)one;
    const struct view_stage *b = *(struct view_stage *const *)other;
    int order = strcmp(a->label, b->label);
    order = order != 0 ? order : compare(a->at->begun_ns, b->at->begun_ns);
    return order != 0 ? order : compare(a->at->ref, b->at->ref);
}

/* Stages of one name are told apart by numbers, in the order in which they began. */
static bool name_all(struct view *view) {
    uint32_t count = view->stage_count;
    struct view_stage **sorted = calloc(count + 1u, sizeof(struct view_stage *));
    if (sorted == NULL) {
        return trouble("no memory for %u stages", count);
    }
    for (uint32_t i = 0; i < count; i++) {
        sorted[i] = &view->stages[i];
        text_clean(sorted[i]->label, WEIR_COUNTERS_NAME, sorted[i]->at->name, WEIR_COUNTERS_NAME);
    }
    qsort(sorted, count, sizeof(struct view_stage *), by_name);
    for (uint32_t i = 0, next; i < count; i = next) {
        for (next = i + 1; next < count; next++) {
            if (strcmp(sorted[next]->label, sorted[i]->label) != 0) break;
        }
        for (uint32_t k = next; next - i > 1 && k-- > i;) {
            size_t length = strlen(sorted[k]->label);
            snprintf(sorted[k]->label + length, VIEW_LABEL - length, "#%u", k - i + 1);
        }
    }
    free(sorted);
    return true;
}

/* --- all of it ---------------------------------------------------------------------------- */

static bool make_room(struct view *view) {
    view->stages = calloc(view->stage_count + 1u, sizeof *view->stages);
    view->subscriptions = calloc(view->subscription_count + 1u, sizeof *view->subscriptions);
    view->workers = calloc(view->worker_count + 1u, sizeof *view->workers);
    view->keys = calloc(view->stage_count + 1u, sizeof *view->keys);
    view->ins = calloc(view->subscription_count + 1u, sizeof *view->ins);
    view->outs = calloc(view->subscription_count + 1u, sizeof *view->outs);
    return (view->stages != NULL && view->subscriptions != NULL && view->workers != NULL &&
            view->keys != NULL && view->ins != NULL && view->outs != NULL) ||
           trouble("no memory for %u stages", view->stage_count);
}

static void resolve(struct view *view) {
    const struct image *image = view->image;
    for (uint32_t i = 0; i < view->stage_count; i++) {
        struct view_stage *stage = &view->stages[i];
        stage->handling = times_at(image, stage->at->handling);
        stage->pipeline = times_at(image, stage->at->pipeline);
        stage->worker = worker_of(view, stage->at->worker);
    }
    for (uint32_t i = 0; i < view->subscription_count; i++) {
        struct view_subscription *each = &view->subscriptions[i];
        each->waiting = times_at(image, each->at->waiting);
        each->producer = stage_of(view, each->at->producer);
        each->consumer = stage_of(view, each->at->consumer);
    }
}

bool view_make(struct view *view, const struct image *image) {
    *view = (struct view){.image = image, .header = image_header(image)};
    count_all(view);
    if (!make_room(view)) {
        view_free(view);
        return false;
    }
    collect(view);
    view->stage_count = unique(view->stages, view->stage_count, sizeof *view->stages, by_ref);
    view->subscription_count =
        unique(view->subscriptions, view->subscription_count, sizeof *view->subscriptions, by_id);
    view->worker_count = unique(view->workers, view->worker_count, sizeof *view->workers, by_index);
    resolve(view);
    link_all(view);
    account_all(view);
    text_clean(view->program, sizeof view->program, view->header->program, WEIR_COUNTERS_NAME);
    text_clean(view->library, sizeof view->library, view->header->library,
               sizeof view->header->library);
    if (!sort_by_flow(view) || !name_all(view)) {
        view_free(view);
        return false;
    }
    return true;
}

void view_free(struct view *view) {
    free(view->stages);
    free(view->subscriptions);
    free(view->workers);
    free(view->keys);
    free(view->ins);
    free(view->outs);
    *view = (struct view){0};
}

uint32_t view_find_stage(const struct view *view, uint64_t ref) {
    const struct view_key wanted = {.ref = ref};
    const struct view_key *found =
        bsearch(&wanted, view->keys, view->stage_count, sizeof wanted, by_key);
    return found == NULL ? NONE : found->stage;
}

uint32_t view_find_subscription(const struct view *view, uint64_t id, uint64_t consumer) {
    const weir_counters_subscription wanted = {.id = id, .consumer = consumer};
    const struct view_subscription key = {.at = &wanted};
    return place(view->subscriptions,
                 bsearch(&key, view->subscriptions, view->subscription_count, sizeof key, by_id),
                 sizeof key);
}

const char *view_kind_text(uint32_t kind) {
    static const char *const texts[] = {"?", "producer", "producer_consumer", "consumer"};
    return texts[kind <= WEIR_CONSUMER ? kind : 0];
}

const char *view_state_text(weir_stage_state state) {
    static const char *const texts[] = {"busy", "waiting", "starved", "blocked", "idle"};
    return texts[state];
}

const char *view_life_text(const struct view *view) {
    return view->image->live ? "live" : view->header->closed != 0 ? "closed" : "dead";
}

const char *view_discard_text(unsigned cause) {
    static const char *const texts[WEIR_DISCARD_CAUSES] = {
        "handled",  "overflow",      "stopped", "consumer",  "unheard", "no_memory",
        "unwanted", "bad_partition", "left",    "abandoned", "replaced"};
    return cause < WEIR_DISCARD_CAUSES ? texts[cause] : NULL;
}
