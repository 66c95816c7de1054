# The libraries of the daemon: finds each, chooses archive or shared object, and makes of all of them
# the target perigee_libraries and the text PERIGEE_BUILD_LIBS ("nghttp2 1.52.0 (static), ...").
#
# Debian 12's archives of nghttp2, LuaJIT and luv are position independent and link into a PIE.
# libuv and OpenSSL stay shared: security updates of the system reach them.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(NGHTTP2 REQUIRED libnghttp2)
pkg_check_modules(UV REQUIRED libuv)
pkg_check_modules(OPENSSL REQUIRED openssl>=3.0)
pkg_check_modules(LUAJIT REQUIRED luajit)

add_library(perigee_libraries INTERFACE)

# Links lib<name>.a when PERIGEE_STATIC wants it and it exists, else the shared one. `wrapped` is what
# the linker is told for the archive, <archive> standing for its path; `out` becomes "static" or "shared".
function(link_library name libdir wrapped out)
    find_library(PERIGEE_ARCHIVE_${name} lib${name}.a HINTS ${libdir})
    find_library(PERIGEE_SHARED_${name} lib${name}.so HINTS ${libdir})
    mark_as_advanced(PERIGEE_ARCHIVE_${name} PERIGEE_SHARED_${name})
    if(PERIGEE_ARCHIVE_${name} AND (PERIGEE_STATIC OR NOT PERIGEE_SHARED_${name}))
        string(REPLACE "<archive>" "${PERIGEE_ARCHIVE_${name}}" flags "${wrapped}")
        set(${out} static PARENT_SCOPE)
    elseif(PERIGEE_SHARED_${name})
        set(flags "${PERIGEE_SHARED_${name}}")
        set(${out} shared PARENT_SCOPE)
    else()
        message(FATAL_ERROR "lib${name} was not found, neither .a nor .so")
    endif()
    target_link_libraries(perigee_libraries INTERFACE ${flags})
endfunction()

# luv before LuaJIT and libuv, which it needs. Its .pc file cannot be asked: it requires lua5.1.pc of
# PUC Lua, which must not be here; only its version line is read.
find_path(LUV_INCLUDE_DIR luv/luv.h PATH_SUFFIXES lua5.1 REQUIRED)
find_file(LUV_PC lua5.1-luv.pc PATH_SUFFIXES pkgconfig HINTS ${UV_LIBDIR} PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE})
mark_as_advanced(LUV_INCLUDE_DIR LUV_PC)
set(luv_version "?")
if(LUV_PC)
    file(STRINGS "${LUV_PC}" luv_version REGEX "^version=")
    string(REPLACE "version=" "" luv_version "${luv_version}")
endif()
link_library(lua5.1-luv "${UV_LIBDIR}" "<archive>" luv_kind)

# Whole: the Lua C API must stay in the binary's dynamic symbols, used by us or not, because C modules
# (cjson.so, ...) find it there.
link_library(luajit-5.1 "${LUAJIT_LIBDIR}" "-Wl,--whole-archive;<archive>;-Wl,--no-whole-archive" luajit_kind)
find_file(luajit_h luajit.h PATHS ${LUAJIT_INCLUDE_DIRS} NO_DEFAULT_PATH NO_CACHE REQUIRED)
file(READ "${luajit_h}" luajit_text)
set(luajit_flavour "LuaJIT")
if(luajit_text MATCHES "OPENRESTY_LUAJIT")
    set(luajit_flavour "OpenResty LuaJIT")
endif()

link_library(nghttp2 "${NGHTTP2_LIBDIR}" "<archive>" nghttp2_kind)
if(nghttp2_kind STREQUAL "static")
    target_compile_definitions(perigee_libraries INTERFACE NGHTTP2_STATICLIB)
endif()

# The LuaJIT headers come before lua5.1's, whose folder may hold PUC Lua's lua.h as well.
target_include_directories(perigee_libraries SYSTEM INTERFACE ${LUAJIT_INCLUDE_DIRS} ${LUV_INCLUDE_DIR}
    ${NGHTTP2_INCLUDE_DIRS} ${UV_INCLUDE_DIRS} ${OPENSSL_INCLUDE_DIRS})
target_link_libraries(perigee_libraries INTERFACE ${UV_LINK_LIBRARIES} ${OPENSSL_LINK_LIBRARIES} Threads::Threads m dl)
# Copies of these two inside the binary are nobody else's: a C module that brings its own libnghttp2
# must not be bound to ours.
target_link_options(perigee_libraries INTERFACE "-Wl,--exclude-libs,libnghttp2.a:liblua5.1-luv.a")

string(CONCAT PERIGEE_BUILD_LIBS
    "nghttp2 ${NGHTTP2_VERSION} (${nghttp2_kind}), "
    "${luajit_flavour} ${LUAJIT_VERSION} (${luajit_kind}), "
    "luv ${luv_version} (${luv_kind}), "
    "libuv ${UV_VERSION} (shared), OpenSSL ${OPENSSL_VERSION} (shared)")
