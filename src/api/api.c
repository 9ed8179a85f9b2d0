/* A request's way: its host, its route, its parameters, who asks, whether they may, its body; then the
 * handler. Each step answers by itself where it says no. */
#include "api/api.h"
#include "api/authenticate.h"
#include "api/private.h"
#include "base/log.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BODY_SMALL = 16 * 1024, BODY_LARGE = 1 << 20, SEGMENTS = 8 };

/* ---- routes */

/* Whether the path is this route's; *id_out gets what stands in the place of its braces. */
static bool path_is(const char *template, const struct bytes *segments, size_t n, struct bytes *id_out)
{
    struct bytes rest = bytes_of(template);
    size_t i = 0;
    for (rest = bytes_slice(rest, 1, rest.n); rest.n; i++) {
        ptrdiff_t at = bytes_find(rest, BYTES_LITERAL("/"));
        struct bytes one = at < 0 ? rest : bytes_slice(rest, 0, (size_t)at);
        rest = at < 0 ? (struct bytes){ 0 } : bytes_slice(rest, (size_t)at + 1, rest.n);
        if (i == n) return false;
        if (one.p[0] == '{')
            *id_out = segments[i];
        else if (!bytes_equal(one, segments[i]))
            return false;
    }
    return i == n;
}

enum found { FOUND_NOTHING = 0, FOUND_PATH, FOUND_ROUTE };

/* allow: room for the methods that the path takes. */
enum { ALLOW = 64 };
static enum found find_route(struct bytes method, const struct bytes *segments, size_t n,
                             struct api_route *route_out, struct bytes *id_out, char allow[ALLOW])
{
    struct api_route route;
    enum found found = FOUND_NOTHING;
    size_t at = 0;
    allow[0] = 0;
    if (bytes_is(method, "HEAD")) method = BYTES_LITERAL("GET");
    for (size_t i = 0; api_route_at(i, &route); i++) {
        struct bytes id = { 0 };
        if (!path_is(route.path, segments, n, &id)) continue;
        found = FOUND_PATH;
        *route_out = route;
        *id_out = id;
        if (bytes_is(method, route.method)) return FOUND_ROUTE;
        int said = snprintf(allow + at, ALLOW - at, "%s%s", at ? ", " : "",
                            strcmp(route.method, "GET") == 0 ? "GET, HEAD" : route.method);
        at = said > 0 && at + (size_t)said < ALLOW ? at + (size_t)said : at;
    }
    return found;
}

static size_t body_most(void *context, const struct http_asked *asked)
{
    (void)context;
    if (!bytes_is(asked->method, "POST")) return 0;
    return bytes_is(asked->path, "/v1/policies/explain") ? BODY_LARGE : BODY_SMALL;
}

/* ---- parameters and bodies */

static bool read_query(struct api_call *call)
{
    bool lax = strcmp(call->route.answer, "REDIRECT") == 0;
    if (!http_query_split(call->x->asked->query, call->arena, call->query, API_QUERY_MOST, &call->n_query))
        return api_problem(call, 400, "bad-request", "The query cannot be read.");
    for (size_t i = 0; i < call->n_query && !lax; i++) {
        bool known = false;
        for (size_t k = 0; k < call->route.n_query && !known; k++)
            known = bytes_is(call->query[i].name, call->route.query[k].name);
        if (!known)
            return api_problem(call, 400, "bad-request", "There is no parameter \"%.*s\" here.",
                               BYTES_FMT(bytes_slice(call->query[i].name, 0, 60)));
    }
    return true;
}

static bool is_json(struct bytes type)
{
    ptrdiff_t at = bytes_find(type, BYTES_LITERAL(";"));
    if (at >= 0) type.n = (size_t)at;
    while (type.n && type.p[type.n - 1] == ' ')
        type.n--;
    return bytes_equal_nocase(type, BYTES_LITERAL("application/json"));
}

static bool members_are_known(struct api_call *call)
{
    const struct api_member *members;
    const char *text, *name;
    json_t *value;
    size_t n = api_shape(call->route.body, &members, &text);
    json_object_foreach(call->body, name, value)
    {
        bool known = false;
        for (size_t i = 0; i < n && !known; i++)
            known = strcmp(members[i].name, name) == 0;
        if (!known) return api_problem(call, 400, "bad-request", "There is no member \"%.60s\" here.", name);
    }
    for (size_t i = 0; i < n; i++)
        if (!members[i].maybe && !json_object_get(call->body, members[i].name))
            return api_problem(call, 400, "bad-request", "\"%s\" is missing.", members[i].name);
    return true;
}

