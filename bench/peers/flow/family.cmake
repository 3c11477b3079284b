# Libraries that run a graph of stages themselves: oneTBB and the C++ Actor Framework.
# SPDX-License-Identifier: Apache-2.0

set(flow_folder ${CMAKE_CURRENT_LIST_DIR})
set(flow_shared ${flow_folder}/words.cc ${flow_folder}/pinned.cc)

find_package(TBB QUIET)
if(TBB_FOUND)
    # Its headers are no concern of our warnings; imported targets' are SYSTEM already.
    file(GLOB tbb_files CONFIGURE_DEPENDS ${flow_folder}/tbb*.cc)
    peer_program(tbb FILES ${tbb_files} ${flow_shared} LIBRARIES TBB::tbb)
else()
    message(STATUS "weir: no peer tbb (it needs libtbb-dev)")
endif()

find_path(PEER_CAF_INCLUDE caf/all.hpp)
find_library(PEER_CAF_LIBRARY caf_core)
if(PEER_CAF_INCLUDE AND PEER_CAF_LIBRARY)
    file(GLOB caf_files CONFIGURE_DEPENDS ${flow_folder}/caf*.cc)
    peer_program(caf FILES ${caf_files} ${flow_shared} LIBRARIES ${PEER_CAF_LIBRARY})
    target_include_directories(peer_caf SYSTEM PRIVATE ${PEER_CAF_INCLUDE})
else()
    message(STATUS "weir: no peer caf (it needs libcaf-dev)")
endif()
