# tests/<folder>/test_<thing>.c becomes the test <folder>.<thing>. Tests link the static libraries
# and may include the private headers of the folder they test; the other .c files of their folder
# are linked into each of them, and tests/shared/page.c where pages are read. A test that defines
# __wrap_NAME has NAME wrapped at link time. One that includes failing_allocation.h or
# failing_openssl.h is linked with tests/shared/failing_allocation.c.

# Without the app framework (SX_APP), the tests that need it are left out: SX_TEST_FOLDERS,
# SX_FUZZ_THINGS and SX_SYSTEM_THINGS are then those of the metrics libraries.

find_path(SX_CMOCKA_INCLUDE cmocka.h)
find_library(SX_CMOCKA_LIBRARY cmocka)
set(missing)
if(NOT SX_CMOCKA_INCLUDE OR NOT SX_CMOCKA_LIBRARY)
    set(missing "cmocka is missing (Debian: libcmocka-dev)")
elseif(NOT EXISTS ${SEXTANT_PYTHON})
    set(missing "${SEXTANT_PYTHON} is missing (Debian: python3)")
endif()
if(missing AND SEXTANT_TESTS STREQUAL "AUTO" AND NOT SEXTANT_FUZZ)
    message(STATUS "Sextant: the tests are left out: ${missing}")
    return()
elseif(missing)
    message(FATAL_ERROR "${missing}: run `make deps PACKAGES=test`")
endif()

if(SEXTANT_TESTS AND NOT SEXTANT_AMALGAMATION AND NOT TARGET prom)
    include(cmake/compat_prom.cmake)
endif()

set(SX_TEST_FOLDERS status text address clock metrics exposition check http_metrics metrics_server)
set(SX_FUZZ_THINGS accept check collected double escape_name exposition metrics_server parser shared trace_parent unix_address)
set(SX_SYSTEM_THINGS amalgamation by_labels check cplusplus formats hostile judges label_churn layers lint metrics_alone metrics_only openmetrics plugin_host plugins shared_names show word_size)
set(SX_TEST_LIBRARIES sextant-metrics-server-static)
if(SX_ZLIB)
    list(APPEND SX_TEST_FOLDERS gzip)
endif()
if(SX_APP)
    list(APPEND SX_TEST_FOLDERS memory http server app command prometheus access_log authentication)
    set(SX_FUZZ_THINGS "[a-z_]+")
    set(SX_SYSTEM_THINGS "[a-z_]+")
    list(PREPEND SX_TEST_LIBRARIES sextant-static sx_llhttp)
endif()
if(SEXTANT_AMALGAMATION) # the other libraries contain files that the two files contain, too
    set(SX_TEST_FOLDERS status text clock metrics exposition check http_metrics)
    set(SX_FUZZ_THINGS accept check collected double escape_name exposition parser shared trace_parent)
    set(SX_SYSTEM_THINGS check formats hostile lint openmetrics shared_names show)
    set(SX_TEST_LIBRARIES sextant-metrics-static)
endif()
if(TARGET prom-static)
    list(APPEND SX_TEST_FOLDERS compat)
endif()
list(JOIN SX_FUZZ_THINGS "|" SX_FUZZ_THINGS)
list(JOIN SX_SYSTEM_THINGS "|" SX_SYSTEM_THINGS)
set(SX_TEST_SEES_status)
set(SX_TEST_SEES_text src/text)
set(SX_TEST_SEES_address src/address)
set(SX_TEST_SEES_metrics src/metrics src/metrics/storage src/clock src/text)
set(SX_TEST_SEES_exposition src/exposition src/metrics src/metrics/storage src/text)
set(SX_TEST_SEES_check src/check src/text)
set(SX_TEST_SEES_gzip)
set(SX_TEST_SEES_http_metrics src/http_metrics)
set(SX_TEST_SEES_metrics_server src/metrics_server src/text)
set(SX_TEST_SEES_clock src/clock)
set(SX_TEST_SEES_memory src/memory)
set(SX_TEST_SEES_http src/http src/clock src/memory src/server src/text)
set(SX_TEST_SEES_server src/server src/http src/address src/clock src/memory src/text tests/http)
set(SX_TEST_SEES_app src/app src/server src/http src/clock src/memory src/text)
set(SX_TEST_SEES_command src/command src/app src/server src/http src/address src/clock src/memory
    src/text)
set(SX_TEST_SEES_prometheus)
set(SX_TEST_SEES_access_log src/access_log src/text)
set(SX_TEST_SEES_authentication src/authentication src/text)
set(SX_TEST_SEES_compat compat/prom)
set(SEXTANT_TEST_TIMEOUT 60 CACHE STRING "Seconds until a test is taken for hung")

