/* The handlers that routes.def names: one function a route, one file a resource. */
#ifndef POSTERN_API_HANDLERS_H
#define POSTERN_API_HANDLERS_H
#include "api/tables.h"

#define QUERY(kind, name, text)
#define ROUTE(method, path, role, handler, body, answer, summary) api_handler api_##handler;
#include "api/routes.def"
#undef QUERY
#undef ROUTE
#endif
