/* process/privileges and seccomp: after a drop nothing of root is left, listed system calls answer EPERM in
 * every thread, and what servers and scripts need works. Each drop is in a child; those that begin as root
 * are skipped for others. */
#include "support.h"

#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "child.h"
#include "process/privileges.h"
#include "process/seccomp.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

static const struct privileges to_nobody = {.user = "nobody"};
static const struct privileges as_we_are = {.allow_root = true};
static const struct privileges without_processes = {.allow_root = true, .no_processes = true};

static void drop(const struct privileges *wish)
{
    struct failure failure = {0};

    if (privileges_drop(wish, &failure)) {
        fprintf(stderr, "# %s\n", failure.text);
        _exit(1);
    }
}

/* A line of /proc/self/status as a number of base 16. */
static unsigned long long status_of(const char *name)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    unsigned long long value = ~0ull;

    CHECK(file);
    while (fgets(line, sizeof(line), file))
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
            value = strtoull(line + strlen(name) + 1, NULL, 16);
    fclose(file);
    return value;
}

static bool need_root(void)
{
    return geteuid() == 0 && getpwnam("nobody");
}

/* --- the drop */

static void become_nobody(void)
{
    struct privileges wish = {.user = "nobody", .set_umask = true, .umask = 027};
    struct passwd *nobody = getpwnam("nobody");
    static const char *const sets[] = {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};
    uid_t ids[3];
    gid_t groups[64];
    uid_t uid = nobody->pw_uid;
    gid_t gid = nobody->pw_gid;
    int count;

    CHECK(setgroups(3, (gid_t[]){0, 4, 27}) == 0);
    drop(&wish);
    CHECK(getresuid(&ids[0], &ids[1], &ids[2]) == 0);
    CHECK(ids[0] == uid && ids[1] == uid && ids[2] == uid);
    CHECK(getresgid(&ids[0], &ids[1], &ids[2]) == 0);
    CHECK(ids[0] == gid && ids[1] == gid && ids[2] == gid);
    count = getgroups(64, groups);
    CHECK(count >= 0);
    for (int i = 0; i < count; i++)
        CHECK(groups[i] != 0 && groups[i] != 4 && groups[i] != 27);
    for (size_t i = 0; i < COUNT(sets); i++)
        CHECK(status_of(sets[i]) == 0);
    CHECK(status_of("NoNewPrivs") == 1 && status_of("Seccomp") == 2);
    CHECK(prctl(PR_GET_DUMPABLE) == 0);
    CHECK(umask(0) == 027);
    CHECK(setuid(0) != 0 && seteuid(0) != 0 && setgid(0) != 0);
    CHECK(open("/etc/shadow", O_RDONLY) < 0 && errno == EACCES);
}

static void root_becomes_a_user_with_nothing_left(void **state)
{
    (void)state;
    if (!need_root())
        skip();
    assert_int_equal(in_child(become_nobody), 0);
}

static void become_numbers(void)
{
    struct privileges wish = {.user = "12345", .group = "23456"};
    gid_t group;

    drop(&wish);
    CHECK(geteuid() == 12345 && getegid() == 23456);
    CHECK(getgroups(1, &group) == 1 && group == 23456);
    CHECK(status_of("CapEff") == 0);
}

static void become_nobody_of_another_group(void)
{
    struct privileges wish = {.user = "nobody", .group = "daemon"};
    struct failure failure = {0};
    uid_t uid;
    gid_t gid;

    CHECK(privileges_ids(&wish, &uid, &gid, &failure) == OK);
    CHECK(uid == getpwnam("nobody")->pw_uid && gid == getgrnam("daemon")->gr_gid);
    drop(&wish);
    CHECK(getegid() == gid && geteuid() == uid);
}

static void users_and_groups_may_be_numbers_and_differ(void **state)
{
    (void)state;
    if (!need_root() || !getgrnam("daemon"))
        skip();
    assert_int_equal(in_child(become_numbers), 0);
    assert_int_equal(in_child(become_nobody_of_another_group), 0);
}

static void stay_root(void)
{
    drop(&as_we_are);
    CHECK(geteuid() == 0);
    CHECK(status_of("NoNewPrivs") == 1 && status_of("Seccomp") == 2);
}