# What all programs under tests/ and fuzz/ are compiled with.
function(sx_test_libraries target)
    target_include_directories(${target} SYSTEM PRIVATE
        ${SX_CMOCKA_INCLUDE} ${SX_JANSSON_INCLUDE_DIRS} ${ZLIB_INCLUDE_DIRS})
    target_link_libraries(${target} PRIVATE
        sx_settings ${SX_TEST_LIBRARIES} Threads::Threads m)
endfunction()

# SHARED are sources that are compiled elsewhere.
function(sx_test_program target)
    cmake_parse_arguments(ARG "" "" "SHARED" ${ARGN})
    set(sources ${ARG_UNPARSED_ARGUMENTS})
    foreach(source ${sources} ${ARG_SHARED})
        file(STRINGS ${source} fails REGEX "include \"failing_(allocation|openssl)\\.h\"")
        if(fails)
            list(APPEND sources ${CMAKE_CURRENT_SOURCE_DIR}/tests/shared/failing_allocation.c)
        endif()
    endforeach()
    list(REMOVE_DUPLICATES sources)
    set(wraps)
    foreach(source ${sources} ${ARG_SHARED})
        file(STRINGS ${source} lines REGEX "__wrap_[a-z0-9_]+\\(")
        foreach(line ${lines})
            string(REGEX MATCH "__wrap_([a-z0-9_]+)\\(" match "${line}")
            list(APPEND wraps -Wl,--wrap=${CMAKE_MATCH_1})
        endforeach()
    endforeach()
    list(REMOVE_DUPLICATES wraps)
    add_executable(${target} ${sources})
    sx_test_libraries(${target})
    target_link_options(${target} PRIVATE ${wraps})
    set_target_properties(${target} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/tests)
endfunction()

# What the sources of tests/<folder> are compiled with besides.
function(sx_test_settings target folder)
    sx_test_libraries(${target})
    target_include_directories(${target} PRIVATE
        tests/${folder} tests/shared ${SX_TEST_SEES_${folder}})
    target_compile_definitions(${target} PRIVATE SX_PROJECT_VERSION="${PROJECT_VERSION}"
        $<$<BOOL:${SEXTANT_AMALGAMATION}>:SX_AMALGAMATION>)
    if(folder STREQUAL "compat")
        target_link_libraries(${target} PRIVATE prom-static)
    endif()
endfunction()

