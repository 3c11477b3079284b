/*
 * Thumbnails: events that own a heap object, through everything that can happen to them.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     camera ──► decoder ──► scaler 1 ──► sheet
 *                      └───► scaler 2 ─────┘
 *
 * A photo comes packed, is unpacked, and becomes a thumbnail on a sheet of them; the brightest
 * thumbnail is kept for the cover.  Photos and thumbnails lie on the heap, an event is a pointer
 * to one, and no line below asks who frees what is lost:
 *
 *   - the camera takes 64 photos when there is place for 40: the oldest 24 are dropped
 *   - every eighth photo is broken: the decoder does not pass it on
 *   - one scaler dies of photo 30: the other one goes on
 *   - 64 more are taken, and all is closed in the middle of them.
 *
 * At the end whatever was made has been given back.
 *
 * Usage: thumbnails [SHEET.pgm]
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <weir/weir.h>

enum {
    PHOTOS = 64,                 /* of one round                    */
    PLACES = 40,                 /* in the camera's buffer          */
    SIDE = 256,                  /* of a photo, in pixels           */
    SMALL = 16,                  /* of a thumbnail                  */
    COLUMNS = 16,                /* of the sheet, in thumbnails     */
    ROWS = 2 * PHOTOS / COLUMNS, /* for two rounds                  */
    WIDTH = COLUMNS * SMALL,     /* of the sheet, in pixels         */
    DEADLY = 30                  /* the photo that a scaler dies of */
};

struct photo {
    uint32_t number;
    uint32_t packed_bytes;
    unsigned char *packed; /* pairs: how many, of which grey         */
    unsigned char *pixels; /* SIDE * SIDE, once it has been unpacked */
};

struct thumbnail {
    uint32_t number;
    uint32_t light; /* the sum of its pixels */
    unsigned char pixels[SMALL][SMALL];
};

/* ---- two types, and what was made of both ------------------------------- */

struct fates {
    atomic_uint_fast64_t made;
    atomic_uint_fast64_t freed;
    atomic_uint_fast64_t dropped[WEIR_DISCARD_CAUSES];
};

static struct fates photo_fates, thumbnail_fates;

static void free_photo(struct photo *photo) {
    atomic_fetch_add(&photo_fates.freed, 1);
    free(photo->packed);
    free(photo->pixels);
    free(photo);
}

static void free_thumbnail(struct thumbnail *thumbnail) {
    atomic_fetch_add(&thumbnail_fates.freed, 1);
    free(thumbnail);
}

/* An event is the pointer: `events` are `count` of them. */
static void drop_photos(void *context, const void *events, size_t count, weir_discard why) {
    struct photo *const *photo = events;
    struct fates *fates = context;
    atomic_fetch_add(&fates->dropped[why], count);
    for (size_t i = 0; i < count; i++) free_photo(photo[i]);
}

static void drop_thumbnails(void *context, const void *events, size_t count, weir_discard why) {
    struct thumbnail *const *thumbnail = events;
    struct fates *fates = context;
    atomic_fetch_add(&fates->dropped[why], count);
    for (size_t i = 0; i < count; i++) free_thumbnail(thumbnail[i]);
}

static const weir_event_type photos = {
    .bytes = sizeof(struct photo *), .drop = drop_photos, .context = &photo_fates};
static const weir_event_type thumbnails = {
    .bytes = sizeof(struct thumbnail *), .drop = drop_thumbnails, .context = &thumbnail_fates};

/* ---- the camera --------------------------------------------------------- */

/* Bands, of a brightness of its own.  A broken one breaks off. */
static void pack(struct photo *photo) {
    uint32_t bands = photo->number % 8 == 0 ? SIDE / 2 : SIDE;
    for (uint32_t band = 0; band < bands; band++) {
        photo->packed[photo->packed_bytes++] = SIDE - 1;
        photo->packed[photo->packed_bytes++] = (unsigned char)(photo->number * 37 % 97 + band / 2);
    }
}

static struct photo *take_photo(uint32_t number) {
    struct photo *photo = calloc(1, sizeof *photo);
    if (photo == NULL) return NULL;
    atomic_fetch_add(&photo_fates.made, 1);
    photo->number = number;
    photo->packed = malloc(2 * SIDE);
    if (photo->packed == NULL) {
        free_photo(photo);
        return NULL;
    }
    pack(photo);
    return photo;
}