static void stay_root_by_name(void)
{
    drop(&(struct privileges){.user = "root", .group = "daemon"});
    CHECK(geteuid() == 0 && getegid() == getgrnam("daemon")->gr_gid);
}

static void root_stays_root_only_when_told(void **state)
{
    static const struct privileges refused[] = {{.user = NULL}, {.group = "daemon"}};

    (void)state;
    if (!need_root() || !getgrnam("daemon"))
        skip();
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct failure failure = {0};

        assert_int_equal(privileges_check(&refused[i], &failure), ERR_INVALID);
        assert_non_null(strstr(failure.text, "scripts would run as root: set user = \"perigee\""));
        assert_non_null(strstr(failure.text, "set user = \"root\""));
        assert_int_equal(privileges_drop(&refused[i], &failure), ERR_INVALID);
    }
    assert_int_equal(privileges_check(&as_we_are, NULL), OK);
    assert_int_equal(in_child(stay_root), 0);
    assert_int_equal(in_child(stay_root_by_name), 0);
}

static void who_does_not_exist_is_named(void **state)
{
    static const struct {
        struct privileges wish;
        const char *says;
    } cases[] = {
        {{.user = "no-such-user"}, "no user \"no-such-user\"; create it or change `user`"},
        {{.user = "nobody", .group = "no-such-group"}, "no group \"no-such-group\"; create it"},
        {{.user = "4000000000"}, "4000000000 has no entry"},
        {{.user = "4294967295"}, "no user \"4294967295\""}, /* (uid_t)-1 means "leave it" */
        {{.user = "-1"}, "no user \"-1\""},
        {{.user = "12x"}, "no user \"12x\""},
        {{.user = ""}, "no user \"\""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct failure failure = {0};

        assert_int_equal(privileges_check(&cases[i].wish, &failure), ERR_INVALID);
        if (!strstr(failure.text, cases[i].says))
            fail_msg("expected %s, it is: %s", cases[i].says, failure.text);
        assert_string_equal(failure.code, "EPERM");
    }
}

/* As nobody, whoever the tests run as. */
static void ask_as_nobody(void)
{
    struct privileges same = {.user = "nobody"}, other = {.user = "daemon"},
                      group = {.group = "daemon"};
    struct privileges none = {.user = NULL}, root = {.user = "root"};
    struct failure failure = {0};

    drop(geteuid() == 0 ? &to_nobody : &none);
    CHECK(privileges_check(&none, &failure) == OK);
    if (strcmp(getpwuid(geteuid())->pw_name, "nobody") == 0)
        CHECK(privileges_check(&same, &failure) == OK);
    CHECK(privileges_check(&other, &failure) == ERR_INVALID);
    CHECK(strstr(failure.text, "cannot become user \"daemon\": only root can"));
    CHECK(privileges_check(&root, &failure) == ERR_INVALID);
    CHECK(strstr(failure.text, "cannot become user \"root\""));
    CHECK(privileges_check(&group, &failure) == ERR_INVALID);
    CHECK(strstr(failure.text, "group \"daemon\""));
    drop(&none); /* a second filter on top does no harm */
}

static void only_root_becomes_somebody_else(void **state)
{
    (void)state;
    assert_int_equal(in_child(ask_as_nobody), 0);
}

/* --- the filter */

/* As root each of these would be refused for its arguments, with another error than EPERM. */
#define BAD ((void *)1)
static const struct {
    const char *name;
    long number, a, b;
} listed[] = {
#define CALL(name, a, b)                        \
    {                                           \
#name, SYS_##name, (long)(a), (long)(b) \
    }
    CALL(process_vm_readv, 1, BAD),
    CALL(process_vm_writev, 1, BAD),
    CALL(pidfd_getfd, -1, 0),
    CALL(kcmp, -1, -1),
    CALL(bpf, 999, BAD),
    CALL(perf_event_open, BAD, 0),
    CALL(userfaultfd, -1, 0),
    CALL(io_uring_setup, 1, BAD),
    CALL(io_uring_enter, -1, 0),
    CALL(io_uring_register, -1, 0),
    CALL(mount, BAD, BAD),
    CALL(umount2, BAD, 0),
    CALL(pivot_root, BAD, BAD),
    CALL(chroot, BAD, 0),
    CALL(fsopen, BAD, 0),
    CALL(fsconfig, -1, 0),
    CALL(fsmount, -1, 0),
    CALL(fspick, -1, BAD),
    CALL(move_mount, -1, BAD),
    CALL(open_tree, -1, BAD),
    CALL(mount_setattr, -1, BAD),
    CALL(setns, -1, 0),
    CALL(open_by_handle_at, -1, BAD),
    CALL(init_module, BAD, 0),
    CALL(finit_module, -1, BAD),
    CALL(delete_module, BAD, 0),
    CALL(kexec_load, BAD, -1),
    CALL(reboot, 1, 1),
    CALL(keyctl, -1, 0),
    CALL(add_key, BAD, BAD),
    CALL(request_key, BAD, BAD),
    CALL(settimeofday, BAD, BAD),
    CALL(clock_settime, -1, BAD),
    CALL(clock_adjtime, -1, BAD),
    CALL(adjtimex, BAD, 0),
    CALL(swapon, BAD, 0),
    CALL(swapoff, BAD, 0),
    CALL(sethostname, BAD, 4),
    CALL(setdomainname, BAD, 4),
    CALL(quotactl, -1, BAD),
    CALL(acct, BAD, 0),
    CALL(fanotify_init, -1, -1),
    CALL(syslog, -1, 0),
    CALL(unshare, CLONE_NEWUSER, 0),
    CALL(unshare, CLONE_NEWNS, 0),
    CALL(unshare, CLONE_NEWNET | CLONE_FS, 0),
    CALL(unshare, 0x80 /* CLONE_NEWTIME */, 0),
    CALL(clone, CLONE_NEWUSER | SIGCHLD, 0),
    CALL(clone, CLONE_NEWPID | SIGCHLD, 0),
    CALL(personality, ADDR_NO_RANDOMIZE, 0),
    CALL(personality, READ_IMPLIES_EXEC, 0),
    CALL(ioctl, -1, TIOCSTI),
    CALL(ioctl, -1, TIOCLINUX),
#ifdef SYS_iopl
    CALL(iopl, 4, 0),
    CALL(ioperm, -1, -1),
    CALL(modify_ldt, 99, 0),
#endif
#undef CALL
};

static void call_listed(void)
{
    drop(&as_we_are);
    for (size_t i = 0; i < COUNT(listed); i++) {
        long result = syscall(listed[i].number, listed[i].a, listed[i].b, 0, 0, 0, 0);

        if (result != -1 || errno != EPERM)
            fprintf(stderr, "# %s: %ld, %s\n", listed[i].name, result, strerror(errno));
        CHECK(result == -1 && errno == EPERM);
    }
    CHECK(SANITIZED || (syscall(SYS_ptrace, -1, 1, 0, 0) == -1 && errno == EPERM));
    CHECK(syscall(435 /* clone3 */, 1, 1) == -1 && errno == ENOSYS);
#ifdef __x86_64__
    CHECK(syscall(0x40000000L + SYS_getpid) == -1 && errno == ENOSYS);
#endif
}

static void listed_calls_answer_eperm(void **state)
{
    (void)state;
    assert_int_equal(in_child(call_listed), 0);
}

static void *return_null(void *arg)
{
    return arg;
}

static void use_what_servers_need(void)
{
    char path[] = "/tmp/perigee-privileges-XXXXXX", *map;
    char *true_argv[] = {path, NULL};
    struct privileges none = {.user = NULL};
    pthread_t thread;
    int pair[2], status, waiting, fd;
    pid_t pid;

    drop(geteuid() == 0 ? &to_nobody : &none);
    pid = fork();
    if (pid == 0)
        _exit(7);
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
    CHECK(posix_spawn(&pid, "/bin/true", NULL, NULL, true_argv, NULL) == 0);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(system("exit 3") == 3 << 8);
    CHECK(pthread_create(&thread, NULL, return_null, NULL) == 0 && pthread_join(thread, NULL) == 0);

    fd = mkstemp(path); /* as a memory-mapped data base does */
    CHECK(fd >= 0 && ftruncate(fd, 8192) == 0 && unlink(path) == 0);
    map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(map != MAP_FAILED);
    map[0] = 1;
    CHECK(msync(map, 8192, MS_SYNC) == 0 &&
          fcntl(fd, F_SETLK, &(struct flock){.l_type = F_WRLCK}) == 0);
    map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(map != MAP_FAILED && mprotect(map, 4096, PROT_READ | PROT_EXEC) == 0); /* as the JIT does */
    CHECK(syscall(SYS_memfd_create, "x", 0) >= 0);

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && ioctl(pair[0], FIONREAD, &waiting) == 0);
    CHECK(unshare(CLONE_FILES) == 0);
    CHECK(personality(0xffffffff) >= 0 && personality(0) >= 0);
    CHECK(getpwnam("root"));
    CHECK(setpriority(PRIO_PROCESS, 0, 5) == 0 && prctl(PR_SET_NAME, "x") == 0);
}

