# Libraries that run a graph of stages themselves: oneTBB and the C++ Actor Framework.
# SPDX-License-Identifier: Apache-2.0

set(flow_folder ${CMAKE_CURRENT_LIST_DIR})

find_package(TBB QUIET)
if(TBB_FOUND)
    # Its headers are no concern of our warnings; imported targets' are SYSTEM already.
    peer_program(tbb FILES ${flow_folder}/tbb.cc ${flow_folder}/tbb_fan.cc ${flow_folder}/tbb_latency.cc
                 ${flow_folder}/tbb_pipe.cc ${flow_folder}/tbb_site.cc ${flow_folder}/words.cc ${flow_folder}/pinned.cc LIBRARIES TBB::tbb)
else()
    message(STATUS "weir: no peer tbb (it needs libtbb-dev)")
endif()

find_path(PEER_CAF_INCLUDE caf/all.hpp)
find_library(PEER_CAF_LIBRARY caf_core)
if(PEER_CAF_INCLUDE AND PEER_CAF_LIBRARY)
    peer_program(caf FILES ${flow_folder}/caf.cc ${flow_folder}/caf_actors.cc ${flow_folder}/caf_fan.cc
                 ${flow_folder}/caf_pipe.cc ${flow_folder}/caf_site.cc ${flow_folder}/words.cc ${flow_folder}/pinned.cc
                 LIBRARIES ${PEER_CAF_LIBRARY})
    target_include_directories(peer_caf SYSTEM PRIVATE ${PEER_CAF_INCLUDE})
else()
    message(STATUS "weir: no peer caf (it needs libcaf-dev)")
endif()
