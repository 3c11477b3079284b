/*
 * Rows of the table of NULL arguments: see nulls.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support/nulls.h"

#include "base/refusal.h"
#include "support/cmocka.h"

#include <stdio.h>
#include <string.h>

_Alignas(64) unsigned char nulls_place[256];

void nulls_forget(void) {
    weir__refuse(WEIR_INVALID, "nothing");
}

void nulls_check(struct rig *rig, bool right, const char *function, const char *argument,
                 bool refused) {
    char sentence[80];
    snprintf(sentence, sizeof sentence, "%s must not be NULL", argument);
    bool said = strncmp(weir_refusal(), sentence, strlen(sentence)) == 0;
    if (right && said == refused) return;
    rig_text_add(&rig->wrong, "%s with %s NULL: %s, \"%s\"\n", function, argument,
                 right ? "right" : "wrong", weir_refusal());
}

void nulls_end(struct rig *rig) {
    weir_accounts accounts;
    assert_int_equal(weir_runtime_close(rig->runtime, &accounts), WEIR_OK);
    rig_text_expect(&rig->wrong, "");
    assert_null(weir_accounts_check(&accounts));
    assert_int_equal(rig->memory.live, 0);
}
