/*
 * The conformance runner: runs the cases of corpora and compares.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   conformance [OPTION...] FILE...
 *
 * Prints "FILE: N passed, N failed, N skipped" for each, and before that every
 * failing case with the operation, what was expected and what was seen.
 * Returns 0 when nothing failed, 1 when something did, 2 for a file or an
 * option that could not be used.  README.md beside this file has the options.
 */
#include "conformance/deviations.h"
#include "conformance/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct suite *const suites[] = {&batches_suite, &buffer_suite, &dispatchers_suite,
                                             &stages_suite};

struct tally {
    size_t passed;
    size_t failed;
    size_t skipped;
    size_t deviating;
    struct lines skip_reasons;
};

struct session {
    struct settings settings;
    struct deviations deviations;
    const char *path; /* of the corpus at hand */
    struct tally tally;
};

static const struct suite *suite_of(const struct test_case *test) {
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++)
        if (suites[i]->recognises(test)) return suites[i];
    return NULL;
}

static void print_block(const char *title, const struct lines *lines) {
    for (size_t i = 0; i < lines->count; i++)
        printf("    %-10s %s\n", i == 0 ? title : "", lines->at[i]);
    if (lines->count == 0) printf("    %-10s (nothing)\n", title);
}

static void print_trace(const struct test_case *test, const struct seen *seen) {
    printf("# %s\ncase %s\n", seen->variant, test->name);
    for (size_t i = 0; i < test->setup.count; i++) printf("%s\n", test->setup.at[i]);
    for (size_t i = 0; i < test->count; i++) {
        printf("> %s\n", test->operations[i].line);
        const struct lines *effects = &seen->effects[i];
        for (size_t j = 0; j < effects->count; j++) printf("= %s\n", effects->at[j]);
    }
    printf("end\n\n");
}

/* Compares one run, and tells of the first difference unless `quiet`. */
static bool agrees(const struct session *session, const struct suite *suite,
                   const struct test_case *test, const struct seen *seen, bool quiet) {
    for (size_t i = 0; i < test->count; i++) {
        const struct operation *operation = &test->operations[i];
        const char *what =
            suite->compare(test, &session->settings, &operation->effects, &seen->effects[i]);
        if (!what) continue;
        if (quiet) return false;
        printf("%s: %s: operation %zu `%s` differs in %s (%s)\n", session->path, test->name, i + 1,
               operation->line, what, seen->variant);
        print_block("expected:", &operation->effects);
        print_block("seen:", &seen->effects[i]);
        if (seen->trouble[0]) printf("    %-10s %s\n", "also:", seen->trouble);
        return false;
    }
    if (seen->trouble[0] && !quiet)
        printf("%s: %s: %s (%s)\n", session->path, test->name, seen->trouble, seen->variant);
    return !seen->trouble[0];
}

static bool run_variant(const struct session *session, const struct suite *suite,
                        const struct test_case *test, size_t variant, bool quiet) {
    struct seen seen = {.effects = must_resize(NULL, test->count * sizeof *seen.effects)};
    for (size_t i = 0; i < test->count; i++) seen.effects[i] = (struct lines){0};
    suite->run(test, &session->settings, variant, &seen);
    if (session->settings.trace) print_trace(test, &seen);
    bool good = agrees(session, suite, test, &seen, quiet || session->settings.trace);
    for (size_t i = 0; i < test->count; i++) lines_clear(&seen.effects[i]);
    free(seen.effects);
    return good;
}

static void skip(struct tally *tally, const char *reason) {
    tally->skipped++;
    for (size_t i = 0; i < tally->skip_reasons.count; i++)
        if (strcmp(tally->skip_reasons.at[i], reason) == 0) return;
    lines_add(&tally->skip_reasons, reason);
}

