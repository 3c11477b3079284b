/*
 * `weir graph`: see graph.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "graph.h"

#include "text.h"
#include "trouble.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

/* Labels are clean already (view.h): quotes and backslashes are what is left. */
static void put_text(FILE *out, const char *text) {
    for (; *text != 0; text++) {
        if (*text == '"' || *text == '\\') {
            fputc('\\', out);
        }
        fputc(*text, out);
    }
}

/* Orange, the more so the busier; blue, the more so the more it is blocked; else grey. */
static void put_colour(FILE *out, const struct stage_rates *rates) {
    double engaged = culprit_engaged(rates);
    double blocked = rates->share[WEIR_STATE_BLOCKED];
    double hue = engaged >= blocked ? 0.08 : 0.58;
    double strength = engaged >= blocked ? engaged : blocked;
    fprintf(out, "fillcolor=\"%.2f %.2f %.2f\"", hue, strength * 0.7, 0.93 + strength * 0.05);
}

static void put_stage(FILE *out, const struct look *look, uint32_t number) {
    const struct view_stage *stage = &look_view(look)->stages[number];
    const struct stage_rates *rates = &look->rates.stages[number];
    const struct culprit *culprit = &look->culprit;
    bool guilty = culprit->kind != CULPRIT_NONE && culprit->stage == number;
    bool crowded = culprit->kind == CULPRIT_WORKER && culprit->worker == stage->worker;
    fprintf(out, "    s%u [label=\"", number);
    put_text(out, stage->label);
    fprintf(out, "\\nworker %u", stage->at->worker);
    for (unsigned i = 0; i < WEIR_STATES; i++) {
        if (rates->share[i] >= 0.05) {
            fprintf(out, "\\n%s %s", view_state_text((weir_stage_state)i),
                    text_share(rates->share[i]).text);
        }
    }
    if (stage->at->buffered + stage->at->held > 0) {
        fprintf(out, "\\n%s buffered",
                text_number((double)(stage->at->buffered + stage->at->held)).text);
    }
    fprintf(out, "\", ");
    put_colour(out, rates);
    fprintf(out, "%s];\n", guilty || crowded ? ", color=red, penwidth=4, peripheries=2" : "");
}

static void put_edge(FILE *out, const struct look *look, uint32_t number) {
    const struct view_subscription *each = &look_view(look)->subscriptions[number];
    const struct subscription_rates *rates = &look->rates.subscriptions[number];
    if (each->producer == NONE || each->consumer == NONE) {
        return;
    }
    fprintf(out,
            "    s%u -> s%u [label=\"%s/s\", penwidth=%.1f, tooltip=\"window %s, %s full\"];\n",
            each->producer, each->consumer, text_number(rates->events).text, 1 + 5 * rates->fill,
            text_number((double)each->at->max_demand).text, text_share(rates->fill).text);
}

void graph_print(FILE *out, const struct look *look) {
    const struct view *view = look_view(look);
    fprintf(out,
            "digraph weir {\n    rankdir=LR;\n    labelloc=t;\n    fontname=\"sans-serif\";\n");
    fprintf(out, "    label=\"");
    put_text(out, view->program);
    fprintf(out, ": ");
    put_text(out, look->culprit.text);
    fprintf(out, "\";\n    node [shape=box, style=\"filled,rounded\", fontname=\"sans-serif\"];\n"
                 "    edge [fontname=\"sans-serif\", color=\"#555555\"];\n");
    for (uint32_t i = 0; i < view->stage_count; i++) {
        put_stage(out, look, i);
    }
    for (uint32_t i = 0; i < view->subscription_count; i++) {
        put_edge(out, look, i);
    }
    fprintf(out, "}\n");
}

bool graph_svg(const struct look *look) {
    signal(SIGPIPE, SIG_IGN); /* dot may not be there to read */
    FILE *dot = popen("command -v dot > /dev/null || exit 127; exec dot -Tsvg", "w");
    if (dot == NULL) {
        return trouble("no shell can be started: %s", strerror(errno));
    }
    graph_print(dot, look);
    int status = pclose(dot);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        return trouble("dot was not found: install graphviz, or do without --svg");
    }
    return status == 0 || trouble("dot failed");
}
