# What makes a memory error harder to exploit. The flags stand before those of the user, so that
# theirs win, and a project that includes this one chooses for itself. Sanitizers find more, and do
# not go with some of it.

include(CheckCCompilerFlag)
include(CheckCSourceCompiles)
include(CheckPIESupported)
check_pie_supported()

set(hardening)
foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection)
    string(MAKE_C_IDENTIFIER SX_HAS${flag} has)
    check_c_compiler_flag(${flag} ${has})
    if(${has})
        string(APPEND hardening "${flag} ")
    endif()
endforeach()
string(PREPEND CMAKE_C_FLAGS "${hardening}")

# Without optimisation it does nothing, and the C library warns. If it knows no level 3, it warns,
# too. Giving another level than the user is an error.
if(NOT CMAKE_C_FLAGS MATCHES "_FORTIFY_SOURCE")
    set(CMAKE_REQUIRED_FLAGS "-O2 -Werror -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3")
    check_c_source_compiles("#include <string.h>\nint main(void) { return (int)strlen(\"\"); }"
        SX_HAS_FORTIFY_3)
    unset(CMAKE_REQUIRED_FLAGS)
    set(level 2)
    if(SX_HAS_FORTIFY_3)
        set(level 3)
    endif()
    foreach(type RELEASE RELWITHDEBINFO MINSIZEREL)
        if(NOT CMAKE_C_FLAGS_${type} MATCHES "_FORTIFY_SOURCE")
            string(PREPEND CMAKE_C_FLAGS_${type} "-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=${level} ")
        endif()
    endforeach()
endif()

foreach(kind EXE SHARED MODULE)
    string(PREPEND CMAKE_${kind}_LINKER_FLAGS "-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack ")
endforeach()
