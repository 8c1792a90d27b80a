"""Sextant as a part of another CMake project: add_subdirectory and FetchContent, names that clash."""
import os
import subprocess
import tempfile
import unittest

from system import SOURCE

ADD = {
    "add_subdirectory": 'add_subdirectory("%s" sextant)' % SOURCE,
    "FetchContent": """include(FetchContent)
FetchContent_Declare(sextant SOURCE_DIR "%s")
FetchContent_MakeAvailable(sextant)""" % SOURCE,
}

# The names that Sextant uses for itself at the top level, and options as others may have them.
PROJECT = """cmake_minimum_required(VERSION 3.21)
project(parent LANGUAGES C)
option(SX_TESTS "The parent's own" ON)
set(CMAKE_C_STANDARD 99)
foreach(name examples libraries bench hello everything uninstall)
    add_custom_target(${name})
endforeach()
%s
foreach(variable CMAKE_C_EXTENSIONS CMAKE_C_VISIBILITY_PRESET CMAKE_POSITION_INDEPENDENT_CODE
        CMAKE_BUILD_TYPE CMAKE_EXPORT_COMPILE_COMMANDS)
    if(${variable})
        message(FATAL_ERROR "${variable} is set in the parent: ${${variable}}")
    endif()
endforeach()
if(NOT CMAKE_C_STANDARD EQUAL 99)
    message(FATAL_ERROR "the parent's C standard is changed")
endif()
if(TARGET sextant-cli OR TARGET example_hello OR TARGET test_text_utf8)
    message(FATAL_ERROR "more than the libraries is built")
endif()
add_executable(program program.c)
target_link_libraries(program PRIVATE Sextant::sextant)
install(TARGETS program RUNTIME DESTINATION bin)
"""

PROGRAM = """#include <sextant/exposition.h>
#include <sextant/app.h>
#include <stdio.h>

int main(void)
{
    struct sx_counter *counter = NULL;
    struct sx_app *app = NULL;
    if (sx_counter_register(&counter, NULL, &(struct sx_metric_options){
            .name = "things_total", .help = "Things."}) != SX_OK ||
        sx_app_new(&app, &(struct sx_app_options){0}) != SX_OK) {
        return 1;
    }
    sx_app_destroy(app);
    sx_counter_inc(counter);
    puts("embedded");
    return 0;
}
"""


class Embedding(unittest.TestCase):
    def run_in(self, folder, *command):
        run = subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
        self.assertEqual(run.returncode, 0, f"{' '.join(command)}:\n{run.stdout}")
        return run.stdout

    def embed(self, how):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "CMakeLists.txt"), "w") as file:
                file.write(PROJECT % ADD[how])
            with open(os.path.join(folder, "program.c"), "w") as file:
                file.write(PROGRAM)
            build = os.path.join(folder, "build")
            self.run_in(folder, "cmake", "-S", ".", "-B", build, "-G", "Ninja")
            self.run_in(folder, "cmake", "--build", build, "-j", "2", "--target", "program")
            self.assertEqual(self.run_in(folder, os.path.join(build, "program")), "embedded\n")
            self.run_in(folder, "cmake", "--install", build, "--prefix", os.path.join(folder, "to"))
            self.assertEqual(os.listdir(os.path.join(folder, "to")), ["bin"])

    def test_add_subdirectory(self):
        self.embed("add_subdirectory")

    def test_fetch_content(self):
        self.embed("FetchContent")


if __name__ == "__main__":
    unittest.main()
