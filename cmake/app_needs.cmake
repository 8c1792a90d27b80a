# Looks for what the app framework needs: jansson, OpenSSL and llhttp. Sets SX_APP, which says whether
# libsextant is built. If SEXTANT_APP is AUTO and something is missing, the metrics libraries are
# built alone, and one line says so.

set(SEXTANT_APP AUTO CACHE STRING
    "Build the app framework: ON, OFF, or AUTO (if jansson, OpenSSL and llhttp are installed)")
set_property(CACHE SEXTANT_APP PROPERTY STRINGS AUTO ON OFF)
set(SX_APP OFF)
if(NOT SEXTANT_APP OR SEXTANT_AMALGAMATION)
    return()
endif()

find_package(PkgConfig QUIET)
if(PKG_CONFIG_FOUND)
    pkg_check_modules(SX_JANSSON QUIET jansson)
    pkg_check_modules(SX_OPENSSL QUIET libssl libcrypto)
endif()
include(cmake/llhttp.cmake)

set(missing)
if(NOT PKG_CONFIG_FOUND)
    list(APPEND missing "pkg-config is missing (Debian: pkg-config)")
endif()
if(NOT SX_JANSSON_FOUND)
    list(APPEND missing "jansson is missing (Debian: libjansson-dev)")
endif()
if(NOT SX_OPENSSL_FOUND)
    list(APPEND missing "OpenSSL is missing (Debian: libssl-dev)")
endif()
if(NOT SX_LLHTTP_FOUND)
    list(APPEND missing "llhttp is missing (Debian: node-llhttp, or libllhttp-dev)")
endif()

list(JOIN missing ", " missing_text)
if(NOT missing)
    set(SX_APP ON)
elseif(SEXTANT_APP STREQUAL "AUTO")
    message(STATUS "Sextant: only the metrics libraries are built, without libsextant: ${missing_text}")
else()
    message(FATAL_ERROR "${missing_text}: run `make deps`")
endif()
