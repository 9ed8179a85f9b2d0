/* Columns and outputs of statements over a real server's catalogue, as lines: what tests/lineage drives.
 *
 *   tool-sql-lineage queries             the texts that load a catalogue, each with a NUL behind it
 *   tool-sql-lineage facts ROWS PATH     statements from the input, each with a NUL behind it; ROWS: their
 *                                        answers, a row after another: index of the query, number of values,
 *                                        and for each its length (-1: NULL) and bytes; numbers of 32 bits in
 *                                        the machine's order. PATH: schemas, separated by blanks
 *
 * For each text, one line for each fact, and an empty line behind:
 *   outcome TEXT | unresolved CODE SAYS | relation OID THROUGH | access OID EFFECTS NAME | does EFFECTS CODES
 *   column OID ATTRIBUTE USES THROUGH NAME
 *   output PLAIN OPAQUE COLUMN,… NAME | open | forward TEXT (what the server is sent, in hexadecimal digits)
 *   took NANOSECONDS (of all, and of one without a view) */
#include "base/arena.h"
#include "base/buf.h"
#include "catalog/load.h"
#include "sql/edits.h"
#include "sql/facts.h"
#include "sql/safe.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static _Noreturn void fail(const char *why)
{
    fprintf(stderr, "tool-sql-lineage: %s\n", why);
    exit(2);
}

static struct bytes read_all(FILE *file, struct buf *out)
{
    buf_init(out, (size_t)1 << 30);
    for (;;) {
        uint8_t *room = buf_room(out, 65536);
        if (!room) fail("too much");
        size_t n = fread(room, 1, 65536, file);
        if (n == 0) return buf_bytes(out);
        buf_added(out, n);
    }
}

static uint32_t take_number(struct bytes *rest)
{
    uint32_t value;
    if (rest->n < sizeof(value)) fail("the rows end too early");
    memcpy(&value, rest->p, sizeof(value));
    *rest = bytes_slice(*rest, sizeof(value), rest->n);
    return value;
}

static const struct catalog *load(const char *path)
{
    enum { VALUES = 64 };
    struct bytes values[VALUES];
    struct buf content;
    const char *error = "no memory";
    FILE *file = fopen(path, "rb");
    struct catalog_load *load = catalog_load_begin();
    if (!file || !load) fail("the rows cannot be read");
    struct bytes rest = read_all(file, &content);
    fclose(file);
    while (rest.n > 0) {
        uint32_t query = take_number(&rest), n = take_number(&rest);
        if (n > VALUES) fail("a row is too long");
        for (uint32_t i = 0; i < n; i++) {
            uint32_t length = take_number(&rest);
            values[i] = (struct bytes){ 0 };
            if (length == UINT32_MAX) continue;
            if (length > rest.n) fail("the rows end too early");
            values[i] = bytes_slice(rest, 0, length);
            rest = bytes_slice(rest, length, rest.n);
        }
        if (!catalog_load_row(load, query, values, n)) fail("the load does not take a row");
    }
    const struct catalog *catalog = catalog_load_end(load, &error);
    if (!catalog) fail(error);
    buf_free(&content);
    return catalog;
}

/* The rest of a line. */
static void print_text(struct bytes text)
{
    for (size_t i = 0; i < text.n; i++)
        putchar(text.p[i] == '\n' ? ' ' : text.p[i]);
    putchar('\n');
}

