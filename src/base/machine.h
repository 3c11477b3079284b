/*
 * The machine: weir is for it, and Concurrency Kit was set up for it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Words of 64 bits are read and written untorn everywhere in weir, and pointers fit in them.
 * Another processor of which that is true may do: WEIR_OTHER_PROCESSOR lets it try, untested.
 *
 * ck_md.h says how a machine orders memory.  A cross build that finds the build machine's
 * own would compile with every fence gone, and fail now and then under load.
 */
#ifndef WEIR__BASE_MACHINE_H
#define WEIR__BASE_MACHINE_H

#include <ck_md.h>

#if __SIZEOF_POINTER__ != 8
#error "weir: this processor has no pointers of 64 bits: weir is for x86-64, AArch64 and RISC-V 64"
#elif !defined(__x86_64__) && !defined(__aarch64__) && !defined(__riscv) && \
    !defined(WEIR_OTHER_PROCESSOR)
#error "weir: this processor is none of x86-64, AArch64 and RISC-V 64 (or say WEIR_OTHER_PROCESSOR)"
#elif defined(__x86_64__) || defined(__sparc_v9__)
#if !defined(CK_MD_TSO)
#error "weir: this ck_md.h is for another processor: install Concurrency Kit for the target"
#endif
#elif defined(CK_MD_TSO)
#error "weir: this ck_md.h is for another processor: install Concurrency Kit for the target"
#endif

#endif
