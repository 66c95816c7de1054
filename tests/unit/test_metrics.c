/* metrics: counting, the table behind the export, and both exports. */
#include "support.h"

#include "metrics/metrics_table.h"
#include "metrics/region.h"
#include "session/events.h"

static void test_histogram_bounds_belong_to_their_bucket(void **state)
{
    static const struct {
        uint64_t ms;
        unsigned bucket;
    } cases[] = {{0, 0},  {5, 0},      {6, 1},      {10, 1},
                 {11, 2}, {10000, 10}, {10001, 11}, {UINT64_MAX / 2, 11}};
    struct histogram histogram = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t before = histogram.counts[cases[i].bucket];

        histogram_add(&histogram, metrics_handler_bounds, cases[i].ms);
        assert_int_equal(histogram.counts[cases[i].bucket], before + 1);
    }
    /* A value that is the mark of the end itself, and the longest list of bounds. */
    histogram_add(&histogram, metrics_latency_bounds, UINT32_MAX);
    assert_int_equal(histogram.counts[15], 1);
}

static void test_a_set_takes_over_what_was_counted(void **state)
{
    struct metrics *before = metrics, mine = {0};
    uint64_t hits = metrics->limits[LIMIT_RESETS];

    (void)state;
    metrics_hit(LIMIT_RESETS);
    metrics_use(&mine);
    metrics_hit(LIMIT_RESETS);
    assert_int_equal(mine.limits[LIMIT_RESETS], hits + 2);
    metrics_use(&mine);
    assert_int_equal(mine.limits[LIMIT_RESETS], hits + 2);
    metrics_use(NULL);
    assert_ptr_equal(metrics, before);
    assert_int_equal(metrics->limits[LIMIT_RESETS], hits + 2);
}

static void test_statuses_that_are_none_are_left_out(void **state)
{
    struct metrics mine = {0};

    (void)state;
    metrics_use(&mine);
    mine = (struct metrics){0};
    metrics_response(99);
    metrics_response(600);
    metrics_response(0);
    for (size_t i = 0; i < sizeof(mine) / 8; i++)
        assert_int_equal(metrics_words(&mine)[i], 0);
    metrics_response(100);
    metrics_response(599);
    assert_int_equal(mine.responses[0], 1);
    assert_int_equal(mine.responses[499], 1);
    metrics_use(NULL);
}

/* Every word of a set belongs to one metric, so none is forgotten when sets are added up. */
static void test_the_table_covers_the_set(void **state)
{
    size_t word = 0;

    (void)state;
    for (size_t i = 0; i < metric_table_count; i++) {
        const struct metric *metric = &metric_table[i];

        assert_int_equal(metric->word, word);
        word += metric->words;
        for (size_t label = 0; metric->labels && label < metric->words; label++) {
            assert_non_null(metric->labels[label]);
            for (size_t other = 0; other < label; other++)
                assert_string_not_equal(metric->labels[label], metric->labels[other]);
        }
        for (size_t other = 0; other < i; other++)
            assert_string_not_equal(metric->name, metric_table[other].name);
    }
    assert_int_equal(word * 8, sizeof(struct metrics));
    assert_int_equal(ENDED_BY_PROTOCOL + 1, METRICS_OUTCOMES);
}

static struct region *make(void)
{
    struct region *region;
    int fd;

    assert_int_equal(region_create(&region, &fd), OK);
    close(fd);
    return region;
}

static char *text_of(struct region *region, size_t (*print)(struct region *, char *, size_t))
{
    size_t length = print(region, NULL, 0);
    char *text = malloc(length + 1);

    assert_int_equal(print(region, text, length + 1), length);
    assert_int_equal(strlen(text), length);
    return text;
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no \"%s\" in\n%s", part, text);
}

