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

# The soname has no version, as that of prometheus-client-c. LINKS: libraries of CMake; NEEDS: others.
# The folder is a layer, too, without libsextant's.
function(sx_compat_library name)
    cmake_parse_arguments(ARG "" "" "LINKS;NEEDS;INCLUDES" ${ARGN})
    file(APPEND ${CMAKE_CURRENT_BINARY_DIR}/layers.txt
        "compat/${name}|${SX_COMPAT_SEES}|compat/prom/include;compat/${name}/include|\n")
    file(GLOB sources CONFIGURE_DEPENDS compat/${name}/*.c)
    add_library(sx_compat_${name} OBJECT ${sources})
    set_target_properties(sx_compat_${name} PROPERTIES C_VISIBILITY_PRESET default)
    target_include_directories(sx_compat_${name} PRIVATE ${sees} compat/${name} compat/prom/include
        compat/${name}/include)
    target_include_directories(sx_compat_${name} SYSTEM PRIVATE ${ARG_INCLUDES})
    target_link_libraries(sx_compat_${name} PRIVATE sx_settings Threads::Threads)
    foreach(kind SHARED STATIC)
        set(suffix)
        if(kind STREQUAL STATIC)
            set(suffix -static)
        endif()
        set(target ${name}${suffix})
        add_library(${target} ${kind} $<TARGET_OBJECTS:sx_compat_${name}>)
        add_library(Sextant::${target} ALIAS ${target})
        set_target_properties(${target} PROPERTIES
            OUTPUT_NAME ${name} LINKER_LANGUAGE C INSTALL_RPATH "$ORIGIN")
        target_include_directories(${target} PUBLIC
            $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/compat/${name}/include>
            $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
        target_link_libraries(${target} PRIVATE sextant-metrics${suffix} Threads::Threads ${ARG_NEEDS})
        if(SEXTANT_COMPAT_PROM AND TARGET libraries)
            add_dependencies(libraries ${target})
        endif()
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
if(SX_MICROHTTPD_FOUND) # it may be for another system than the compiler
    include(CheckSymbolExists)
    set(CMAKE_REQUIRED_INCLUDES ${SX_MICROHTTPD_INCLUDE_DIRS})
    set(CMAKE_REQUIRED_LIBRARIES ${SX_MICROHTTPD_LIBRARIES})
    check_symbol_exists(MHD_start_daemon microhttpd.h SX_MICROHTTPD_WORKS)
    unset(CMAKE_REQUIRED_INCLUDES)
    unset(CMAKE_REQUIRED_LIBRARIES)
endif()
if(SX_MICROHTTPD_WORKS)
    sx_compat_library(promhttp LINKS prom
        NEEDS ${SX_MICROHTTPD_LIBRARIES} INCLUDES ${SX_MICROHTTPD_INCLUDE_DIRS})
    list(APPEND SX_COMPAT_LIBRARIES promhttp)
else()
    message(STATUS "Sextant: libpromhttp is left out: libmicrohttpd is missing (Debian: libmicrohttpd-dev)")
endif()