static void what_servers_and_scripts_need_works(void **state)
{
    (void)state;
    assert_int_equal(in_child(use_what_servers_need), 0);
}

static void make_processes(void)
{
    char *argv[] = {NULL, NULL};
    pthread_t thread;
    pid_t pid;

    drop(&without_processes);
    CHECK(execve("/bin/true", argv, argv) == -1 && errno == EPERM);
    CHECK(syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, argv, 0) == -1 && errno == EPERM);
    CHECK(fork() == -1 && errno == EPERM);
    CHECK(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) == -1 && errno == EPERM);
    CHECK(posix_spawn(&pid, "/bin/true", NULL, NULL, argv, NULL) == EPERM);
    CHECK(system("true") != 0);
    CHECK(pthread_create(&thread, NULL, return_null, NULL) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(!getpwnam("no-such-user")); /* name services work without processes */
}

static void processes_can_be_denied_and_threads_cannot(void **state)
{
    (void)state;
    assert_int_equal(in_child(make_processes), 0);
}

struct witness {
    sem_t go;
    long result;
    int error, groups;
};

static void *call_in_thread(void *arg)
{
    struct witness *witness = arg;

    while (sem_wait(&witness->go))
        ;
    errno = 0;
    witness->result = syscall(SYS_keyctl, -1, 0, 0, 0, 0);
    witness->error = errno;
    return NULL;
}

