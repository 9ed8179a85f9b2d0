/* Changing the log's signing key, while no gateway runs. The order is such that a crash at any place leaves
 * either the old key, or <data>/log.key.next beside it: then no gateway starts, and rotating again goes on
 * where it stopped.
 *
 *     new key ▸ its name into the log ▸ log.key.next ▸ handover, signed by both ▸ log.key, log.pub ▸
 * log.key.next gone
 */
#ifndef POSTERN_APP_KEYS_ROTATE_H
#define POSTERN_APP_KEYS_ROTATE_H
#include "cli/evidence.h"

/* e has the key-encryption key. old_out and new_out get the verifier keys. False: it was said why not. */
bool keys_rotate(const struct cli_call *call, const struct evidence *e, struct buf *old_out,
                 struct buf *new_out) MUST_USE;
#endif
