/* weir 0.2.0, as it was.  SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_VERSION_H
#define WEIR_VERSION_H
#ifdef __cplusplus
extern "C" {
#endif
#define WEIR_VERSION_MAJOR 0
#define WEIR_VERSION_MINOR 2
#define WEIR_VERSION_PATCH 0
#define WEIR_VERSION (WEIR_VERSION_MAJOR * 10000 + WEIR_VERSION_MINOR * 100 + WEIR_VERSION_PATCH)
#define WEIR_VERSION_QUOTE_(a, b, c) #a "." #b "." #c
#define WEIR_VERSION_QUOTE(a, b, c)  WEIR_VERSION_QUOTE_(a, b, c)
#define WEIR_VERSION_TEXT \
    WEIR_VERSION_QUOTE(WEIR_VERSION_MAJOR, WEIR_VERSION_MINOR, WEIR_VERSION_PATCH)
unsigned weir_version(void);
const char *weir_version_text(void);
#ifdef __cplusplus
}
#endif
#endif