static void print_statement(const struct sql_statement *s)
{
    if (s->unresolved_code) {
        printf("unresolved %s ", s->unresolved_code);
        print_text(s->unresolved_says);
    }
    size_t n_codes = 0;
    for (size_t i = 0; i < s->n_relations; i++) {
        const struct sql_relation *r = &s->relations[i];
        printf("relation %u %d\n", r->oid, r->through);
        printf("access %u %u ", r->oid, r->access);
        print_text(r->name);
    }
    for (size_t i = 0; i < s->n_functions; i++)
        n_codes += s->functions[i].n_codes;
    printf("does %u %zu\n", s->effects, n_codes);
    for (size_t i = 0; i < s->n_columns; i++) {
        const struct sql_column *c = &s->columns[i];
        const struct sql_relation *r = &s->relations[c->relation];
        printf("column %u %d %u %d ", r->oid, c->attribute, c->uses, r->through);
        print_text(c->name);
    }
    for (size_t i = 0; i < s->n_outputs; i++) {
        const struct sql_output *o = &s->outputs[i];
        printf("output %d %d ", o->plain, o->opaque);
        for (size_t k = 0; k < o->n_columns; k++)
            printf("%s%u", k ? "," : "", o->columns[k]);
        printf("%s ", o->n_columns ? "" : "-");
        print_text(o->name);
    }
    if (s->outputs_open) puts("open");
}

static long long now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (long long)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The least of a few runs. */
static long long took(struct bytes text, const struct catalog_view *view)
{
    long long least = -1;
    for (int i = 0; i < 5; i++) {
        struct arena arena;
        const struct sql_facts *facts;
        arena_init(&arena, 1 << 16, 1 << 28);
        long long before = now_ns();
        (void)!sql_understand_in(text, view, &arena, &facts);
        long long ns = now_ns() - before;
        if (least < 0 || ns < least) least = ns;
        arena_free(&arena);
    }
    return least;
}

static void print_forward(struct bytes text, const struct sql_facts *facts)
{
    struct buf out;
    buf_init(&out, (size_t)1 << 30);
    sql_edits_apply(text, facts->edits, facts->n_edits, &out);
    fputs("forward ", stdout);
    for (size_t i = 0; i < buf_length(&out); i++)
        printf("%02x", buf_bytes(&out).p[i]);
    putchar('\n');
    buf_free(&out);
}

static void print_facts(struct bytes text, const struct catalog_view *view)
{
    static const char *const outcomes[] = { "hostile", "unknown", "understood" };
    struct arena arena;
    const struct sql_facts *facts;
    arena_init(&arena, 1 << 16, 1 << 28);
    enum sql_outcome outcome = sql_understand_in(text, view, &arena, &facts);
    if (!facts) fail("no memory");
    printf("outcome %s\n", outcomes[outcome]);
    for (size_t i = 0; i < facts->n_statements; i++)
        print_statement(&facts->statements[i]);
    if (facts->n_edits) print_forward(text, facts);
    printf("took %lld %lld\n\n", took(text, view), took(text, NULL));
    arena_free(&arena);
}

static size_t split_path(char *text, struct bytes *path, size_t size)
{
    size_t n = 0;
    for (char *at = text; *at && n < size;) {
        size_t length = strcspn(at, " ");
        path[n++] = bytes_make(at, length);
        at += length + (at[length] == ' ');
    }
    return n;
}

int main(int argc, char **argv)
{
    struct bytes path[16];
    struct buf content;
    if (argc == 2 && strcmp(argv[1], "queries") == 0) {
        struct catalog_load *loading = catalog_load_begin();
        if (!loading) fail("no memory");
        for (size_t i = 0; catalog_load_query(loading, i); i++) {
            fputs(catalog_load_query(loading, i), stdout);
            putchar(0);
        }
        catalog_load_abandon(loading);
        return 0;
    }
    if (argc != 4 || strcmp(argv[1], "facts") != 0) fail("usage: queries | facts ROWS PATH");
    const struct catalog *catalog = load(argv[2]);
    struct catalog_view view = { .catalog = catalog, .path = path, .n_path = split_path(argv[3], path, 16) };
    struct bytes rest = read_all(stdin, &content);
    while (rest.n > 0) {
        ptrdiff_t end = bytes_find(rest, bytes_make("", 1));
        if (end < 0) fail("a statement does not end");
        print_facts(bytes_slice(rest, 0, (size_t)end), &view);
        rest = bytes_slice(rest, (size_t)end + 1, rest.n);
    }
    buf_free(&content);
    catalog_release(catalog);
    return 0;
}
