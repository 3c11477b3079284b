# A port of vcpkg's for weir, from the tree that it is a part of.
# SPDX-License-Identifier: Apache-2.0
#
#   vcpkg install weir --overlay-ports=tools/packages/vcpkg
#
# vcpkg has no Concurrency Kit, of which weir needs the headers while it is built: they are the
# system's (libck-dev, ck-devel).  The connectors and the tool are left out: their clients' names
# for pkg-config are not vcpkg's.

get_filename_component(SOURCE_PATH "${CURRENT_PORT_DIR}/../../../.." ABSOLUTE)

vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        -DWEIR_TESTS=OFF
        -DWEIR_EXAMPLES=OFF
        -DWEIR_BENCH=OFF
        -DWEIR_TOOL=OFF
        -DWEIR_NATS=OFF
        -DWEIR_REDIS=OFF
        -DWEIR_KAFKA=OFF
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/weir)
vcpkg_fixup_pkgconfig()

file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include" "${CURRENT_PACKAGES_DIR}/debug/share")
file(INSTALL "${CURRENT_PORT_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
