/*
 * The books of a random graph: see random_books.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "random_books.h"

#include "random_estate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct books books;

void books_begin(void) {
    books.nodes = 0;
    books.lines = 0;
    books.stopped = 0;
    books.failing = false;
    books.has_inlet = false;
    books.straight = sim_draw(2) == 0;
}

struct node *books_node(void) {
    if (books.nodes == NODES) return NULL;
    struct node *node = &books.node[books.nodes++];
    memset(node, 0, offsetof(struct node, log));
    memset(node->seen, 0, sizeof node->seen);
    return node;
}

static struct node *find(weir_ref ref) {
    for (unsigned i = 0; i < books.nodes; i++)
        if (books.node[i].ref.bits == ref.bits) return &books.node[i];
    return NULL;
}

struct node *books_find(weir_ref ref) {
    struct node *node = find(ref);
    if (node == NULL) sim_fail("a stage that nobody started");
    return node;
}

bool books_is_unknown(weir_ref ref) {
    return find(ref) == NULL;
}

unsigned books_number(const struct node *node) {
    return (unsigned)(node - books.node);
}

/* --- labels ------------------------------------------------------------------------------- */

uint64_t books_label(const struct node *node, unsigned hops, unsigned place) {
    return (uint64_t)(books_number(node) + 1) << 48 | (uint64_t)hops << 32 | place;
}

unsigned books_hops(uint64_t label) {
    return (unsigned)(label >> 32 & 0xffff);
}

bool books_selected(uint64_t label) {
    return (label & UINT32_MAX) % 3 != 0;
}

/* The first place from `from` on that has the label; LOG: there is none. */
static unsigned place_of(const struct node *node, uint64_t label, unsigned from) {
    if (label >> 48 == books_number(node) + 1) { /* its own: the number is the place */
        unsigned place = (unsigned)(label & UINT32_MAX);
        return place < node->emitted && place >= from && node->log[place] == label ? place : LOG;
    }
    for (unsigned i = from; i < node->emitted; i++)
        if (node->log[i] == label) return i;
    return LOG;
}

bool books_in_log(const struct node *node, uint64_t label) {
    return place_of(node, label, 0) != LOG;
}

void books_emitted(struct node *node, const uint64_t *labels, unsigned count) {
    SIM_REQUIRE(count <= LOG - node->emitted);
    memcpy(&node->log[node->emitted], labels, count * sizeof *labels);
    node->emitted += count;
}

uint64_t books_event(const struct line *line, weir_batch batch, size_t index) {
    uint64_t label;
    const char *event = (const char *)batch.events + index * line->producer->event_bytes;
    memcpy(&label, event, sizeof label);
    return label;
}

/* --- lines -------------------------------------------------------------------------------- */

static bool same(weir_subscription a, weir_subscription b) {
    return a.id == b.id && a.consumer.bits == b.consumer.bits && a.producer.bits == b.producer.bits;
}

struct line *books_line(weir_subscription id) {
    for (unsigned i = books.lines; i-- > 0;)
        if (same(books.line[i].id, id)) return &books.line[i];
    return NULL;
}

bool books_subscribed(struct node *self, const weir_peer *peer, bool by_hand) {
    struct line *line = books_line(peer->subscription);
    if (peer->side == WEIR_CONSUMER) { /* the consumer was asked before */
        SIM_REQUIRE(line != NULL && line->producer == self && !line->up);
        line->up = true;
        if (self->deal == BY_SHARE && self->emitted > 0) self->disordered = true;
        return true;
    }
    SIM_REQUIRE(line == NULL);
    if (books.lines == LINES) return false;
    line = &books.line[books.lines++];
    *line = (struct line){.id = peer->subscription,
                          .consumer = self,
                          .producer = books_find(peer->stage),
                          .down = true,
                          .up = books_find(peer->stage)->inlet,
                          .by_hand = by_hand,
                          .selects =
                              peer->options->selector != NULL || peer->options->select_many != NULL,
                          .limited = peer->options->rate != NULL,
                          .partition = peer->options->partition,
                          .batch = peer->options->max_demand - peer->options->min_demand};
    return true;
}

void books_cancelled(struct node *self, const weir_peer *peer) {
    struct line *line = books_line(peer->subscription);
    SIM_REQUIRE(line != NULL);
    if (peer->side == WEIR_CONSUMER) {
        SIM_REQUIRE(line->producer == self);
        line->up = false;
        if (self->deal == BY_SHARE) self->disordered = true;
        return;
    }
    SIM_REQUIRE(line->consumer == self && line->down);
    line->down = false;
    if (line->producer->inlet) line->up = false;
}

