#!/bin/sh
# What `make install` puts under DESTDIR serves programs outside of the tree: with pkg-config and
# with find_package, shared and static, in C and in C++.
set -eu
source=${SX_SOURCE:-.}
work=${SX_BUILD:-build}/tests/install
unset MAKEFLAGS MAKELEVEL MFLAGS DESTDIR PREFIX BUILD 2>/dev/null || true

rm -rf "$work/root" "$work/consumer"
mkdir -p "$work"
cd "$work"
work=$PWD
make -C "$source" install BUILD="$work/library" DESTDIR="$work/root" PREFIX=/opt/sextant \
    >"$work/install.log" 2>&1 || { cat "$work/install.log"; exit 1; }
root=$work/root/opt/sextant
test -z "$(find "$work/root" -mindepth 1 -maxdepth 1 ! -name opt)"
consumer=$source/tests/system/consumer

echo "pkg-config"
PKG_CONFIG_PATH=$(dirname "$(find "$root" -name sextant.pc)")
PKG_CONFIG_SYSROOT_DIR=$work/root
export PKG_CONFIG_PATH
# The sysroot is ours alone: the flags of jansson must not get it.
flags() { PKG_CONFIG_SYSROOT_DIR=$work/root pkg-config "$@" | sed "s#$work/root/usr/#/usr/#g"; }
unset PKG_CONFIG_SYSROOT_DIR
libraries=$(dirname "$PKG_CONFIG_PATH")
for compiler in gcc clang; do
    command -v $compiler >/dev/null || continue
    # shellcheck disable=SC2046 # flags are words
    $compiler -std=c11 -Wall -Werror -o metrics "$consumer/metrics.c" \
        $(flags --cflags --libs sextant-metrics)
    LD_LIBRARY_PATH=$libraries ./metrics
    $compiler -std=c11 -Wall -Werror -o app "$consumer/app.c" $(flags --cflags --libs sextant)
    LD_LIBRARY_PATH=$libraries ./app
done
gcc -std=c11 -Wall -Werror $(pkg-config --variable=gcc_cflags sextant) -o app_static "$consumer/app.c" \
    $(flags --cflags sextant) "$libraries/libsextant.a" "$libraries/libsextant-metrics.a" \
    $(flags --static --libs sextant)
./app_static
if command -v g++ >/dev/null; then
    g++ -std=c++11 -Wall -Werror -o metrics_cxx -x c++ "$consumer/metrics.cc" \
        $(flags --cflags --libs sextant-metrics)
    LD_LIBRARY_PATH=$libraries ./metrics_cxx
fi

echo "find_package"
cmake -S "$consumer" -B consumer -G Ninja -DCMAKE_PREFIX_PATH="$root" >consumer.log 2>&1 &&
    cmake --build consumer >>consumer.log 2>&1 || { cat consumer.log; exit 1; }
for program in metrics metrics_static app app_static; do
    ./consumer/$program
done