static bool read_body(struct api_call *call)
{
    const struct http_asked *asked = call->x->asked;
    if (strcmp(call->route.body, "NONE") == 0)
        return !call->x->body.n || api_problem(call, 400, "body", "No body is wanted here.");
    if (!asked->has_length) return api_problem(call, 411, "body", "A body is wanted, with its length.");
    if (!is_json(http_asked_field(asked, "content-type")))
        return api_problem(call, 415, "body", "The body is to be application/json.");
    if (json_read_object(call->x->body, BODY_LARGE, 16, &call->body) != JSON_READ)
        return api_problem(call, 400, "bad-request", "The body is not a strict JSON object.");
    return members_are_known(call);
}

/* ---- the way */

static void answer_method(struct api_call *call, const char *allow)
{
    api_problem(call, 405, "method", "This path takes %s.", allow);
    http_exchange_header(call->x, "Allow", bytes_of(allow));
}

static void serve(struct api_call *call, const struct bytes *segments, size_t n)
{
    struct bytes method = call->x->asked->method;
    bool host_matters = n == 0 || !(bytes_is(segments[0], "healthz") || bytes_is(segments[0], "readyz") ||
                                    bytes_is(segments[0], "metrics"));
    if (host_matters && !authenticate_host_is_ours(call)) {
        api_problem(call, 421, "host", "The Host header is not a name of this server.");
        return;
    }
    char allow[ALLOW];
    enum found found = find_route(method, segments, n, &call->route, &call->id, allow);
    if (found == FOUND_NOTHING) {
        bool reads = bytes_is(method, "GET") || bytes_is(method, "HEAD");
        bool ours = n && (bytes_is(segments[0], "v1") || bytes_is(segments[0], "auth"));
        if (!(reads && !ours && api_page(call->api, call->x))) api_not_found(call);
        return;
    }
    if (found == FOUND_PATH) {
        answer_method(call, allow);
        return;
    }
    if (!read_query(call) || !authenticate(call) || !read_body(call)) return;
    if (call->route.role != API_NOBODY && !api_has_role(call, call->route.role)) {
        api_problem(call, 403, "forbidden", "This wants the role %s.", api_role_name(call->route.role));
        return;
    }
    call->route.handler(call);
}

static void handle(void *context, struct http_exchange *x)
{
    struct api *api = context;
    struct bytes segments[SEGMENTS];
    size_t n;
    struct api_call call = { .api = api,
                             .options = &api->options,
                             .x = x,
                             .arena = x->arena,
                             .now_us = clock_wall_us(api->options.clock),
                             .w = json_writer_over(&x->answer) };
    if (http_path_split(x->asked->path, x->arena, segments, SEGMENTS, &n))
        serve(&call, segments, n);
    else
        api_problem(&call, 400, "bad-request", "The path cannot be read.");
    json_decref(call.body);
    people_release(api->people, call.person);
    session_snapshot_release(call.snapshot);
    int hundreds = x->status / 100;
    atomic_fetch_add(&api->n_answered[hundreds >= 1 && hundreds <= 5 ? hundreds : 0], 1);
}

/* ---- life */

static void close_listeners(const struct api_options *options)
{
    for (size_t i = 0; i < options->n_listeners; i++)
        close(options->listeners[i]);
}

static void api_free(struct api *api)
{
    events_free(api->events);
    sign_in_free(api->sign_in);
    makings_free(api->makings);
    looks_free(api->looks);
    people_free(api->people);
    readers_free(api->readers);
    free(api);
}

int api_start(const struct api_options *options, struct api **out)
{
    *out = NULL;
    struct api *api = calloc(1, sizeof *api);
    if (!api) {
        close_listeners(options);
        return -ENOMEM;
    }
    api->options = *options;
    api->readers = readers_new(options->data, options->keys, options->far);
    api->people = people_new(options->clock, options->session_us, options->seed);
    api->looks = looks_new();
    api->makings = makings_new();
    api->events = events_new(api);
    bool good = api->readers && api->people && api->looks && api->makings && api->events;
    int error = good ? 0 : -ENOMEM;
    if (!error) error = sign_in_new(&api->options, &api->sign_in);
    if (error) {
        close_listeners(options);
        api_free(api);
        return error;
    }
    struct http_service_options service = { .clock = options->clock,
                                            .listeners = options->listeners,
                                            .n_listeners = options->n_listeners,
                                            .tls = options->tls,
                                            .https =
                                                options->tls || bytes_starts_with(options->url, "https://"),
                                            .n_threads = 6,
                                            .body_most = body_most,
                                            .handle = handle,
                                            .context = api };
    error = http_service_start(&service, &api->service);
    if (error) {
        api_free(api);
        return error;
    }
    events_watch(api->events);
    *out = api;
    return 0;
}

void api_wake(struct api *api)
{
    http_service_wake(api->service);
}

void api_stop(struct api *api)
{
    if (!api) return;
    events_unwatch(api->events);
    makings_stop(api->makings);
    http_service_stop(api->service);
    api_free(api);
}