/* What a consumer that dies had not begun goes back. */
void books_gone(struct node *node) {
    SIM_REQUIRE(node->alive);
    node->alive = false;
    for (unsigned i = 0; i < books.lines; i++) {
        struct line *line = &books.line[i];
        if (line->producer == node) line->up = false;
        if (line->consumer != node || !line->down) continue;
        line->down = false;
        if (line->producer->deal == BY_BROADCAST) continue;
        line->producer->disordered = true;
        line->producer->deaths++;
    }
}

/* --- events ------------------------------------------------------------------------------- */

static bool had(const struct line *line, unsigned place) {
    return (line->had[place / 64] >> place % 64 & 1) != 0;
}

static void require_first(const struct line *line, unsigned place) {
    const struct node *node = line->producer;
    if (node->deal != BY_BROADCAST) {
        SIM_REQUIRE(!node->seen[place]);
        return;
    }
    for (unsigned i = 0; i < books.lines; i++) {
        const struct line *other = &books.line[i];
        if (other->producer == node && other->consumer == line->consumer)
            SIM_REQUIRE(!had(other, place));
    }
}

static void handled(struct line *line, uint64_t label) {
    struct node *node = line->producer;
    unsigned place = place_of(node, label, node->disordered ? 0 : line->next);
    if (place == LOG) {
        place = place_of(node, label, 0);
        if (place == LOG) sim_fail("an event came that its producer has not emitted");
        sim_fail("node %u got number %u of node %u, out of order: %u is next",
                 books_number(line->consumer), place, books_number(node), line->next);
    }
    require_first(line, place);
    if (line->got > 0 && place > line->next) line->gaps++;
    line->next = place + 1;
    line->newest = place >= line->newest ? place + 1 : line->newest;
    line->got++;
    line->had[place / 64] |= UINT64_C(1) << place % 64;
    node->seen[place] = true;
    if (line->selects) SIM_REQUIRE(books_selected(label));
}

void books_handled(struct node *consumer, struct line *line, weir_batch batch) {
    SIM_REQUIRE(line != NULL && line->consumer == consumer && line->down && consumer->alive);
    for (size_t i = 0; i < batch.count; i++) handled(line, books_event(line, batch, i));
    world.handled += batch.count;
    if (line->by_hand)
        SIM_REQUIRE(line->got <= line->asked);
    else if (consumer->kind == WEIR_CONSUMER)
        SIM_REQUIRE(batch.count > 0 && batch.count <= line->batch);
}

weir_mark books_mark(struct node *node) {
    return (weir_mark){.kind = WEIR_MARK_USER,
                       .source = books_number(node),
                       .value = (uint64_t)node->marks++ << 32 | node->emitted};
}

void books_marked(struct node *consumer, struct line *line, const weir_mark *mark) {
    SIM_REQUIRE(line != NULL && line->consumer == consumer && line->down && consumer->alive);
    const struct node *node = line->producer;
    if (mark->source != books_number(node)) return;                          /* it was passed on */
    const bool round = node->kind == WEIR_PRODUCER_CONSUMER && !node->looks; /* it has, perhaps, */
    const unsigned index = (unsigned)(mark->value >> 32);                    /* gone a ring       */
    const unsigned before = (unsigned)(mark->value & UINT32_MAX);
    if (index >= node->marks || (before < line->newest && !round))
        sim_fail("node %u got mark %u of node %u, behind %u events, and had number %u",
                 books_number(consumer), index, books_number(node), before, line->newest - 1);
    SIM_REQUIRE(index >= line->marks || round);
    SIM_REQUIRE(line->marks == 0 || index == line->marks || books.failing || round);
    if (index < line->marks) return;
    line->marks = index + 1;
    if (node->disordered) return;
    if (line->got > 0 && before > line->next) line->gaps++;
    line->next = before > line->next ? before : line->next;
}

/* --- at rest ------------------------------------------------------------------------------ */

static void check_accounts(void) {
    weir_accounts accounts;
    uint64_t emitted = 0;
    must(weir_runtime_accounts(world.runtime, &accounts));
    estate_compare(&accounts);
    const char *wrong = weir_accounts_check(&accounts);
    if (wrong != NULL) sim_fail("%s", wrong);
    for (unsigned i = 0; i < books.nodes; i++) emitted += books.node[i].emitted;
    SIM_REQUIRE(books.has_inlet || accounts.emitted == emitted);
    SIM_REQUIRE(accounts.handled == world.handled);
    SIM_REQUIRE(accounts.discarded == world.discarded);
}

