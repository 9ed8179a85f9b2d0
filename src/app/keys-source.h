/* Where a secret comes from, and the source reader: the process beside the keys child that opens password
 * files and runs password commands for it. It is forked before any key is read, so that what a command (or a
 * hole in it) can see of our memory holds none; and it keeps the network and the right to start programs,
 * which a command like `vault read …` needs and the keys child must not have. */
#ifndef POSTERN_APP_KEYS_SOURCE_H
#define POSTERN_APP_KEYS_SOURCE_H
#include "base/bytes.h"
#include "base/check.h"
#include "base/secret.h"

enum keys_source_kind { KEYS_SOURCE_NONE = 0, KEYS_SOURCE_FILE, KEYS_SOURCE_ENV, KEYS_SOURCE_EXEC };
enum { KEYS_SECRET_MOST = 8192 /* bytes of a secret from a source */ };

/* Takes "${file:PATH}", "${env:NAME}" or "${exec:CMD}" apart; what_out points into text. NONE: malformed. */
enum keys_source_kind keys_source_parse(struct bytes text, struct bytes *what_out) MUST_USE;
/* Overwrites the variable's value where it stands and takes the variable away, so that /proc/PID/environ
 * shows it no more. Before threads start. */
void keys_source_wipe_env(struct bytes name);
/* Of the file or the variable, now, in this process; one line end behind it is dropped. 0; -ENOKEY: not
 * there, unreadable, empty, no regular file or too long (logged with the name of the source). */
int keys_source_read(enum keys_source_kind kind, struct bytes what, struct secret *secret_out) MUST_USE;

/* ---- the reader, seen from the keys child, over its socket */
/* Sends a request for a file or a command. 0 or -errno (-EAGAIN: the reader has too much to do). */
int keys_source_ask(int reader, uint64_t job, enum keys_source_kind kind, struct bytes what) MUST_USE;
/* Takes one answer, never blocks: 1, 0: none there, -errno: the reader is gone. *status_out: 0, -ENOKEY,
 * -ETIMEDOUT. */
int keys_source_receive(int reader, uint64_t *job_out, int *status_out, struct secret *secret_out) MUST_USE;
/* The reader itself: serves until its socket ends. */
_Noreturn void keys_source_serve(int socket, unsigned deadline_ms);
#endif
