/* libpq without waiting in it: connecting, sending and receiving are polled for here, beside the descriptor
 * that calls it off. Options that libpq would otherwise take from the environment or a file of the user are
 * given, so that the configuration alone decides where this goes and as whom; a client's certificate may come
 * from where libpq looks for it. */
#include "store/postgres.h"
#include "base/buf.h"
#include "base/secret.h"
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PARAMETERS = 64, PARAMETER_MOST = 1 << 30 };

struct postgres {
    PGconn *connection;
    PGresult *result; /* of the last statement */
    int cancel_fd;
    unsigned statement_ms;
};

static const char *const modes[] = { [POSTGRES_TLS_VERIFY_FULL] = "verify-full",
                                     [POSTGRES_TLS_VERIFY_CA] = "verify-ca",
                                     [POSTGRES_TLS_REQUIRE] = "require",
                                     [POSTGRES_TLS_DISABLE] = "disable" };
/* libpq 15 has no word for the system's authorities. */
static const char system_authorities[] = "/etc/ssl/certs/ca-certificates.crt";

/* On the server, so that a session that nobody attends to any more ends there too, and its locks with it. */
static const char settings[] =
    " -c search_path= -c synchronous_commit=on -c idle_in_transaction_session_timeout=60000"
    " -c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
    " -c client_connection_check_interval=5000 -c default_transaction_isolation=read\\ committed"
    " -c DateStyle=ISO -c TimeZone=UTC -c standard_conforming_strings=on";

void postgres_say(char why[POSTGRES_WHY], const char *what, const char *said)
{
    size_t n = (size_t)snprintf(why, POSTGRES_WHY, "%s%s", what, *what ? ": " : "");
    for (; n < POSTGRES_WHY - 1 && *said; said++) {
        char c = *said == '\n' || *said == '\t' ? ' ' : *said;
        if (c == ' ' && (n == 0 || why[n - 1] == ' ')) continue;
        why[n++] = c < ' ' || c > '~' ? '?' : c;
    }
    while (n && why[n - 1] == ' ')
        n--;
    why[n] = 0;
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* 0: the socket is ready. */
static int await(struct postgres *pg, short events, int64_t until_ms, char why[POSTGRES_WHY])
{
    struct pollfd fds[2] = { { .fd = PQsocket(pg->connection), .events = events },
                             { .fd = pg->cancel_fd, .events = POLLIN } };
    for (;;) {
        int64_t left = until_ms - now_ms();
        int n = left <= 0 ? 0 : poll(fds, 2, (int)left);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 || fds[0].fd < 0) {
            postgres_say(why, "", "the connection is gone");
            return -EPIPE;
        }
        if (fds[1].revents) {
            postgres_say(why, "", "called off");
            return -ECANCELED;
        }
        if (n == 0) {
            postgres_say(why, "", "the server does not answer in time");
            return -ETIMEDOUT;
        }
        return 0;
    }
}

/* Two of the environment's settings cannot be overruled, and would lead elsewhere. */
static bool environment_interferes(char why[POSTGRES_WHY])
{
    PQconninfoOption *all = PQconndefaults();
    const char *found = all ? NULL : "PGSERVICE";
    for (const PQconninfoOption *o = all; o && o->keyword; o++)
        if (o->val && *o->val && (strcmp(o->keyword, "hostaddr") == 0 || strcmp(o->keyword, "service") == 0))
            found = o->envvar;
    if (found)
        postgres_say(why, found, "this variable is set, and would overrule where the index is: unset it");
    PQconninfoFree(all);
    return found;
}

