/* The desk of a running gateway: its file `approvals` in the data folder, sealed under a key of its own that
 * the keys child has wrapped (`approvals.key`), and what it tells the record. */
#ifndef POSTERN_APP_APPROVALS_H
#define POSTERN_APP_APPROVALS_H
#include "app/config.h"
#include "app/keys-client.h"
#include "approval/desk.h"
#include "record/lane.h"

struct approvals;
/* Before the log is opened: nobody else asks `keys` meanwhile. 0 or -errno, said in the log. */
int approvals_open(const char *folder, const struct config *config, struct keys_client *keys,
                   const struct clock *clock, uint64_t seed, struct approvals **out) MUST_USE;
struct desk *approvals_desk(struct approvals *a); /* NULL of NULL */
/* What happens from now on, and what waited to be recorded, goes to this lane, which nobody else writes. */
void approvals_record(struct approvals *a, struct record_lane *lane);
/* Sessions and surfaces are gone, and the log is still open. NULL is fine. */
void approvals_close(struct approvals *a);
#endif
