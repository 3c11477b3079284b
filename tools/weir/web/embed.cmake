# Writes files as C arrays: cmake -D OUT=page.c -D FOLDER=page -D NAMES=a,b -P embed.cmake
# SPDX-License-Identifier: Apache-2.0

string(REPLACE "," ";" names "${NAMES}")
set(arrays)
set(table)
set(number 0)
foreach(name ${names})
    file(READ ${FOLDER}/${name} bytes HEX)
    string(LENGTH "${bytes}" digits)
    math(EXPR length "${digits} / 2")
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
    string(APPEND arrays "static const unsigned char file_${number}[] = {${bytes}};\n")
    string(APPEND table "    {\"${name}\", file_${number}, ${length}},\n")
    math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUT} "#include \"page.h\"\n\n${arrays}\n"
    "const struct page_file page_files[] = {\n${table}    {NULL, NULL, 0}};\n")
