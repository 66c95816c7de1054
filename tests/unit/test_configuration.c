/* script/configuration: what C gets of a configuration, and that nothing is left behind, whatever fails. */
#include "support.h"

#include "config/settings.h"
#include "script/configuration.h"

#define GOOD                                                                           \
    "return { script = 'app.lua', arguments = { 'x', '', 'y z' }, listen = ':8000',\n" \
    "  security = { root = true }, limits = { idle_timeout = env 'TEST_IDLE' or '1min' } }"

struct folder {
    size_t blocks;
    char path[64], file[96];
};

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
    static struct folder folder;

    snprintf(folder.path, sizeof(folder.path), "/tmp/perigee-test-XXXXXX");
    if (!mkdtemp(folder.path))
        return -1;
    snprintf(folder.file, sizeof(folder.file), "%s/c.lua", folder.path);
    write_file(folder.path, "app.lua", "return function() end");
    folder.blocks = mem_live();
    *state = &folder;
    return 0;
}

static int teardown(void **state)
{
    const struct folder *folder = *state;
    char path[128];

    mem_fail_at(0);
    for (const char *const *name = (const char *const[]){"c.lua", "app.lua", NULL}; *name; name++) {
        snprintf(path, sizeof(path), "%s/%s", folder->path, *name);
        unlink(path);
    }
    rmdir(folder->path);
    return mem_live() == folder->blocks ? 0 : -1;
}

static void a_good_one_is_a_document_a_text_and_scripts(void **state)
{
    const struct folder *folder = *state;
    struct configuration configuration;
    struct settings *settings;
    struct failure failure;
    char script[96];

    write_file(folder->path, "c.lua", GOOD);
    snprintf(script, sizeof(script), "%s/app.lua", folder->path);
    assert_int_equal(configuration_load(folder->file, &configuration, &failure), OK);
    assert_true(configuration.good);
    assert_string_equal(configuration.problems, "");
    assert_string_equal(configuration.scripts, script);
    assert_string_equal(configuration.scripts + strlen(script) + 1, "");
    assert_string_equal(configuration.arguments[0], "x");
    assert_string_equal(configuration.arguments[1], "");
    assert_string_equal(configuration.arguments[2], "y z");
    assert_null(configuration.arguments[3]);
    assert_non_null(strstr(configuration.printed, "idle_timeout = \"1min\""));
    assert_int_equal(
        settings_parse(configuration.document, configuration.document_length, &settings, &failure),
        OK);
    assert_int_equal(settings_number(settings, "limits.idle_timeout", 0), 60000);
    assert_int_equal(settings_number_at(settings, "port", "listen", 1, 0), 8000);
    assert_string_equal(settings_text(settings, "script"), script);
    settings_free(&settings);
    configuration_free(&configuration);
}

static void a_bad_one_is_its_problems_and_the_scripts_that_are_there(void **state)
{
    const struct folder *folder = *state;
    struct configuration configuration;
    struct failure failure;

    write_file(folder->path, "c.lua", "return {\nscript = 'app.lua',\nlisten = 5 }");
    assert_int_equal(configuration_load(folder->file, &configuration, &failure), OK);
    assert_false(configuration.good);
    assert_non_null(strstr(configuration.problems, "c.lua:3: listen: expected"));
    assert_null(configuration.document);
    assert_null(configuration.printed);
    assert_null(configuration.arguments);
    assert_non_null(strstr(configuration.scripts, "/app.lua"));
    configuration_free(&configuration);

    assert_int_equal(configuration_load("/none/at/all", &configuration, &failure), OK);
    assert_string_equal(configuration.problems,
                        "/none/at/all: cannot be read: No such file or directory\n");
    assert_string_equal(configuration.scripts, "");
    configuration_free(&configuration);
    configuration_free(&configuration); /* twice is fine */
}

/* Each allocation of ours fails once in turn: a reason is told, and nothing stays. */
static void memory_may_end_at_any_moment(void **state)
{
    const struct folder *folder = *state;
    bool good = false;
    int told = 0;

    write_file(folder->path, "c.lua", GOOD);
    for (uint64_t n = 1; !good; n++) {
        struct configuration configuration;
        struct failure failure;

        mem_fail_at(n);
        if (configuration_load(folder->file, &configuration, &failure)) {
            assert_int_equal(failure.err, ERR_NOMEM);
            told++;
        } else {
            assert_true(configuration.good);
            good = true;
        }
        mem_fail_at(0);
        configuration_free(&configuration);
        assert_int_equal(mem_live(), folder->blocks);
    }
    assert_true(told >= 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_good_one_is_a_document_a_text_and_scripts, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_bad_one_is_its_problems_and_the_scripts_that_are_there,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(memory_may_end_at_any_moment, setup, teardown),
    };

    unsetenv("TEST_IDLE");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
