/* weir 0.2.0, as it was.  SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_NAME_H
#define WEIR_NAME_H
#include <weir/status.h>
#include <weir/types.h>
#ifdef __cplusplus
extern "C" {
#endif
#define WEIR_NAME_LIMIT 255
weir_status weir_register(weir_runtime *runtime, weir_ref stage, const char *name);
weir_status weir_unregister(weir_runtime *runtime, const char *name);
weir_status weir_whereis(weir_runtime *runtime, const char *name, weir_ref *out);
typedef struct weir_monitor {
    weir_ref stage;
    uint64_t id;
} weir_monitor;
weir_status weir_monitor_stage(weir_stage *self, weir_ref stage, weir_monitor *out);
weir_status weir_demonitor(weir_stage *self, weir_monitor monitor);
#ifdef __cplusplus
}
#endif
#endif
