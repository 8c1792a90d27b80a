# examples/servers/<name>.c: request metrics for an HTTP server of another project. An example is
# built if the library of that server is installed, or unpacked (scripts/unpack). It sees the public
# headers only.

# sx_server_example(NAME PACKAGE HEADER LIBRARY...)
function(sx_server_example name package header)
    set(source examples/servers/${name}.c)
    find_path(SX_${name}_INCLUDE ${header}
        HINTS ${CMAKE_CURRENT_SOURCE_DIR}/build/unpacked/usr/include)
    set(missing)
    set(libraries)
    foreach(library ${ARGN})
        find_library(SX_${name}_${library} NAMES ${library} ${SX_NAME_OF_${library}})
        mark_as_advanced(SX_${name}_${library})
        list(APPEND libraries ${SX_${name}_${library}})
        if(NOT SX_${name}_${library})
            set(missing ON)
        endif()
    endforeach()
    mark_as_advanced(SX_${name}_INCLUDE)
    if(missing OR NOT SX_${name}_INCLUDE)
        message(STATUS "Sextant: ${source} is left out: its library is missing (Debian: ${package})")
        return()
    endif()
    add_executable(example_server_${name} ${source})
    set_target_properties(example_server_${name} PROPERTIES
        OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/examples/servers)
    target_include_directories(example_server_${name} SYSTEM PRIVATE ${SX_${name}_INCLUDE})
    target_link_libraries(example_server_${name} PRIVATE
        sx_settings sextant-metrics ${libraries} Threads::Threads)
    add_dependencies(examples example_server_${name})
endfunction()

sx_server_example(microhttpd libmicrohttpd-dev microhttpd.h microhttpd)
sx_server_example(evhttp libevent-dev event2/http.h event_core event_extra)
sx_server_example(civetweb libcivetweb-dev civetweb.h civetweb)
set(SX_NAME_OF_ulfius libulfius.so.2.7) # libulfius.so is in the package that is only unpacked
sx_server_example(ulfius libulfius-dev ulfius.h ulfius orcania yder microhttpd)
sx_server_example(fastcgi libfcgi-dev fcgiapp.h fcgi)
