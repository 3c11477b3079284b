# Libraries that run a graph of stages themselves: oneTBB and the C++ Actor Framework.
# SPDX-License-Identifier: Apache-2.0

set(flow ${CMAKE_CURRENT_LIST_DIR})

find_package(TBB QUIET)
if(TBB_FOUND)
    # Its headers are no concern of our warnings; imported targets' are SYSTEM already.
    peer_program(tbb FILES ${flow}/tbb.cc ${flow}/tbb_fan.cc ${flow}/tbb_latency.cc
                 ${flow}/tbb_pipe.cc ${flow}/tbb_site.cc ${flow}/words.cc LIBRARIES TBB::tbb)
else()
    message(STATUS "weir: no peer tbb (it needs libtbb-dev)")
endif()

find_path(PEER_CAF_INCLUDE caf/all.hpp)
find_library(PEER_CAF_LIBRARY caf_core)
if(PEER_CAF_INCLUDE AND PEER_CAF_LIBRARY)
    peer_program(caf FILES ${flow}/caf.cc ${flow}/caf_actors.cc ${flow}/caf_fan.cc
                 ${flow}/caf_pipe.cc ${flow}/caf_site.cc ${flow}/words.cc
                 LIBRARIES ${PEER_CAF_LIBRARY})
    target_include_directories(peer_caf SYSTEM PRIVATE ${PEER_CAF_INCLUDE})
else()
    message(STATUS "weir: no peer caf (it needs libcaf-dev)")
endif()
