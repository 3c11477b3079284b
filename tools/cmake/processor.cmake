# Is the processor one that weir is for, and is ck_md.h that processor's?  Asked once, so that a
# build for another one ends with one line, and not with a list of assertions for each file.
# SPDX-License-Identifier: Apache-2.0

include(CheckCSourceCompiles)
set(CMAKE_REQUIRED_INCLUDES ${PROJECT_SOURCE_DIR}/src ${WEIR_CK_INCLUDE})
set(CMAKE_REQUIRED_QUIET ON)
unset(WEIR_PROCESSOR CACHE) # flags may have changed since
check_c_source_compiles("#include \"base/machine.h\"\nint main(void) { return 0; }" WEIR_PROCESSOR)
unset(CMAKE_REQUIRED_INCLUDES)
unset(CMAKE_REQUIRED_QUIET)
if(NOT WEIR_PROCESSOR)
    message(FATAL_ERROR "weir is for x86-64, AArch64 and 64-bit RISC-V, with the ck_md.h of that "
                        "processor; found ${WEIR_CK_INCLUDE}/ck_md.h (src/base/machine.h).")
endif()
