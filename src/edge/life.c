/*
 * The life of a subscription: which moves there are (life.h).
 * SPDX-License-Identifier: Apache-2.0
 */
#include "edge/life.h"

#define TO(state) (1u << WEIR__##state)

static const unsigned consumer_moves[WEIR__CONSUMER_STATES] = {
    [WEIR__CONSUMER_REQUESTED] = TO(CONSUMER_OPEN) | TO(CONSUMER_WITHDRAWN) | TO(CONSUMER_OVER),
    [WEIR__CONSUMER_WITHDRAWN] = TO(CONSUMER_CANCELLED) | TO(CONSUMER_OVER),
    [WEIR__CONSUMER_OPEN] = TO(CONSUMER_CANCELLED) | TO(CONSUMER_CLOSING) | TO(CONSUMER_OVER),
    [WEIR__CONSUMER_CANCELLED] = TO(CONSUMER_CLOSING) | TO(CONSUMER_OVER),
    [WEIR__CONSUMER_CLOSING] = TO(CONSUMER_ENDED) | TO(CONSUMER_OVER),
    [WEIR__CONSUMER_ENDED] = TO(CONSUMER_CLOSING) | TO(CONSUMER_OVER),
};

static const unsigned producer_moves[WEIR__PRODUCER_STATES] = {
    [WEIR__PRODUCER_UNHEARD] = TO(PRODUCER_ATTACHED) | TO(PRODUCER_IN_LINE) | TO(PRODUCER_OVER),
    [WEIR__PRODUCER_IN_LINE] = TO(PRODUCER_ATTACHED) | TO(PRODUCER_IN_LINE) | TO(PRODUCER_OVER),
    [WEIR__PRODUCER_ATTACHED] = TO(PRODUCER_LEAVING) | TO(PRODUCER_OVER),
    [WEIR__PRODUCER_LEAVING] = TO(PRODUCER_OVER),
};

bool weir__consumer_may_move(enum weir__consumer_state from, enum weir__consumer_state to) {
    return (consumer_moves[from] & 1u << to) != 0;
}

bool weir__producer_may_move(enum weir__producer_state from, enum weir__producer_state to) {
    return (producer_moves[from] & 1u << to) != 0;
}
