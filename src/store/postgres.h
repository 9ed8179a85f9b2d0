/* PostgreSQL as a place to keep things in: a connection of libpq, with a deadline for each thing that it
 * does, that another thread can call off. (What goes through the gateway has nothing to do with it.)
 *
 * A connection belongs to one thread. Once something failed by time, by being called off or by the
 * connection's end, nothing works on it any more: close it. SIGPIPE must be ignored. */
#ifndef POSTERN_STORE_POSTGRES_H
#define POSTERN_STORE_POSTGRES_H
#include "base/bytes.h"
#include "base/check.h"

enum postgres_tls {
    POSTGRES_TLS_VERIFY_FULL = 0,
    POSTGRES_TLS_VERIFY_CA,
    POSTGRES_TLS_REQUIRE,
    POSTGRES_TLS_DISABLE
};
enum { POSTGRES_WHY = 300 };

struct postgres_options {
    const char *hosts, *ports; /* lists with commas, as long as each other; the first that takes writes */
    const char *user, *database, *application;
    struct bytes password; /* empty: none is sent */
    enum postgres_tls tls; /* over a Unix socket there is none */
    const char *ca;        /* file; NULL: the system's */
    const char *settings;  /* of the session, besides: "-c jit=off"; NULL: none */
    int cancel_fd;         /* readable: whatever is under way ends with -ECANCELED; -1: nothing does */
    unsigned connect_ms, statement_ms;
};
struct postgres;
/* 0; -ECANCELED; -ETIMEDOUT; -ENOMEM; -ECONNREFUSED: why has the reason, one line of printable ASCII without
 * the password. Resolving the hosts' names takes as long as the system lets it. */
int postgres_open(const struct postgres_options *options, struct postgres **out,
                  char why[POSTGRES_WHY]) MUST_USE;
/* NULL is fine. */
void postgres_close(struct postgres *pg);

/* Runs one statement with parameters, as texts (p == NULL: NULL); or, without any, one or more statements.
 * 0: its rows are there until the next call. -ECANCELED, -ETIMEDOUT, -EPIPE (the connection is lost): the
 * connection is of no use any more. -ENOSPC, -EACCES, -EAGAIN (somebody else's lock, or a serialization
 * failure), -EIO (any other error of the server's): why has its SQLSTATE and message, without detail. */
int postgres_run(struct postgres *pg, const char *sql, const struct bytes *parameters, size_t n,
                 char why[POSTGRES_WHY]) MUST_USE;
/* Whether the connection is still there, without asking the server: 0, or -EPIPE. */
int postgres_glance(struct postgres *pg, char why[POSTGRES_WHY]) MUST_USE;
size_t postgres_rows(const struct postgres *pg);
/* Of the last statement. p == NULL: NULL, or there is no such row or column. */
struct bytes postgres_value(const struct postgres *pg, size_t row, size_t column);
/* 0 where it is no number. */
int64_t postgres_number(const struct postgres *pg, size_t row, size_t column);
/* How many rows the last statement changed. */
int64_t postgres_changed(const struct postgres *pg);

struct buf;
/* "name", with quotes doubled. */
void postgres_quote(struct buf *out, struct bytes name);
/* An element of an array's text, quoted; p == NULL: NULL. */
void postgres_array_add(struct buf *out, struct bytes value);
/* A line of printable ASCII of what a server said. */
void postgres_say(char why[POSTGRES_WHY], const char *what, const char *said);
#endif
