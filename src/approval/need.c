/* For notices, lists and records. */
#include "approval/need.h"

void need_words(const struct policy_need *need, struct buf *out)
{
    buf_printf(out, "%.*s/%.*s: ", BYTES_FMT(need->policy), BYTES_FMT(need->rule));
    if (need->approvals > 1)
        buf_printf(out, "%u people of ", need->approvals);
    else
        buf_append_text(out, "somebody of ");
    for (size_t i = 0; i < need->n_by; i++)
        buf_printf(out, "%s%.*s", i ? " or " : "", BYTES_FMT(need->by[i]));
    if (need->reason) buf_append_text(out, need->approvals > 1 ? ", each with a reason" : ", with a reason");
}

void needs_words(const struct policy_need *needs, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        if (i) buf_append_text(out, "; ");
        need_words(&needs[i], out);
    }
}

size_t needs_groups(const struct policy_need *needs, size_t n, struct bytes *by)
{
    size_t n_by = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < needs[i].n_by; k++) {
            bool known = false;
            for (size_t l = 0; l < n_by && !known; l++)
                known = bytes_equal(by[l], needs[i].by[k]);
            if (!known) by[n_by++] = needs[i].by[k];
        }
    return n_by;
}