static void run_case(struct session *session, const struct test_case *test) {
    struct tally *tally = &session->tally;
    const struct suite *suite = suite_of(test);
    if (!suite) {
        printf("%s: %s: a case of no suite that is known\n", session->path, test->name);
        tally->failed++;
        return;
    }
    const char *reason = suite->skips != NULL ? suite->skips(test) : NULL;
    if (reason) {
        skip(tally, reason);
        return;
    }
    bool listed = deviations_hold(&session->deviations, session->path, test->name);
    size_t variants = suite->variants(test, &session->settings);
    bool good = true;
    for (size_t variant = 0; variant < variants && good; variant++)
        good = run_variant(session, suite, test, variant, listed);
    if (good && listed)
        printf("%s: %s: agrees, though listed as deviating\n", session->path, test->name);
    if (good)
        tally->passed++;
    else if (listed)
        tally->deviating++;
    else
        tally->failed++;
}

static bool run_file(struct session *session) {
    struct corpus corpus;
    if (!corpus_read(session->path, &corpus)) return false;
    session->tally = (struct tally){0};
    struct tally *tally = &session->tally;
    for (size_t i = 0; i < corpus.count; i++) {
        const char *only = session->settings.only;
        if (!only || strcmp(only, corpus.cases[i].name) == 0) run_case(session, &corpus.cases[i]);
    }
    for (size_t i = 0; i < tally->skip_reasons.count; i++)
        printf("%s: skipped: %s\n", session->path, tally->skip_reasons.at[i]);
    printf("%s: %zu passed, %zu failed, %zu skipped", session->path, tally->passed, tally->failed,
           tally->skipped);
    if (tally->deviating) printf(", %zu deviating", tally->deviating);
    printf("\n");
    fflush(stdout);
    lines_clear(&tally->skip_reasons);
    corpus_free(&corpus);
    return true;
}

static int usage(void) {
    fprintf(stderr, "usage: conformance [OPTION...] FILE...\n"
                    "  --deviations PAGE  cases listed there may differ: they count as deviating\n"
                    "  --threads N        stages: run each case on N real workers too\n"
                    "  --seeds N          stages: simulated runs of each case (default 3)\n"
                    "  --seed S           stages: the seed of the first of them (default 1)\n"
                    "  --unmerged         stages: compare as for one that never merges asks\n"
                    "  --case NAME        only this case\n"
                    "  --trace            print what was seen, as a corpus\n");
    return 2;
}

static bool number_option(const char *text, uint64_t most, uint64_t *out) {
    struct words words = words_of(text ? text : "");
    bool good = words.count == 1 && words_number(&words, 0, out) && *out <= most;
    words_free(&words);
    return good;
}

/* Reads one option, at `index`, and its value.  Returns how many words it had; 0: wrong. */
static int read_option(struct session *session, char **words, int index) {
    struct settings *settings = &session->settings;
    const char *option = words[index];
    const char *value = words[index + 1];
    uint64_t number = 0;
    if (strcmp(option, "--unmerged") == 0) {
        settings->unmerged = true;
        return 1;
    }
    if (strcmp(option, "--trace") == 0) {
        settings->trace = true;
        return 1;
    }
    if (!value) return 0;
    if (strcmp(option, "--case") == 0) {
        settings->only = value;
    } else if (strcmp(option, "--deviations") == 0) {
        deviations_free(&session->deviations);
        if (!deviations_read(value, &session->deviations)) return 0;
    } else if (strcmp(option, "--threads") == 0 && number_option(value, 256, &number)) {
        settings->threads = (unsigned)number;
    } else if (strcmp(option, "--seeds") == 0 && number_option(value, 1000000, &number)) {
        settings->seeds = (unsigned)number;
    } else if (strcmp(option, "--seed") == 0 && number_option(value, UINT64_MAX, &number)) {
        settings->seed = number;
    } else {
        return 0;
    }
    return 2;
}

int main(int argc, char **argv) {
    struct session session = {.settings = {.seeds = 3, .seed = 1}};
    int index = 1;
    while (index < argc && strncmp(argv[index], "--", 2) == 0) {
        int used = read_option(&session, argv, index);
        if (used == 0) return usage();
        index += used;
    }
    if (index == argc) return usage();
    int result = 0;
    for (; index < argc; index++) {
        session.path = argv[index];
        if (!run_file(&session))
            result = 2;
        else if (session.tally.failed > 0 && result == 0)
            result = 1;
    }
    deviations_free(&session.deviations);
    return result;
}
