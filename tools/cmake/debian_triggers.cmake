# Run by cpack when it has packed: libraries have the loader's cache renewed by a trigger.
# SPDX-License-Identifier: Apache-2.0
#
# cpack writes scripts that call ldconfig, once for each library; Debian's way is one trigger for
# all that are installed together.

foreach(package ${CPACK_PACKAGE_FILES})
    set(folder ${CPACK_TEMPORARY_DIRECTORY}/again)
    file(REMOVE_RECURSE ${folder})
    execute_process(COMMAND dpkg-deb --raw-extract ${package} ${folder} COMMAND_ERROR_IS_FATAL ANY)
    if(EXISTS ${folder}/DEBIAN/shlibs)
        file(REMOVE ${folder}/DEBIAN/postinst ${folder}/DEBIAN/postrm)
        file(WRITE ${folder}/DEBIAN/triggers "activate-noawait ldconfig\n")
        execute_process(COMMAND dpkg-deb --root-owner-group --build ${folder} ${package}
                        OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
    endif()
endforeach()
file(REMOVE_RECURSE ${CPACK_TEMPORARY_DIRECTORY}/again)
