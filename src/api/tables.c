/* The two .def files as arrays. A route's parameters, and a shape's members, stand behind it: in one long
 * array each, in which a row without a name begins the next. */
#include "api/tables.h"
#include "api/handlers.h"
#include <string.h>

#define QUERY(kind, name, text)
#define ROUTE(method, path, role, handler, body, answer, summary)                                            \
    { #method, path, API_##role, api_##handler, #body, #answer, summary, NULL, 0 },
static const struct api_route routes[] = {
#include "api/routes.def"
};
#undef QUERY
#undef ROUTE

#define QUERY(kind, name, text)                                   { API_##kind, name, text },
#define ROUTE(method, path, role, handler, body, answer, summary) { API_OBJECT, NULL, NULL },
static const struct api_parameter queries[] = {
#include "api/routes.def"
    { API_OBJECT, NULL, NULL },
};
#undef QUERY
#undef ROUTE

#define SHAPE(name, text)                 { API_OBJECT, NULL, #name, text, false },
#define MEMBER(kind, name, text)          { API_##kind, name, NULL, text, false },
#define MAYBE(kind, name, text)           { API_##kind, name, NULL, text, true },
#define OF(kind, name, shape, text)       { API_##kind, name, #shape, text, false },
#define MAYBE_OF(kind, name, shape, text) { API_##kind, name, #shape, text, true },
static const struct api_member shapes[] = {
#include "api/shapes.def"
    { API_OBJECT, NULL, NULL, NULL, false },
};
#undef SHAPE
#undef MEMBER
#undef MAYBE
#undef OF
#undef MAYBE_OF

enum { N_ROUTES = sizeof routes / sizeof *routes, N_SHAPES = sizeof shapes / sizeof *shapes };

const char *api_role_name(enum api_role role)
{
    static const char *const names[] = { "admin", "auditor", "approver", "user", "nobody" };
    return names[role];
}

bool api_route_at(size_t i, struct api_route *out)
{
    if (i >= N_ROUTES) return false;
    size_t begins = 0;
    for (size_t at = 0; at <= i; at++)
        while (queries[begins++].name)
            ;
    *out = routes[i];
    out->query = &queries[begins];
    while (out->query[out->n_query].name)
        out->n_query++;
    return true;
}

const char *api_shape_name(size_t i)
{
    for (size_t at = 0; at + 1 < N_SHAPES; at++)
        if (!shapes[at].name && i-- == 0) return shapes[at].of;
    return NULL;
}

size_t api_shape(const char *name, const struct api_member **members_out, const char **text_out)
{
    for (size_t at = 0; at + 1 < N_SHAPES; at++) {
        if (shapes[at].name || strcmp(shapes[at].of, name) != 0) continue;
        size_t n = 0;
        while (shapes[at + 1 + n].name)
            n++;
        *members_out = &shapes[at + 1];
        *text_out = shapes[at].text;
        return n;
    }
    return 0;
}
