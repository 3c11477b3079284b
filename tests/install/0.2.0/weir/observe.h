/* weir 0.2.0, as it was.  SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_OBSERVE_H
#define WEIR_OBSERVE_H
#include <weir/status.h>
#include <weir/types.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef struct weir_accounts {
    uint64_t emitted;
    uint64_t multicast;
    uint64_t copies;
    uint64_t handled;
    uint64_t buffered;
    uint64_t in_flight;
    uint64_t discarded;
    uint64_t blocks_live;
    uint64_t blocks_made;
    uint64_t wakes;
    uint64_t turns;
    uint64_t reserved[8];
} weir_accounts;
weir_status weir_runtime_accounts(const weir_runtime *runtime, weir_accounts *out);
const char *weir_accounts_check(const weir_accounts *accounts);
#ifdef __cplusplus
}
#endif
#endif
