#!/bin/sh
# A plugin that uses the shared library is unloaded while threads that called it go on, and end
# later. The library has to stay (-z nodelete), or they would run code that is not there.
set -eu

if [ -n "$(grep -s '^SEXTANT_SANITIZE:STRING=.' "$SX_BUILD/CMakeCache.txt")" ]; then
    exit 77 # a sanitizer does not let itself be loaded with a plugin
fi
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cc=${CC:-cc}
flags='-std=c11 -O1 -g -Wall -Wextra -Wpedantic'
library=$SX_BUILD/libsextant-metrics.so.0

$cc $flags -fPIC -shared -I"$SX_SOURCE/include" -o "$directory/plugin.so" \
    "$SX_SOURCE/tests/system/unload/plugin.c" "$library" -Wl,-rpath,"$SX_BUILD"
$cc $flags -D_POSIX_C_SOURCE=200809L -o "$directory/host" "$SX_SOURCE/tests/system/unload/host.c" \
    -ldl -lpthread
"$directory/host" "$directory/plugin.so" "$library"
