/*
 * NULL, of files of lines.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: no pointer argument of their functions crashes when it is NULL.
 * Method: a row for each (support/nulls.h), as in runtime/test_null.c.
 */
#include "support/cmocka.h"
#include "support/nulls.h"

#include <weir/file.h>

static struct rig rig;

static void no_file_takes_null_for_something(void **state) {
    const weir_file_source_options from = {.folder = "."};
    const weir_file_sink_options to = {.path = "store"};
    weir_file_source *source;
    weir_file_sink *sink;
    (void)state;
    rig_open(&rig, NULL);
    REFUSED(weir_file_source_open, options, weir_file_source_open(NULL, &source));
    REFUSED(weir_file_source_open, out, weir_file_source_open(&from, NULL));
    HARMLESS(weir_file_source_driver, source, weir_file_source_driver(NULL) == NULL);
    ALLOWED(weir_file_source_close, source, (weir_file_source_close(NULL), true));
    REFUSED(weir_file_sink_open, options, weir_file_sink_open(NULL, &sink));
    REFUSED(weir_file_sink_open, out, weir_file_sink_open(&to, NULL));
    HARMLESS(weir_file_sink_table, sink, weir_file_sink_table(NULL) == NULL);
    ALLOWED(weir_file_sink_close, sink, (weir_file_sink_close(NULL), true));
    nulls_end(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_file_takes_null_for_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