static void test_the_export_adds_processes_up(void **state)
{
    struct region *region = make();
    struct process_page *one, *two, *old;
    char *text;

    (void)state;
    one = region_page(region, region_take(region, 10, 1, 2));
    old = region_page(region, region_take(region, 11, 2, 1));
    two = region_page(region, region_take(region, 12, 2, 2));
    atomic_store(&one->flags, PROCESS_READY);
    atomic_store(&old->flags, PROCESS_READY | PROCESS_DRAINING);
    one->metrics.sessions_active[METRICS_SERVER] = 5;
    old->metrics.sessions_active[METRICS_SERVER] = 20;
    two->metrics.sessions_active[METRICS_SERVER] = 300;
    one->metrics.responses[200 - METRICS_STATUS_FIRST] = 7;
    two->metrics.responses[200 - METRICS_STATUS_FIRST] = 8;
    one->metrics.limits[LIMIT_RESETS] = 9;
    atomic_store(&region_state(region)->watchdog_kills, 3);
    histogram_add(&one->metrics.handler, metrics_handler_bounds, 5);
    histogram_add(&two->metrics.handler, metrics_handler_bounds, 26);
    histogram_add(&two->metrics.handler, metrics_handler_bounds, 1000000);
    text = text_of(region, region_prometheus);
    assert_has(text, "\nperigee_sessions_active{role=\"server\"} 325\n");
    assert_has(text, "\nperigee_worker_sessions{worker=\"1\"} 5\n");
    assert_has(text, "\nperigee_worker_sessions{worker=\"2\"} 320\n");
    assert_int_equal(count_of(text, "perigee_worker_sessions{"), 2);
    assert_has(text, "\nperigee_responses_total{code=\"200\"} 15\n");
    assert_int_equal(count_of(text, "perigee_responses_total{"), 1);
    assert_has(text, "\nperigee_limit_hits_total{limit=\"resets\"} 9\n");
    assert_has(text, "\nperigee_limit_hits_total{limit=\"watchdog_timeout\"} 3\n");
    assert_has(text, "\nperigee_limit_hits_total{limit=\"sessions\"} 0\n");
    assert_has(text, "\nperigee_handler_duration_seconds_bucket{le=\"0.005\"} 1\n");
    assert_has(text, "\nperigee_handler_duration_seconds_bucket{le=\"0.02\"} 1\n");
    assert_has(text, "\nperigee_handler_duration_seconds_bucket{le=\"0.05\"} 2\n");
    assert_has(text, "\nperigee_handler_duration_seconds_bucket{le=\"10\"} 2\n");
    assert_has(text, "\nperigee_handler_duration_seconds_bucket{le=\"+Inf\"} 3\n");
    assert_has(text, "\nperigee_handler_duration_seconds_sum 1000.031\n");
    assert_has(text, "\nperigee_handler_duration_seconds_count 3\n");
    assert_has(text, "\nperigee_workers{state=\"ready\"} 1\n");
    assert_has(text, "\nperigee_workers{state=\"starting\"} 1\n");
    assert_has(text, "\nperigee_workers{state=\"draining\"} 1\n");
    free(text);
    region_free(&region);
}

/* A text that does not fit is cut, never written past its place, and its length is told all the same. */
static void test_a_short_place_is_not_overrun(void **state)
{
    struct region *region = make();
    size_t length = region_prometheus(region, NULL, 0);
    char *whole = text_of(region, region_prometheus), *part;

    (void)state;
    for (size_t cap = 1; cap < length + 2; cap += 97) {
        part = malloc(cap); /* the sanitizer watches its end */
        assert_int_equal(region_prometheus(region, part, cap), length);
        assert_true(strlen(part) < cap);
        assert_memory_equal(part, whole, strlen(part));
        free(part);
    }
    free(whole);
    region_free(&region);
}

static size_t table(struct region *region, char *out, size_t cap)
{
    return region_status(region, false, out, cap);
}

static size_t json(struct region *region, char *out, size_t cap)
{
    return region_status(region, true, out, cap);
}

static void test_status_shows_each_process(void **state)
{
    struct region *region = make();
    struct process_page *page;
    char *text = text_of(region, table);

    (void)state;
    assert_has(text, "no worker runs");
    assert_has(text, "none was hit");
    free(text);
    atomic_store(&region_state(region)->slots, 2);
    page = region_page(region, region_take(region, 4711, 2, 6));
    atomic_store(&page->flags, PROCESS_READY);
    page->metrics.sessions_active[METRICS_SERVER] = 118;
    page->metrics.streams[METRICS_SERVER] = 100000;
    page->metrics.lua_bytes = 3 * 1024 * 1024;
    page->metrics.responses[404 - METRICS_STATUS_FIRST] = 12;
    page->metrics.limits[LIMIT_IDLE_TIMEOUT] = 17;
    page->started_ms -= 100 * 1000;
    text = text_of(region, table);
    assert_has(text, "2 workers");
    assert_has(text, "     2     4711  ready       1m 40s       118        0       100000    ");
    assert_has(text, "3.0 MiB");
    assert_has(text, "4xx 12");
    assert_has(text, "idle_timeout 17");
    free(text);
    text = text_of(region, json);
    assert_has(text, "\"worker\":2,\"pid\":4711,\"state\":\"ready\"");
    assert_has(text, "\"responses\":{\"404\":12}");
    assert_has(text, "\"idle_timeout\":17");
    free(text);
    region_free(&region);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_histogram_bounds_belong_to_their_bucket),
        cmocka_unit_test(test_a_set_takes_over_what_was_counted),
        cmocka_unit_test(test_statuses_that_are_none_are_left_out),
        cmocka_unit_test(test_the_table_covers_the_set),
        cmocka_unit_test(test_the_export_adds_processes_up),
        cmocka_unit_test(test_a_short_place_is_not_overrun),
        cmocka_unit_test(test_status_shows_each_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
