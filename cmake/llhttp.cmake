# Looks for the HTTP parser: the C sources of Debian 12's node-llhttp, installed or unpacked by
# scripts/deps, or else a system libllhttp (Debian 13's libllhttp-dev). Sets SX_LLHTTP_FOUND.
# sx_add_llhttp builds the sources or names the library.

find_path(SX_LLHTTP_SOURCES llhttp.c NO_DEFAULT_PATH DOC "Folder with api.c, http.c and llhttp.c"
    PATHS /usr/share/llhttp ${CMAKE_CURRENT_SOURCE_DIR}/build/unpacked/usr/share/llhttp)
find_path(SX_LLHTTP_INCLUDE llhttp.h
    HINTS ${SX_LLHTTP_SOURCES} ${SX_LLHTTP_SOURCES}/../include/llhttp)
set(SX_LLHTTP_FOUND OFF)
if(SX_LLHTTP_INCLUDE AND EXISTS ${SX_LLHTTP_SOURCES}/llhttp.c)
    set(SX_LLHTTP_FOUND ON)
elseif(SX_LLHTTP_INCLUDE)
    find_library(SX_LLHTTP_LIBRARY llhttp)
    if(SX_LLHTTP_LIBRARY)
        set(SX_LLHTTP_FOUND ON)
    endif()
endif()

# Defines the target sx_llhttp, which gives its users the header, and sets SX_LLHTTP_OBJECTS and
# SX_LLHTTP_LIBRARIES, one of which is empty.
macro(sx_add_llhttp)
    set(SX_LLHTTP_OBJECTS)
    set(SX_LLHTTP_LIBRARIES)
    add_library(sx_llhttp INTERFACE)
    target_include_directories(sx_llhttp SYSTEM INTERFACE ${SX_LLHTTP_INCLUDE})
    if(EXISTS ${SX_LLHTTP_SOURCES}/llhttp.c)
        sx_build_llhttp()
    else()
        set(SX_LLHTTP_LIBRARIES llhttp)
    endif()
endmacro()

macro(sx_build_llhttp)
    add_library(sx_llhttp_objects OBJECT ${SX_LLHTTP_SOURCES}/api.c ${SX_LLHTTP_SOURCES}/http.c
        ${SX_LLHTTP_SOURCES}/llhttp.c)
    target_include_directories(sx_llhttp_objects PRIVATE ${SX_LLHTTP_INCLUDE})
    target_compile_definitions(sx_llhttp_objects PRIVATE LLHTTP_STRICT_MODE=1)
    target_compile_options(sx_llhttp_objects PRIVATE -w)
    target_compile_definitions(sx_llhttp INTERFACE LLHTTP_STRICT_MODE=1)
    set(SX_LLHTTP_OBJECTS sx_llhttp_objects)

    # With SSE4.2 llhttp reads header values sixteen bytes at a time, but there are x86-64 processors
    # without it. So it is compiled twice, and src/http/llhttp_execute.c chooses.
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
        file(STRINGS ${SX_LLHTTP_SOURCES}/llhttp.c renamed REGEX "^int llhttp__internal__?[a-z0-9_]+")
        list(TRANSFORM renamed REPLACE "^int (llhttp__internal_[a-z0-9_]+).*" "\\1=sx__sse42_\\1")
        list(REMOVE_DUPLICATES renamed)
        add_library(sx_llhttp_sse42 OBJECT ${SX_LLHTTP_SOURCES}/llhttp.c)
        target_include_directories(sx_llhttp_sse42 PRIVATE ${SX_LLHTTP_INCLUDE})
        target_compile_definitions(sx_llhttp_sse42 PRIVATE LLHTTP_STRICT_MODE=1 ${renamed})
        target_compile_options(sx_llhttp_sse42 PRIVATE -w -msse4.2)
        set_source_files_properties(${SX_LLHTTP_SOURCES}/api.c PROPERTIES
            COMPILE_DEFINITIONS llhttp__internal_execute=sx__llhttp_execute)
        target_compile_definitions(sx_llhttp INTERFACE SX_LLHTTP_SSE42=1)
        list(APPEND SX_LLHTTP_OBJECTS sx_llhttp_sse42)
    endif()
endmacro()
