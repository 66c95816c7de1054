# embed_lua(TARGET FOLDER): compiles every .lua file of FOLDER into TARGET, as the table of embedded.h; not those of
# FOLDER/types, which are for editors.
# The assembler reads the files itself (.incbin), so nothing is converted and nothing runs at build
# time; an edited file rebuilds the object, an added or removed one runs CMake again.
function(embed_lua target folder)
    cmake_path(ABSOLUTE_PATH folder BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
    file(GLOB_RECURSE files CONFIGURE_DEPENDS "${folder}/*.lua")
    set(generated "${CMAKE_BINARY_DIR}/generated/embedded_lua.c")
    set(texts "")
    set(rows "")
    set(count 0)
    foreach(file IN LISTS files)
        cmake_path(RELATIVE_PATH file BASE_DIRECTORY "${folder}" OUTPUT_VARIABLE name)
        if(name MATCHES "^types/")
            continue()
        endif()
        string(REGEX REPLACE "\\.lua$" "" name "${name}")
        string(REPLACE "/" "." name "${name}")
        string(REGEX REPLACE "\\.init$" "" name "${name}")
        string(APPEND texts
            "    \".Lname_${count}: .asciz \\\"${name}\\\"\\n\"\n"
            "    \".Ltext_${count}: .incbin \\\"${file}\\\"\\n\"\n"
            "    \".Lend_${count}: .byte 0\\n\"\n")
        string(APPEND rows
            "    \".dc.a .Lname_${count}, .Ltext_${count}, .Lend_${count} - .Ltext_${count}\\n\"\n")
        math(EXPR count "${count} + 1")
    endforeach()
    # The table is assembled too, because a length that only the assembler knows is no constant in C.
    # It holds addresses, so it lies where the loader can relocate it before making it read-only.
    file(CONFIGURE OUTPUT "${generated}" @ONLY CONTENT [=[
/* Made by embed.cmake. */
#include "script/embedded.h"

__asm__(
    ".pushsection .rodata\n"
@texts@    ".popsection\n"
    ".pushsection .data.rel.ro, \"aw\", %progbits\n"
    ".globl embedded_modules\n"
    ".hidden embedded_modules\n"
    ".type embedded_modules, %object\n"
    ".balign 8\n"
    "embedded_modules:\n"
@rows@    ".dc.a 0, 0, 0\n"
    ".size embedded_modules, . - embedded_modules\n"
    ".popsection\n");

const size_t embedded_module_count = @count@;
]=])
    # LTO would not see what this assembler text defines.
    set_source_files_properties("${generated}" PROPERTIES OBJECT_DEPENDS "${files}" COMPILE_OPTIONS "-fno-lto")
    target_sources(${target} PRIVATE "${generated}")
endfunction()
