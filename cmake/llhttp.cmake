# The HTTP parser: built from the C sources of Debian's node-llhttp, installed or unpacked by
# scripts/deps, or else a system libllhttp. Sets SX_LLHTTP_OBJECTS and SX_LLHTTP_LIBRARIES, one of
# which is empty, and defines the target sx_llhttp, which gives its users the header.

find_path(SX_LLHTTP_SOURCES llhttp.c NO_DEFAULT_PATH DOC "Folder with api.c, http.c and llhttp.c"
    PATHS /usr/share/llhttp ${CMAKE_CURRENT_SOURCE_DIR}/build/unpacked/usr/share/llhttp)
find_path(SX_LLHTTP_INCLUDE llhttp.h
    HINTS ${SX_LLHTTP_SOURCES} ${SX_LLHTTP_SOURCES}/../include/llhttp)
set(SX_LLHTTP_OBJECTS)
set(SX_LLHTTP_LIBRARIES)
add_library(sx_llhttp INTERFACE)

if(SX_LLHTTP_INCLUDE AND EXISTS ${SX_LLHTTP_SOURCES}/llhttp.c)
    add_library(sx_llhttp_objects OBJECT ${SX_LLHTTP_SOURCES}/api.c ${SX_LLHTTP_SOURCES}/http.c
        ${SX_LLHTTP_SOURCES}/llhttp.c)
    target_include_directories(sx_llhttp_objects PRIVATE ${SX_LLHTTP_INCLUDE})
    target_compile_definitions(sx_llhttp_objects PRIVATE LLHTTP_STRICT_MODE=1)
    target_compile_options(sx_llhttp_objects PRIVATE -w)
    target_compile_definitions(sx_llhttp INTERFACE LLHTTP_STRICT_MODE=1)
    set(SX_LLHTTP_OBJECTS sx_llhttp_objects)
else()
    find_library(SX_LLHTTP_LIBRARY llhttp)
    if(NOT SX_LLHTTP_INCLUDE OR NOT SX_LLHTTP_LIBRARY)
        message(FATAL_ERROR
            "llhttp is missing (Debian: node-llhttp, or libllhttp-dev): run `make deps`")
    endif()
    set(SX_LLHTTP_LIBRARIES llhttp)
endif()
target_include_directories(sx_llhttp SYSTEM INTERFACE ${SX_LLHTTP_INCLUDE})
