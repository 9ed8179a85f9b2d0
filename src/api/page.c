/* Static pages: what the web UI's room has, with the cache that it says. */
#include "api/private.h"

static bool takes_gzip(const struct http_asked *asked)
{
    struct bytes list = http_asked_field(asked, "accept-encoding");
    ptrdiff_t at = bytes_find(list, BYTES_LITERAL("gzip"));
    if (at < 0) return false;
    struct bytes rest = bytes_slice(list, (size_t)at + 4, list.n);
    return !bytes_starts_with(rest, ";q=0") || bytes_starts_with(rest, ";q=0.");
}

bool api_page(struct api *api, struct http_exchange *x)
{
    struct api_page page;
    if (!api->options.page || !api->options.page(x->asked->path, &page)) return false;
    bool gzip = page.gzip.n && takes_gzip(x->asked);
    const char *etag = gzip ? page.gzip_etag : page.plain_etag;
    struct bytes known = http_asked_field(x->asked, "if-none-match");
    bool same = etag && known.n && bytes_find(known, bytes_of(etag)) >= 0;
    x->status = same ? 304 : 200;
    x->may_be_kept = page.cache != NULL;
    if (page.cache) http_exchange_header(x, "Cache-Control", bytes_of(page.cache));
    if (page.policy) http_exchange_header(x, "Content-Security-Policy", bytes_of(page.policy));
    if (etag) http_exchange_header(x, "ETag", bytes_of(etag));
    if (page.gzip.n) http_exchange_header(x, "Vary", BYTES_LITERAL("Accept-Encoding"));
    if (same) return true;
    x->type = page.type;
    if (gzip) http_exchange_header(x, "Content-Encoding", BYTES_LITERAL("gzip"));
    buf_append(&x->answer, gzip ? page.gzip : page.plain);
    return true;
}
