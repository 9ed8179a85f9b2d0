#include "base/test.h"

#include "catalog/test-catalog.h"

#define B(text) BYTES_LITERAL(text)

static const char shop[] = "table public.customers id:int4! name:text email:text country:text\n"
                           "table public.orders id:int4! customer:int4 amount:numeric rls\n"
                           "table other.customers id:int4\n"
                           "table pg_catalog.pg_class oid:oid relname:name\n"
                           "view public.contact k:int4=public.customers.id who:text=public.customers.name\n"
                           "    t:text=? decides=public.customers.country\n"
                           "cascade public.customers public.orders\n"
                           "rule public.orders public.customers 4\n"
                           "trigger public.customers\n"
                           "tag public.customers.email pii, secret\n"
                           "function pg_catalog.lower(text) -> text immutable\n"
                           "type public.citext extension=citext\n"
                           "function public.citext_eq(public.citext,public.citext) -> bool immutable\n"
                           "    extension=citext\n"
                           "function public.lower(public._citext) -> text stable definer\n"
                           "function public.f(int4,text) -> record set out=a:int4,b:text\n"
                           "operator public.=(public.citext,public.citext) function=public.citext_eq\n"
                           "    extension=citext\n"
                           "cast text public.citext extension=citext\n"
                           "domain public.mail text checked\n"
                           "domain public.work public.mail\n";

static void a_name_is_found_by_the_search_path(void **state)
{
    (void)state;
    struct bytes path[16];
    const struct catalog *c = catalog_from_text(shop);
    struct catalog_view v = catalog_view_of(c, "pg_catalog other public", path);
    assert_bytes(catalog_find(&v, B(""), B("customers"))->schema, "other");
    assert_bytes(catalog_find(&v, B("public"), B("customers"))->schema, "public");
    assert_bytes(catalog_find(&v, B(""), B("orders"))->schema, "public");
    assert_bytes(catalog_find(&v, B(""), B("pg_class"))->schema, "pg_catalog");
    assert_null(catalog_find(&v, B("pg_temp"), B("customers")));
    assert_null(catalog_find(&v, B(""), B("Customers")));
    v = catalog_view_of(c, "pg_catalog", path);
    assert_null(catalog_find(&v, B(""), B("customers")));
    const struct catalog_relation *r = catalog_find(&v, B("public"), B("customers"));
    assert_ptr_equal(catalog_by_oid(&v, r->oid), r);
    assert_int_equal(catalog_column_number(r, B("email")), 3);
    assert_int_equal(catalog_column_number(r, B("ctid")), -1);
    assert_int_equal(catalog_column_number(r, B("tableoid")), -6);
    assert_int_equal(catalog_column_number(r, B("ssn")), 0);
    assert_true(r->columns[0].not_null);
    assert_true(r->has_triggers);
    assert_bytes(r->columns[2].tags, "pii,secret");
    catalog_release(c);
}

static void relations_hang_together_by_ties(void **state)
{
    (void)state;
    struct bytes path[16];
    const struct catalog *c = catalog_from_text(shop);
    struct catalog_view v = catalog_view_of(c, "public", path);
    const struct catalog_relation *customers = catalog_find(&v, B(""), B("customers"));
    const struct catalog_relation *orders = catalog_find(&v, B(""), B("orders"));
    const struct catalog_relation *contact = catalog_find(&v, B(""), B("contact"));
    assert_int_equal(customers->n_ties, 2);
    assert_int_equal(customers->ties[1].tie, CATALOG_TIE_KEY);
    assert_int_equal(customers->ties[0].tie, CATALOG_TIE_ON_DELETE);
    assert_true(customers->ties[0].deletes);
    assert_ptr_equal(customers->ties[0].relation, orders);
    assert_int_equal(orders->n_ties, 1);
    assert_int_equal(orders->ties[0].tie, CATALOG_TIE_RULE);
    assert_int_equal(orders->ties[0].writes, 4);
    assert_true(orders->has_rules);
    assert_true(orders->row_security);
    assert_int_equal(contact->n_ties, 1);
    assert_int_equal(contact->ties[0].tie, CATALOG_TIE_VIEW);
    assert_int_equal(contact->sources[1].n, 1);
    assert_ptr_equal(contact->sources[1].items[0].relation, customers);
    assert_int_equal(contact->sources[1].items[0].attribute, 2);
    assert_true(contact->sources[2].opaque);
    assert_int_equal(contact->decides.items[0].attribute, 4);
    catalog_release(c);
}

