/* The OpenAPI 3.1 document, written from the tables: paths in the order of routes.def, shapes in that of
 * shapes.def. */
#include "api/tables.h"
#include "json/writer.h"
#include <stdio.h>
#include <string.h>

#ifndef POSTERN_VERSION
#define POSTERN_VERSION "0"
#endif

static void text_member(struct json_writer *w, const char *name, const char *value)
{
    json_write_text_member(w, name, bytes_of(value));
}

/* "type": "string", or with null beside it. */
static void type_member(struct json_writer *w, const char *type, bool maybe)
{
    json_write_name(w, "type");
    if (!maybe) {
        json_write_text(w, bytes_of(type));
        return;
    }
    json_write_array(w);
    json_write_text(w, bytes_of(type));
    json_write_text(w, BYTES_LITERAL("null"));
    json_write_end(w);
}

static void reference(struct json_writer *w, const char *shape)
{
    char path[128];
    snprintf(path, sizeof path, "#/components/schemas/%s", shape);
    text_member(w, "$ref", path);
}

static void items(struct json_writer *w, const char *shape)
{
    json_write_name(w, "items");
    json_write_object(w);
    if (shape)
        reference(w, shape);
    else
        text_member(w, "type", "string");
    json_write_end(w);
}

/* The members of a schema, into an object that is open. */
static void schema(struct json_writer *w, enum api_kind kind, const char *of, bool maybe)
{
    switch (kind) {
    case API_TEXT: type_member(w, "string", maybe); return;
    case API_NUMBER: type_member(w, "integer", maybe); return;
    case API_BOOL: type_member(w, "boolean", maybe); return;
    case API_TIME:
        type_member(w, "string", maybe);
        text_member(w, "format", "date-time");
        return;
    case API_TEXTS:
    case API_LIST:
        type_member(w, "array", maybe);
        items(w, kind == API_LIST ? of : NULL);
        return;
    case API_MAP:
        type_member(w, "object", maybe);
        json_write_name(w, "additionalProperties");
        json_write_object(w);
        text_member(w, "type", "string");
        json_write_end(w);
        return;
    case API_EVENT: of = "Event"; break;
    case API_OBJECT: break;
    }
    reference(w, of);
}

static void parameter(struct json_writer *w, const char *name, const char *in, enum api_kind kind,
                      const char *text)
{
    json_write_object(w);
    text_member(w, "name", name);
    text_member(w, "in", in);
    json_write_bool_member(w, "required", strcmp(in, "path") == 0);
    text_member(w, "description", text);
    json_write_name(w, "schema");
    json_write_object(w);
    schema(w, kind, NULL, false);
    json_write_end(w);
    json_write_end(w);
}

/* The name between the path's braces, into `out`. False: there is none. */
static bool path_parameter(const char *path, char *out, size_t size)
{
    const char *from = strchr(path, '{'), *to = from ? strchr(from, '}') : NULL;
    if (!to) return false;
    snprintf(out, size, "%.*s", (int)(to - from - 1), from + 1);
    return true;
}

static void parameters(struct json_writer *w, const struct api_route *route)
{
    char name[32];
    json_write_name(w, "parameters");
    json_write_array(w);
    if (path_parameter(route->path, name, sizeof name)) parameter(w, name, "path", API_TEXT, "Its id");
    for (size_t i = 0; i < route->n_query; i++)
        parameter(w, route->query[i].name, "query", route->query[i].kind, route->query[i].text);
    json_write_end(w);
}

static void content(struct json_writer *w, const char *type, const char *shape)
{
    json_write_name(w, "content");
    json_write_object(w);
    json_write_name(w, type);
    json_write_object(w);
    if (shape) {
        json_write_name(w, "schema");
        json_write_object(w);
        reference(w, shape);
        json_write_end(w);
    }
    json_write_end(w);
    json_write_end(w);
}

