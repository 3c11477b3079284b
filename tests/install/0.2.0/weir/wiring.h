/* weir 0.2.0, as it was.  SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_WIRING_H
#define WEIR_WIRING_H
#include <weir/stage.h>
#ifdef __cplusplus
extern "C" {
#endif
weir_status weir_stages_start(weir_runtime *runtime, const weir_stage_options *options,
                              size_t count, weir_ref *out);
weir_status weir_chain(weir_runtime *runtime, const weir_ref *stages, size_t count,
                       const weir_subscribe_options *options);
#define weir_must(status) weir_must_at(status, __FILE__, __LINE__)
void weir_must_at(weir_status status, const char *file, int line);
#ifdef __cplusplus
}
#endif
#endif