static void code_has_a_signature_and_an_owner(void **state)
{
    (void)state;
    struct bytes path[16];
    const struct catalog *c = catalog_from_text(shop);
    struct catalog_view v = catalog_view_of(c, "public pg_catalog", path);
    struct catalog_functions f = catalog_functions_named(c, B("lower"));
    assert_int_equal(f.n, 2);
    assert_bytes(f.items[0]->signature, "pg_catalog.lower(text)");
    assert_true(catalog_is_own(f.items[0]->oid));
    assert_bytes(f.items[1]->signature, "public.lower(public.citext[])");
    assert_true(f.items[1]->security_definer);
    assert_false(catalog_is_own(f.items[1]->oid));
    f = catalog_functions_in(&v, B("f"));
    assert_int_equal(f.n, 1);
    assert_bytes(f.items[0]->signature, "public.f(integer, text)");
    assert_int_equal(f.items[0]->n_outputs, 2);
    assert_bytes(f.items[0]->outputs[1], "b");
    assert_int_equal(f.items[0]->output_types[1], 25);
    assert_int_equal(catalog_functions_named(c, B("g")).n, 0);
    struct catalog_operators o = catalog_operators_in(&v, B("="));
    assert_int_equal(o.n, 1);
    assert_bytes(o.items[0]->signature, "public.=(public.citext, public.citext)");
    assert_bytes(o.items[0]->extension, "citext");
    const struct catalog_cast *casts;
    assert_int_equal(catalog_casts_in(&v, &casts), 1);
    assert_bytes(casts[0].signature, "(text AS public.citext)");
    assert_bytes(casts[0].extension, "citext");
    const struct catalog_type *work = catalog_type_find(&v, B(""), B("work"));
    assert_true(work->checked);
    assert_int_equal(work->kind, 'd');
    assert_ptr_equal(catalog_type_by_oid(&v, work->oid), work);
    catalog_release(c);
}

static void a_session_sees_its_own_besides(void **state)
{
    (void)state;
    const struct bytes *p;
    size_t n;
    const struct catalog *c = catalog_from_text(shop);
    struct catalog_overlay *o =
        catalog_overlay_from_text(c,
                                  "temporary pg_temp_3\n"
                                  "path pg_temp_3 pg_catalog public\n"
                                  "table pg_temp_3.customers secret:text\n"
                                  "view public.contact x:text=public.customers.email\n"
                                  "function public.lower(int4) -> text\n"
                                  "function public.new(int4) -> text\n"
                                  "dropped public.orders\n",
                                  &p, &n);
    struct catalog_view v = { c, o, p, n };
    assert_int_equal(n, 3);
    assert_false(catalog_overlay_is_empty(o));
    assert_bytes(catalog_temporary_schema(&v), "pg_temp_3");
    const struct catalog_relation *own = catalog_find(&v, B(""), B("customers"));
    assert_true(own->temporary);
    assert_ptr_equal(catalog_find(&v, B("pg_temp"), B("customers")), own);
    assert_false(catalog_find(&v, B("public"), B("customers"))->temporary);
    assert_null(catalog_find(&v, B("public"), B("orders")));
    const struct catalog_relation *contact = catalog_find(&v, B(""), B("contact"));
    assert_int_equal(contact->n_columns, 1);
    assert_int_equal(contact->sources[0].items[0].attribute, 3);
    assert_int_equal(catalog_functions_in(&v, B("lower")).n, 3);
    assert_int_equal(catalog_functions_in(&v, B("new")).n, 1);
    assert_int_equal(catalog_functions_named(c, B("lower")).n, 2);
    assert_non_null(catalog_type_find(&v, B("public"), B("citext")));
    catalog_overlay_free(o);
    v.overlay = o = catalog_overlay_from_text(c, "path public\n", &p, &n);
    assert_true(catalog_overlay_is_empty(o));
    catalog_overlay_free(o);
    catalog_release(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_found_by_the_search_path),
        cmocka_unit_test(relations_hang_together_by_ties),
        cmocka_unit_test(code_has_a_signature_and_an_owner),
        cmocka_unit_test(a_session_sees_its_own_besides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