if(SEXTANT_TESTS)
    foreach(folder ${SX_TEST_FOLDERS})
        file(GLOB shared CONFIGURE_DEPENDS tests/${folder}/*.c)
        list(FILTER shared EXCLUDE REGEX "/test_[^/]*$")
        if(folder STREQUAL "server")
            file(GLOB http CONFIGURE_DEPENDS tests/http/*.c)
            list(FILTER http EXCLUDE REGEX "/test_[^/]*$")
            list(APPEND shared ${http})
        endif()
        if(folder MATCHES "^(metrics|http_metrics|prometheus|compat)$")
            list(APPEND shared ${CMAKE_CURRENT_SOURCE_DIR}/tests/shared/page.c)
        endif()
        if(shared) # compiled once for all tests of the folder
            add_library(tests_${folder} OBJECT ${shared})
            sx_test_settings(tests_${folder} ${folder})
        endif()
        file(GLOB sources CONFIGURE_DEPENDS tests/${folder}/test_*.c)
        foreach(source ${sources})
            get_filename_component(thing ${source} NAME_WE)
            string(REGEX REPLACE "^test_" "" thing ${thing})
            set(target test_${folder}_${thing})
            sx_test_program(${target} ${source} SHARED ${shared})
            sx_test_settings(${target} ${folder})
            if(shared)
                target_sources(${target} PRIVATE $<TARGET_OBJECTS:tests_${folder}>)
            endif()
            target_link_libraries(${target} PRIVATE ${SX_CMOCKA_LIBRARY})
            add_test(NAME ${folder}.${thing} COMMAND ${target})
            set_tests_properties(${folder}.${thing} PROPERTIES
                TIMEOUT ${SEXTANT_TEST_TIMEOUT} LABELS unit SKIP_RETURN_CODE 77)
        endforeach()
    endforeach()
    # It traces each instruction, which takes half a minute where two tests run at a time.
    set_tests_properties(metrics.kills PROPERTIES TIMEOUT 300)
endif()

# fuzz/fuzz_<thing>.c: with SEXTANT_FUZZ a libFuzzer program; else it runs its corpus and some thousands
# of mutations of it as the test fuzz.<thing>, so that it does not rot.
file(GLOB sources CONFIGURE_DEPENDS fuzz/fuzz_*.c)
list(FILTER sources INCLUDE REGEX "/fuzz_(${SX_FUZZ_THINGS})\\.c$")
foreach(source ${sources})
    get_filename_component(target ${source} NAME_WE)
    string(REGEX REPLACE "^fuzz_" "" thing ${target})
    set(corpus ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${thing})
    if(SEXTANT_FUZZ)
        sx_test_program(${target} ${source})
        target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    else()
        sx_test_program(${target} ${source} ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/driver.c)
        add_test(NAME fuzz.${thing} COMMAND ${target} ${corpus})
        set_tests_properties(fuzz.${thing} PROPERTIES TIMEOUT ${SEXTANT_TEST_TIMEOUT} LABELS fuzz)
    endif()
    target_include_directories(${target} PRIVATE
        src/text src/address src/metrics src/metrics/storage src/exposition src/check
        src/metrics_server src/http_metrics src/http src/server src/clock src/memory src/app src/command
        src/authentication tests/shared)
endforeach()

# tests/system/: the examples over sockets, and what outsiders make of us.
if(SEXTANT_TESTS)
    file(GLOB sources CONFIGURE_DEPENDS tests/system/*.c)
    foreach(source ${sources})
        get_filename_component(name ${source} NAME_WE)
        file(STRINGS ${source} app REGEX "<sextant/app.h>")
        file(STRINGS ${source} server REGEX "<sextant/metrics_server.h>")
        if((app AND NOT SX_APP) OR (server AND SEXTANT_AMALGAMATION))
            continue()
        endif()
        sx_test_program(${name} ${source})
    endforeach()
    set(environment SX_SOURCE=${CMAKE_CURRENT_SOURCE_DIR} SX_BUILD=${CMAKE_CURRENT_BINARY_DIR}
        SX_UNPACKED=${CMAKE_CURRENT_SOURCE_DIR}/build/unpacked PYTHONDONTWRITEBYTECODE=1)
    file(GLOB sources CONFIGURE_DEPENDS tests/system/test_*.py tests/system/test_*.sh)
    list(FILTER sources INCLUDE REGEX "/test_(${SX_SYSTEM_THINGS})\\.(py|sh)$")
    list(FILTER sources EXCLUDE REGEX "/test_servers\\.py$") # it needs an argument; see below
    foreach(source ${sources})
        get_filename_component(thing ${source} NAME_WE)
        string(REGEX REPLACE "^test_" "" thing ${thing})
        if(source MATCHES "\\.py$")
            add_test(NAME system.${thing} COMMAND ${SEXTANT_PYTHON} ${source})
        else()
            add_test(NAME system.${thing} COMMAND ${source})
        endif()
        set_tests_properties(system.${thing} PROPERTIES
            TIMEOUT 240 LABELS system SKIP_RETURN_CODE 77
            ENVIRONMENT "${environment}")
    endforeach()

    # The examples of other servers, each in all the modes that it has.
    foreach(mode microhttpd_thread microhttpd_poll microhttpd_pool microhttpd_connection
            microhttpd_select microhttpd_epoll evhttp civetweb ulfius fastcgi)
        string(REGEX REPLACE "_.*" "" name ${mode})
        if(TARGET example_server_${name})
            add_test(NAME system.servers_${mode} COMMAND ${SEXTANT_PYTHON}
                ${CMAKE_CURRENT_SOURCE_DIR}/tests/system/test_servers.py ${mode})
            set_tests_properties(system.servers_${mode} PROPERTIES
                TIMEOUT 600 LABELS system SKIP_RETURN_CODE 77 ENVIRONMENT "${environment}")
        endif()
    endforeach()
    foreach(thing amalgamation check embedding judges libprom metrics_alone) # they build much
        if(TEST system.${thing})
            set_tests_properties(system.${thing} PROPERTIES TIMEOUT 600)
        endif()
    endforeach()
endif()

# What `scripts/check instructions` counts, besides examples/hello.
add_executable(bench_instructions EXCLUDE_FROM_ALL bench/instructions.c)
set_target_properties(bench_instructions PROPERTIES
    OUTPUT_NAME instructions RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/bench)
target_link_libraries(bench_instructions PRIVATE sx_settings sextant-metrics)

if(SEXTANT_CHECKS)
    foreach(check clang asan tsan valgrind fuzz format instructions lint)
        # Not check.${check}: those are the tests of tests/check.
        add_test(NAME deep.${check} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/scripts/check ${check})
        set_tests_properties(deep.${check} PROPERTIES
            TIMEOUT 1800 LABELS check RUN_SERIAL ON SKIP_RETURN_CODE 77)
    endforeach()
endif()
