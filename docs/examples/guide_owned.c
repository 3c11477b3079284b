/*
 * The guide: events that own something, and what becomes of each.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     scanner ──► brighten ──► reader, which dies; then album, which keeps every fourth
 *
 * An image's pixels are on the heap.  Twelve are made.  Each is given back once: to whoever
 * takes it, or to `drop`, which is told why.
 */
#include "guide.h"

enum { PIXELS = 64, ALBUM = 8 };

struct image {
    uint32_t number;
    uint32_t light;        /* of its brightest pixel */
    unsigned char *pixels; /* what the event owns    */
};

static const char *cause_text(weir_discard why) {
    static const char *const texts[WEIR_DISCARD_CAUSES] = {
        "handled",   "overflow", "stopped",       "came back", "unheard",
        "no memory", "unwanted", "bad partition", "left",      "abandoned"};
    return texts[why];
}

/* ---- the type ----------------------------------------------------------- */

static void drop_images(void *context, const void *events, size_t count, weir_discard why) {
    const struct image *image = events;
    (void)context;
    for (size_t i = 0; i < count; i++) {
        if (why != WEIR_DISCARD_HANDLED)
            printf("    image %" PRIu32 ": %s\n", image[i].number, cause_text(why));
        free(image[i].pixels);
    }
}

static const weir_event_type images = {.bytes = sizeof(struct image), .drop = drop_images};

/* ---- in ----------------------------------------------------------------- */

static weir_verdict asked(weir_stage *self, uint64_t demand) {
    (void)self, (void)demand; /* it scans when it is told to */
    return WEIR_CONTINUE;
}

static weir_verdict scan(weir_stage *self, const void *message, size_t bytes) {
    uint32_t count = *(const uint32_t *)message;
    (void)bytes;
    for (uint32_t number = 1; number <= count; number++) {
        struct image image = {.number = number, .pixels = calloc(PIXELS, 1)};
        if (image.pixels == NULL || weir_emit(self, &image, 1) != WEIR_OK) {
            free(image.pixels); /* it was not accepted: ours still */
            return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
        }
    }
    printf("scanner: has scanned %" PRIu32 "\n", count);
    return WEIR_CONTINUE;
}

static void told(weir_stage *self, uint64_t count, weir_discard why) {
    printf("%s: lost %" PRIu64 ": %s\n", weir_stage_name(self), count, cause_text(why));
}

/* ---- on the way --------------------------------------------------------- */

static void expose(struct image *image) {
    for (size_t i = 0; i < PIXELS; i++) image->pixels[i] += 100;
    image->light += 100;
}

static weir_verdict brighten(weir_stage *self, weir_batch batch) {
    struct image *image = weir_own(self); /* nobody else looks at these */
    if (image == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    for (size_t i = 0; i < batch.count; i++)
        if (image[i].light < 100) expose(&image[i]);
    return weir_forward(self);
}

/* ---- out ---------------------------------------------------------------- */

static void print_images(const char *label, const struct image *image, size_t count) {
    printf("%s", label);
    for (size_t i = 0; i < count; i++) printf(" %" PRIu32, image[i].number);
    printf("\n");
}

static weir_verdict read_them(weir_stage *self, weir_batch batch) {
    const struct image *image = batch.events;
    print_images("reader:", image, batch.count);
    return image[0].number < 5 ? WEIR_CONTINUE : weir_stop_with(self, WEIR_REASON_USER);
}

struct album {
    struct image kept[ALBUM];
    size_t count;
};

static weir_verdict keep(weir_stage *self, weir_batch batch) {
    struct album *album = weir_state(self);
    const struct image *image = batch.events;
    for (size_t i = 0; i < batch.count; i++)
        if (image[i].number % 4 == 0 && album->count < ALBUM &&
            weir_take(self, i, 1, &album->kept[album->count]) == WEIR_OK)
            album->count++; /* the rest is dropped behind us */
    return WEIR_CONTINUE;
}

static void close_album(weir_stage *self, weir_reason reason) {
    const struct album *album = weir_state(self);
    (void)reason;
    print_images("album: keeps", album->kept, album->count);
    for (size_t i = 0; i < album->count; i++) free(album->kept[i].pixels);
}

/* ---- all of it ---------------------------------------------------------- */

static weir_ref start_scanner(weir_runtime *runtime) {
    weir_ref scanner;
    const weir_stage_options options = {
        .kind = WEIR_PRODUCER,
        .name = "scanner",
        .buffer_size = 10,
        .on = {.handle_demand = asked, .handle_cast = scan, .discarded = told},
        .type = &images, /* which says how large they are, too */
    };
    weir_must(weir_stage_start(runtime, &options, &scanner));
    return scanner;
}

static weir_ref start_brighten(weir_runtime *runtime) {
    weir_ref stage;
    const weir_stage_options options = {
        .kind = WEIR_PRODUCER_CONSUMER,
        .name = "brighten",
        .takes_bytes = sizeof(struct image),
        .on = {.handle_events = brighten},
        .type = &images,
    };
    weir_must(weir_stage_start(runtime, &options, &stage));
    return stage;
}

static weir_ref start_consumer(weir_runtime *runtime, weir_callbacks on) {
    weir_ref consumer;
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .takes_bytes = sizeof(struct image),
        .state_bytes = sizeof(struct album),
        .on = on,
    };
    weir_must(weir_stage_start(runtime, &options, &consumer));
    return consumer;
}

static void print_accounts(const weir_runtime *runtime) {
    weir_accounts accounts;
    weir_must(weir_runtime_accounts(runtime, &accounts));
    printf("%" PRIu64 " accepted =", accounts.accepted);
    for (weir_discard why = 0; why < WEIR_DISCARD_CAUSES; why++) {
        uint64_t count = weir_runtime_dropped(runtime, why);
        if (count > 0) printf(" %" PRIu64 " %s +", count, cause_text(why));
    }
    printf(" %" PRIu64 " taken\n", accounts.taken);
}

int main(void) {
    const weir_subscribe_options four = {.max_demand = 4};
    weir_runtime *runtime = open_stepped();
    weir_ref scanner = start_scanner(runtime);
    weir_must(weir_cast(runtime, scanner, &(uint32_t){12}, sizeof(uint32_t)));
    weir_runtime_settle(runtime, WEIR_FOREVER);

    weir_ref stage = start_brighten(runtime);
    weir_ref reader = start_consumer(runtime, (weir_callbacks){.handle_events = read_them});
    weir_must(weir_subscribe(runtime, reader, stage, &four, NULL));
    weir_must(weir_subscribe(runtime, stage, scanner, &four, NULL));
    weir_runtime_settle(runtime, WEIR_FOREVER);

    weir_callbacks on = {.handle_events = keep, .terminate = close_album};
    weir_must(weir_subscribe(runtime, start_consumer(runtime, on), stage, &four, NULL));
    weir_must(weir_runtime_drain(runtime, WEIR_FOREVER, NULL));
    print_accounts(runtime);
    weir_must(weir_runtime_close(runtime, NULL));
    return EXIT_SUCCESS;
}
