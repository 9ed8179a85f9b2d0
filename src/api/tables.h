/* The API as tables: its routes (routes.def) and the shapes of its JSON (shapes.def). Everything that is
 * published about it comes from here. */
#ifndef POSTERN_API_TABLES_H
#define POSTERN_API_TABLES_H
#include "base/buf.h"
#include "base/bytes.h"

struct api_call;
typedef void api_handler(struct api_call *call);

enum api_kind {
    API_TEXT,
    API_NUMBER,
    API_BOOL,
    API_TIME,
    API_TEXTS,
    API_MAP,
    API_EVENT,
    API_OBJECT,
    API_LIST
};
enum api_role { API_ADMIN, API_AUDITOR, API_APPROVER, API_USER, API_NOBODY };
const char *api_role_name(enum api_role role);

struct api_parameter {
    enum api_kind kind;
    const char *name, *text;
};
struct api_route {
    const char *method, *path;
    enum api_role role;
    api_handler *handler;
    const char *body;   /* a shape, or "NONE" */
    const char *answer; /* a shape, or one of TEXT, NDJSON, EVENTS, REDIRECT, ANY */
    const char *summary;
    const struct api_parameter *query;
    size_t n_query;
};
enum { API_QUERY_MOST = 16 };
/* In the order of routes.def. False: there is no route of that number. */
bool api_route_at(size_t i, struct api_route *route_out);

struct api_member {
    enum api_kind kind;
    const char *name, *of, *text; /* of: the shape of an object, or of a list's items */
    bool maybe;
};
/* The members of a shape, in order; 0: there is no such shape. */
size_t api_shape(const char *name, const struct api_member **members_out, const char **text_out);
const char *api_shape_name(size_t i); /* NULL: there is no shape of that number */

/* The OpenAPI 3.1 document. */
void api_openapi_write(struct buf *out);
#endif
