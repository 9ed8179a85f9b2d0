/* Finding an asset: the files by their whole paths; the first page at "/", at /PAGE and at /PAGE/ID, where an
 * ID is of letters, digits, '-' and '_'. There are a handful of either, so they are gone through. */
#include "web/assets.h"
#include <string.h>

static const struct web_asset *asset_at(struct bytes path)
{
    for (size_t i = 0; i < web_n_assets; i++)
        if (bytes_is(path, web_assets[i].path)) return &web_assets[i];
    return NULL;
}

static bool is_id(struct bytes part)
{
    for (size_t i = 0; i < part.n; i++) {
        uint8_t c = part.p[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!plain && c != '-' && c != '_') return false;
    }
    return part.n > 0 && part.n <= 64;
}

static bool is_page(struct bytes path)
{
    for (size_t i = 0; i < web_n_pages; i++) {
        size_t n = strlen(web_pages[i]);
        if (path.n < n + 1 || path.p[0] != '/' || memcmp(path.p + 1, web_pages[i], n) != 0) continue;
        if (path.n == n + 1) return true;
        if (path.p[n + 1] == '/') return is_id(bytes_slice(path, n + 2, path.n));
    }
    return false;
}

const struct web_asset *web_find(struct bytes path)
{
    const struct web_asset *asset = asset_at(path);
    if (asset) return asset;
    return is_page(path) ? asset_at(BYTES_LITERAL("/")) : NULL;
}
