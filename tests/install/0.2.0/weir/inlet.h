/* weir 0.2.0, as it was.  SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_INLET_H
#define WEIR_INLET_H
#include <weir/stage.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef enum weir_when_full {
    WEIR_REFUSE = 0,
    WEIR_BLOCK = 1,
    WEIR_DROP_NEWEST = 2,
    WEIR_DROP_OLDEST = 3
} weir_when_full;
#define WEIR_INLET_CAPACITY_DEFAULT 10000
typedef struct weir_inlet_options {
    const char *name;
    size_t event_bytes;
    size_t capacity;
    weir_when_full when_full;
    unsigned worker;
    weir_demand_mode demand;
    const weir_dispatcher *dispatcher;
    const void *dispatcher_options;
    weir_on_cancel on_cancel;
    void (*discarded)(void *context, uint64_t count, weir_discard cause);
    void *context;
    uintptr_t reserved[8];
} weir_inlet_options;
typedef struct weir_inlet weir_inlet;
weir_status weir_inlet_open(weir_runtime *runtime, const weir_inlet_options *options,
                            weir_inlet **out, weir_ref *stage);
weir_status weir_inlet_push(weir_inlet *inlet, const void *events, size_t count,
                            uint64_t timeout_ns);
size_t weir_inlet_waiting(const weir_inlet *inlet);
bool weir_inlet_stopped(const weir_inlet *inlet);
weir_reason weir_inlet_reason(const weir_inlet *inlet);
weir_status weir_inlet_finish(weir_inlet *inlet);
void weir_inlet_close(weir_inlet *inlet);
typedef struct weir_port weir_port;
weir_status weir_port_open(weir_inlet *inlet, weir_port **out);
weir_status weir_port_push(weir_port *port, const void *events, size_t count, uint64_t timeout_ns);
size_t weir_port_waiting(const weir_port *port);
void weir_port_close(weir_port *port);
#ifdef __cplusplus
}
#endif
#endif
