/*
 * `weir stat`: see stat.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stat.h"

#include "text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 16, CELL = 80, FEW = 10 /* times: one of them is no p99 */ };

/* A table: its cells are kept until all are known, so that columns are as wide as need be. */
struct table {
    char (*cells)[CELL];
    unsigned columns;
    unsigned count;
    unsigned left; /* so many columns from the left are set to the left; others to the right */
};

static void cell(struct table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void cell(struct table *table, const char *format, ...) {
    if (table->count % 64 == 0) {
        char(*cells)[CELL] = realloc(table->cells, (table->count + 64) * sizeof *cells);
        if (cells == NULL) {
            return; /* the table ends here */
        }
        table->cells = cells;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(table->cells[table->count++], CELL, format, arguments);
    va_end(arguments);
}

/* Columns on the terminal: bytes that begin a character. */
static unsigned width_of(const char *text) {
    unsigned width = 0;
    for (; *text != 0; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return width;
}

static void heads(struct table *table, unsigned left, const char *const *texts) {
    *table = (struct table){.left = left};
    for (; *texts != NULL; texts++) {
        cell(table, "%s", *texts);
        table->columns++;
    }
}

static void print_table(FILE *out, struct table *table) {
    unsigned widths[COLUMNS] = {0};
    for (unsigned i = 0; i < table->count; i++) {
        unsigned width = width_of(table->cells[i]);
        unsigned *most = &widths[i % table->columns];
        *most = width > *most ? width : *most;
    }
    for (unsigned i = 0; i < table->count; i++) {
        unsigned column = i % table->columns;
        int pad = (int)(widths[column] - width_of(table->cells[i]));
        bool last = column + 1 == table->columns || i + 1 == table->count;
        if (column < table->left) {
            fprintf(out, "%s%*s%s", table->cells[i], last ? 0 : pad, "", last ? "\n" : "  ");
        } else {
            fprintf(out, "%*s%s%s", pad, "", table->cells[i], last ? "\n" : "  ");
        }
    }
    free(table->cells);
}

/* "-" where there is nothing. */
static void count_cell(struct table *table, uint64_t number) {
    cell(table, "%s", number == 0 ? "-" : text_number((double)number).text);
}

static void rate_cell(struct table *table, double rate) {
    cell(table, "%s", rate == 0 ? "-" : text_number(rate).text);
}

static void time_cell(struct table *table, const weir_counters_times *times, double share,
                      uint64_t least) {
    cell(table, "%s", times->count < least ? "-" : text_time(weir_times_share(times, share)).text);
}

static void times_cells(struct table *table, const weir_counters_times *times) {
    count_cell(table, times->count);
    time_cell(table, times, 0.5, 1);
    time_cell(table, times, 0.99, FEW);
    time_cell(table, times, 0.999, FEW);
    cell(table, "%s", times->count == 0 ? "-" : text_time(times->most).text);
}

/* --- the tables --------------------------------------------------------------------------- */

static void print_stages(FILE *out, const struct look *look) {
    static const char *const texts[] = {"STAGE",   "WORKER",  "IN/s",    "OUT/s", "BUSY",
                                        "WAITING", "STARVED", "BLOCKED", "IDLE",  "BUFFERED",
                                        "HELD",    "QUEUED",  "STASHED", "FILL",  NULL};
    const struct view *view = look_view(look);
    struct table table;
    heads(&table, 1, texts);
    for (uint32_t i = 0; i < view->stage_count; i++) {
        const struct view_stage *stage = &view->stages[i];
        const struct stage_rates *rates = &look->rates.stages[i];
        cell(&table, "%s", stage->label);
        cell(&table, "%u", stage->at->worker);
        rate_cell(&table, rates->in);
        rate_cell(&table, rates->out);
        for (unsigned k = 0; k < WEIR_STATES; k++) {
            cell(&table, "%s", text_share(rates->share[k]).text);
        }
        count_cell(&table, stage->at->buffered);
        count_cell(&table, stage->at->held);
        count_cell(&table, stage->at->queued);
        count_cell(&table, stage->at->stashed);
        cell(&table, "%s", stage->ins == 0 ? "-" : text_share(rates->fill).text);
    }
    print_table(out, &table);
}

static void print_latencies(FILE *out, const struct look *look) {
    static const char *const texts[] = {"STAGE",
                                        "CALLBACK: SAMPLES",
                                        "p50",
                                        "p99",
                                        "p99.9",
                                        "max",
                                        "EVENT'S AGE: SAMPLES",
                                        "p50",
                                        "p99",
                                        "p99.9",
                                        "max",
                                        NULL};
    const struct view *view = look_view(look);
    struct table table;
    heads(&table, 1, texts);
    for (uint32_t i = 0; i < view->stage_count; i++) {
        const struct stage_rates *rates = &look->rates.stages[i];
        if (rates->handling.count + rates->pipeline.count > 0) {
            cell(&table, "%s", view->stages[i].label);
            times_cells(&table, &rates->handling);
            times_cells(&table, &rates->pipeline);
        }
    }
    if (table.count > table.columns) {
        fputc('\n', out);
        print_table(out, &table);
    } else {
        free(table.cells);
    }
}

static void print_subscriptions(FILE *out, const struct look *look) {
    static const char *const texts[] = {
        "FROM", "TO",       "EVENTS/s",         "WINDOW", "IN FLIGHT", "FILL",
        "OPEN", "OVERFLOW", "WAITING: SAMPLES", "p50",    "p99",       "p99.9",
        "max",  NULL};
    const struct view *view = look_view(look);
    struct table table;
    heads(&table, 2, texts);
    for (uint32_t i = 0; i < view->subscription_count; i++) {
        const struct view_subscription *each = &view->subscriptions[i];
        const struct subscription_rates *rates = &look->rates.subscriptions[i];
        cell(&table, "%s", each->producer == NONE ? "?" : view->stages[each->producer].label);
        cell(&table, "%s", each->consumer == NONE ? "?" : view->stages[each->consumer].label);
        rate_cell(&table, rates->events);
        count_cell(&table, each->at->max_demand);
        rate_cell(&table, rates->in_flight);
        cell(&table, "%s", text_share(rates->fill).text);
        count_cell(&table, rates->open);
        count_cell(&table, each->at->overflow);
        times_cells(&table, &rates->waiting);
    }
    if (view->subscription_count > 0) {
        fputc('\n', out);
        print_table(out, &table);
    } else {
        free(table.cells);
    }
}

static void print_workers(FILE *out, const struct look *look) {
    static const char *const texts[] = {"WORKER",  "CORE",    "BUSY",   "RESTING",
                                        "TURNS/s", "WAKES/s", "STAGES", "LONGEST",
                                        "OF",      "NOW",     NULL};
    const struct view *view = look_view(look);
    struct table table;
    heads(&table, 0, texts);
    for (uint32_t i = 0; i < view->worker_count; i++) {
        const weir_counters_worker *at = view->workers[i].at;
        const struct worker_rates *rates = &look->rates.workers[i];
        uint32_t longest = view_find_stage(view, at->longest_stage);
        uint32_t visited = view_find_stage(view, at->stage);
        cell(&table, "%u", at->index);
        cell(&table, "%s", at->core == NONE ? "-" : text_whole(at->core).text);
        cell(&table, "%s", text_share(rates->load).text);
        cell(&table, "%s", text_share(rates->rest).text);
        rate_cell(&table, rates->turns);
        rate_cell(&table, rates->wakes);
        count_cell(&table, at->stages);
        cell(&table, "%s", at->longest_ns == 0 ? "-" : text_time(at->longest_ns).text);
        cell(&table, "%s", longest == NONE ? "-" : view->stages[longest].label);
        cell(&table, "%s",
             at->asleep != 0   ? "asleep"
             : visited == NONE ? "-"
                               : view->stages[visited].label);
    }
    if (view->worker_count > 0) {
        fputc('\n', out);
        print_table(out, &table);
    } else {
        free(table.cells);
    }
}

/* Lines for what is not as usual: events that were discarded, children that were restarted. */
static void print_losses(FILE *out, const struct view *view) {
    const char *before = "\n";
    for (uint32_t i = 0; i < view->stage_count; i++) {
        const weir_counters_stage *at = view->stages[i].at;
        for (unsigned k = 1; view_discard_text(k) != NULL; k++) {
            if (at->discarded[k] > 0) {
                fprintf(out, "%s%s discarded %s: %s\n", before, view->stages[i].label,
                        text_whole(at->discarded[k]).text, view_discard_text(k));
                before = "";
            }
        }
        if (at->restarts > 0) {
            fprintf(out, "%s%s restarted children %s times\n", before, view->stages[i].label,
                    text_whole(at->restarts).text);
            before = "";
        }
    }
}

void stat_print(FILE *out, const struct look *look) {
    const struct view *view = look_view(look);
    fprintf(out, "%s, process %" PRIu64 ", runtime %u, weir %s, %s; over %.2f s\n\n", view->program,
            view->header->pid, view->header->number, view->library, view_life_text(view),
            look->rates.seconds);
    print_stages(out, look);
    print_latencies(out, look);
    print_subscriptions(out, look);
    print_workers(out, look);
    print_losses(out, view);
    fprintf(out, "\n%s\n", look->culprit.text);
}