static void check_watches(const struct node *node) {
    for (unsigned i = 0; i < books.nodes && node->alive; i++)
        if (!books.node[i].inlet)
            SIM_REQUIRE(node->told[i] == (books.node[i].alive ? 0 : node->watches[i]));
}

/* Which nodes have open demand for certain, though they have got all there is. */
enum { UNKNOWN, ASKED, NO, YES };
static unsigned char wanting[NODES];

static bool node_wants(struct node *node);

/* What comes by it waits for the end of another one, whose events wait for tokens. */
static bool is_held_up(const struct line *line) {
    for (unsigned i = 0; i < books.lines; i++) {
        const struct line *other = &books.line[i];
        if (other != line && other->limited && other->down && !other->up &&
            other->consumer == line->consumer && other->producer == line->producer)
            return true;
    }
    return false;
}

static bool line_wants(const struct line *line) {
    return !is_held_up(line) && line->down && line->up && !line->by_hand && !line->limited &&
           line->consumer->alive &&
           (line->consumer->kind == WEIR_CONSUMER || node_wants(line->consumer));
}

/* Of its lines all must want, or one; of partitions, as many as there are. */
static bool enough_want(const struct node *node) {
    unsigned lines = 0;
    unsigned wants = 0;
    for (unsigned i = 0; i < books.lines; i++) {
        const struct line *line = &books.line[i];
        if (line->producer != node || !line->down || !line->up) continue;
        lines++;
        wants += line_wants(line);
    }
    if (node->deal == BY_PARTITION) return wants == node->partitions;
    return wants > 0 && (node->deal != BY_BROADCAST || wants == lines);
}

static bool node_wants(struct node *node) {
    unsigned number = books_number(node);
    if (wanting[number] == UNKNOWN) {
        wanting[number] = ASKED; /* in a ring nobody need want */
        wanting[number] = node->alive && !node->inlet && enough_want(node) ? YES : NO;
    }
    return wanting[number] == YES;
}

bool books_waits_in_line(const struct line *line) {
    for (unsigned i = 0; i < books.lines; i++) {
        const struct line *before = &books.line[i];
        bool leaves = before->producer == line->producer && before->down && !before->up;
        bool first = before->consumer == line->consumer ||
                     (line->partition != 0 && before->partition == line->partition);
        bool stays = before->limited ||
                     (before->consumer->kind != WEIR_CONSUMER && !node_wants(before->consumer));
        if (before != line && leaves && first && stays) return true;
    }
    return false;
}

/*
 * Both ends of a subscription agree, but for who has yet to come to the end of what was
 * sent before; and nobody was left out of a broadcast.
 */
static void check_lines(void) {
    for (unsigned i = 0; i < books.lines; i++) {
        const struct line *line = &books.line[i];
        const struct node *node = line->producer;
        struct node *consumer = line->consumer;
        if (node->alive && consumer->alive && !node->inlet) {
            SIM_REQUIRE(line->down || !line->up);
            if (consumer->kind == WEIR_CONSUMER || node_wants(consumer))
                SIM_REQUIRE(line->up || !line->down || line->limited || books_waits_in_line(line));
        }
        if (node->deal == BY_BROADCAST && !line->selects && world.discarded == 0)
            SIM_REQUIRE(line->gaps == 0);
    }
}

/* True: it forwards.  (Who asks lets time pass: what it finishes for may be a timer.) */
static bool forwards(const struct node *node) {
    weir_demand_mode mode = WEIR_FORWARD;
    weir_status status = weir_demand_mode_of(world.runtime, node->ref, WEIR_FOREVER, &mode);
    if (status != WEIR_NO_STAGE || node->alive) must(status);
    return mode == WEIR_FORWARD;
}

/* False: it has ended meanwhile. */
static bool buffered_of(const struct node *node, uint64_t *buffered) {
    weir_status status = weir_estimate_buffered(world.runtime, node->ref, WEIR_FOREVER, buffered);
    if (status == WEIR_NO_STAGE && !node->alive) return false;
    return must(status) && node->alive;
}

static void check_served(struct node *node) {
    uint64_t buffered = 0;
    if (!forwards(node) || !buffered_of(node, &buffered)) return;
    if (buffered > 0) sim_fail("node %u keeps events from who wants them", books_number(node));
    if (node->kind == WEIR_PRODUCER && node->emitted < node->total && node->debt == 0 &&
        !node->finishing)
        sim_fail("nobody asks node %u for what is wanted of it", books_number(node));
}