/* A round, as fast as it can, whether anybody has asked or not. */
static weir_verdict shoot(weir_stage *self, const void *message, size_t bytes) {
    uint32_t *last = weir_state(self);
    (void)message, (void)bytes;
    for (int i = 0; i < PHOTOS; i++) {
        struct photo *photo = take_photo(++*last);
        if (photo == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
        if (weir_emit(self, &photo, 1) != WEIR_OK) {
            free_photo(photo); /* refused: it is ours still */
            return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
        }
    }
    return WEIR_CONTINUE;
}

static weir_verdict asked(weir_stage *self, uint64_t demand) {
    (void)self, (void)demand; /* the next round answers it */
    return WEIR_CONTINUE;
}

/* The types have counted it. */
static void told(weir_stage *self, uint64_t count, weir_discard why) {
    (void)self, (void)count, (void)why;
}

/* ---- the decoder -------------------------------------------------------- */

/* false: it is broken, or there is no memory.  What it has got so far is the photo's. */
static bool unpack(struct photo *photo) {
    size_t filled = 0;
    photo->pixels = malloc((size_t)SIDE * SIDE);
    if (photo->pixels == NULL) return false;
    for (uint32_t i = 0; i < photo->packed_bytes; i += 2) {
        size_t run = (size_t)photo->packed[i] + 1;
        memset(photo->pixels + filled, photo->packed[i + 1], run);
        filled += run;
    }
    return filled == (size_t)SIDE * SIDE;
}

/* Each good one is passed on by way of the stash.  What stays in the batch is dropped. */
static weir_verdict decode(weir_stage *self, weir_batch batch) {
    struct photo *const *photo = weir_own(self);
    if (photo == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    for (size_t i = 0; i < batch.count; i++)
        if (unpack(photo[i]) && weir_stash(self, i, 1) != WEIR_OK)
            return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
    weir_must(weir_stash_emit(self, (size_t)weir_stashed(self)));
    return WEIR_CONTINUE;
}

/* ---- the scalers -------------------------------------------------------- */

static uint32_t mean(const struct photo *photo, uint32_t row, uint32_t column) {
    enum { STEP = SIDE / SMALL };
    const unsigned char *corner = photo->pixels + (size_t)row * STEP * SIDE + column * STEP;
    uint32_t sum = 0;
    for (uint32_t i = 0; i < STEP * STEP; i++) sum += corner[i / STEP * SIDE + i % STEP];
    return sum / (STEP * STEP);
}

static struct thumbnail *scale_one(const struct photo *photo) {
    struct thumbnail *thumbnail = calloc(1, sizeof *thumbnail);
    if (thumbnail == NULL) return NULL;
    atomic_fetch_add(&thumbnail_fates.made, 1);
    thumbnail->number = photo->number;
    for (uint32_t i = 0; i < SMALL * SMALL; i++) {
        uint32_t grey = mean(photo, i / SMALL, i % SMALL);
        thumbnail->pixels[i / SMALL][i % SMALL] = (unsigned char)grey;
        thumbnail->light += grey;
    }
    return thumbnail;
}

/* Takes photos, and emits thumbnails: the photos are dropped when it returns. */
static weir_verdict scale(weir_stage *self, weir_batch batch) {
    struct photo *const *photo = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        if (photo[i]->number == DEADLY) return weir_stop_with(self, WEIR_REASON_USER);
        struct thumbnail *thumbnail = scale_one(photo[i]);
        if (thumbnail == NULL) return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
        if (weir_emit(self, &thumbnail, 1) != WEIR_OK) {
            free_thumbnail(thumbnail);
            return weir_stop_with(self, WEIR_REASON_NO_MEMORY);
        }
    }
    return WEIR_CONTINUE;
}

/* ---- the sheet ---------------------------------------------------------- */

struct sheet {
    unsigned char pixels[ROWS * SMALL][WIDTH];
    uint64_t count;
    struct thumbnail *cover; /* the brightest, which is the sheet's own */
};

static void paste(struct sheet *sheet, const struct thumbnail *thumbnail) {
    uint32_t place = thumbnail->number - 1;
    for (uint32_t row = 0; row < SMALL; row++)
        memcpy(&sheet->pixels[place / COLUMNS * SMALL + row][place % COLUMNS * SMALL],
               thumbnail->pixels[row], SMALL);
    sheet->count++;
}

static weir_verdict collect(weir_stage *self, weir_batch batch) {
    struct sheet *sheet = *(struct sheet **)weir_state(self);
    struct thumbnail *const *thumbnail = batch.events;
    for (size_t i = 0; i < batch.count; i++) {
        struct thumbnail *before = sheet->cover;
        paste(sheet, thumbnail[i]);
        if (before != NULL && before->light >= thumbnail[i]->light) continue;
        weir_must(weir_take(self, i, 1, &sheet->cover)); /* this one is ours now */
        if (before != NULL) free_thumbnail(before);
    }
    return WEIR_CONTINUE;
}

/* ---- all of it ---------------------------------------------------------- */

static weir_ref start_camera(weir_runtime *runtime) {
    weir_ref camera;
    const weir_stage_options options = {
        .kind = WEIR_PRODUCER,
        .name = "camera",
        .state_bytes = sizeof(uint32_t),
        .buffer_size = PLACES,
        .on = {.handle_demand = asked, .handle_cast = shoot, .discarded = told},
        .type = &photos,
    };
    weir_must(weir_stage_start(runtime, &options, &camera));
    return camera;
}

static weir_ref start_decoder(weir_runtime *runtime) {
    weir_ref decoder;
    const weir_stage_options options = {
        .kind = WEIR_PRODUCER_CONSUMER,
        .name = "decoder",
        .takes_bytes = sizeof(struct photo *),
        .dispatcher = weir_shared_dispatcher(), /* whichever scaler is free */
        .on = {.handle_events = decode, .discarded = told},
        .type = &photos,
    };
    weir_must(weir_stage_start(runtime, &options, &decoder));
    return decoder;
}

static weir_ref start_scaler(weir_runtime *runtime, weir_ref decoder) {
    weir_ref scaler;
    const weir_subscribe_to one_by_one = {.producer = decoder,
                                          .options = {.max_demand = 2, .min_demand = 1}};
    const weir_stage_options options = {
        .kind = WEIR_PRODUCER_CONSUMER,
        .name = "scaler",
        .takes_bytes = sizeof(struct photo *),
        .subscribe_to = &one_by_one,
        .subscribe_count = 1,
        .on = {.handle_events = scale, .discarded = told},
        .type = &thumbnails,
    };
    weir_must(weir_stage_start(runtime, &options, &scaler));
    return scaler;
}

static void start_sheet(weir_runtime *runtime, const weir_ref scalers[2], struct sheet *sheet) {
    const weir_subscribe_options lives_on = {.max_demand = 8, .cancel = WEIR_TEMPORARY};
    const weir_subscribe_to both[] = {{.producer = scalers[0], .options = lives_on},
                                      {.producer = scalers[1], .options = lives_on}};
    const weir_stage_options options = {
        .kind = WEIR_CONSUMER,
        .name = "sheet",
        .takes_bytes = sizeof(struct thumbnail *),
        .state = &sheet,
        .state_bytes = sizeof sheet,
        .subscribe_to = both,
        .subscribe_count = 2,
        .on = {.handle_events = collect},
    };
    weir_must(weir_stage_start(runtime, &options, NULL));
}

/* What became of those of a type; false: some are still there. */
static bool print_fates(const char *name, struct fates *fates) {
    static const struct {
        weir_discard why;
        const char *text;
    } causes[] = {{WEIR_DISCARD_HANDLED, "handled"},
                  {WEIR_DISCARD_OVERFLOW, "overflow"},
                  {WEIR_DISCARD_ABANDONED, "abandoned"},
                  {WEIR_DISCARD_STOPPED, "stopped"}};
    printf("%s: made %" PRIuFAST64, name, atomic_load(&fates->made));
    for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++)
        printf(", %s %" PRIuFAST64, causes[i].text, atomic_load(&fates->dropped[causes[i].why]));
    uint64_t left = atomic_load(&fates->made) - atomic_load(&fates->freed);
    printf(", left %" PRIu64 "\n", left);
    return left == 0;
}

