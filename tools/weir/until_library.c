/*
 * weir_counters_copy, until the library has it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>
#include <weir/counters.h>

__attribute__((weak)) bool weir_counters_copy(const void *from, void *copy) {
    const weir_counters_slot *slot = from;
    uint32_t turn = __atomic_load_n(&slot->turn, __ATOMIC_ACQUIRE);
    uint32_t kind = slot->kind;
    memcpy(copy, from, kind == WEIR_COUNTERS_TIMES ? 1024 : 512);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return turn % 2 == 0 && slot->turn == turn && kind != WEIR_COUNTERS_FREE;
}
