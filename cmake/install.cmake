# The libraries that are built, their headers, a .pc file for each and one CMake package; and the
# command line.

include(CMakePackageConfigHelpers)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/Sextant)

foreach(name ${SX_LIBRARIES})
    install(TARGETS ${name} ${name}-static EXPORT SextantTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endforeach()
install(TARGETS sextant-cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
# Their headers are those of their layers, and those for C++ (*.hpp).
list(REMOVE_DUPLICATES SX_HEADERS)
list(TRANSFORM SX_HEADERS REPLACE "(.+)" "include/sextant/\\1.h" OUTPUT_VARIABLE headers)
file(GLOB headers_cxx CONFIGURE_DEPENDS include/sextant/*.hpp)
install(FILES ${headers} ${headers_cxx} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/sextant)
if(SEXTANT_COMPAT_PROM)
    foreach(name ${SX_COMPAT_LIBRARIES})
        install(TARGETS ${name} ${name}-static EXPORT SextantTargets
            LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
        install(DIRECTORY compat/${name}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
    endforeach()
endif()
install(EXPORT SextantTargets NAMESPACE Sextant:: DESTINATION ${package})
configure_package_config_file(cmake/SextantConfig.cmake.in SextantConfig.cmake
    INSTALL_DESTINATION ${package} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(SextantConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/SextantConfig.cmake
    ${CMAKE_CURRENT_BINARY_DIR}/SextantConfigVersion.cmake DESTINATION ${package})

# If the loader does not search the folder, pkg-config gives programs a run path to the libraries.
set(SX_PC_RPATH)
if(NOT CMAKE_INSTALL_PREFIX MATCHES "^/usr(/local)?/?$")
    set(SX_PC_RPATH " -Wl,-rpath,\${libdir}")
endif()
set(SX_PC_LLHTTP)
if(SX_LLHTTP_LIBRARIES)
    set(SX_PC_LLHTTP -lllhttp)
endif()
set(SX_PC_ZLIB)
if(SX_ZLIB)
    set(SX_PC_ZLIB -lz)
endif()
foreach(name ${SX_LIBRARIES})
    configure_file(cmake/${name}.pc.in ${name}.pc @ONLY)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach()