static void write_sheet(const struct sheet *sheet, const char *path) {
    FILE *file = fopen(path, "wb");
    if (file == NULL || fprintf(file, "P5 %d %d 255\n", WIDTH, ROWS * SMALL) < 0 ||
        fwrite(sheet->pixels, sizeof sheet->pixels, 1, file) != 1 || fclose(file) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv) {
    static struct sheet sheet; /* main looks at it while nothing moves */
    weir_runtime *runtime;
    weir_accounts accounts;
    const weir_runtime_options options = {.workers = 4,
                                          .default_worker = WEIR_SPREAD}; /* all have much work */
    weir_must(weir_runtime_open(&options, &runtime));
    weir_ref camera = start_camera(runtime);
    weir_must(weir_cast(runtime, camera, NULL, 0)); /* nobody listens yet */
    weir_runtime_settle(runtime, WEIR_FOREVER);

    weir_ref decoder = start_decoder(runtime);
    const weir_ref scalers[] = {start_scaler(runtime, decoder), start_scaler(runtime, decoder)};
    start_sheet(runtime, scalers, &sheet);
    weir_must(weir_subscribe(runtime, decoder, camera, &(weir_subscribe_options){.max_demand = 16},
                             NULL));
    weir_runtime_settle(runtime, WEIR_FOREVER);
    printf("the first round: %" PRIu64 " thumbnails, photo %" PRIu32 " is the cover\n", sheet.count,
           sheet.cover->number);

    uint64_t made = atomic_load(&thumbnail_fates.made);
    weir_must(weir_cast(runtime, camera, NULL, 0));
    while (atomic_load(&thumbnail_fates.made) < made + 4) thrd_yield();
    weir_must(weir_runtime_close(runtime, &accounts)); /* in the middle of the second */
    free_thumbnail(sheet.cover);
    if (argc > 1) write_sheet(&sheet, argv[1]);
    bool right = print_fates("photos", &photo_fates);
    right = print_fates("thumbnails", &thumbnail_fates) && right;
    printf("accepted %" PRIu64 " = dropped %" PRIu64 " + taken %" PRIu64 "\n", accounts.accepted,
           accounts.dropped, accounts.taken);
    right = right && accounts.accepted == accounts.dropped + accounts.taken;
    return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