static void filter_an_older_thread(void)
{
    struct witness witness = {.result = 0};
    pthread_t thread;

    sem_init(&witness.go, 0, 0);
    CHECK(pthread_create(&thread, NULL, call_in_thread, &witness) == 0);
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(seccomp_start(false, NULL) == OK);
    sem_post(&witness.go);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(witness.result == -1 && witness.error == EPERM);
}

static void threads_that_lived_before_are_filtered_too(void **state)
{
    (void)state;
    assert_int_equal(in_child(filter_an_older_thread), 0);
}

static void filter_an_unwilling_thread(void)
{
    struct failure failure = {0};

    CHECK(geteuid() != 0 || setresuid(65534, 65534, 65534) == 0);
    CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
    CHECK(seccomp_start(false, &failure) == ERR_IO); /* without no_new_privs the kernel refuses */
    CHECK(strstr(failure.text, "the system call filter cannot be set"));
}

static void a_filter_that_is_refused_is_an_error(void **state)
{
    (void)state;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0)
        skip();
    assert_int_equal(in_child(filter_an_unwilling_thread), 0);
}

static void raise_limit(void)
{
    struct rlimit limit;

    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max > 64);
    limit.rlim_cur = 64;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    privileges_raise_descriptors();
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == limit.rlim_max);
}

static void the_limit_of_descriptors_is_raised(void **state)
{
    (void)state;
    assert_int_equal(in_child(raise_limit), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_becomes_a_user_with_nothing_left),
        cmocka_unit_test(users_and_groups_may_be_numbers_and_differ),
        cmocka_unit_test(root_stays_root_only_when_told),
        cmocka_unit_test(who_does_not_exist_is_named),
        cmocka_unit_test(only_root_becomes_somebody_else),
        cmocka_unit_test(listed_calls_answer_eperm),
        cmocka_unit_test(what_servers_and_scripts_need_works),
        cmocka_unit_test(processes_can_be_denied_and_threads_cannot),
        cmocka_unit_test(threads_that_lived_before_are_filtered_too),
        cmocka_unit_test(a_filter_that_is_refused_is_an_error),
        cmocka_unit_test(the_limit_of_descriptors_is_raised),
    };

    return cmocka_run_group_tests_name("privileges", tests, NULL, NULL);
}
