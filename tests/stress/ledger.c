/*
 * The ledger: see ledger.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stress/ledger.h"

#include "base/atomic.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void ledger_open(struct ledger *ledger) {
    memset(ledger, 0, sizeof *ledger);
}

void ledger_free(struct ledger *ledger) {
    for (unsigned i = 0; i < ledger->sources; i++) free(ledger->source[i].fate);
}

void ledger_count(uint64_t *place, uint64_t count) {
    weir__fetch_add_u64(place, count);
}

/* ---- sources ------------------------------------------------------------- */

uint32_t ledger_source(struct ledger *ledger, uint64_t most) {
    STRESS_CHECK(ledger->sources < LEDGER_SOURCES);
    struct ledger_source *source = &ledger->source[ledger->sources];
    source->most = most;
    source->fate = calloc(most, sizeof *source->fate);
    STRESS_CHECK(source->fate != NULL);
    return ledger->sources++;
}

uint64_t ledger_left(const struct ledger *ledger, uint32_t source) {
    return ledger->source[source].most - ledger->source[source].made;
}

void ledger_write(const struct ledger *ledger, uint32_t source, struct parcel *out, size_t count) {
    STRESS_CHECK(count <= ledger_left(ledger, source));
    for (size_t i = 0; i < count; i++) {
        out[i] = (struct parcel){.count = 1};
        out[i].item[0] = stress_word(source, ledger->source[source].made + i);
        parcel_seal(&out[i]);
    }
}

void ledger_accepted(struct ledger *ledger, uint32_t source, uint64_t count) {
    ledger->source[source].made += count;
}

/* ---- parcels ------------------------------------------------------------- */

static uint64_t seal_of(const struct parcel *parcel) {
    uint64_t state = parcel->count;
    for (uint32_t i = 0; i < parcel->count; i++)
        state = weir__rng_splitmix(&state) ^ parcel->item[i];
    return state;
}

void parcel_seal(struct parcel *parcel) {
    parcel->seal = seal_of(parcel);
}

void parcel_check(const struct parcel *parcel) {
    STRESS_CHECK(parcel->count > 0 && parcel->count <= PARCEL_ITEMS);
    STRESS_CHECK(parcel->seal == seal_of(parcel));
}

uint64_t parcel_items(const struct parcel *parcels, size_t count) {
    uint64_t items = 0;
    for (size_t i = 0; i < count; i++) items += parcels[i].count;
    return items;
}

static uint32_t mark(struct ledger *ledger, uint64_t item, uint32_t bits) {
    uint32_t source = stress_word_source(item);
    uint64_t number = stress_word_number(item);
    STRESS_CHECK(source < ledger->sources && number < ledger->source[source].most);
    uint32_t *fate = &ledger->source[source].fate[number];
    uint32_t old = weir__load_relaxed_u32(fate);
    while (!weir__cas_u32(fate, &old, old | bits)) {}
    return old;
}

uint32_t ledger_mark(struct ledger *ledger, const struct parcel *parcel, uint32_t bits) {
    return mark(ledger, parcel->item[0], bits);
}

void ledger_done(struct ledger *ledger, unsigned reader, uint64_t *next,
                 const struct parcel *parcel) {
    parcel_check(parcel);
    for (uint32_t i = 0; i < parcel->count; i++) {
        uint64_t item = parcel->item[i];
        uint64_t number = stress_word_number(item);
        uint32_t source = stress_word_source(item);
        if ((mark(ledger, item, 1u << reader) & 1u << reader) != 0) {
            stress_fail("item %" PRIu64 " of source %u comes twice", number, source);
        }
        if (next == NULL) continue;
        if (number < next[source]) {
            stress_fail("item %" PRIu64 " of source %u comes after %" PRIu64, number, source,
                        next[source] - 1);
        }
        next[source] = number + 1;
    }
}

/* ---- the end ------------------------------------------------------------- */

static unsigned ones(uint32_t bits) {
    unsigned count = 0;
    for (; bits != 0; bits &= bits - 1) count++;
    return count;
}

struct sums {
    uint64_t made;
    uint64_t had; /* by one reader at least */
};

static struct sums look_at_all(const struct ledger *ledger, const struct ledger_claim *claim,
                               bool all) {
    struct sums sums = {0, 0};
    for (unsigned i = 0; i < ledger->sources; i++) {
        const struct ledger_source *source = &ledger->source[i];
        for (uint64_t number = 0; number < source->most; number++) {
            unsigned readers = ones(source->fate[number] & ((1u << LEDGER_READERS) - 1));
            bool made = number < source->made;
            sums.made += made;
            sums.had += readers > 0;
            if (!made && readers > 0) {
                stress_fail("item %" PRIu64 " of source %u was handled, and never accepted", number,
                            i);
            }
            if (made && all && readers != claim->copies) {
                stress_fail("item %" PRIu64 " of source %u (%" PRIu64
                            " were accepted) was handled by %u, not %u",
                            number, i, source->made, readers, claim->copies);
            }
        }
    }
    return sums;
}

static void check_accounts(const struct ledger *ledger, const weir_accounts *accounts) {
    uint64_t told = ledger->told + stress_logged_discards();
    if (accounts->emitted != ledger->emitted || accounts->handled != ledger->handled ||
        accounts->discarded != told) {
        stress_fail("the accounts say emitted %" PRIu64 " handled %" PRIu64 " discarded %" PRIu64
                    ", the ledger %" PRIu64 ", %" PRIu64 ", %" PRIu64,
                    accounts->emitted, accounts->handled, accounts->discarded, ledger->emitted,
                    ledger->handled, told);
    }
}

uint64_t ledger_check(const struct ledger *ledger, const struct ledger_claim *claim,
                      const weir_accounts *accounts) {
    uint64_t told = ledger->told + stress_logged_discards();
    uint64_t in_mail = ledger->posted - ledger->received;
    uint64_t kept = ledger->refused + ledger->stranded + in_mail;
    bool all = claim->clean && claim->copies > 0 && told == 0 && ledger->refused == 0;
    struct sums sums = look_at_all(ledger, claim, all);
    uint64_t lost = sums.made - sums.had;
    if (claim->clean && (told != ledger->dropped || ledger->stranded > 0 || in_mail > 0 ||
                         (ledger->refused > 0 && !claim->may_refuse))) {
        stress_fail("not a clean end: told of %" PRIu64 ", dropped %" PRIu64 ", refused %" PRIu64
                    ", stranded %" PRIu64 ", in the mail %" PRIu64,
                    told, ledger->dropped, ledger->refused, ledger->stranded, in_mail);
    }
    uint64_t least = kept + told;
    uint64_t most = claim->merges ? kept + told * PARCEL_ITEMS : least;
    if (!claim->broadcasts && (lost < least || lost > most)) {
        stress_fail("accepted %" PRIu64 " handled %" PRIu64 " but told of %" PRIu64
                    ", refused %" PRIu64 ", stranded %" PRIu64 ", in the mail %" PRIu64,
                    sums.made, sums.had, told, ledger->refused, ledger->stranded, in_mail);
    }
    check_accounts(ledger, accounts);
    return sums.made;
}
