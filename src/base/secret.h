/* A secret: bytes that are wiped when they are let go, and that no print or log call takes. */
#ifndef POSTERN_BASE_SECRET_H
#define POSTERN_BASE_SECRET_H
#include "base/bytes.h"
#include "base/check.h"

struct secret {
    uint8_t *data;
    size_t n;
};

/* Takes a copy; data == NULL where there is no memory (or no bytes). */
struct secret secret_copy(struct bytes b) MUST_USE;
/* Wipes and frees; the secret is empty then. */
void secret_free(struct secret *s);
/* Overwrites memory in a way that the compiler keeps. */
void secret_wipe(void *p, size_t n);
/* For handing to crypto; valid until secret_free. */
static inline struct bytes secret_bytes(const struct secret *s)
{
    return bytes_make(s->data, s->n);
}
#endif
