/* The header block: one allocation without pointers, built field by field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/block.h"

static enum err add(struct http_block_builder *builder, const char *name, const char *value,
                    uint32_t flags)
{
    return http_block_add(builder, name, strlen(name), value, strlen(value), flags);
}

static void assert_field(const struct http_block *block, uint32_t i, const char *name,
                         const char *value)
{
    const struct http_block_field *field = &block->fields[i];

    assert_int_equal(field->name_length, strlen(name));
    assert_int_equal(field->value_length, strlen(value));
    assert_memory_equal(http_block_bytes(block, field->name), name, strlen(name));
    assert_memory_equal(http_block_bytes(block, field->value), value, strlen(value));
}

static void a_block_keeps_fields_in_wire_order(void **state)
{
    struct http_block_builder builder = {0};
    struct http_block *block;

    (void)state;
    http_block_begin(&builder);
    assert_int_equal(add(&builder, ":method", "GET", 0), OK);
    assert_int_equal(add(&builder, "authorization", "secret", FIELD_SENSITIVE), OK);
    assert_int_equal(add(&builder, "x-empty", "", 0), OK);
    assert_int_equal(http_block_finish(&builder, &block), OK);
    assert_int_equal(block->count, 3);
    assert_int_equal(block->size, sizeof(*block) + 3 * sizeof(block->fields[0]) + 10 + 19 + 7);
    assert_field(block, 0, ":method", "GET");
    assert_field(block, 1, "authorization", "secret");
    assert_field(block, 2, "x-empty", "");
    assert_int_equal(block->fields[0].flags, 0);
    assert_int_equal(block->fields[1].flags, FIELD_SENSITIVE);
    mem_free(block);
    http_block_builder_free(&builder);
    assert_int_equal(mem_live(), 0);
}

static void a_copy_of_the_bytes_is_as_good_as_the_block(void **state)
{
    struct http_block_builder builder = {0};
    struct http_block *block, *copy;

    (void)state;
    http_block_begin(&builder);
    assert_int_equal(add(&builder, "cookie", "a=b", 0), OK);
    assert_int_equal(http_block_finish(&builder, &block), OK);
    copy = (struct http_block *)mem_copy(block, block->size);
    memset(block, 0xff, block->size);
    mem_free(block);
    assert_field(copy, 0, "cookie", "a=b");
    mem_free(copy);
    http_block_builder_free(&builder);
}

static void find_tells_the_first_place_and_how_many_there_are(void **state)
{
    struct http_block_builder builder = {0};
    struct http_block *block;
    uint32_t same;

    (void)state;
    http_block_begin(&builder);
    add(&builder, "a", "1", 0);
    add(&builder, "cookie", "2", 0);
    add(&builder, "cookies", "3", 0);
    add(&builder, "cookie", "4", 0);
    assert_int_equal(http_block_finish(&builder, &block), OK);
    assert_int_equal(http_block_find(block, "cookie", 6, &same), 1);
    assert_int_equal(same, 2);
    assert_int_equal(http_block_find(block, "cookie", 6, NULL), 1);
    assert_int_equal(http_block_find(block, "Cookie", 6, &same), -1);
    assert_int_equal(same, 0);
    assert_int_equal(http_block_find(block, "cook", 4, NULL), -1);
    mem_free(block);
    http_block_builder_free(&builder);
}

static void a_builder_is_used_again_and_grows(void **state)
{
    struct http_block_builder builder = {0};
    struct http_block *block;
    char name[32], value[200];

    (void)state;
    memset(value, 'v', sizeof(value));
    for (int round = 0; round < 3; round++) {
        http_block_begin(&builder);
        for (int i = 0; i < 300; i++) {
            int length = snprintf(name, sizeof(name), "x-%d", i);

            assert_int_equal(
                http_block_add(&builder, name, (size_t)length, value, sizeof(value), 0), OK);
        }
        assert_int_equal(http_block_finish(&builder, &block), OK);
        assert_int_equal(block->count, 300);
        assert_memory_equal(http_block_bytes(block, block->fields[299].name), "x-299", 5);
        assert_int_equal(http_block_bytes(block, block->fields[299].value)[199], 'v');
        assert_int_equal(block->fields[299].value + 200, block->size);
        mem_free(block);
    }
    http_block_builder_free(&builder);
    http_block_builder_free(&builder);
    assert_int_equal(mem_live(), 0);
}

static void an_empty_block_is_a_block(void **state)
{
    struct http_block_builder builder = {0};
    struct http_block *block;

    (void)state;
    http_block_begin(&builder);
    assert_int_equal(http_block_finish(&builder, &block), OK);
    assert_int_equal(block->count, 0);
    assert_int_equal(block->size, sizeof(*block));
    assert_int_equal(http_block_find(block, "a", 1, NULL), -1);
    mem_free(block);
    http_block_builder_free(&builder);
}

static void want_of_memory_is_reported_and_nothing_leaks(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 3; n++) {
        struct http_block_builder builder = {0};
        struct http_block *block = NULL;
        enum err err;

        mem_fail_at(n);
        http_block_begin(&builder);
        err = add(&builder, "a", "b", 0);
        if (!err)
            err = http_block_finish(&builder, &block);
        assert_int_equal(err, ERR_NOMEM);
        assert_null(block);
        mem_fail_at(0);
        http_block_builder_free(&builder);
        assert_int_equal(mem_live(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_keeps_fields_in_wire_order),
        cmocka_unit_test(a_copy_of_the_bytes_is_as_good_as_the_block),
        cmocka_unit_test(find_tells_the_first_place_and_how_many_there_are),
        cmocka_unit_test(a_builder_is_used_again_and_grows),
        cmocka_unit_test(an_empty_block_is_a_block),
        cmocka_unit_test(want_of_memory_is_reported_and_nothing_leaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
