/*
 * Where servers are.  See address.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "connect/nats/address.h"

#include <stdint.h>
#include <time.h>

static bool is_blank(char letter) {
    return letter == ' ' || letter == '\t';
}

/* What is behind a user and a password, which no message shows. */
static const char *without_secrets(const char *address, const char *end) {
    const char *shown = address;
    for (const char *at = address; at < end; at++) {
        shown = *at == '@' ? at + 1 : shown;
    }
    return shown;
}

/* One without the blanks around it.  INVALID: nothing is left of it, or has blanks in it. */
static weir_status copy_address(struct weir__texts *texts, const char *from, size_t count,
                                struct weir__nats_addresses *to) {
    while (count > 0 && is_blank(*from)) {
        from++, count--;
    }
    while (count > 0 && is_blank(from[count - 1])) {
        count--;
    }
    const char *shown = without_secrets(from, from + count);
    for (size_t i = 0; i < count; i++) {
        if ((unsigned char)from[i] <= ' ' || from[i] == 0x7f) {
            return weir_refuse(WEIR_INVALID,
                               "server.url must be addresses without blanks, got \"%.*s\"",
                               (int)(from + count - shown), shown);
        }
    }
    if (count == 0) {
        return weir_refuse(WEIR_INVALID, "server.url must be an address, or several with commas "
                                         "between them, got an empty one");
    }
    if (to->count == WEIR__NATS_SERVERS) {
        return weir_refuse(WEIR_INVALID, "server.url must have at most %d addresses, got more",
                           WEIR__NATS_SERVERS);
    }
    to->each[to->count++] = weir__text_keep_some(texts, from, count);
    return WEIR_OK;
}

static void shuffle(struct weir__nats_addresses *addresses) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t drawn = (uint64_t)now.tv_nsec ^ (uint64_t)(uintptr_t)addresses;
    for (unsigned i = addresses->count; i > 1; i--) {
        drawn = drawn * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        unsigned other = (unsigned)((drawn >> 33) % i);
        const char *one = addresses->each[i - 1];
        addresses->each[i - 1] = addresses->each[other];
        addresses->each[other] = one;
    }
}

weir_status weir__nats_copy_addresses(struct weir__texts *texts, const char *url,
                                      struct weir__nats_addresses *to) {
    weir_status status = WEIR_OK;
    const char *from = url;
    *to = (struct weir__nats_addresses){0};
    while (status == WEIR_OK && from != NULL) {
        size_t count = strcspn(from, ",");
        status = copy_address(texts, from, count, to);
        from = from[count] == ',' ? from + count + 1 : NULL;
    }
    shuffle(to);
    return status;
}

const char *weir__nats_address_shown(const struct weir__nats_addresses *addresses) {
    const char *address = addresses->each[addresses->at];
    return without_secrets(address, address + strlen(address));
}
