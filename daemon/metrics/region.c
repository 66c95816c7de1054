/* region: the memory's life, taking and folding pages, reading them all. */
#include "metrics/region.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "metrics/metrics_table.h"
#include "metrics/region_internal.h"

#define MAGIC 0x6565676972657071ull
#define LAYOUT 1u /* a change of meaning that the sizes below do not show */

#define WORDS (sizeof(struct metrics) / sizeof(uint64_t))

/* A fold takes microseconds. A master that was killed in the middle of one must not hold up the readers for ever, nor a
 * worker that writes where it should not. */
#define LOOKS_LEAST 100
#define LOOKS_MS 100

static size_t memory_bytes(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return (sizeof(struct region_memory) + page - 1) / page * page;
}

static enum err map(int fd, struct region **out)
{
    struct region *region = mem_zalloc(sizeof(*region));
    void *at;

    if (!region)
        return ERR_NOMEM;
    at = mmap(NULL, memory_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        mem_free(region);
        return errno == ENOMEM ? ERR_NOMEM : ERR_IO;
    }
    region->memory = at;
    *out = region;
    return OK;
}

enum err region_create(struct region **out, int *fd)
{
    int made = memfd_create("perigee-metrics", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct region_memory *memory;
    enum err err = ERR_IO;

    *out = NULL;
    *fd = -1;
    if (made < 0)
        return ERR_IO;
    if (ftruncate(made, (off_t)memory_bytes()) ||
        fcntl(made, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
        goto done;
    err = map(made, out);
    if (err)
        goto done;
    memory = (*out)->memory;
    memory->layout = LAYOUT;
    memory->page_bytes = sizeof(struct process_page);
    memory->metrics_bytes = sizeof(struct metrics);
    memory->pages = REGION_PAGES;
    memory->magic = MAGIC;
    *fd = made;
    made = -1;
done:
    if (made >= 0)
        close(made);
    return err;
}

enum err region_attach(int fd, struct region **out)
{
    const struct region_memory *memory;
    struct stat file;
    enum err err;

    *out = NULL;
    if (fstat(fd, &file))
        return ERR_IO;
    if (!S_ISREG(file.st_mode) || (size_t)file.st_size != memory_bytes())
        return ERR_STATE;
    err = map(fd, out);
    if (err)
        return err;
    memory = (*out)->memory;
    if (memory->magic != MAGIC || memory->layout != LAYOUT ||
        memory->page_bytes != sizeof(struct process_page) ||
        memory->metrics_bytes != sizeof(struct metrics) || memory->pages != REGION_PAGES) {
        region_free(out);
        return ERR_STATE;
    }
    return OK;
}

void region_free(struct region **region)
{
    if (!*region)
        return;
    munmap((*region)->memory, memory_bytes());
    mem_free(*region);
    *region = NULL;
}

/* --- the master's */

/* Around what a reader must see all of, or nothing. The fences are those of a seqlock: neither the counters written
 * in between nor the words before and behind may change places with the count. */
static void fold_begin(struct region_memory *memory)
{
    uint32_t fold = atomic_load_explicit(&memory->fold, memory_order_relaxed);

    /* Odd already: a master before this one died here. */
    atomic_store_explicit(&memory->fold, fold | 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
}

static void fold_end(struct region_memory *memory)
{
    uint32_t fold = atomic_load_explicit(&memory->fold, memory_order_relaxed);

    atomic_store_explicit(&memory->fold, fold + 1, memory_order_release);
}

int region_take(struct region *region, pid_t pid, uint32_t slot, uint32_t generation)
{
    struct region_memory *memory = region->memory;

    for (int i = 0; i < REGION_PAGES; i++) {
        struct process_page *page = &memory->page[i];

        if (region->taken[i])
            continue;
        region->taken[i] = true;
        fold_begin(memory);
        memset(page, 0, sizeof(*page));
        page->pid = pid;
        page->slot = slot;
        page->generation = generation;
        page->started_ms = clock_ms();
        atomic_store(&memory->taken[i], 1);
        fold_end(memory);
        return i;
    }
    return -1;
}

static uint64_t read_word(const uint64_t *at)
{
    return __atomic_load_n(at, __ATOMIC_RELAXED);
}

/* Adds counters, and gauges when they count. The reader's words are its own; the others' may change meanwhile. */
static void add(uint64_t *sum, const struct metrics *set, bool gauges)
{
    const uint64_t *words = metrics_words(set);

    for (size_t i = 0; i < metric_table_count; i++) {
        const struct metric *metric = &metric_table[i];

        if (metric->type == METRIC_GAUGE && !gauges)
            continue;
        for (size_t word = metric->word; word < metric->word + metric->words; word++)
            __atomic_store_n(&sum[word], sum[word] + read_word(&words[word]), __ATOMIC_RELAXED);
    }
}

void region_retire(struct region *region, int index)
{
    struct process_page *page = region_page(region, index);
    struct region_memory *memory = region->memory;

    if (!page || !region->taken[index])
        return;
    region->taken[index] = false;
    fold_begin(memory);
    add((uint64_t *)(void *)&memory->retired, &page->metrics, false);
    atomic_store(&memory->taken[index], 0);
    fold_end(memory);
}

void region_keep(struct region *region, int page)
{
    if (page >= 0 && page < REGION_PAGES)
        region->taken[page] = true;
}

void region_drop_unkept(struct region *region)
{
    for (int i = 0; i < REGION_PAGES; i++)
        if (!region->taken[i])
            atomic_store(&region->memory->taken[i], 0);
}

struct process_page *region_page(struct region *region, int page)
{
    return page >= 0 && page < REGION_PAGES ? &region->memory->page[page] : NULL;
}

struct service_state *region_state(struct region *region)
{
    return &region->memory->state;
}

/* --- readers */

static void look_at(struct region_view *view, const struct process_page *page)
{
    struct process_view *process = &view->process[view->count++];
    const struct metrics *set = &page->metrics;

    *process = (struct process_view){
        .pid = page->pid,
        .slot = page->slot,
        .generation = page->generation,
        .flags = atomic_load(&page->flags),
        .started_ms = page->started_ms,
        .beat_ms = atomic_load(&page->beat_ms),
        .sessions = read_word(&set->sessions_active[METRICS_SERVER]),
        .streams = read_word(&set->streams_active[METRICS_SERVER]),
        .requests = read_word(&set->streams[METRICS_SERVER]),
        .lua_bytes = read_word(&set->lua_bytes),
    };
    add((uint64_t *)(void *)&view->sum, set, true);
}

static int compare(const void *a, const void *b)
{
    const struct process_view *left = a, *right = b;

    if (left->slot != right->slot)
        return left->slot < right->slot ? -1 : 1;
    if (left->generation != right->generation)
        return left->generation < right->generation ? -1 : 1;
    return (left->started_ms > right->started_ms) - (left->started_ms < right->started_ms);
}

void region_look(struct region *region, struct region_view *view)
{
    struct region_memory *memory = region->memory;
    uint64_t until = clock_ms() + LOOKS_MS;
    bool last = false;
    uint32_t fold;

    for (unsigned looks = 1; !last; looks++) {
        last = looks >= LOOKS_LEAST && clock_ms() >= until;
        fold = atomic_load_explicit(&memory->fold, memory_order_acquire);
        if (fold & 1 && !last) {
            sched_yield();
            continue;
        }
        view->count = 0;
        memset(&view->sum, 0, sizeof(view->sum));
        add((uint64_t *)(void *)&view->sum, &memory->retired, false);
        for (int i = 0; i < REGION_PAGES; i++)
            if (atomic_load(&memory->taken[i]))
                look_at(view, &memory->page[i]);
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&memory->fold, memory_order_relaxed) == fold)
            break;
    }
    /* What the master counts under a limit's name. */
    view->sum.limits[LIMIT_WATCHDOG_TIMEOUT] += atomic_load(&memory->state.watchdog_kills);
    view->sum.limits[LIMIT_START_TIMEOUT] += atomic_load(&memory->state.start_timeouts);
    qsort(view->process, view->count, sizeof(view->process[0]), compare);
}

void region_sum(struct region *region, struct metrics *sum)
{
    struct region_view view;

    region_look(region, &view);
    *sum = view.sum;
}

bool region_is_ready(struct region *region)
{
    struct region_memory *memory = region->memory;

    if (atomic_load(&memory->state.draining))
        return false;
    for (int i = 0; i < REGION_PAGES; i++) {
        uint32_t flags;

        if (!atomic_load(&memory->taken[i]))
            continue;
        flags = atomic_load(&memory->page[i].flags);
        if (flags & PROCESS_READY && !(flags & PROCESS_DRAINING))
            return true;
    }
    return false;
}

void text_add(struct text *text, const char *format, ...)
{
    size_t left = text->used < text->cap ? text->cap - text->used : 0;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(left ? text->out + text->used : NULL, left, format, arguments);
    va_end(arguments);
    if (length > 0)
        text->used += (size_t)length;
}
