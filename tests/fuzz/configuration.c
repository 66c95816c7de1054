/* Any text as a configuration file: refused with a reason, or its document and what is printed of it can be read. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/settings.h"
#include "script/configuration.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* The file is in memory only. Returns whether it is good; *printed gets what check --print would print. */
static bool load(const void *bytes, size_t length, char **printed)
{
    struct configuration configuration;
    struct settings *settings = NULL;
    struct failure failure;
    char path[32];
    bool good;
    int fd = memfd_create("configuration", MFD_CLOEXEC);

    assert(fd >= 0 && write(fd, bytes, length) == (ssize_t)length);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    assert(configuration_load(path, &configuration, &failure) == OK);
    good = configuration.good;
    assert(good || configuration.problems[0]);
    if (good) {
        assert(settings_parse(configuration.document, configuration.document_length, &settings,
                              &failure) == OK);
        assert(settings_count(settings, "listen") > 0);
        settings_free(&settings);
        if (printed)
            *printed = strdup(configuration.printed);
    }
    configuration_free(&configuration);
    close(fd);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    char *printed = NULL;

    if (load(bytes, length, &printed)) {
        assert(load(printed, strlen(printed), NULL));
        free(printed);
    }
    return 0;
}
