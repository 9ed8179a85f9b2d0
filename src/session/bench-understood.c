/* What judging adds to a statement: one that comes again (the same text; another text of its template), and
 * one that is new, in a view of a catalogue of some size, under policies that speak of relations and columns;
 * and the same where columns are masked: what is written into the text, and proven.
 * usage: bench-session-understood [--json] */
#include "base/clock.h"
#include "catalog/test-catalog.h"
#include "policy/compile.h"
#include "session/understood.h"
#include "sql/bench-texts.h"
#include "yaml/tree.h"
#include <stdio.h>
#include <stdlib.h>

enum { RUNS = 21, AGAIN = 20000, NEW = 500, TABLES = 2000, ENTRIES = 4096 };

static const char policies[] =
    "- name: analysts\n"
    "  who: any\n"
    "  allow:\n"
    "    - { effects: [read], relations: ['public.*'] }\n"
    "    - { effects: [update], relations: [public.orders, public.lines] }\n"
    "  deny:\n"
    "    - { name: no-mail, columns: ['public.customers.phone', 'public.t1.*'] }\n"
    "    - { name: no-hr, relations: ['hr.*'] }\n"
    "    - { name: whereless, effects: [update, delete], where: missing }\n"
    "  hold:\n"
    "    - { name: many, effects: [update], unless: { affected_rows: '<= 100' }, by: [leads] }\n"
    "  limits: { returned_rows: 100000, statement: 30s }\n";
/* For somebody else, from whom columns are masked. */
static const char masks[] = "- name: agents\n"
                            "  who: any\n"
                            "  allow: [read]\n"
                            "  mask:\n"
                            "    - { columns: ['public.people.mail', '*.*.ssn', 'tag:pii'], with: redact }\n"
                            "    - { columns: ['public.people.phone'], with: partial_phone }\n"
                            "    - { columns: ['public.people.born'], with: year }\n";
static const char people[] =
    "table public.people id:int4!@ name:text! mail:text phone:text ssn:text born:date street:text city:text "
    "zip:text country:text note:text made:timestamptz seen:timestamptz score:int4\n"
    "tag public.people.note pii\n";

struct bench {
    struct arena arena;
    const struct catalog *catalog;
    struct catalog_view view;
    struct bytes path[16];
    struct target target;
    struct understood_context context, masked;
    struct understood_cache *cache;
};

static const struct policy_snapshot *compile(struct arena *arena, const char *policies_text)
{
    struct yaml_errors errors;
    yaml_errors_init(&errors);
    const struct yaml_node *list =
        yaml_tree_parse(bytes_of(policies_text), BYTES_LITERAL("policies"), arena, &errors);
    const struct policy_snapshot *snapshot = list ? policy_compile(list->items, list->n, &errors) : NULL;
    yaml_errors_free(&errors);
    CHECK(snapshot);
    return snapshot;
}

