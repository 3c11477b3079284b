# Queues: one peer for each library.
# SPDX-License-Identifier: Apache-2.0
#
# These libraries are headers, or nearly: their code is compiled into ours. So it gets
# -O3, which is what they build their own benchmarks with; the work on the events is
# compiled once for all, elsewhere. A library's headers are SYSTEM: their warnings are
# none of ours.

function(queue_peer name include_folder)
    file(GLOB files CONFIGURE_DEPENDS ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/${name}.cc
        ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/${name}_texts.cc)
    peer_program(${name} FILES ${files} LIBRARIES ${ARGN})
    target_include_directories(peer_${name} SYSTEM PRIVATE ${include_folder})
    target_compile_options(peer_${name} PRIVATE $<$<CONFIG:Release>:-O3>)
endfunction()

queue_peer(ck_ring ${WEIR_CK_INCLUDE}) # weir needs it too, so it is there

find_path(BENCH_BOOST_INCLUDE boost/lockfree/spsc_queue.hpp)
if(BENCH_BOOST_INCLUDE)
    queue_peer(boost ${BENCH_BOOST_INCLUDE})
else()
    message(STATUS "weir: no peer boost (it needs libboost-dev)")
endif()

find_path(BENCH_CONCURRENTQUEUE_INCLUDE concurrentqueue/concurrentqueue.h)
find_path(BENCH_READERWRITERQUEUE_INCLUDE readerwriterqueue/readerwriterqueue.h)
if(BENCH_CONCURRENTQUEUE_INCLUDE AND BENCH_READERWRITERQUEUE_INCLUDE)
    queue_peer(moodycamel "${BENCH_CONCURRENTQUEUE_INCLUDE};${BENCH_READERWRITERQUEUE_INCLUDE}")
    # gcc takes an index inlined from the library for one beyond its table.
    target_compile_options(peer_moodycamel PRIVATE -Wno-stringop-overflow)
else()
    message(STATUS "weir: no peer moodycamel "
                   "(it needs libconcurrentqueue-dev and libreaderwriterqueue-dev)")
endif()

find_package(PkgConfig QUIET)
if(PKG_CONFIG_FOUND)
    pkg_check_modules(BENCH_DPDK QUIET libdpdk)
endif()
if(BENCH_DPDK_FOUND)
    find_library(BENCH_RTE_RING rte_ring HINTS ${BENCH_DPDK_LIBRARY_DIRS})
endif()
if(BENCH_RTE_RING)
    # The ring alone: none of DPDK's some hundred libraries is wanted or started.
    queue_peer(dpdk "${BENCH_DPDK_INCLUDE_DIRS}" ${BENCH_RTE_RING})
    # -include rte_config.h, and the instructions that DPDK's headers take for granted.
    target_compile_options(peer_dpdk PRIVATE ${BENCH_DPDK_CFLAGS_OTHER})
else()
    message(STATUS "weir: no peer dpdk (it needs libdpdk-dev and pkg-config)")
endif()
