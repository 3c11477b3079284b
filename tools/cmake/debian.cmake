# Run by cpack before it packs: what Debian wants of each package beside its files.
# SPDX-License-Identifier: Apache-2.0
#
# Manual pages and changelogs are compressed, without a time in them; links to pages lead to the
# compressed ones.  SOURCE_DATE_EPOCH is the date of the changelog, or the day of the build.

function(weir_compress file)
    execute_process(COMMAND gzip -9nf ${file} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(weir_compress_pages folder)
    file(GLOB pages ${folder}/man*/*.[0-9])
    foreach(page ${pages})
        if(IS_SYMLINK ${page})
            file(READ_SYMLINK ${page} leads_to)
            file(REMOVE ${page})
            file(CREATE_LINK ${leads_to}.gz ${page}.gz SYMBOLIC)
        else()
            weir_compress(${page})
        endif()
    endforeach()
endfunction()

function(weir_document root package)
    set(documents ${root}/share/doc/${package})
    set(version ${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})
    string(TIMESTAMP when "%a, %d %b %Y %H:%M:%S +0000" UTC) # of SOURCE_DATE_EPOCH, if it is set
    file(MAKE_DIRECTORY ${documents})
    configure_file(${CPACK_WEIR_DEBIAN_FOLDER}/copyright ${documents}/copyright COPYONLY)
    configure_file(${CPACK_WEIR_CHANGELOG} ${documents}/changelog COPYONLY)
    file(WRITE ${documents}/changelog.Debian "weir (${version}) unstable; urgency=medium\n\n"
         "  * Made from the source of this version: see changelog.gz.\n\n"
         " -- ${CPACK_PACKAGE_CONTACT}  ${when}\n")
    weir_compress(${documents}/changelog)
    weir_compress(${documents}/changelog.Debian)
    configure_file(${CPACK_WEIR_DEBIAN_FOLDER}/overrides.in
                   ${root}/share/lintian/overrides/${package} @ONLY)
endfunction()

foreach(component ${CPACK_COMPONENTS_ALL})
    set(root ${CPACK_TEMPORARY_DIRECTORY}/${component}/usr)
    weir_compress_pages(${root}/share/man)
    weir_document(${root} ${CPACK_WEIR_PACKAGE_${component}})
endforeach()
