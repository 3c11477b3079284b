/*
 * A look at a runtime: see look.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "look.h"

bool look_again(struct look *look, struct feed *feed, uint64_t ns) {
    unsigned next = look->looks == 0 ? look->now : !look->now;
    struct image *image = &look->images[next];
    struct view view;
    struct rates rates;
    struct culprit culprit;
    /* The view that is replaced here is that of two looks ago: nothing shows it any more. */
    view_free(&look->views[next]);
    if (!feed_next(feed, image, ns) || !view_make(&view, image)) {
        return false;
    }
    if (!rates_make(&rates, look->looks == 0 ? NULL : &look->views[look->now], &view)) {
        view_free(&view);
        return false;
    }
    if (!culprit_find(&culprit, &view, &rates)) {
        rates_free(&rates);
        view_free(&view);
        return false;
    }
    rates_free(&look->rates);
    look->views[next] = view;
    look->rates = rates;
    look->culprit = culprit;
    look->now = next;
    look->looks++;
    return true;
}

void look_free(struct look *look) {
    for (unsigned i = 0; i < 2; i++) {
        view_free(&look->views[i]);
        image_free(&look->images[i]);
    }
    rates_free(&look->rates);
    *look = (struct look){0};
}

const struct view *look_view(const struct look *look) {
    return &look->views[look->now];
}
