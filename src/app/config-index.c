/* The index that several gateways share: where it is, and how it is reached. */
#include "app/config-shapes.h"

enum { HOSTS = 8, NAME_MOST = 63 };

static const char *const tls_choices[] = { "verify-full", "verify-ca", "require", "disable", NULL };

static void check_postgres(struct yaml_reader *reader, void *object)
{
    const struct config_postgres *p = object;
    if (p->ca.n && p->tls != CONFIG_TARGET_TLS_VERIFY_FULL && p->tls != CONFIG_TARGET_TLS_VERIFY_CA)
        yaml_errors_add(reader->errors, yaml_place_of(p->at, "ca"),
                        "\"ca\" is only used with tls: verify-full or verify-ca");
    /* The names of its own tables and of the months' parts stand beside it, not in it. */
    if (p->schema.n > NAME_MOST || bytes_starts_with(p->schema, "pg_"))
        yaml_errors_add(reader->errors, yaml_place_of(p->at, "schema"),
                        "\"schema\" has at most %d bytes, and does not begin with pg_", NAME_MOST);
}

static const struct yaml_field postgres_fields[] = {
    { "password", YAML_SECRET, YAML_AT(config_postgres, password),
      "Where the role's password is, read anew for each connection; without it none is sent.",
      .example = "${file:/run/secrets/postern-index}" },
    { "tls", YAML_CHOICE, YAML_AT(config_postgres, tls),
      "How the server proves itself; a Unix socket never speaks TLS.", .choices = tls_choices },
    { "ca", YAML_PATH, YAML_AT(config_postgres, ca),
      "Who signs the server's certificate, a PEM file; without it, the system's list.",
      .example = "index-ca.crt" },
    { "schema", YAML_TEXT, YAML_AT(config_postgres, schema), "The schema that has the tables and views.",
      .fallback = "postern" },
    { "spool", YAML_NUMBER, YAML_AT(config_postgres, spool),
      "How many rows may wait for the server here; beyond it statements are refused as on_failure says.",
      .fallback = "1000000", .min = 1000, .max = 1000000000 },
};
const struct yaml_shape config_postgres_shape = {
    "postgres",    sizeof(struct config_postgres), postgres_fields, CONFIG_N(postgres_fields), NULL,
    check_postgres
};

/* ---- postgres://user@host:port,host/database */

static int digit(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* %2F and the like; a copy with a NUL behind it. What is not printable, and a comma, is in none of them. */
static struct bytes decode(struct arena *arena, struct bytes text)
{
    uint8_t *out = arena_alloc(arena, text.n + 1);
    size_t n = 0;
    if (!out || !text.n) return (struct bytes){ 0 };
    for (size_t i = 0; i < text.n; i++) {
        int c = text.p[i];
        if (c == '%') {
            int high = i + 2 < text.n ? digit(text.p[i + 1]) : -1;
            int low = i + 2 < text.n ? digit(text.p[i + 2]) : -1;
            if (high < 0 || low < 0) return (struct bytes){ 0 };
            c = high * 16 + low;
            i += 2;
        }
        if (c < ' ' || c == 0x7F || c == ',') return (struct bytes){ 0 };
        out[n++] = (uint8_t)c;
    }
    return bytes_make(out, n);
}

/* Up to the first `c`, which is consumed; all where there is none. */
static struct bytes take_until(struct bytes *text, char c)
{
    const uint8_t *at = text->n ? memchr(text->p, c, text->n) : NULL;
    size_t n = at ? (size_t)(at - text->p) : text->n;
    struct bytes found = bytes_slice(*text, 0, n);
    *text = bytes_slice(*text, at ? n + 1 : n, text->n);
    return found;
}

/* "db.example", "db.example:5433", "[::1]:5433", "%2Frun%2Fpostgresql" */
static bool read_host(struct arena *arena, struct bytes text, struct bytes *host, int64_t *port)
{
    *port = 5432;
    if (text.n && text.p[0] == '[') {
        text = bytes_slice(text, 1, text.n);
        if (!memchr(text.p, ']', text.n)) return false;
        *host = decode(arena, take_until(&text, ']'));
        if (text.n && text.p[0] != ':') return false;
        text = bytes_slice(text, 1, text.n);
    } else
        *host = decode(arena, take_until(&text, ':'));
    if (text.n && (!bytes_to_int64(text, port) || *port < 1 || *port > 65535)) return false;
    for (size_t i = 0; i < host->n; i++)
        if (host->p[i] == ' ') return false;
    return host->n > 0;
}

static bool read_hosts(struct arena *arena, struct bytes text, struct config_postgres *out)
{
    out->hosts = out->ports = (struct bytes){ 0 };
    if (text.n && text.p[text.n - 1] == ',') return false;
    for (size_t n = 0; text.n; n++) {
        struct bytes host;
        int64_t port;
        if (n == HOSTS || !read_host(arena, take_until(&text, ','), &host, &port)) return false;
        out->hosts = n ? arena_printf(arena, "%.*s,%.*s", BYTES_FMT(out->hosts), BYTES_FMT(host)) : host;
        out->ports = n ? arena_printf(arena, "%.*s,%d", BYTES_FMT(out->ports), (int)port)
                       : arena_printf(arena, "%d", (int)port);
    }
    return out->hosts.n > 0 && out->ports.n > 0;
}

static bool read_url(struct arena *arena, struct bytes url, struct config_postgres *out)
{
    ptrdiff_t scheme = bytes_find(url, BYTES_LITERAL("://"));
    struct bytes rest = bytes_slice(url, scheme < 0 ? url.n : (size_t)scheme + 3, url.n);
    struct bytes place = take_until(&rest, '/');
    if (!memchr(place.p, '@', place.n)) return false;
    struct bytes user = take_until(&place, '@');
    if (bytes_find(user, BYTES_LITERAL(":")) >= 0 || bytes_find(rest, BYTES_LITERAL("?")) >= 0 ||
        bytes_find(rest, BYTES_LITERAL("/")) >= 0)
        return false;
    out->user = decode(arena, user);
    out->database = decode(arena, rest);
    return out->user.n && out->database.n && read_hosts(arena, place, out);
}

void config_index_check(struct yaml_reader *reader, struct config_store *store)
{
    struct config_postgres *p = &store->postgres;
    p->hosts = p->ports = p->user = p->database = (struct bytes){ 0 };
    if (bytes_is(store->index, "sqlite")) {
        if (p->password.source != YAML_SOURCE_NONE || p->ca.n)
            yaml_errors_add(reader->errors, yaml_place_of(store->at, "postgres"),
                            "\"postgres\" needs an \"index\": postgres://user@host/database");
        return;
    }
    bool known =
        bytes_starts_with(store->index, "postgres://") || bytes_starts_with(store->index, "postgresql://");
    if (known && read_url(reader->arena, store->index, p)) return;
    p->hosts = (struct bytes){ 0 };
    yaml_errors_add(
        reader->errors, yaml_place_of(store->at, "index"),
        "\"index\" is sqlite, or postgres://user@host:port/database (without a password, which is "
        "\"postgres.password\")");
}
