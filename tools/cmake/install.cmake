# What `cmake --install` puts where: headers, the library, and the two ways to find it.
# SPDX-License-Identifier: Apache-2.0
#
#   find_package(weir 0.2)  then link weir::weir    (weirConfig.cmake)
#   pkg-config --cflags --libs weir                 (weir.pc)

include(CMakePackageConfigHelpers)
set(weir_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/weir)

install(DIRECTORY include/weir DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev
        FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
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

# weir.pc finds its prefix by where it lies itself, so that the tree can be moved.
file(RELATIVE_PATH weir_pc_to_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
foreach(folder LIBDIR INCLUDEDIR)
    if(IS_ABSOLUTE ${CMAKE_INSTALL_${folder}})
        set(weir_pc_${folder} ${CMAKE_INSTALL_${folder}})
    else()
        set(weir_pc_${folder} "\${prefix}/${CMAKE_INSTALL_${folder}}")
    endif()
endforeach()
configure_file(tools/cmake/weir.pc.in ${PROJECT_BINARY_DIR}/weir.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/weir.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)
