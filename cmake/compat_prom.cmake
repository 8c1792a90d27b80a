# libprom and libpromhttp, the drop-in for prometheus-client-c: compat/prom and compat/promhttp, each
# shared and static. They are built for the tests, too, and installed only with SEXTANT_COMPAT_PROM.
# libpromhttp needs libmicrohttpd, and is left out without it.

# The public headers of Sextant that they may include. They are compiled with a folder that has no
# others, and without the folders of private headers.
set(SX_COMPAT_SEES status metrics registration collector exposition)
set(sees ${CMAKE_CURRENT_BINARY_DIR}/compat/include)
foreach(header ${SX_COMPAT_SEES})
    configure_file(include/sextant/${header}.h ${sees}/sextant/${header}.h COPYONLY)
endforeach()

# The soname has no version, as that of prometheus-client-c.
function(sx_compat_library name)
    cmake_parse_arguments(ARG "" "" "LINKS" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS compat/${name}/*.c)
    foreach(kind SHARED STATIC)
        set(target ${name})
        set(suffix)
        if(kind STREQUAL STATIC)
            set(target ${name}-static)
            set(suffix -static)
        endif()
        add_library(${target} ${kind} ${sources})
        add_library(Sextant::${target} ALIAS ${target})
        set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name} C_VISIBILITY_PRESET default
            INSTALL_RPATH "$ORIGIN")
        target_include_directories(${target} PRIVATE ${sees} compat/${name}
            PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/compat/${name}/include>
            $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
        # LINK_ONLY, because the library would bring the folder of all public headers.
        target_link_libraries(${target} PRIVATE sx_settings Threads::Threads
            $<LINK_ONLY:sextant-metrics${suffix}>)
        foreach(link ${ARG_LINKS})
            target_link_libraries(${target} PUBLIC ${link}${suffix})
        endforeach()
    endforeach()
    set(exports ${CMAKE_CURRENT_SOURCE_DIR}/compat/${name}/exports.map)
    target_link_options(${name} PRIVATE -Wl,-z,nodelete -Wl,--version-script=${exports})
    set_target_properties(${name} PROPERTIES LINK_DEPENDS ${exports})
endfunction()

sx_compat_library(prom)
set(SX_COMPAT_LIBRARIES prom)

find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
    pkg_check_modules(SX_MICROHTTPD QUIET libmicrohttpd)
endif()
if(SX_MICROHTTPD_FOUND)
    sx_compat_library(promhttp LINKS prom)
    list(APPEND SX_COMPAT_LIBRARIES promhttp)
    foreach(target promhttp promhttp-static)
        target_include_directories(${target} SYSTEM PUBLIC ${SX_MICROHTTPD_INCLUDE_DIRS})
        target_link_libraries(${target} PRIVATE ${SX_MICROHTTPD_LIBRARIES})
    endforeach()
else()
    message(STATUS "Sextant: libpromhttp is left out: libmicrohttpd is missing (Debian: libmicrohttpd-dev)")
endif()
