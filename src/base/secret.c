/* Wiped memory. */
#include "base/secret.h"
#include <stdlib.h>
#include <string.h>

struct secret secret_copy(struct bytes b)
{
    struct secret s = { b.n ? malloc(b.n) : NULL, b.n };
    if (s.data)
        memcpy(s.data, b.p, b.n);
    else
        s.n = 0;
    return s;
}

void secret_wipe(void *p, size_t n)
{
    if (n) explicit_bzero(p, n);
}

void secret_free(struct secret *s)
{
    if (s->data) secret_wipe(s->data, s->n);
    free(s->data);
    *s = (struct secret){ 0 };
}
