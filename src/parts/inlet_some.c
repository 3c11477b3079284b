/*
 * The inlet, for pushers that do not wait: as much as there is room for, and when there is more.
 * See inlet.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "parts/inlet.h"

#include "base/refusal.h"

void weir__inlet_refused(weir_inlet *inlet, uint64_t charge) {
    if (!weir__lamp_is_open(&inlet->room_lamp)) {
        return;
    }
    weir__lamp_darken(&inlet->room_lamp);
    if (weir__inlet_fits(inlet, charge) || weir__inlet_gone(inlet)) { /* I7 -> I8 */
        weir__lamp_light(&inlet->room_lamp);
    }
}

static bool fits_in_inlet(void *inlet, uint64_t charge) {
    return weir__inlet_fits(inlet, charge);
}

/* Those that had room just now.  FULL: another was faster. */
static weir_status push_those(weir_inlet *inlet, const void *events, size_t count, size_t *taken) {
    struct weir__parcel parcel;
    weir_status status = weir__inlet_may_push(inlet, events, count, &parcel);
    if (status != WEIR_OK) {
        return status;
    }
    weir__inlet_enter(inlet);
    bool beyond = false;
    status = weir__inlet_try(inlet, &parcel, 1, &beyond);
    weir__inlet_leave(inlet);
    *taken = status == WEIR_OK ? count : 0;
    return status;
}

weir_status weir_inlet_push_some(weir_inlet *inlet, const void *events, size_t count,
                                 size_t *taken) {
    if (weir__inlet_unfit(inlet) || weir__missing(taken, "taken")) {
        return weir__refused();
    }
    *taken = 0;
    struct weir__split split = {0};
    weir_status status = WEIR_OK;
    while (status == WEIR_OK && *taken == 0 && count > 0) {
        status = weir__parcel_split(&inlet->bounds, events, count, fits_in_inlet, inlet, &split);
        if (status != WEIR_OK || split.count == 0) {
            break;
        }
        status = push_those(inlet, events, split.count, taken);
        status = status == WEIR_FULL ? WEIR_OK : status; /* it looks again what has room */
    }
    if (status != WEIR_OK || *taken == count) {
        return status;
    }
    if (*taken == 0 && weir__inlet_gone(inlet)) {
        return weir__inlet_refuse_gone(inlet);
    }
    weir__inlet_refused(inlet, split.next);
    return WEIR_FULL;
}

weir_status weir__inlet_may_wait(const weir_inlet *inlet, const char *who) {
    if (inlet->when_full == WEIR_REFUSE || inlet->when_full == WEIR_BLOCK) {
        return WEIR_OK;
    }
    return weir__refuse(
        WEIR_INVALID,
        "%s whose when_full is %s has no descriptor for room: it drops events "
        "where there is none",
        who, inlet->when_full == WEIR_DROP_NEWEST ? "WEIR_DROP_NEWEST" : "WEIR_DROP_OLDEST");
}

weir_status weir_inlet_room_fd(weir_inlet *inlet, int *out) {
    if (weir__inlet_unfit(inlet) || weir__missing(out, "out")) {
        return weir__refused();
    }
    weir_status status = weir__inlet_may_wait(inlet, "an inlet");
    return status == WEIR_OK ? weir__lamp_open_lit(&inlet->room_lamp, out) : status;
}
