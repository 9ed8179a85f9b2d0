/* A head that was read is read the same however it arrived: no shorter piece of it is read, none of its
 * pieces is refused, and what stands behind it changes nothing. Paths and queries that are taken hold nothing
 * that could mean another path. */
#include "http/head.h"

static void look_at_target(const struct http_asked *asked)
{
    struct bytes segments[16];
    struct http_parameter parameters[16];
    struct arena arena;
    size_t n;
    arena_init(&arena, 4096, 1 << 20);
    if (http_path_split(asked->path, &arena, segments, 16, &n))
        for (size_t i = 0; i < n; i++) {
            CHECK(segments[i].n && !bytes_is(segments[i], "..") && !bytes_is(segments[i], "."));
            CHECK(!memchr(segments[i].p, '/', segments[i].n) && !memchr(segments[i].p, 0, segments[i].n));
        }
    if (http_query_split(asked->query, &arena, parameters, 16, &n))
        for (size_t i = 0; i < n; i++)
            CHECK(parameters[i].name.n && !memchr(parameters[i].name.p, 0, parameters[i].name.n));
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct http_asked asked, piece;
    if (http_head_read(bytes_make(data, n), &asked) != HTTP_READ_DONE) return 0;
    CHECK(asked.size <= n && asked.size <= HTTP_HEAD_MOST && asked.path.n && asked.path.p[0] == '/');
    CHECK(asked.host.n && memcmp(data + asked.size - 4, "\r\n\r\n", 4) == 0);
    CHECK(!memchr(data, 0, asked.size));
    for (size_t i = 0; i < asked.size; i++)
        CHECK(http_head_read(bytes_make(data, i), &piece) == HTTP_READ_MORE);
    CHECK(http_head_read(bytes_make(data, asked.size), &piece) == HTTP_READ_DONE &&
          piece.length == asked.length);
    look_at_target(&asked);
    return 0;
}
