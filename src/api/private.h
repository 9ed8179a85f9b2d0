/* What the files of the room share: the API itself. */
#ifndef POSTERN_API_PRIVATE_H
#define POSTERN_API_PRIVATE_H
#include "api/call.h"
#include "api/events.h"
#include "api/looks.h"
#include "api/making.h"
#include "api/people.h"
#include "api/readers.h"
#include "api/sign-in.h"
#include <stdatomic.h>

struct api {
    struct api_options options;
    struct http_service *service;
    struct readers *readers;
    struct people *people;
    struct looks *looks;
    struct makings *makings;
    struct sign_in *sign_in;
    struct events *events;
    _Atomic uint64_t n_answered[6]; /* by hundreds of the status */
};

/* The pages, where no route is. False: there is none of this path. */
bool api_page(struct api *api, struct http_exchange *x);
#endif
