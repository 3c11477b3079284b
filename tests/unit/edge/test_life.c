/*
 * The life of a subscription: its ends move as the table says, and in no other way.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Goal: each move of the table in edge/life.h is made; any other is found by a check, in
 * builds that have those; the questions about an edge have the answers that the table gives.
 * Method: the table as it is drawn, written down once more; each pair of states is tried,
 * those that are not in it in a child process.
 */
#include "edge/edge.h"

#include "support/aborts.h"
#include "support/cmocka.h"

#include <string.h>

struct moves {
    const char *from;
    const char *to; /* a letter for each state that it may move to */
};

/* Requested, Withdrawn, oVer, Open, Cancelled, cLosing, Ended */
static const char consumer_letters[] = "RWVOCLE";
static const struct moves consumer_moves[] = {{"R", "OWV"}, {"W", "CV"}, {"O", "CLV"}, {"C", "LV"},
                                              {"L", "EV"},  {"E", "VL"}, {"V", ""}};

/* Unheard, In line, Attached, Leaving, oVer */
static const char producer_letters[] = "UIALV";
static const struct moves producer_moves[] = {
    {"U", "AIV"}, {"I", "AIV"}, {"A", "LV"}, {"L", "V"}, {"V", ""}};

struct move {
    int from;
    int to;
};

static void move_consumer(void *argument) {
    const struct move *move = argument;
    enum weir__consumer_state state = (enum weir__consumer_state)move->from;
    weir__consumer_move(&state, (enum weir__consumer_state)move->to);
    assert_int_equal(state, move->to);
}

static void move_producer(void *argument) {
    const struct move *move = argument;
    enum weir__producer_state state = (enum weir__producer_state)move->from;
    weir__producer_move(&state, (enum weir__producer_state)move->to);
    assert_int_equal(state, move->to);
}

static bool is_drawn(const struct moves *moves, size_t count, char from, char to) {
    for (size_t i = 0; i < count; i++) {
        if (moves[i].from[0] == from) return strchr(moves[i].to, to) != NULL;
    }
    fail_msg("no state %c", from);
    return false;
}

/* Returns how many moves there are. */
static int try_all(void (*make)(void *move), const char *letters, int states,
                   const struct moves *moves, size_t count) {
    int made = 0;
    assert_int_equal(strlen(letters), states);
    for (int i = 0; i < states * states; i++) {
        struct move move = {.from = i / states, .to = i % states};
        if (is_drawn(moves, count, letters[move.from], letters[move.to])) {
            make(&move);
            made++;
        } else if (WEIR__CHECKED) {
            assert_true(test_aborts(make, &move, NULL, 0));
        }
    }
    return made;
}

static void the_consumers_end_moves_as_drawn(void **state) {
    (void)state;
    assert_int_equal(try_all(move_consumer, consumer_letters, WEIR__CONSUMER_STATES, consumer_moves,
                             sizeof consumer_moves / sizeof *consumer_moves),
                     14);
}

static void the_producers_end_moves_as_drawn(void **state) {
    (void)state;
    assert_int_equal(try_all(move_producer, producer_letters, WEIR__PRODUCER_STATES, producer_moves,
                             sizeof producer_moves / sizeof *producer_moves),
                     9);
}

/* Whether the letter of the edge's state is among these. */
static bool among(const char *letters, int at, const char *these) {
    return strchr(these, letters[at]) != NULL;
}

static void each_question_has_one_answer(void **state) {
    (void)state;
    struct weir__edge edge = {0};
    for (int i = 0; i < WEIR__CONSUMER_STATES; i++) {
        edge.consumer_state = (enum weir__consumer_state)i;
        assert_int_equal(weir__edge_subscribed(&edge), among(consumer_letters, i, "OCLE"));
        assert_int_equal(weir__edge_closing(&edge), among(consumer_letters, i, "LE"));
        assert_int_equal(weir__edge_ended(&edge), among(consumer_letters, i, "E"));
    }
    for (int i = 0; i < WEIR__PRODUCER_STATES; i++) {
        edge.producer_state = (enum weir__producer_state)i;
        assert_int_equal(weir__edge_in_line(&edge), among(producer_letters, i, "I"));
        assert_int_equal(weir__edge_attached(&edge), among(producer_letters, i, "A"));
        assert_int_equal(weir__edge_leaving(&edge), among(producer_letters, i, "L"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_consumers_end_moves_as_drawn),
        cmocka_unit_test(the_producers_end_moves_as_drawn),
        cmocka_unit_test(each_question_has_one_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
