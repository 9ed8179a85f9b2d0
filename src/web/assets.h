/* What src/web/pack writes at build time from web/dist and web/site.json. */
#ifndef POSTERN_WEB_ASSETS_H
#define POSTERN_WEB_ASSETS_H
#include "web/web.h"

extern const struct web_asset web_assets[];
extern const size_t web_n_assets;
/* The paths at which the first page stands, besides "/": the first part of each, without slashes. */
extern const char *const web_pages[];
extern const size_t web_n_pages;
#endif
