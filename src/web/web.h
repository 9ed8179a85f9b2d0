/* The web pages: the files that web/ builds, in the program itself. Everything here is constant and lives as
 * long as the program; nothing is read from a disk, so no path can lead anywhere else.
 *
 * Who serves them answers GET and HEAD of what is found with its type, its cache and one of its two forms,
 * adds web_policy to every such answer, and says 304 where If-None-Match names the form's ETag. */
#ifndef POSTERN_WEB_WEB_H
#define POSTERN_WEB_WEB_H
#include "base/bytes.h"

/* The same content in two forms, each with its own ETag: an ETag is of the bytes that are sent (RFC
 * 9110, 8.8.3.3). Answers vary by Accept-Encoding. */
struct web_form {
    struct bytes bytes;
    const char *etag; /* with its quotes */
};
struct web_asset {
    const char *path;
    const char *type;  /* Content-Type */
    const char *cache; /* Cache-Control */
    struct web_form plain;
    struct web_form gzip; /* Content-Encoding: gzip; no bytes where that would not be shorter */
};
/* A Content-Security-Policy, which keeps the pages in: to be sent with every asset, besides the server's own.
 */
extern const char web_policy[];

/* path: of a request, decoded, without its query. The first page stands at every path that its own router
 * knows
 * (/approvals/ID). NULL: there is nothing. */
const struct web_asset *web_find(struct bytes path);
#endif