/* All that its consumers have got they have handled: none passes on, and none refuses. */
static bool shows_all(const struct node *node) {
    if (!node->alive || node->inlet || (node->deal != BY_DEMAND && node->deal != BY_BROADCAST))
        return false;
    for (unsigned i = 0; i < books.lines; i++) {
        const struct line *line = &books.line[i];
        if (line->producer == node &&
            (line->selects || line->limited || line->consumer->kind != WEIR_CONSUMER))
            return false;
    }
    return node->emitted > 0 && forwards(node);
}

/* While nothing was discarded: what nobody has seen is in the buffer, every number of it. */
static void check_buffer(const struct node *node) {
    uint64_t buffered = 0;
    uint64_t seen = 0;
    if (!shows_all(node) || !buffered_of(node, &buffered)) return;
    for (unsigned i = 0; i < node->emitted; i++) seen += node->seen[i];
    if (seen + buffered != node->emitted)
        sim_fail("node %u emitted %u events, %u were handled, %u are buffered", books_number(node),
                 node->emitted, (unsigned)seen, (unsigned)buffered);
}

/* What came back once is in its place, and nobody has got what is newer and not handled it. */
static void order_again(struct node *node) {
    bool ordered = node->disordered && node->deaths == 1 && node->deal != BY_SHARE;
    for (unsigned i = 0; i < books.lines; i++)
        if (books.line[i].producer == node && books.line[i].down)
            ordered =
                ordered && !books.line[i].limited && books.line[i].consumer->kind == WEIR_CONSUMER;
    if (!ordered) return;
    node->disordered = false;
    node->deaths = 0;
    for (unsigned i = 0; i < books.lines; i++)
        if (books.line[i].producer == node) books.line[i].next = 0;
}

void books_at_rest(void) {
    world.fail_first = UINT64_C(1) << 60; /* there is memory again */
    check_accounts();
    memset(wanting, UNKNOWN, sizeof wanting);
    check_lines();
    for (unsigned i = 0; i < books.nodes; i++) check_watches(&books.node[i]);
    for (unsigned i = 0; i < books.nodes; i++)
        if (node_wants(&books.node[i])) check_served(&books.node[i]);
    for (unsigned i = 0; i < books.nodes; i++)
        if (books.node[i].finishing && books.node[i].alive && !books.node[i].inlet)
            SIM_REQUIRE(forwards(&books.node[i]));
    for (unsigned i = 0; i < books.nodes && world.discarded == 0; i++) check_buffer(&books.node[i]);
    for (unsigned i = 0; i < books.nodes; i++) order_again(&books.node[i]);
}

bool books_end_unheard(void) {
    for (unsigned i = 0; i < books.lines; i++) {
        const struct line *line = &books.line[i];
        bool ended = !line->up || line->producer->inlet;
        if (line->down && ended && line->consumer->alive) return true;
    }
    return false;
}

/* --- telling ------------------------------------------------------------------------------ */

static void tell_node(unsigned number) {
    static const char *const kinds[] = {"", "producer", "producer_consumer", "consumer"};
    static const char *const deals[] = {"", ", broadcast", ", partition", ", shared"};
    static const char *const ways[] = {"pass", "change", "copy", "filter", "expand"};
    const struct node *node = &books.node[number];
    unsigned seen = 0;
    for (unsigned i = 0; i < node->emitted; i++) seen += node->seen[i];
    fprintf(stderr, "  node %u: %s %s%s", number, node->alive ? "" : "(gone)",
            node->inlet ? "inlet" : kinds[node->kind], deals[node->deal]);
    if (node->kind == WEIR_PRODUCER_CONSUMER) fprintf(stderr, ", %s", ways[node->way]);
    fprintf(stderr, "%s%s%s%s%s%s", node->by_hand ? ", by hand" : "", node->lazy ? ", lazy" : "",
            node->surplus ? ", surplus" : "", node->ends ? ", ends" : "",
            node->finishing ? ", finishing" : "", node->disordered ? ", disordered" : "");
    fprintf(stderr, "; emitted %u of %u, %u seen, owes %" PRIu64 "\n", node->emitted, node->total,
            seen, node->debt);
}

void books_tell(void) {
    for (unsigned i = 0; i < books.nodes; i++) tell_node(i);
    for (unsigned i = 0; i < books.lines; i++) {
        const struct line *line = &books.line[i];
        fprintf(stderr, "  line %u: %u <- %u%s%s%s%s%s, had %" PRIu64 "\n", i,
                books_number(line->consumer), books_number(line->producer),
                line->down ? ", down" : "", line->up ? ", up" : "",
                line->by_hand ? ", by hand" : "", line->selects ? ", selects" : "",
                line->limited ? ", limited" : "", line->got);
    }
}
