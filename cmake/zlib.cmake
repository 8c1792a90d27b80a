# Looks for zlib, which compresses pages (src/gzip). Sets SX_ZLIB, which says whether it is used, and
# SX_ZLIB_DIR, where it is.

set(SEXTANT_ZLIB AUTO CACHE STRING "Compress pages with zlib: ON, OFF, or AUTO (if it is installed)")
set_property(CACHE SEXTANT_ZLIB PROPERTY STRINGS AUTO ON OFF)
set(SX_ZLIB OFF)
if(NOT SEXTANT_ZLIB)
    return()
endif()

find_package(ZLIB QUIET)
if(ZLIB_FOUND)
    set(SX_ZLIB ON)
    list(GET ZLIB_LIBRARIES 0 library)
    get_filename_component(SX_ZLIB_DIR ${library} DIRECTORY)
elseif(SEXTANT_ZLIB STREQUAL "AUTO")
    message(STATUS "Sextant: pages are not compressed: zlib is missing (Debian: zlib1g-dev)")
else()
    message(FATAL_ERROR "zlib is missing (Debian: zlib1g-dev): run `make deps`")
endif()
