/* One request to the API: who asks, for what, and the answer that comes about. */
#ifndef POSTERN_API_CALL_H
#define POSTERN_API_CALL_H
#include "api/api.h"
#include "api/tables.h"
#include "record/index.h"
#include "json/read.h"
#include "json/writer.h"

struct person;
struct api_call {
    struct api *api;
    const struct api_options *options;
    struct http_exchange *x;
    struct arena *arena;
    struct api_route route;
    struct bytes id; /* of the path; empty where it has none */
    struct http_parameter query[API_QUERY_MOST];
    size_t n_query;
    json_t *body; /* NULL where the route wants none */
    int64_t now_us;
    /* who; empty on routes for nobody */
    struct principal principal;
    unsigned roles;        /* 1 << enum api_role */
    struct person *person; /* whose cookie it was; NULL: a token */
    struct session_snapshot *snapshot;
    struct json_writer w;
    bool failed; /* the answer is a problem */
};

/* ---- answering */

/* Begins an answer of JSON: 200. */
struct json_writer *api_json(struct api_call *call);
/* Whatever was begun is thrown away. kind: "forbidden", see doc/api.md. Returns false, for whoever passes it
 * on. */
bool api_problem(struct api_call *call, int status, const char *kind, const char *format, ...)
    PRINTF_LIKE(4, 5);
bool api_not_found(struct api_call *call);
bool api_unavailable(struct api_call *call, const char *what, int error);

/* ---- asking; false: a problem was answered */

bool api_has_role(const struct api_call *call, enum api_role role);
/* The query's parameter; p == NULL: it is not there. */
struct bytes api_query(const struct api_call *call, const char *name);
bool api_query_number(struct api_call *call, const char *name, uint64_t fallback, uint64_t least,
                      uint64_t most, uint64_t *out) MUST_USE;
/* 0 where it is not there. */
bool api_query_time(struct api_call *call, const char *name, int64_t *us_out) MUST_USE;
/* -1 where it is not there. */
bool api_query_bool(struct api_call *call, const char *name, int *out) MUST_USE;
/* A member of the body; empty where it is not there or null. most: bytes. */
bool api_body_text(struct api_call *call, const char *name, size_t most, struct bytes *out) MUST_USE;
bool api_body_bool(struct api_call *call, const char *name, bool fallback, bool *out) MUST_USE;
bool api_session_id(struct api_call *call, struct bytes text, uint64_t *session_out) MUST_USE;
bool api_cursor(struct api_call *call, struct index_place *place_out) MUST_USE;

/* ---- writing what comes in many shapes */

/* "a, b" as a list of texts. */
void api_write_list(struct json_writer *w, const char *name, struct bytes list);
void api_write_texts(struct json_writer *w, const char *name, const struct bytes *items, size_t n);
/* null where it is empty. */
void api_write_maybe(struct json_writer *w, const char *name, struct bytes text);
void api_write_maybe_time(struct json_writer *w, const char *name, int64_t us);
void api_write_uint(struct json_writer *w, const char *name, uint64_t value);
/* Ends the items, and writes next. */
void api_write_page_end(struct json_writer *w, const struct index_place *next, bool more);
/* The same with one more member. */
void api_write_page_end_with(struct json_writer *w, const struct index_place *next, bool more,
                             const char *name, bool value);
void api_write_session_id(struct json_writer *w, const char *name, uint64_t session);

/* ---- whose is it */

/* The index's sessions of the caller: for filters. */
struct index_owner api_owner(const struct api_call *call);
bool api_owns(const struct api_call *call, const struct index_session *session);

/* What a session is, for everybody who must know before they act on it. */
struct api_session {
    bool found, mine, live;
    struct bytes principal;
};
/* False: a problem was answered (503, or 404 where there is none or the caller may not know of it). */
bool api_session_look(struct api_call *call, uint64_t session, struct api_session *out) MUST_USE;

/* Records who looked at what. False: a problem was answered, and nothing may be shown. */
bool api_look_is_recorded(struct api_call *call, uint64_t session, uint64_t from, const char *how) MUST_USE;
/* The same of a question about many sessions at once; name and value say what it is about, and never a value
 * out of the database: "column", "public.people.mail". */
bool api_question_is_recorded(struct api_call *call, const char *how, const char *name,
                              struct bytes value) MUST_USE;
#endif
