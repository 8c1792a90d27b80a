#!/bin/sh
# What `make install` puts under DESTDIR serves programs outside of the tree: with pkg-config and
# with find_package, shared and static, in C and in C++.
set -eu
source=${SX_SOURCE:-$PWD}
work=${SX_BUILD:-$PWD/build}/tests/install
consumer=$source/tests/system/consumer
unset MAKEFLAGS MAKELEVEL MFLAGS || true

rm -rf "$work/root" "$work/consumer"
mkdir -p "$work"
cd "$work"
make -C "$source" install BUILD="$work/library" DESTDIR="$work/root" PREFIX=/opt/sextant \
    >install.log 2>&1 || { cat install.log; exit 1; }
root=$work/root/opt/sextant
[ "$(ls "$work/root")" = opt ] || { echo "something was installed outside of PREFIX"; exit 1; }
libraries=$(dirname "$(find "$root" -name libsextant.a)")
export LD_LIBRARY_PATH="$libraries"

# pkg-config puts the sysroot in front of jansson's flags too, which is not in it.
flags() {
    PKG_CONFIG_PATH=$libraries/pkgconfig PKG_CONFIG_SYSROOT_DIR=$work/root pkg-config "$@" |
        sed "s#$work/root/usr/#/usr/#g"
}

# The metrics program is the README's, and prints what the README says.
sed -n '/^\$ cc jobs.c/,/^```/{//!p}' "$source/README.md" >expected
try_metrics() {
    "$1" >printed
    diff expected printed
}

for compiler in gcc clang; do
    command -v $compiler >/dev/null || continue
    echo "pkg-config, $compiler"
    $compiler -std=c11 -Wall -Werror -o metrics "$consumer/metrics.c" \
        $(flags --cflags --libs sextant-metrics)
    try_metrics ./metrics
    $compiler -std=c11 -Wall -Werror -o metrics_only "$source/examples/metrics_only.c" \
        $(flags --cflags --libs sextant-metrics-server)
    $compiler -std=c11 -Wall -Werror -o app "$consumer/app.c" $(flags --cflags --libs sextant)
    ./app
done
./metrics_only nowhere 2>&1 | grep -q "cannot listen on nowhere"
env -u LD_LIBRARY_PATH "$root/bin/sextant" check <printed

echo "pkg-config, static"
gcc -std=c11 -Wall -Werror $(flags --variable=gcc_cflags sextant) -o app_static "$consumer/app.c" \
    $(flags --cflags sextant) "$libraries/libsextant.a" "$libraries/libsextant-metrics.a" \
    $(flags --static --libs sextant | sed 's/-lsextant[-a-z]*//g')
env -u LD_LIBRARY_PATH ./app_static
# With the other libraries' archives as well; the linker warns of getaddrinfo and the like.
gcc -static -std=c11 -o app_wholly_static "$consumer/app.c" \
    $(flags --cflags sextant) $(flags --static --libs sextant) 2>wholly_static.log ||
    { cat wholly_static.log; exit 1; }
env -u LD_LIBRARY_PATH ./app_wholly_static
echo "pkg-config, C++"
g++ -std=c++11 -Wall -Werror -o metrics_cxx "$consumer/metrics.cc" \
    $(flags --cflags --libs sextant-metrics)
./metrics_cxx

echo "find_package"
cmake -S "$consumer" -B consumer -G Ninja -DCMAKE_PREFIX_PATH="$root" >consumer.log 2>&1 &&
    cmake --build consumer >>consumer.log 2>&1 || { cat consumer.log; exit 1; }
unset LD_LIBRARY_PATH
try_metrics consumer/metrics
try_metrics consumer/metrics_static
consumer/app
consumer/app_static

# Programs also start from a PREFIX that the loader does not search. libsextant finds the metrics
# library in its own folder, even after a move, and if the program does not link it itself.
echo "another PREFIX"
rm -rf "$work/elsewhere" "$work/moved"
cmake -S "$source" -B "$work/library" -DCMAKE_INSTALL_PREFIX="$work/elsewhere" >>install.log 2>&1 &&
    cmake --install "$work/library" >>install.log 2>&1 || { cat install.log; exit 1; }
elsewhere=$(dirname "$(find "$work/elsewhere" -name libsextant.a)")
flags() {
    PKG_CONFIG_PATH=$elsewhere/pkgconfig pkg-config "$@"
}
"$work/elsewhere/bin/sextant" check <printed
gcc -std=c11 -Wall -Werror -o metrics "$consumer/metrics.c" $(flags --cflags --libs sextant-metrics)
try_metrics ./metrics
gcc -std=c11 -Wall -Werror -o metrics_only "$source/examples/metrics_only.c" \
    $(flags --cflags --libs sextant-metrics-server)
./metrics_only nowhere 2>&1 | grep -q "cannot listen on nowhere"
gcc -std=c11 -Wall -Werror -o app "$consumer/app.c" $(flags --cflags --libs sextant)
./app
gcc -std=c11 -Wall -Werror -o hello "$source/examples/hello.c" \
    -Wl,--as-needed $(flags --cflags --libs sextant) -Wl,-rpath,"$work/moved${elsewhere#"$work/elsewhere"}"
mv "$work/elsewhere" "$work/moved"
if readelf -d hello | grep 'NEEDED.*metrics'; then exit 1; fi
./hello routes
"$work/moved/bin/sextant" check <printed

# Where the loader looks anyway, programs get no search path.
cmake -S "$source" -B "$work/library" -DCMAKE_INSTALL_PREFIX=/usr/local >>install.log 2>&1
if grep rpath "$work"/library/*.pc; then exit 1; fi
