# bench/<name>.c and .cc become build/bench/<name>; bench/run runs them and prints the table.

find_package(prometheus-cpp QUIET COMPONENTS core)
if(NOT prometheus-cpp_FOUND)
    message(FATAL_ERROR
        "prometheus-cpp is missing (Debian: prometheus-cpp-dev): run `make deps GROUPS=bench`")
endif()
enable_language(CXX)
add_custom_target(bench DEPENDS examples)
file(GLOB sources CONFIGURE_DEPENDS bench/*.c bench/*.cc)
foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    add_executable(bench_${name} ${source})
    set_target_properties(bench_${name} PROPERTIES
        OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/bench)
    target_link_libraries(bench_${name} PRIVATE Threads::Threads)
    if(source MATCHES "\\.cc$")
        target_link_libraries(bench_${name} PRIVATE prometheus-cpp::core)
    else()
        target_link_options(bench_${name} PRIVATE -Wl,--as-needed)
        target_link_libraries(bench_${name} PRIVATE sx_settings sextant)
    endif()
    add_dependencies(bench bench_${name})
endforeach()
