# Compiler flags for everything in this tree: warnings, sanitizers, analysis.
# SPDX-License-Identifier: Apache-2.0
#
# They are directory options, not properties of the library, so that a program
# that links weir inherits none of them.

set(weir_warnings -Wall -Wextra -Wconversion -Wshadow)
if(WEIR_WERROR)
    list(APPEND weir_warnings -Werror)
endif()
add_compile_options(${weir_warnings} $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>)

# C11 by the letter hides POSIX and Linux. src/os and our programs ask for them;
# the rest of src/ makes no system calls. Empty, so that a file may define it too.
set(weir_gnu_source $<$<COMPILE_LANGUAGE:C>:_GNU_SOURCE=>)

# Where neither a build type nor anybody's flags say how far to optimise, as in a tree that weir is
# a part of, the library is optimised all the same.
get_directory_property(weir_inherited COMPILE_OPTIONS)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES
   AND NOT "${CMAKE_C_FLAGS};${weir_inherited}" MATCHES "(^|[ ;:])-O")
    add_compile_options(-O2)
endif()

if(WEIR_SANITIZE STREQUAL "address")
    set(weir_sanitizers -fsanitize=address,undefined -fno-sanitize-recover=all)
elseif(WEIR_SANITIZE STREQUAL "thread")
    set(weir_sanitizers -fsanitize=thread)
elseif(NOT WEIR_SANITIZE STREQUAL "")
    message(FATAL_ERROR "WEIR_SANITIZE must be empty, address or thread, got ${WEIR_SANITIZE}")
endif()
if(weir_sanitizers)
    add_compile_options(${weir_sanitizers} -fno-omit-frame-pointer)
    add_link_options(${weir_sanitizers})
endif()

# ThreadSanitizer and the simulator cannot see CK's inline assembly. In analysis
# builds tests/analysis comes first on the include path, with a ck_pr.h that they
# can see: tso means what x86 means, strict takes ordering from fences alone.
if(NOT WEIR_ANALYSIS MATCHES "^(off|tso|strict)$")
    message(FATAL_ERROR "WEIR_ANALYSIS must be off, tso or strict, got ${WEIR_ANALYSIS}")
elseif(NOT WEIR_ANALYSIS STREQUAL "off")
    if(NOT EXISTS ${PROJECT_SOURCE_DIR}/tests/analysis/ck_pr.h)
        message(FATAL_ERROR "WEIR_ANALYSIS=${WEIR_ANALYSIS} needs tests/analysis/ck_pr.h")
    endif()
    include_directories(BEFORE ${PROJECT_SOURCE_DIR}/tests/analysis)
    add_compile_definitions(WEIR_ANALYSIS)
    if(WEIR_ANALYSIS STREQUAL "strict")
        add_compile_definitions(WEIR_ANALYSIS_STRICT)
    endif()
endif()
