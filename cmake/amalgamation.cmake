# With SEXTANT_AMALGAMATION, libsextant-metrics is built from the two files that scripts/amalgamate
# writes, and the tests that need no other library test it. Defines the object library
# sx_amalgamation.

set(amalgamation ${CMAKE_CURRENT_BINARY_DIR}/dist)
file(GLOB_RECURSE sources CONFIGURE_DEPENDS src/*.c src/*.h src/*.inc include/sextant/*.h)
add_custom_command(
    OUTPUT ${amalgamation}/sextant_metrics.c ${amalgamation}/sextant_metrics.h
    COMMAND ${SEXTANT_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/scripts/amalgamate ${amalgamation}
    DEPENDS ${sources} scripts/amalgamate CMakeLists.txt VERBATIM)
add_library(sx_amalgamation OBJECT ${amalgamation}/sextant_metrics.c)
target_compile_options(sx_amalgamation PRIVATE -Wall -Wextra -Werror)
target_link_libraries(sx_amalgamation PRIVATE Threads::Threads)
