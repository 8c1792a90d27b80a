# bench/<name>.c, .cc and .go and bench/rust become build/bench/<name>; bench/run runs them and
# prints the tables. Go and Rust build with the clients that Debian packages, and download nothing;
# where a language is missing, its client is left out of the comparison.

find_package(prometheus-cpp QUIET COMPONENTS core)
pkg_check_modules(SX_MICROHTTPD QUIET libmicrohttpd)
if(NOT prometheus-cpp_FOUND)
    message(FATAL_ERROR
        "prometheus-cpp is missing (Debian: prometheus-cpp-dev): run `make deps PACKAGES=bench`")
endif()
enable_language(CXX)
add_custom_target(bench DEPENDS examples)
file(GLOB sources CONFIGURE_DEPENDS bench/*.c bench/*.cc)
list(FILTER sources EXCLUDE REGEX "/instructions\\.c$") # a check: cmake/tests.cmake
list(FILTER sources EXCLUDE REGEX "/module\\.c$") # loaded by bench/metrics
if(NOT SX_MICROHTTPD_FOUND)
    list(FILTER sources EXCLUDE REGEX "/microhttpd\\.c$")
    message(STATUS "No benchmark of libmicrohttpd: libmicrohttpd-dev")
endif()
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
    if(name STREQUAL thread_per_connection)
        target_include_directories(bench_${name} SYSTEM PRIVATE ${SX_OPENSSL_INCLUDE_DIRS})
        target_link_libraries(bench_${name} PRIVATE ${SX_OPENSSL_LIBRARIES})
    endif()
    if(name STREQUAL libprom)
        target_link_libraries(bench_${name} PRIVATE prom)
    endif()
    if(name STREQUAL microhttpd)
        target_link_libraries(bench_${name} PRIVATE ${SX_MICROHTTPD_LIBRARIES})
    endif()
    add_dependencies(bench bench_${name})
endforeach()

add_library(bench_module MODULE bench/module.c)
set_target_properties(bench_module PROPERTIES
    OUTPUT_NAME module PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/bench)
target_link_libraries(bench_module PRIVATE sx_settings sextant-metrics)
target_link_libraries(bench_metrics PRIVATE ${CMAKE_DL_LIBS})
add_dependencies(bench bench_module)

set(directory ${CMAKE_CURRENT_BINARY_DIR}/bench)

# Debian's own compilers, as Debian's crates are made for them.
set(SEXTANT_GO /usr/bin/go CACHE FILEPATH "The Go that builds with /usr/share/gocode")
set(SEXTANT_CARGO /usr/bin/cargo CACHE FILEPATH "The cargo that builds with /usr/share/cargo/registry")
set(SEXTANT_RUSTC /usr/bin/rustc CACHE FILEPATH "The rustc of that cargo")

if(EXISTS ${SEXTANT_GO} AND EXISTS /usr/share/gocode/src/github.com/prometheus/client_golang)
    foreach(name golang golang_parse golang_server)
        set(source ${CMAKE_CURRENT_SOURCE_DIR}/bench/${name}.go)
        add_custom_command(OUTPUT ${directory}/${name} DEPENDS ${source} VERBATIM
            COMMAND ${CMAKE_COMMAND} -E env GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS=
                GOCACHE=${directory}/go-cache ${SEXTANT_GO} build -o ${directory}/${name} ${source})
        add_custom_target(bench_${name} DEPENDS ${directory}/${name})
        add_dependencies(bench bench_${name})
    endforeach()
else()
    message(STATUS "No benchmark of the Go client: golang-github-prometheus-client-golang-dev")
endif()

# cargo is told to take the crates of Debian's directory for those of its registry. The manifest is
# copied, because cargo writes a lock file beside it.
file(GLOB SX_CRATES /usr/share/cargo/registry/prometheus-[0-9]*)
if(EXISTS ${SEXTANT_CARGO} AND EXISTS ${SEXTANT_RUSTC} AND SX_CRATES)
    set(source ${CMAKE_CURRENT_SOURCE_DIR}/bench/rust)
    set(cargo ${directory}/cargo)
    add_custom_command(OUTPUT ${directory}/rust DEPENDS ${source}/Cargo.toml ${source}/rust.rs
        VERBATIM
        COMMAND ${CMAKE_COMMAND} -E make_directory ${cargo}
        COMMAND ${CMAKE_COMMAND} -E copy ${source}/Cargo.toml ${source}/rust.rs ${cargo}
        COMMAND ${CMAKE_COMMAND} -E env CARGO_HOME=${cargo}/home RUSTC=${SEXTANT_RUSTC} ${SEXTANT_CARGO}
            build --quiet --release --offline --manifest-path ${cargo}/Cargo.toml
            --target-dir ${cargo}/target
            --config "source.crates-io.replace-with='debian'"
            --config "source.debian.directory='/usr/share/cargo/registry'"
        COMMAND ${CMAKE_COMMAND} -E copy ${cargo}/target/release/rust ${directory}/rust)
    add_custom_target(bench_rust DEPENDS ${directory}/rust)
    add_dependencies(bench bench_rust)
else()
    message(STATUS "No benchmark of the Rust client: cargo, librust-prometheus-dev")
endif()
