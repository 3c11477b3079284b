# The managed peers: LMAX Disruptor on the JVM, Go's channels, GenStage and Broadway on the BEAM.
# SPDX-License-Identifier: Apache-2.0
#
# Each is built by its own tools, without a network, into the build folder, and left out
# where they are missing.  All but Go become a script that starts their VM; it is put into its
# place last, so that a script found there can be run.
#
# WEIR_GEN_STAGE: the path of a checkout of gen_stage (1.3.2); without it no GenStage.
# WEIR_BROADWAY: the path of a checkout of broadway (1.3.0); without it no Broadway.  What it needs,
# gen_stage, nimble_options and telemetry, is in its folder deps, where mix puts it, or beside it.

set(managed_source ${CMAKE_CURRENT_LIST_DIR})
set(managed_build ${peers_folder}/managed)

# managed_peer NAME DEPENDS FILES... COMMANDS COMMAND ...: build/bench/peers/NAME.
function(managed_peer name)
    cmake_parse_arguments(PARSE_ARGV 1 peer "" "" "DEPENDS;COMMANDS")
    add_custom_command(OUTPUT ${peers_folder}/${name} DEPENDS ${peer_DEPENDS}
        ${peer_COMMANDS} COMMENT "Building the peer ${name}" VERBATIM)
    add_custom_target(peer_${name} DEPENDS ${peers_folder}/${name})
    add_dependencies(peers peer_${name})
endfunction()

function(managed_launcher name)
    configure_file(${managed_source}/${name}/launcher.in ${managed_build}/${name}/launcher
        @ONLY FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
        GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
endfunction()

function(managed_disruptor)
    find_package(Java 17 QUIET COMPONENTS Development Runtime)
    find_file(WEIR_DISRUPTOR_JAR disruptor.jar PATH_SUFFIXES java share/java)
    if(NOT Java_FOUND OR NOT WEIR_DISRUPTOR_JAR)
        message(STATUS "weir: no peer disruptor (it needs a JDK 17 and libdisruptor-java)")
        return()
    endif()
    set(classes ${managed_build}/disruptor)
    managed_launcher(disruptor)
    file(GLOB host CONFIGURE_DEPENDS ${managed_source}/disruptor/host/*.java)
    file(GLOB cases CONFIGURE_DEPENDS ${managed_source}/disruptor/cases/*.java)
    set(javac ${Java_JAVAC_EXECUTABLE} --release 17 -Xlint:all,-path)
    managed_peer(disruptor DEPENDS ${host} ${cases} ${classes}/launcher COMMANDS
        COMMAND ${CMAKE_COMMAND} -E rm -rf ${classes}/host ${classes}/cases
        COMMAND ${javac} -d ${classes}/host ${host}
        COMMAND ${javac} -cp ${classes}/host:${WEIR_DISRUPTOR_JAR} -d ${classes}/cases ${cases}
        COMMAND ${CMAKE_COMMAND} -E copy ${classes}/launcher ${peers_folder}/disruptor)
endfunction()

function(managed_go)
    find_program(WEIR_GO go)
    if(NOT WEIR_GO)
        message(STATUS "weir: no peer go (it needs golang-go)")
        return()
    endif()
    file(GLOB files CONFIGURE_DEPENDS ${managed_source}/go/*.go)
    set(environment GOCACHE=${managed_build}/go/cache GOPATH=${managed_build}/go/path
        GOFLAGS=-buildvcs=false GOPROXY=off GOTOOLCHAIN=local CGO_ENABLED=0)
    # Go finds the module by the folder that it runs in.
    managed_peer(go DEPENDS ${files} ${managed_source}/go/go.mod COMMANDS
        COMMAND ${CMAKE_COMMAND} -E env ${environment} ${WEIR_GO} build -o ${peers_folder}/go .
        WORKING_DIRECTORY ${managed_source}/go)
endfunction()

# managed_beam NAME [ERLANG FILES...] LIBRARY FILES...: sources of libraries; and the folder NAME.
function(managed_beam name)
    cmake_parse_arguments(PARSE_ARGV 1 beam "" "" "ERLANG;LIBRARY")
    set(beams ${managed_build}/${name}/beams)
    managed_launcher(${name})
    file(GLOB files CONFIGURE_DEPENDS ${managed_source}/beam/*.ex ${managed_source}/${name}/*.ex)
    set(erlang)
    if(beam_ERLANG)
        set(erlang COMMAND ${WEIR_ERLC} -o ${beams} ${beam_ERLANG})
    endif()
    managed_peer(${name} DEPENDS ${beam_ERLANG} ${beam_LIBRARY} ${files}
        ${managed_build}/${name}/launcher COMMANDS
        COMMAND ${CMAKE_COMMAND} -E rm -rf ${beams}
        COMMAND ${CMAKE_COMMAND} -E make_directory ${beams}
        ${erlang}
        COMMAND ${WEIR_ELIXIRC} -pa ${beams} -o ${beams} ${beam_LIBRARY}
        COMMAND ${WEIR_ELIXIRC} -pa ${beams} -o ${beams} ${files}
        COMMAND ${CMAKE_COMMAND} -E copy ${managed_build}/${name}/launcher
            ${peers_folder}/${name})
endfunction()

function(managed_genstage)
    set(WEIR_GEN_STAGE "$ENV{WEIR_GEN_STAGE}" CACHE PATH "a checkout of gen_stage")
    find_program(WEIR_ELIXIR elixir)
    find_program(WEIR_ELIXIRC elixirc)
    if(NOT WEIR_ELIXIR OR NOT WEIR_ELIXIRC OR NOT EXISTS "${WEIR_GEN_STAGE}/lib/gen_stage.ex")
        message(STATUS "weir: no peer genstage (it needs elixir, and WEIR_GEN_STAGE set)")
        return()
    endif()
    file(GLOB_RECURSE library ${WEIR_GEN_STAGE}/lib/*.ex)
    managed_beam(genstage LIBRARY ${library})
endfunction()

function(managed_broadway)
    set(WEIR_BROADWAY "$ENV{WEIR_BROADWAY}" CACHE PATH "a checkout of broadway")
    find_program(WEIR_ERLC erlc)
    set(missing)
    set(library)
    set(erlang)
    foreach(file lib/gen_stage.ex lib/nimble_options.ex src/telemetry.erl)
        cmake_path(GET file STEM name)
        set(folder ${WEIR_BROADWAY}/deps/${name})
        if(NOT EXISTS "${folder}/${file}")
            set(folder ${WEIR_BROADWAY}/../${name})
        endif()
        if(NOT EXISTS "${folder}/${file}")
            list(APPEND missing ${name})
            continue()
        endif()
        file(GLOB_RECURSE files ${folder}/lib/*.ex)
        file(GLOB erls ${folder}/src/*.erl)
        list(APPEND library ${files})
        list(APPEND erlang ${erls})
    endforeach()
    if(NOT WEIR_ELIXIR OR NOT WEIR_ELIXIRC OR NOT WEIR_ERLC OR missing
        OR NOT EXISTS "${WEIR_BROADWAY}/lib/broadway.ex")
        list(JOIN missing ", " missing)
        message(STATUS "weir: no peer broadway (it needs elixir, and WEIR_BROADWAY set; "
            "missing: ${missing})")
        return()
    endif()
    file(GLOB_RECURSE files ${WEIR_BROADWAY}/lib/*.ex)
    managed_beam(broadway ERLANG ${erlang} LIBRARY ${library} ${files})
endfunction()

managed_disruptor()
managed_go()
managed_genstage()
managed_broadway()
