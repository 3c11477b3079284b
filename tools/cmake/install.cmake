# What `cmake --install` puts where: headers, the library, and the two ways to find it.
# SPDX-License-Identifier: Apache-2.0
#
#   find_package(weir 0.2)  then link weir::weir    (weirConfig.cmake)
#   find_package(weir 0.2 COMPONENTS nats)  and weir::nats, where it was built
#   pkg-config --cflags --libs weir                 (weir.pc; weir-nats.pc and the like)
#   man weir_subscribe                              (tools/man/pages.py)

include(CMakePackageConfigHelpers)
set(weir_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/weir)

install(DIRECTORY include/weir DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev
        FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp"
        PATTERN nats.h EXCLUDE PATTERN redis.h EXCLUDE PATTERN kafka.h EXCLUDE)
install(TARGETS weir EXPORT weirTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT dev
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
install(EXPORT weirTargets NAMESPACE weir:: DESTINATION ${weir_cmake_dir} COMPONENT dev)

configure_package_config_file(tools/cmake/weirConfig.cmake.in
    ${PROJECT_BINARY_DIR}/weirConfig.cmake INSTALL_DESTINATION ${weir_cmake_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/weirConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/weirConfig.cmake ${PROJECT_BINARY_DIR}/weirConfigVersion.cmake
        DESTINATION ${weir_cmake_dir} COMPONENT dev)

# weir.pc, and its kin, find their prefix by where they lie, so the tree can be moved, and installed
# with another --prefix.  In what is absolute blanks are escaped; pkg-config does the rest.
if(IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
    string(REPLACE " " "\\ " weir_pc_prefix "${CMAKE_INSTALL_PREFIX}")
else()
    file(RELATIVE_PATH weir_pc_to_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig
         ${CMAKE_INSTALL_PREFIX})
    string(REGEX REPLACE "/$" "" weir_pc_to_prefix "${weir_pc_to_prefix}")
    set(weir_pc_prefix "\${pcfiledir}/${weir_pc_to_prefix}")
endif()
foreach(folder LIBDIR INCLUDEDIR)
    if(IS_ABSOLUTE ${CMAKE_INSTALL_${folder}})
        set(weir_pc_${folder} ${CMAKE_INSTALL_${folder}})
    else()
        set(weir_pc_${folder} "\${prefix}/${CMAKE_INSTALL_${folder}}")
    endif()
    string(REPLACE " " "\\ " weir_pc_${folder} "${weir_pc_${folder}}")
endforeach()
configure_file(tools/cmake/weir.pc.in ${PROJECT_BINARY_DIR}/weir.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/weir.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)

# The manual, which python3 makes of the headers and of the tool's own help.
find_program(WEIR_PYTHON python3)
if(WEIR_PYTHON)
    file(GLOB man_sources CONFIGURE_DEPENDS tools/man/* include/weir/*.h)
    list(APPEND man_sources ${PROJECT_SOURCE_DIR}/tools/weir/help.c)
    set(weir_man_dir ${PROJECT_BINARY_DIR}/man)
    add_custom_command(OUTPUT ${weir_man_dir}/made
        COMMAND ${CMAKE_COMMAND} -E rm -rf ${weir_man_dir}
        COMMAND ${CMAKE_COMMAND} -E env PYTHONDONTWRITEBYTECODE=1
            ${WEIR_PYTHON} ${PROJECT_SOURCE_DIR}/tools/man/pages.py ${weir_man_dir}
        COMMAND ${CMAKE_COMMAND} -E touch ${weir_man_dir}/made
        DEPENDS ${man_sources} VERBATIM)
    add_custom_target(weir_man ALL DEPENDS ${weir_man_dir}/made)
    install(DIRECTORY ${weir_man_dir}/dev/ DESTINATION ${CMAKE_INSTALL_MANDIR} COMPONENT dev)
    if(WEIR_TOOL)
        install(DIRECTORY ${weir_man_dir}/tools/ DESTINATION ${CMAKE_INSTALL_MANDIR}
                COMPONENT tools)
    endif()
else()
    message(STATUS "weir: no man pages (python3 was not found)")
endif()

# Each connector that was built: its library and header in a component of its own.
foreach(connector ${weir_connectors})
    set(client ${weir_client_of_${connector}})
    install(FILES include/weir/${connector}.h
            DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/weir COMPONENT ${connector}-dev)
    install(TARGETS weir_${connector} EXPORT weir-${connector}Targets
            LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${connector}
                    NAMELINK_COMPONENT ${connector}-dev
            ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${connector}-dev)
    install(EXPORT weir-${connector}Targets NAMESPACE weir:: DESTINATION ${weir_cmake_dir}
            COMPONENT ${connector}-dev)
    configure_file(tools/cmake/weirComponent.cmake.in
        ${PROJECT_BINARY_DIR}/weir-${connector}.cmake @ONLY)
    # Who links an archive links what it needs, and nobody thinks of --static; a shared library
    # brings that itself.
    set(weir_pc_requires "weir = ${PROJECT_VERSION}\nRequires.private: ${client}")
    if(NOT BUILD_SHARED_LIBS)
        set(weir_pc_requires "weir = ${PROJECT_VERSION}, ${client}")
    endif()
    configure_file(tools/cmake/connector.pc.in ${PROJECT_BINARY_DIR}/weir-${connector}.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/weir-${connector}.cmake
            DESTINATION ${weir_cmake_dir} COMPONENT ${connector}-dev)
    install(FILES ${PROJECT_BINARY_DIR}/weir-${connector}.pc
            DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT ${connector}-dev)
    if(WEIR_PYTHON)
        install(DIRECTORY ${weir_man_dir}/${connector}-dev/ DESTINATION ${CMAKE_INSTALL_MANDIR}
                COMPONENT ${connector}-dev)
    endif()
endforeach()