static void begin(struct bench *b, const struct policy_snapshot **snapshot_out,
                  const struct policy_snapshot **masks_out)
{
    static const struct principal who = { .user = BYTES_LITERAL("ada"), .claims = BYTES_LITERAL("{}") };
    struct policy_request request = { &who, BYTES_LITERAL("shop"), BYTES_LITERAL("shop") };
    struct buf world;
    arena_init(&b->arena, 1 << 16, 16 << 20);
    buf_init(&world, 4 << 20);
    buf_append_text(&world, bench_world);
    buf_append_text(&world, people);
    for (int i = 0; i < TABLES; i++)
        buf_printf(&world, "table public.t%d a:int4! b:text c:timestamptz d:numeric e:text f:int8\n", i);
    buf_put_u8(&world, 0);
    b->catalog = catalog_from_text((const char *)buf_bytes(&world).p);
    buf_free(&world);
    b->view = catalog_view_of(b->catalog, "pg_catalog public", b->path);
    *snapshot_out = compile(&b->arena, policies);
    *masks_out = compile(&b->arena, masks);
    const struct policy_ruleset *ruleset = policy_ruleset_for(*snapshot_out, &request, &b->arena);
    CHECK(ruleset);
    b->target.name = request.connection;
    b->context = (struct understood_context){ ruleset, &b->target, &b->view, 1 };
    ruleset = policy_ruleset_for(*masks_out, &request, &b->arena);
    CHECK(ruleset);
    b->masked = (struct understood_context){ ruleset, &b->target, &b->view, 1 };
    b->cache = understood_cache_new(ENTRIES, 64 << 20, 7);
    CHECK(b->cache);
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void find_or_make(struct bench *b, const struct understood_context *context, struct bytes text)
{
    struct understood *u = understood_find(b->cache, context, text);
    if (!u) u = understood_make(b->cache, context, text);
    CHECK(u && !u->refused && !u->unresolved);
    understood_unpin(b->cache, u);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *each)
{
    qsort(each, RUNS, sizeof *each, by_size);
    return each[RUNS / 2];
}

/* Microseconds of a text that was there before; or, with %d in it, of one that is another of its template. */
static double again(struct bench *b, const struct understood_context *context, const char *format)
{
    char texts[64][4096];
    double each[RUNS];
    for (int i = 0; i < 64; i++) {
        size_t n = strlen(format), at = (size_t)(strstr(format, "%d") ? strstr(format, "%d") - format : 0);
        CHECK(n < sizeof texts[i] - 16);
        if (at)
            snprintf(texts[i], sizeof texts[i], "%.*s%d%s", (int)at, format, 1000 + i, format + at + 2);
        else
            memcpy(texts[i], format, n + 1);
        find_or_make(b, context, bytes_of(texts[i]));
    }
    for (int run = 0; run < RUNS; run++) {
        double start = now_us();
        for (int i = 0; i < AGAIN; i++)
            find_or_make(b, context, bytes_of(texts[i & 63]));
        each[run] = (now_us() - start) / AGAIN;
    }
    return median(each);
}

/* Microseconds of a text that nobody sent before: each has a name of its own behind it. */
static double anew(struct bench *b, const struct understood_context *context, const char *text)
{
    char one[4096];
    double each[RUNS];
    for (int run = 0; run < RUNS; run++) {
        double start = now_us();
        for (int i = 0; i < NEW; i++) {
            snprintf(one, sizeof one, "SELECT * FROM (%s) x%d", text, run * NEW + i);
            find_or_make(b, context, bytes_of(one));
        }
        each[run] = (now_us() - start) / NEW;
    }
    return median(each);
}

/* Microseconds of asking of each column of a row description whether it is masked. */
static double describe(struct bench *b)
{
    double each[RUNS];
    const struct catalog_relation *r =
        catalog_find(&b->view, BYTES_LITERAL("public"), BYTES_LITERAL("people"));
    CHECK(r);
    for (int run = 0; run < RUNS; run++) {
        double start = now_us();
        size_t masked = 0;
        for (int i = 0; i < NEW; i++)
            for (size_t k = 1; k <= r->n_columns; k++)
                masked += mask_choose(b->masked.ruleset, &b->view, r, (int)k).reason != MASK_CLEAR;
        CHECK(masked == 5UL * NEW);
        each[run] = (now_us() - start) / NEW;
    }
    return median(each);
}

/* Microseconds of writing out what the server gets for another text of a template. */
static double forward(struct bench *b)
{
    double each[RUNS];
    struct bytes first = BYTES_LITERAL("SELECT * FROM people WHERE id = 5"),
                 other = BYTES_LITERAL("SELECT * FROM people WHERE id = 1234");
    struct understood *u = understood_find(b->cache, &b->masked, first);
    struct buf out;
    CHECK(u && u->is_template);
    buf_init(&out, 1 << 20);
    for (int run = 0; run < RUNS; run++) {
        double start = now_us();
        for (int i = 0; i < AGAIN; i++) {
            CHECK(understood_forward(u, other, &out) && !out.failed);
            buf_consume(&out, buf_length(&out));
        }
        each[run] = (now_us() - start) / AGAIN;
    }
    buf_free(&out);
    understood_unpin(b->cache, u);
    return median(each);
}

static void tell(bool json, const char *name, double us)
{
    if (json)
        printf("{\"name\":\"%s\",\"us\":%.3f}\n", name, us);
    else
        printf("%-40s %8.2f us\n", name, us);
}

int main(int argc, char **argv)
{
    struct bench b = { 0 };
    const struct policy_snapshot *snapshot, *masks_snapshot;
    const char *brief = "SELECT id, total FROM orders WHERE customer_id = 5";
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    begin(&b, &snapshot, &masks_snapshot);
    tell(json, "again: short, the same text", again(&b, &b.context, brief));
    tell(json, "again: short, another literal",
         again(&b, &b.context, "SELECT id, total FROM orders WHERE customer_id = %d"));
    tell(json, "again: 30 lines, the same text", again(&b, &b.context, bench_report));
    tell(json, "new: short, in a view", anew(&b, &b.context, brief));
    tell(json, "new: 30 lines, in a view", anew(&b, &b.context, bench_report));
    const char *all = "SELECT * FROM people WHERE id = 5";
    tell(json, "clear again: 14 columns, the same text", again(&b, &b.context, all));
    tell(json, "masked again: 14 columns, the same text", again(&b, &b.masked, all));
    tell(json, "masked again: 14 columns, another literal",
         again(&b, &b.masked, "SELECT * FROM people WHERE id = %d"));
    tell(json, "masked again: writing it out", forward(&b));
    tell(json, "clear new: 14 columns", anew(&b, &b.context, all));
    tell(json, "masked new: 14 columns", anew(&b, &b.masked, all));
    tell(json, "masked new: one clear column", anew(&b, &b.masked, "SELECT name FROM people WHERE id = 5"));
    tell(json, "whether 14 columns are masked", describe(&b));
    understood_cache_free(b.cache);
    policy_snapshot_unref(masks_snapshot);
    policy_snapshot_unref(snapshot);
    catalog_release(b.catalog);
    arena_free(&b.arena);
    return 0;
}