static int connect_to(struct postgres *pg, const struct postgres_options *o, const char *password,
                      char why[POSTGRES_WHY])
{
    char limits[sizeof settings + 512];
    snprintf(limits, sizeof limits, "-c statement_timeout=%u -c lock_timeout=%u%s %s", o->statement_ms,
             o->statement_ms / 3, settings, o->settings ? o->settings : "");
    const struct {
        const char *key, *value;
    } given[] = { { "host", o->hosts },
                  { "port", o->ports },
                  { "user", o->user },
                  { "dbname", o->database },
                  { "password", password },
                  { "passfile", "/dev/null" },
                  { "sslmode", modes[o->tls] },
                  { "sslrootcert", o->ca ? o->ca : system_authorities },
                  { "ssl_min_protocol_version", "TLSv1.2" },
                  { "gssencmode", "disable" },
                  { "target_session_attrs", "read-write" },
                  { "application_name", o->application },
                  { "client_encoding", "UTF8" },
                  { "options", limits } };
    enum { GIVEN = sizeof given / sizeof given[0] };
    const char *keys[GIVEN + 1] = { NULL }, *values[GIVEN + 1] = { NULL };
    for (size_t i = 0; i < GIVEN; i++) {
        keys[i] = given[i].key;
        values[i] = given[i].value;
    }
    if (environment_interferes(why)) return -ECONNREFUSED;
    pg->connection = PQconnectStartParams(keys, values, 0);
    if (!pg->connection) return -ENOMEM;
    int64_t until = now_ms() + o->connect_ms;
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    while (PQstatus(pg->connection) != CONNECTION_BAD) {
        int error = await(pg, state == PGRES_POLLING_READING ? POLLIN : POLLOUT, until, why);
        if (error) return error;
        state = PQconnectPoll(pg->connection);
        if (state == PGRES_POLLING_OK) return PQsetnonblocking(pg->connection, 1) ? -ENOMEM : 0;
        if (state == PGRES_POLLING_FAILED) break;
    }
    postgres_say(why, "", PQerrorMessage(pg->connection));
    return -ECONNREFUSED;
}

static void hush(void *context, const PGresult *result)
{
    (void)context;
    (void)result;
}

int postgres_open(const struct postgres_options *options, struct postgres **out, char why[POSTGRES_WHY])
{
    *why = 0;
    struct postgres *pg = calloc(1, sizeof *pg);
    char *password = options->password.n ? calloc(1, options->password.n + 1) : NULL;
    if (!pg || (options->password.n && !password)) {
        free(pg);
        free(password);
        return -ENOMEM;
    }
    if (password) memcpy(password, options->password.p, options->password.n);
    pg->cancel_fd = options->cancel_fd;
    pg->statement_ms = options->statement_ms;
    int error = connect_to(pg, options, password ? password : "", why);
    if (password) secret_wipe(password, options->password.n);
    free(password);
    if (error) {
        postgres_close(pg);
        return error;
    }
    PQsetNoticeReceiver(pg->connection, hush, NULL);
    *out = pg;
    return 0;
}

void postgres_close(struct postgres *pg)
{
    if (!pg) return;
    PQclear(pg->result);
    PQfinish(pg->connection);
    free(pg);
}

/* ---- statements */

static int failed(const PGresult *result, char why[POSTGRES_WHY])
{
    static const struct {
        const char *state;
        int error;
    } known[] = { { "53100", -ENOSPC }, { "42501", -EACCES }, { "40001", -EAGAIN }, { "40P01", -EAGAIN },
                  { "55P03", -EAGAIN }, { "57P01", -EPIPE },  { "57P02", -EPIPE },  { "57P03", -EPIPE } };
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *said = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    postgres_say(why, state ? state : "", said ? said : PQresultErrorMessage(result));
    for (size_t i = 0; state && i < sizeof known / sizeof known[0]; i++)
        if (strcmp(state, known[i].state) == 0) return known[i].error;
    return state ? -EIO : -EPIPE;
}

static int lost(struct postgres *pg, char why[POSTGRES_WHY])
{
    postgres_say(why, "", PQerrorMessage(pg->connection));
    return -EPIPE;
}

static int send_all(struct postgres *pg, int64_t until_ms, char why[POSTGRES_WHY])
{
    int left;
    while ((left = PQflush(pg->connection)) == 1) {
        int error = await(pg, POLLIN | POLLOUT, until_ms, why);
        if (error) return error;
        if (!PQconsumeInput(pg->connection)) return lost(pg, why);
    }
    return left ? lost(pg, why) : 0;
}

