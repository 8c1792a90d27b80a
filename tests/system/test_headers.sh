#!/bin/sh
# Each public header compiles alone and twice, as C11, C17 and C++, with every compiler there is.
set -eu
cd "${SX_SOURCE:-.}"

for header in include/sextant/*.h; do
    name=sextant/$(basename "$header")
    for compiler in gcc clang; do
        command -v $compiler >/dev/null || continue
        for standard in c11 c17; do
            printf '#include <%s>\n#include <%s>\nint sx_test;\n' "$name" "$name" |
                $compiler -std=$standard -Wall -Wextra -Wpedantic -Wshadow -Wconversion \
                    -Wstrict-prototypes -Werror -Iinclude -fsyntax-only -x c -
        done
    done
    for compiler in g++ clang++; do
        command -v $compiler >/dev/null || continue
        for standard in c++11 c++17; do
            printf '#include <%s>\n#include <%s>\nint sx_test;\n' "$name" "$name" |
                $compiler -std=$standard -Wall -Wextra -Wpedantic -Wconversion -Werror \
                    -Iinclude -fsyntax-only -x c++ -
        done
    done
    echo "$name"
done
