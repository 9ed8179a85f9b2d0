/* Verifying a bundle, shared by bundle-verify.c (the file, its checkpoint, its sums) and bundle-session.c
 * (one session's blocks). doc/read-bundle.py takes the same steps in the same order, with the same words. */
#ifndef POSTERN_RECORD_BUNDLE_CHECK_H
#define POSTERN_RECORD_BUNDLE_CHECK_H
#include "record/bundle-tar.h"
#include "record/bundle.h"
#include "record/opener.h"
#include "record/tree-proof.h"

struct bundle_check {
    int fd;
    struct bundle_verified *out;
    struct checkpoint checkpoint;
    struct opener opener;
};
/* Sets out->message; false, so that callers can return it. */
bool bundle_fault(struct bundle_check *c, const char *format, ...) PRINTF_LIKE(2, 3);
/* Checks one session; *out gets what it is. keys is the member's content. */
bool bundle_check_session(struct bundle_check *c, uint64_t session, struct bytes keys,
                          const struct bundle_member *blocks, const struct bundle_member *proofs,
                          struct bundle_session *out) MUST_USE;
#endif
