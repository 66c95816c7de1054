/* base/beneath: what lies below a folder is found, what lies elsewhere is not, whichever way it is opened. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/beneath.h"

/* root/{file,folder/{inner,up -> ../file}}, links out of it and within it, and a file outside. */
static char top[PATH_MAX];
static int root;

static void make_file(const char *name)
{
    int fd = openat(root, name, O_WRONLY | O_CREAT | O_EXCL, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, name, strlen(name)), (ssize_t)strlen(name));
    close(fd);
}

static int make_tree(void **state)
{
    const char *tmp = getenv("TMPDIR");

    (void)state;
    snprintf(top, sizeof(top), "%s/beneath-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(top));
    root = open(top, O_PATH | O_DIRECTORY);
    assert_int_equal(mkdirat(root, "root", 0700), 0);
    make_file("secret");
    close(root);
    strcat(top, "/root");
    root = open(top, O_PATH | O_DIRECTORY);
    assert_true(root >= 0);
    make_file("file");
    assert_int_equal(mkdirat(root, "folder", 0700), 0);
    make_file("folder/inner");
    assert_int_equal(symlinkat("../file", root, "folder/up"), 0);
    assert_int_equal(symlinkat("folder", root, "within"), 0);
    assert_int_equal(symlinkat("../secret", root, "out"), 0);
    assert_int_equal(symlinkat("/etc/hostname", root, "absolute"), 0);
    assert_int_equal(symlinkat("..", root, "above"), 0);
    assert_int_equal(symlinkat("/proc/self/root", root, "magic"), 0);
    return 0;
}

static int remove_tree(void **state)
{
    static const char *const names[] = {"file", "folder/inner", "folder/up", "within",
                                        "out",  "absolute",     "above",     "magic"};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        assert_int_equal(unlinkat(root, names[i], 0), 0);
    assert_int_equal(unlinkat(root, "folder", AT_REMOVEDIR), 0);
    assert_int_equal(unlinkat(root, "../secret", 0), 0);
    close(root);
    rmdir(top);
    *strrchr(top, '/') = '\0';
    return rmdir(top);
}

enum way { LINKS, NO_LINKS, STEPS };

/* Opens path in one of the ways; returns the errno and closes what was opened. content: what must be in it. */
static int try_open(enum way way, const char *path, const char *content)
{
    int fd = -2;
    int err = way == STEPS ? beneath_open_by_steps(root, path, O_RDONLY, &fd)
                           : beneath_open(root, path, O_RDONLY, way == LINKS, &fd);
    char bytes[64] = {0};

    if (err) {
        assert_int_equal(fd, -1);
        return err;
    }
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    if (content) {
        assert_true(read(fd, bytes, sizeof(bytes) - 1) >= 0);
        assert_string_equal(bytes, content);
    }
    close(fd);
    return 0;
}

static void finds_what_is_below(void **state)
{
    (void)state;
    for (enum way way = LINKS; way <= STEPS; way++) {
        assert_int_equal(try_open(way, "file", "file"), 0);
        assert_int_equal(try_open(way, "folder/inner", "folder/inner"), 0);
        assert_int_equal(try_open(way, "./folder//./inner", "folder/inner"), 0);
        assert_int_equal(try_open(way, ".", NULL), 0);
        assert_int_equal(try_open(way, "folder", NULL), 0);
        assert_int_equal(try_open(way, "folder/", NULL), 0);
        assert_int_equal(try_open(way, "folder/.", NULL), 0);
    }
}

static void says_why_not(void **state)
{
    char longest[PATH_MAX];

    (void)state;
    memset(longest, 'x', sizeof(longest) - 1);
    longest[NAME_MAX + 1] = '\0';
    for (enum way way = LINKS; way <= STEPS; way++) {
        assert_int_equal(try_open(way, "nothing", NULL), ENOENT);
        assert_int_equal(try_open(way, "nothing/inner", NULL), ENOENT);
        assert_int_equal(try_open(way, "", NULL), ENOENT);
        assert_int_equal(try_open(way, "file/", NULL), ENOTDIR);
        assert_int_equal(try_open(way, "file/inner", NULL), ENOTDIR);
        assert_int_equal(try_open(way, longest, NULL), ENAMETOOLONG);
    }
}

static void never_leaves_the_folder(void **state)
{
    static const char *const paths[] = {
        "..",          "../secret",      "folder/../../secret", "/etc/hostname",
        "out",         "absolute",       "above/secret",        "above",
        "./../secret", "//etc/hostname", "within/../..",        "magic/etc/hostname",
        "magic",
    };

    (void)state;
    for (enum way way = LINKS; way <= STEPS; way++) {
        for (size_t i = 0; i < COUNT(paths); i++) {
            int err = try_open(way, paths[i], NULL);

            if (err != EXDEV && err != ELOOP && err != ENOTDIR) {
                print_error("way %d, %s: errno %d\n", way, paths[i], err);
                fail();
            }
        }
    }
}

static void follows_links_within_only_when_asked(void **state)
{
    int probe;

    (void)state;
    assert_int_equal(try_open(NO_LINKS, "folder/up", NULL), ELOOP);
    assert_int_equal(try_open(NO_LINKS, "within/inner", NULL), ELOOP);
    assert_int_equal(try_open(STEPS, "folder/up", NULL), ELOOP);
    assert_int_equal(try_open(STEPS, "within/inner", NULL), ENOTDIR);
    if (beneath_open(root, "within", O_PATH, true, &probe) == ELOOP)
        return; /* a kernel without openat2() follows none */
    close(probe);
    assert_int_equal(try_open(LINKS, "folder/up", "file"), 0);
    assert_int_equal(try_open(LINKS, "within/inner", "folder/inner"), 0);
}

static void leaves_no_descriptor_behind(void **state)
{
    int before = open("/dev/null", O_RDONLY), after;

    (void)state;
    close(before);
    for (enum way way = LINKS; way <= STEPS; way++) {
        try_open(way, "folder/inner", NULL);
        try_open(way, "folder/nothing", NULL);
        try_open(way, "folder/../file", NULL);
        try_open(way, "folder/inner/x/y", NULL);
    }
    after = open("/dev/null", O_RDONLY);
    close(after);
    assert_int_equal(before, after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_is_below),
        cmocka_unit_test(says_why_not),
        cmocka_unit_test(never_leaves_the_folder),
        cmocka_unit_test(follows_links_within_only_when_asked),
        cmocka_unit_test(leaves_no_descriptor_behind),
    };

    return cmocka_run_group_tests_name("beneath", tests, make_tree, remove_tree);
}
