/*
 * The machine: Concurrency Kit was set up for the one that this is compiled for.
 * SPDX-License-Identifier: Apache-2.0
 *
 * ck_md.h says how a machine orders memory.  A cross build that finds the build machine's
 * own would compile with every fence gone, and fail now and then under load.
 */
#ifndef WEIR__BASE_MACHINE_H
#define WEIR__BASE_MACHINE_H

#include <ck_md.h>

#if defined(__x86_64__) || defined(__i386__) || defined(__sparc_v9__)
#if !defined(CK_MD_TSO)
#error "weir: this ck_md.h is for another processor: install Concurrency Kit for the target"
#endif
#elif defined(CK_MD_TSO)
#error "weir: this ck_md.h is for another processor: install Concurrency Kit for the target"
#endif

#endif
