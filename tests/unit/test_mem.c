/* base/mem: counts blocks and fails on order. */
#include "support.h"

static void counts_each_block_once(void **state)
{
    size_t before = mem_live();
    void *a, *b;
    char *c;

    (void)state;
    a = mem_alloc(0);
    b = mem_zalloc(100);
    c = mem_copy("abc\0def", 7);
    assert_int_equal(mem_live(), before + 3);
    assert_memory_equal(c, "abc\0def", 8);
    for (int i = 0; i < 100; i++)
        assert_int_equal(((char *)b)[i], 0);
    b = mem_realloc(b, 1000);
    assert_int_equal(mem_live(), before + 3);
    mem_free(a);
    mem_free(b);
    mem_free(c);
    mem_free(NULL);
    a = mem_realloc(NULL, 10);
    assert_int_equal(mem_live(), before + 1);
    mem_free(a);
    assert_int_equal(mem_live(), before);
}

static void fails_the_nth_allocation_and_that_alone(void **state)
{
    size_t before = mem_live();
    void *kept = mem_alloc(1), *other;

    (void)state;
    mem_fail_at(3);
    assert_non_null(other = mem_alloc(1));
    mem_free(other);
    assert_non_null(other = mem_copy("x", 1));
    mem_free(other);
    assert_null(mem_realloc(kept, 5));
    kept = mem_realloc(kept, 5);
    assert_non_null(kept);
    mem_fail_at(1);
    assert_null(mem_zalloc(1));
    mem_fail_at(1);
    mem_fail_at(0);
    assert_non_null(other = mem_zalloc(1));
    mem_free(other);
    mem_free(kept);
    assert_int_equal(mem_live(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_each_block_once),
        cmocka_unit_test(fails_the_nth_allocation_and_that_alone),
    };

    return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}
