/* A handover is proven by both its signatures. Backwards from the pinned key this is enough too: it signed
 * the root of everything before, and the name of the key that signed there. */
#include "record/key-chain.h"

static bool fault(const char **why_out, const char *why)
{
    *why_out = why;
    return false;
}

bool key_chain_read(struct bytes notes, const uint8_t pinned[32], struct key_chain *chain,
                    const char **why_out)
{
    struct checkpoint c;
    bool found = false;
    chain->n = chain->at = 0;
    *why_out = NULL;
    for (size_t at = 0; at < notes.n && checkpoint_next(notes, &at, &c);) {
        uint8_t old[32], new[32];
        if (!c.old_key.n) continue;
        if (!checkpoint_handover(&c, old, new))
            return fault(why_out, "a handover from one signing key to the next is not signed by both");
        if (chain->n && memcmp(chain->keys[chain->n - 1], old, 32) != 0)
            return fault(why_out, "a handover is not by the signing key before it");
        if (chain->n + 2 > KEY_CHAIN_MAX) return fault(why_out, "too many signing keys");
        if (!chain->n) memcpy(chain->keys[chain->n++], old, 32);
        memcpy(chain->keys[chain->n++], new, 32);
    }
    if (!chain->n) memcpy(chain->keys[chain->n++], pinned, 32);
    for (size_t i = 0; i < chain->n; i++)
        found |= memcmp(chain->keys[i], pinned, 32) == 0;
    return found || fault(why_out, "the key to verify with is none that ever signed this log");
}

bool key_chain_takes(struct key_chain *chain, const struct checkpoint *c)
{
    uint8_t old[32], new[32];
    if (!checkpoint_verify(c, chain->keys[chain->at])) return false;
    if (!c->old_key.n) return true;
    if (!checkpoint_handover(c, old, new) || chain->at + 1 >= chain->n ||
        memcmp(old, chain->keys[chain->at], 32) != 0 || memcmp(new, chain->keys[chain->at + 1], 32) != 0)
        return false;
    chain->at++;
    return true;
}

bool key_chain_signed(const struct key_chain *chain, const struct checkpoint *c)
{
    for (size_t i = 0; i < chain->n; i++)
        if (checkpoint_verify(c, chain->keys[i])) return true;
    return false;
}
