# The Debian package: `cpack -G DEB` in a build folder of the preset "package" (./dev package does it all) makes
# perigee_VERSION_ARCHITECTURE.deb. Debian's shared libraries are used, so that its security updates reach them;
# dpkg-shlibdeps says which. The maintainer scripts are beside this file.

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME perigee)
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGE_CONTACT "The Perigee authors <authors@perigee.invalid>" CACHE STRING
    "Name and address of who answers for the package")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "HTTP/2 server daemon scripted in Lua")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Perigee serves HTTP/2, in clear text and over TLS, from handlers that are
written in Lua: scripts see servers, sessions and streams with the names and
semantics of Node's http2 module, while sockets, TLS and the protocol are C.
.
As a service it runs one worker per core, and takes a new script,
configuration, certificate or binary under load without losing a request. It
comes with units for systemd, but needs no systemd.")
set(CPACK_DEBIAN_PACKAGE_SECTION httpd)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS adduser)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS logrotate)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "certbot, lua-cjson")
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(debian "${CMAKE_SOURCE_DIR}/conf/debian")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    "${debian}/conffiles" "${debian}/triggers" "${debian}/postinst" "${debian}/prerm" "${debian}/postrm")

# What Debian wants beside the files that every installation has.
file(STRINGS "${debian}/changelog" newest REGEX "^perigee \\(" LIMIT_COUNT 1)
if(NOT newest MATCHES "^perigee \\(${PROJECT_VERSION}\\) ")
    message(FATAL_ERROR "conf/debian/changelog begins with \"${newest}\", this is version ${PROJECT_VERSION}")
endif()
find_program(PERIGEE_GZIP gzip)
mark_as_advanced(PERIGEE_GZIP)
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr" AND PERIGEE_GZIP)
    install(FILES "${debian}/copyright" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
    install(FILES "${debian}/lintian-overrides" DESTINATION "${CMAKE_INSTALL_DATADIR}/lintian/overrides" RENAME perigee)
    install(CODE "
        execute_process(COMMAND \"${PERIGEE_GZIP}\" -9nc \"${debian}/changelog\"
            OUTPUT_FILE \"${CMAKE_BINARY_DIR}/installed/changelog.gz\" COMMAND_ERROR_IS_FATAL ANY)")
    install(FILES "${CMAKE_BINARY_DIR}/installed/changelog.gz" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
endif()

include(CPack)
