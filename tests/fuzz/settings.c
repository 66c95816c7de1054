/* Any bytes as a settings document: refused, or every value can be asked for. */
#include <stdint.h>

#include "config/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct settings *settings;
    struct failure failure;

    if (settings_parse((const char *)bytes, length, &settings, &failure))
        return 0;
    settings_text(settings, "script");
    settings_number(settings, "workers", 1);
    for (unsigned i = 1; i <= settings_count(settings, "listen") && i < 20; i++) {
        settings_text_at(settings, "address", "listen", i);
        settings_flag_at(settings, "secure", "listen", i, false);
    }
    settings_free(&settings);
    return 0;
}
