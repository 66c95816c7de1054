/* base/list: order, and removal that may be repeated. */
#include "support.h"

#include "base/list.h"

struct item {
    int number;
    struct list link;
};

static int number_of(struct list *link)
{
    return list_entry(link, struct item, link)->number;
}

static void fill(struct list *list, struct item *items, int count)
{
    list_init(list);
    for (int i = 0; i < count; i++) {
        items[i].number = i;
        list_append(list, &items[i].link);
    }
}

static void takes_the_oldest_first(void **state)
{
    struct item items[3];
    struct list list;

    (void)state;
    fill(&list, items, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(number_of(list_take(&list)), i);
    assert_true(list_is_empty(&list));
    assert_null(list_take(&list));
}

static void removes_a_node_twice_without_harm(void **state)
{
    struct item items[3];
    struct list list;

    (void)state;
    fill(&list, items, 3);
    list_remove(&items[1].link);
    list_remove(&items[1].link);
    assert_int_equal(number_of(list_take(&list)), 0);
    assert_int_equal(number_of(list_take(&list)), 2);
    list_remove(&items[2].link); /* taken out already */
    assert_true(list_is_empty(&list));
}

static void walk_lets_its_body_remove_where_it_is(void **state)
{
    struct item items[5];
    struct list list;
    int seen = 0;

    (void)state;
    fill(&list, items, 5);
    list_each(at, &list)
    {
        assert_int_equal(number_of(at), seen++);
        if (number_of(at) % 2 == 0)
            list_remove(at);
    }
    assert_int_equal(seen, 5);
    assert_int_equal(number_of(list_take(&list)), 1);
    assert_int_equal(number_of(list_take(&list)), 3);
    assert_true(list_is_empty(&list));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_oldest_first),
        cmocka_unit_test(removes_a_node_twice_without_harm),
        cmocka_unit_test(walk_lets_its_body_remove_where_it_is),
    };

    return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
