/*
 * Whose dispatcher it is, and that is to be checked: of the program's own nothing is known.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The checkers are in the dispatchers' files.  The public table does not name them.
 */
#include "base/check.h"
#include "dispatch/seam.h"

bool weir__dispatch_is_weirs(const weir_dispatcher *table) {
    return table == weir_demand_dispatcher() || table == weir_broadcast_dispatcher() ||
           table == weir_shared_dispatcher() || table == weir_partition_dispatcher();
}

#if WEIR__CHECKED
typedef void dispatch_checker(const void *state);

/* NULL: it is the program's. */
static dispatch_checker *checker_of(const weir_dispatcher *table) {
    if (table == weir_demand_dispatcher()) return weir__demand_check;
    if (table == weir_broadcast_dispatcher()) return weir__broadcast_check;
    if (table == weir_shared_dispatcher()) return weir__shared_dispatch_check;
    if (table == weir_partition_dispatcher()) return weir__partition_check;
    return NULL;
}

bool weir__dispatch_is_own(const struct weir__dispatch *dispatch) {
    return dispatch->table != NULL && checker_of(dispatch->table) != NULL;
}

void weir__dispatch_check(const struct weir__dispatch *dispatch) {
    checker_of(dispatch->table)(dispatch->state);
}
#endif