static void answers(struct json_writer *w, const struct api_route *route)
{
    static const struct {
        const char *answer, *type;
    } plain[] = { { "TEXT", "text/plain; charset=utf-8" },
                  { "NDJSON", "application/x-ndjson" },
                  { "TAR", "application/x-tar" },
                  { "EVENTS", "text/event-stream" },
                  { "ANY", "application/json" } };
    const char *type = NULL;
    bool redirect = strcmp(route->answer, "REDIRECT") == 0;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strcmp(plain[i].answer, route->answer) == 0) type = plain[i].type;
    json_write_name(w, "responses");
    json_write_object(w);
    json_write_name(w, redirect ? "302" : "200");
    json_write_object(w);
    text_member(w, "description", redirect ? "Elsewhere" : "Good");
    if (type) content(w, type, NULL);
    if (!type && !redirect) content(w, "application/json", route->answer);
    json_write_end(w);
    json_write_name(w, "default");
    json_write_object(w);
    text_member(w, "description", "A problem");
    content(w, "application/problem+json", "Problem");
    json_write_end(w);
    json_write_end(w);
}

static void operation(struct json_writer *w, const struct api_route *route)
{
    char method[8];
    for (size_t i = 0; i <= strlen(route->method) && i < sizeof method; i++)
        method[i] = route->method[i] >= 'A' && route->method[i] <= 'Z' ? (char)(route->method[i] | 0x20)
                                                                       : route->method[i];
    json_write_name(w, method);
    json_write_object(w);
    text_member(w, "summary", route->summary);
    text_member(w, "x-role", api_role_name(route->role));
    parameters(w, route);
    if (strcmp(route->body, "NONE") != 0) {
        json_write_name(w, "requestBody");
        json_write_object(w);
        json_write_bool_member(w, "required", true);
        content(w, "application/json", route->body);
        json_write_end(w);
    }
    answers(w, route);
    json_write_name(w, "security");
    json_write_array(w);
    for (int i = 0; route->role != API_NOBODY && i < 2; i++) {
        json_write_object(w);
        json_write_name(w, i ? "cookie" : "token");
        json_write_array(w);
        json_write_end(w);
        json_write_end(w);
    }
    json_write_end(w);
    json_write_end(w);
}

static void paths(struct json_writer *w)
{
    struct api_route route;
    const char *path = NULL;
    json_write_name(w, "paths");
    json_write_object(w);
    for (size_t i = 0; api_route_at(i, &route); i++) {
        if (!path || strcmp(path, route.path) != 0) {
            if (path) json_write_end(w);
            json_write_name(w, route.path);
            json_write_object(w);
        }
        path = route.path;
        operation(w, &route);
    }
    if (path) json_write_end(w);
    json_write_end(w);
}

static void shape_schema(struct json_writer *w, const char *name)
{
    const struct api_member *members;
    const char *text;
    size_t n = api_shape(name, &members, &text);
    json_write_name(w, name);
    json_write_object(w);
    text_member(w, "type", "object");
    text_member(w, "description", text);
    json_write_name(w, "properties");
    json_write_object(w);
    for (size_t i = 0; i < n; i++) {
        json_write_name(w, members[i].name);
        json_write_object(w);
        schema(w, members[i].kind, members[i].of, members[i].maybe);
        text_member(w, "description", members[i].text);
        json_write_end(w);
    }
    json_write_end(w);
    json_write_name(w, "required");
    json_write_array(w);
    for (size_t i = 0; i < n; i++)
        if (!members[i].maybe) json_write_text(w, bytes_of(members[i].name));
    json_write_end(w);
    json_write_end(w);
}

static void components(struct json_writer *w)
{
    json_write_name(w, "components");
    json_write_object(w);
    json_write_name(w, "securitySchemes");
    json_write_object(w);
    json_write_name(w, "token");
    json_write_object(w);
    text_member(w, "type", "http");
    text_member(w, "scheme", "bearer");
    text_member(w, "bearerFormat", "JWT");
    json_write_end(w);
    json_write_name(w, "cookie");
    json_write_object(w);
    text_member(w, "type", "apiKey");
    text_member(w, "in", "cookie");
    text_member(w, "name", "__Host-postern");
    json_write_end(w);
    json_write_end(w);
    json_write_name(w, "schemas");
    json_write_object(w);
    for (size_t i = 0; api_shape_name(i); i++)
        shape_schema(w, api_shape_name(i));
    json_write_end(w);
    json_write_end(w);
}

void api_openapi_write(struct buf *out)
{
    struct json_writer w = json_writer_over(out);
    json_write_object(&w);
    text_member(&w, "openapi", "3.1.0");
    json_write_name(&w, "info");
    json_write_object(&w);
    text_member(&w, "title", "Postern");
    text_member(&w, "version", POSTERN_VERSION);
    json_write_end(&w);
    paths(&w);
    components(&w);
    json_write_end(&w);
}