/* The next result; NULL: there is none. */
static int receive(struct postgres *pg, int64_t until_ms, PGresult **out, char why[POSTGRES_WHY])
{
    while (PQisBusy(pg->connection)) {
        int error = await(pg, POLLIN, until_ms, why);
        if (error) return error;
        if (!PQconsumeInput(pg->connection)) return lost(pg, why);
    }
    *out = PQgetResult(pg->connection);
    return 0;
}

/* All results: the first error counts, else the last result stays. */
static int receive_all(struct postgres *pg, int64_t until_ms, char why[POSTGRES_WHY])
{
    int error = 0;
    for (;;) {
        PGresult *result;
        int world = receive(pg, until_ms, &result, why);
        if (world) return world;
        if (!result) return error ? error : PQstatus(pg->connection) == CONNECTION_OK ? 0 : lost(pg, why);
        ExecStatusType status = PQresultStatus(result);
        bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
        if (!good && !error) error = failed(result, why);
        PQclear(pg->result);
        pg->result = result;
        /* Nothing here copies; a server that begins to has lost its way, and would be waited for. */
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) return -EPIPE;
    }
}

int postgres_run(struct postgres *pg, const char *sql, const struct bytes *parameters, size_t n,
                 char why[POSTGRES_WHY])
{
    const char *values[PARAMETERS];
    int64_t until = now_ms() + pg->statement_ms;
    CHECK(n <= PARAMETERS);
    *why = 0;
    PQclear(pg->result);
    pg->result = NULL;
    for (size_t i = 0; i < n; i++) {
        values[i] = (const char *)parameters[i].p; /* a NUL stands behind each: see the header's callers */
        if (parameters[i].n >= PARAMETER_MOST) return -E2BIG;
        CHECK(!values[i] || values[i][parameters[i].n] == 0);
    }
    int sent = n ? PQsendQueryParams(pg->connection, sql, (int)n, NULL, values, NULL, NULL, 0)
                 : PQsendQuery(pg->connection, sql);
    if (!sent) return lost(pg, why);
    int error = send_all(pg, until, why);
    return error ? error : receive_all(pg, until, why);
}

int postgres_glance(struct postgres *pg, char why[POSTGRES_WHY])
{
    struct pollfd fd = { .fd = PQsocket(pg->connection), .events = POLLIN };
    if (poll(&fd, 1, 0) <= 0) return 0;
    return PQconsumeInput(pg->connection) && PQstatus(pg->connection) == CONNECTION_OK ? 0 : lost(pg, why);
}

size_t postgres_rows(const struct postgres *pg)
{
    return pg->result ? (size_t)PQntuples(pg->result) : 0;
}

struct bytes postgres_value(const struct postgres *pg, size_t row, size_t column)
{
    if (row >= postgres_rows(pg) || column >= (size_t)PQnfields(pg->result) ||
        PQgetisnull(pg->result, (int)row, (int)column))
        return (struct bytes){ 0 };
    return bytes_make(PQgetvalue(pg->result, (int)row, (int)column),
                      (size_t)PQgetlength(pg->result, (int)row, (int)column));
}

int64_t postgres_number(const struct postgres *pg, size_t row, size_t column)
{
    int64_t number = 0;
    return bytes_to_int64(postgres_value(pg, row, column), &number) ? number : 0;
}

int64_t postgres_changed(const struct postgres *pg)
{
    int64_t n = 0;
    return pg->result && bytes_to_int64(bytes_of(PQcmdTuples(pg->result)), &n) ? n : 0;
}

/* ---- text */

void postgres_quote(struct buf *out, struct bytes name)
{
    buf_put_u8(out, '"');
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '"') buf_put_u8(out, '"');
        buf_put_u8(out, name.p[i]);
    }
    buf_put_u8(out, '"');
}

void postgres_array_add(struct buf *out, struct bytes value)
{
    if (!value.p) {
        buf_append_text(out, "NULL");
        return;
    }
    buf_put_u8(out, '"');
    for (size_t i = 0, from = 0; i <= value.n; i++) {
        if (i < value.n && value.p[i] != '"' && value.p[i] != '\\') continue;
        buf_append(out, bytes_slice(value, from, i - from));
        if (i < value.n) buf_put_u8(out, '\\');
        from = i;
    }
    buf_put_u8(out, '"');
}
