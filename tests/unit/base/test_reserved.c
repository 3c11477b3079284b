/*
 * Goal: one bit anywhere in reserved room is seen; room that is zero is not.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Method: each bit of the room of a struct, and of what lies around it.
 */
#include "base/reserved.h"

#include "support/cmocka.h"

#include <stdint.h>
#include <string.h>
#include <weir/status.h>
#include <weir/version.h>

struct grown {
    uint64_t before;
    uintptr_t reserved[3];
    uint64_t after;
};

static void each_bit_counts(void **state) {
    (void)state;
    struct grown grown = {0};
    assert_false(WEIR__RESERVED_SET(&grown, "grown"));
    for (size_t bit = 0; bit < 8 * sizeof grown; bit++) {
        unsigned char *byte = (unsigned char *)&grown + bit / 8;
        size_t word = bit / 64;
        *byte = (unsigned char)(1u << bit % 8);
        assert_int_equal(WEIR__RESERVED_SET(&grown, "grown"), word >= 1 && word <= 3);
        *byte = 0;
    }
    assert_string_equal(weir_refusal(),
                        "grown: its reserved room is not zero: it was not initialized, or the "
                        "program was compiled with a later weir than this one, " WEIR_VERSION_TEXT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_bit_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
