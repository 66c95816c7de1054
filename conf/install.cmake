# What `cmake --install` puts where: the layout of the FHS, programs and data below the prefix. The binary reads
# /etc/perigee unless told otherwise, so the configuration goes there whatever the prefix, and is written only where
# nothing is: it is the administrator's. (A package always has it: dpkg keeps changed files by itself.)

if(NOT DEFINED CACHE{CMAKE_INSTALL_SYSCONFDIR} OR CMAKE_INSTALL_SYSCONFDIR STREQUAL "etc")
    set(CMAKE_INSTALL_SYSCONFDIR /etc)
endif()
set(conf "${CMAKE_SOURCE_DIR}/conf")
set(made "${CMAKE_BINARY_DIR}/installed") # what is changed on its way
file(MAKE_DIRECTORY "${made}")
set(datadir "${CMAKE_INSTALL_DATADIR}/perigee")

# Installs one file of conf/. FOLDER: where to, below the prefix; AS: under which name; PROGRAM: it can be executed. The
# tree's files name the binary and the data as a package has them; with another prefix (also one that is first given to
# `cmake --install --prefix`) they are named as they are installed.
function(install_file from)
    cmake_parse_arguments(PARSE_ARGV 1 arg "PROGRAM" "FOLDER;AS" "")
    cmake_path(GET from FILENAME name)
    if(arg_AS)
        set(name "${arg_AS}")
    endif()
    set(type FILE)
    if(arg_PROGRAM)
        set(type PROGRAM)
    endif()
    install(CODE "
        file(READ \"${from}\" text)
        string(REPLACE /usr/bin/perigee \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/perigee\" text \"\${text}\")
        string(REPLACE /usr/share/perigee \"\${CMAKE_INSTALL_PREFIX}/${datadir}\" text \"\${text}\")
        string(REPLACE /etc/perigee \"${CMAKE_INSTALL_SYSCONFDIR}/perigee\" text \"\${text}\")
        file(WRITE \"${made}/${arg_FOLDER}/${name}\" \"\${text}\")
        file(INSTALL DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${arg_FOLDER}\" TYPE ${type}
            FILES \"${made}/${arg_FOLDER}/${name}\")")
endfunction()

# The same for a file below /etc that an installation must not overwrite.
function(install_conffile from folder)
    cmake_parse_arguments(PARSE_ARGV 2 arg "" "AS" "")
    cmake_path(GET from FILENAME name)
    if(arg_AS)
        set(name "${arg_AS}")
    endif()
    set(folder "${CMAKE_INSTALL_SYSCONFDIR}/${folder}")
    install(CODE "
        if(EXISTS \"\$ENV{DESTDIR}${folder}/${name}\")
            message(STATUS \"Kept: \$ENV{DESTDIR}${folder}/${name}\")
        else()
            file(INSTALL DESTINATION \"${folder}\" TYPE FILE RENAME \"${name}\" FILES \"${from}\")
        endif()")
endfunction()

# Installs a manual page, compressed where gzip is there, without the time in it.
function(install_page from)
    cmake_path(GET from FILENAME name)
    string(REGEX MATCH "[0-9]$" section "${name}")
    set(folder "${CMAKE_INSTALL_MANDIR}/man${section}")
    find_program(PERIGEE_GZIP gzip)
    mark_as_advanced(PERIGEE_GZIP)
    if(NOT PERIGEE_GZIP)
        install(FILES "${from}" DESTINATION "${folder}")
        return()
    endif()
    install(CODE "
        execute_process(COMMAND \"${PERIGEE_GZIP}\" -9nc \"${from}\" OUTPUT_FILE \"${made}/${name}.gz\"
            COMMAND_ERROR_IS_FATAL ANY)")
    install(FILES "${made}/${name}.gz" DESTINATION "${folder}")
endfunction()

install(TARGETS perigee RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")

# --- data and manual -----------------------------------------------------------------------------

install(DIRECTORY scripts/ DESTINATION "${datadir}/scripts" FILES_MATCHING PATTERN "*.lua")
install(DIRECTORY lua/types DESTINATION "${datadir}")
install(DIRECTORY docs/ DESTINATION "${CMAKE_INSTALL_DOCDIR}/docs" FILES_MATCHING PATTERN "*.md"
    PATTERN source EXCLUDE PATTERN generator EXCLUDE PATTERN man EXCLUDE)
install(FILES README.md DESTINATION "${CMAKE_INSTALL_DOCDIR}")
file(GLOB pages CONFIGURE_DEPENDS docs/man/*.[1-8])
foreach(page IN LISTS pages)
    install_page("${page}")
endforeach()

# --- the service ---------------------------------------------------------------------------------

install_conffile("${conf}/perigee.conf.lua" perigee)
install_conffile("${conf}/app.lua" perigee)
install_conffile("${conf}/perigee.logrotate" logrotate.d AS perigee)

# systemd and its friends look below every prefix that is usual, in lib, also where libraries are elsewhere.
install_file("${conf}/perigee.service" FOLDER lib/systemd/system)
install_file("${conf}/perigee.socket" FOLDER lib/systemd/system)
install_file("${conf}/perigee.preset" FOLDER lib/systemd/system-preset AS 90-perigee.preset)
install_file("${conf}/perigee.sysusers" FOLDER lib/sysusers.d AS perigee.conf)
install_file("${conf}/perigee.tmpfiles" FOLDER lib/tmpfiles.d AS perigee.conf)
install_file("${conf}/certbot-deploy-hook" FOLDER "${datadir}" PROGRAM)
install_file("${conf}/perigee.service.d/notify-reload.conf" FOLDER "${datadir}/systemd")
file(GLOB dropins CONFIGURE_DEPENDS "${conf}/perigee.service.d/*.conf" "${conf}/perigee.socket.d/*.conf")
foreach(dropin IN LISTS dropins)
    cmake_path(GET dropin PARENT_PATH folder)
    cmake_path(GET folder FILENAME folder)
    install_file("${dropin}" FOLDER "${CMAKE_INSTALL_DOCDIR}/examples/${folder}")
endforeach()
