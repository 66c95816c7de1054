/* seccomp: the deny-list as a program for the kernel's packet filter machine. Kernels from 5.11 on remember
 * per call number what is always allowed, so that the length of the list costs nothing per call. */
#include "process/seccomp.h"

#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#endif

/* LeakSanitizer stops its own process by ptrace and a clone that is no thread. */
#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0
#endif

/* Newer than some headers; since 424 the numbers are the same on all machines. */
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif
#ifndef SYS_open_tree_attr
#define SYS_open_tree_attr 467
#endif

#ifdef ARCHITECTURE

static const int denied[] = {
/* other processes' memory and descriptors */
#if !IS_SANITIZED
    SYS_ptrace,
#endif
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_pidfd_getfd,
    SYS_kcmp,
    SYS_process_madvise,
    SYS_migrate_pages,
    SYS_move_pages,
    /* programs in the kernel, and ways into it that many exploits took */
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_lookup_dcookie,
    SYS_fanotify_init,
    SYS_syslog,
    /* mounts and namespaces; clone and unshare are looked into below */
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_move_mount,
    SYS_open_tree,
    SYS_open_tree_attr,
    SYS_mount_setattr,
    SYS_setns,
    SYS_open_by_handle_at,
    /* the kernel itself */
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
    /* its keys */
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    /* the machine: clocks, swap, names, quota, accounting, terminals */
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_clock_adjtime,
    SYS_adjtimex,
    SYS_swapon,
    SYS_swapoff,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_quotactl,
    SYS_quotactl_fd,
    SYS_acct,
    SYS_nfsservctl,
    SYS_vhangup,
#ifdef __x86_64__
    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
    SYS_uselib,
    SYS_ustat,
    SYS_sysfs,
    SYS__sysctl,
    SYS_create_module,
    SYS_get_kernel_syms,
    SYS_query_module,
#endif
};

static const int denied_processes[] = {
    SYS_execve,
    SYS_execveat,
#ifdef SYS_fork
    SYS_fork,
#endif
#ifdef SYS_vfork
    SYS_vfork,
#endif
};

#define NAMESPACES                                                                                \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
     CLONE_NEWNET)
#define OWN_PROCESS (IS_SANITIZED ? CLONE_VM : CLONE_THREAD) /* clone without it makes a process */
#define PERSONALITY_QUERY 0xffffffffu
#define X32_BIT 0x40000000u
#define PROGRAM_MAX 192

struct program {
    struct sock_filter code[PROGRAM_MAX];
    unsigned short length;
};

static void add(struct program *program, struct sock_filter instruction)
{
    if (program->length < PROGRAM_MAX) /* one too many is seen at the end */
        program->code[program->length] = instruction;
    program->length++;
}

static void load(struct program *program, size_t offset)
{
    add(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

/* The low half of an argument; the kernel looks at no more of those that we ask for. */
static void load_argument(struct program *program, unsigned n)
{
    load(program, offsetof(struct seccomp_data, args) + n * sizeof(uint64_t));
}

static void answer(struct program *program, uint32_t with)
{
    add(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, with));
}

/* Goes on with the next instruction when the value has the relation to k, else skips `otherwise`. */
static void when(struct program *program, uint16_t relation, uint32_t k, uint8_t otherwise)
{
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | relation | BPF_K, k, 0, otherwise));
}

/* The reverse: skips `then` when it has it. */
static void unless(struct program *program, uint16_t relation, uint32_t k, uint8_t then)
{
    add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | relation | BPF_K, k, then, 0));
}

#define ALLOW SECCOMP_RET_ALLOW
#define DENY (SECCOMP_RET_ERRNO | EPERM)
#define UNKNOWN (SECCOMP_RET_ERRNO | ENOSYS)

static void deny(struct program *program, const int *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        when(program, BPF_JEQ, (uint32_t)numbers[i], 1);
        answer(program, DENY);
    }
}

/* Calls that are refused for some arguments only. The last number of the first line of each block is how
 * many instructions the block has after it. */
static void deny_by_argument(struct program *program, bool no_processes)
{
    /* Its flags are in memory, where no filter looks; the C library then takes clone. */
    when(program, BPF_JEQ, SYS_clone3, 1);
    answer(program, UNKNOWN);

    when(program, BPF_JEQ, SYS_clone, no_processes ? 6 : 4);
    load_argument(program, 0);
    when(program, BPF_JSET, NAMESPACES, 1);
    answer(program, DENY);
    if (no_processes) {
        unless(program, BPF_JSET, OWN_PROCESS, 1);
        answer(program, DENY);
    }
    answer(program, ALLOW);

    when(program, BPF_JEQ, SYS_unshare, 4);
    load_argument(program, 0);
    when(program, BPF_JSET, NAMESPACES | CLONE_NEWTIME, 1);
    answer(program, DENY);
    answer(program, ALLOW);

    /* To ask and to be an ordinary one is fine; others turn protections of memory off. */
    when(program, BPF_JEQ, SYS_personality, 5);
    load_argument(program, 0);
    unless(program, BPF_JEQ, 0, 2);
    unless(program, BPF_JEQ, PERSONALITY_QUERY, 1);
    answer(program, DENY);
    answer(program, ALLOW);

    /* Typing into the terminal that root started us from. */
    when(program, BPF_JEQ, SYS_ioctl, 5);
    load_argument(program, 1);
    unless(program, BPF_JEQ, TIOCSTI, 2);
    unless(program, BPF_JEQ, TIOCLINUX, 1);
    answer(program, ALLOW);
    answer(program, DENY);
}

static void build(struct program *program, bool no_processes)
{
    program->length = 0;
    /* The numbers mean something else to a 32-bit program: none runs beneath us. */
    load(program, offsetof(struct seccomp_data, arch));
    unless(program, BPF_JEQ, ARCHITECTURE, 1);
    answer(program, SECCOMP_RET_KILL_PROCESS);
    load(program, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
    when(program, BPF_JGE, X32_BIT, 1);
    answer(program, UNKNOWN);
#endif
    deny(program, denied, sizeof(denied) / sizeof(denied[0]));
    if (no_processes)
        deny(program, denied_processes, sizeof(denied_processes) / sizeof(denied_processes[0]));
    deny_by_argument(program, no_processes);
    answer(program, ALLOW);
    assert(program->length <= PROGRAM_MAX);
}

/* Scripts are trusted code: no need to let the kernel slow the whole process down against Spectre, as it
 * did before 5.16 for every process with a filter. */
#define FLAGS (SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW)

enum err seccomp_start(bool no_processes, struct failure *failure)
{
    struct program program;
    struct sock_fprog filter = {.filter = program.code};
    long status;

    build(&program, no_processes);
    filter.len = program.length;
    status = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, FLAGS, &filter);
    if (status == 0)
        return OK;
    if (status > 0)
        return failure_set(failure, ERR_IO, "EPERM",
                           "the system call filter cannot be set: thread %ld has another one",
                           status);
    if (errno == ENOSYS || errno == EINVAL) {
        log_line(LOG_WARN, "this kernel has no system call filters; going on without", "error",
                 errno_name(errno), NULL);
        return OK;
    }
    return failure_errno(failure, errno, "the system call filter cannot be set");
}

#else

enum err seccomp_start(bool no_processes, struct failure *failure)
{
    (void)no_processes;
    (void)failure;
    log_line(LOG_WARN, "no system call filter for this kind of machine; going on without", NULL);
    return OK;
}

#endif
