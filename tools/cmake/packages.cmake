# Packages for Debian, by `cpack -G DEB` in the build folder of a shared library (tools/package).
# SPDX-License-Identifier: Apache-2.0
#
#   libweir0.2         runtime   named by its SONAME, so that two interfaces lie side by side
#   libweir-dev        dev       headers, what CMake and pkg-config look for, the manual
#   weir-tools         tools     the tool `weir`
#   libweir-nats0.2, libweir-nats-dev, and the like: a connector each
#
# What a package has beside what is installed (copyright, changelogs, overrides) comes from
# debian.cmake, before it is packed.

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME weir)
set(CPACK_PACKAGE_VENDOR "weir")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each has its own
set(WEIR_MAINTAINER "The weir authors <weir@packages.invalid>" CACHE STRING
    "who answers for the packages")
set(CPACK_PACKAGE_CONTACT ${WEIR_MAINTAINER})
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR}) # of ours, by component
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/debian.cmake)
set(CPACK_POST_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/debian_triggers.cmake)
set(CPACK_WEIR_DEBIAN_FOLDER ${PROJECT_SOURCE_DIR}/tools/packages/debian)
set(CPACK_WEIR_CHANGELOG ${PROJECT_SOURCE_DIR}/CHANGELOG.md)

set(weir_about "weir has small stages pass events to each other as these ask for them: a
slow one slows its sources down, so nothing overflows and nothing is dropped
in silence. Stages are pinned to worker threads, with lock-free rings between
the cores.")

# weir_package(COMPONENT NAME SECTION SUMMARY DETAIL [COMPONENT THAT IT DEPENDS ON]...)
macro(weir_package component name section summary detail)
    string(TOUPPER ${component} upper)
    list(APPEND CPACK_COMPONENTS_ALL ${component})
    set(CPACK_WEIR_PACKAGE_${component} ${name})
    set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${name})
    set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section})
    set(CPACK_COMPONENT_${upper}_DESCRIPTION "${summary}\n${weir_about}\n.\n${detail}")
    set(CPACK_COMPONENT_${upper}_DEPENDS ${ARGN})
endmacro()

# weir_library(COMPONENT NAME SUMMARY DETAIL COMPONENT...): a shared library, and what it needs.
macro(weir_library component name summary detail)
    weir_package(${component} ${name}${weir_interface} libs "${summary}" "${detail}" ${ARGN})
    set(CPACK_DEBIAN_${upper}_PACKAGE_MULTIARCH same)
endmacro()

# weir_headers(COMPONENT NAME SUMMARY DETAIL OTHER PACKAGES COMPONENT...)
macro(weir_headers component name summary detail others)
    weir_package(${component} ${name} libdevel "${summary}" "${detail}" ${ARGN})
    set(CPACK_DEBIAN_${upper}_PACKAGE_DEPENDS "${others}")
    set(CPACK_DEBIAN_${upper}_PACKAGE_MULTIARCH same)
endmacro()

set(CPACK_COMPONENTS_ALL)
weir_library(runtime libweir "demand-driven stages for C (library)"
    "This package has the shared library.")
weir_headers(dev libweir-dev "demand-driven stages for C (development)"
    "This package has the headers, the manual, and what CMake and pkg-config
look for."
    "libc6-dev | libc-dev" runtime)
if(WEIR_TOOL)
    weir_package(tools weir-tools utils "demand-driven stages for C (looking at what runs)"
        "This package has the tool weir, which tells of programs, running or crashed,
what each stage does, and who holds the others up." runtime)
endif()
foreach(connector ${weir_connectors})
    set(engine ${weir_engine_of_${connector}})
    weir_library(${connector} libweir-${connector} "demand-driven stages for C (${engine})"
        "This package has the connector to ${engine}." runtime)
    weir_headers(${connector}-dev libweir-${connector}-dev
        "demand-driven stages for C (development with ${engine})"
        "This package has the headers of the connector to ${engine}."
        ${weir_package_of_${connector}} ${connector} dev)
endforeach()
include(CPack)
