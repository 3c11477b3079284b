/*
 * The lamp: see lamp.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "parts/lamp.h"

#include "base/refusal.h"
#include "os/event.h"

#include <string.h>

static int descriptor_of(const struct weir__lamp *lamp) {
    return (int)(weir__load_acquire_u64(&lamp->event) - 1); /* L5 -> L6 */
}

weir_status weir__lamp_open(struct weir__lamp *lamp, int *out) {
    if (!weir__lamp_is_open(lamp)) {
        int event = weir__event_open();
        if (event < 0) {
            return weir__refuse(WEIR_SYSTEM, "no eventfd: %s", strerror(-event));
        }
        uint64_t none = 0;
        if (!weir__cas_u64(&lamp->event, &none, (uint64_t)event + 1)) { /* L5 -> L6 */
            weir__event_close(event); /* another thread has made one */
        } else {
            weir__exchange_u32(&lamp->dark, 1); /* L1 -> L2, L3 -> L4 */
        }
    }
    *out = descriptor_of(lamp);
    return WEIR_OK;
}

weir_status weir__lamp_open_lit(struct weir__lamp *lamp, int *out) {
    bool open = weir__lamp_is_open(lamp);
    weir_status status = weir__lamp_open(lamp, out);
    if (status == WEIR_OK && !open) {
        weir__lamp_light(lamp);
    }
    return status;
}

void weir__lamp_close(struct weir__lamp *lamp) {
    if (weir__lamp_is_open(lamp)) {
        weir__event_close(descriptor_of(lamp));
        weir__store_relaxed_u64(&lamp->event, 0);
    }
}

void weir__lamp_darken(struct weir__lamp *lamp) {
    weir__event_clear(descriptor_of(lamp));
    weir__exchange_u32(&lamp->dark, 1); /* L1 -> L2 */
}

void weir__lamp_light(struct weir__lamp *lamp) {
    if (weir__exchange_u32(&lamp->dark, 0) != 0) { /* L3 -> L4 */
        weir__event_signal(descriptor_of(lamp));
    }
}
