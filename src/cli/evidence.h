/* What commands that look back stand on: the data folder, the key that opens blocks, the log's reader, and
 * the index, brought up to date where nobody else is writing it. */
#ifndef POSTERN_CLI_EVIDENCE_H
#define POSTERN_CLI_EVIDENCE_H
#include "cli/command.h"
#include "record/index.h"
#include "record/keys-memory.h"
#include "record/reader.h"

enum { EVIDENCE_PATH = 4096 };
struct evidence {
    char data[EVIDENCE_PATH], log[EVIDENCE_PATH + 8], index_path[EVIDENCE_PATH + 16];
    bool has_keys;
    struct keys_memory keys;
    struct record_reader *reader;
    const struct record_far *far; /* NULL: no archive, or --data without --config */
    void (*far_free)(const struct record_far *far);
    struct index *index; /* NULL unless wanted */
    struct index_progress progress;
};

enum {
    EVIDENCE_KEYS = 1,   /* the key-encryption key; without it blocks stay shut, and that is an error */
    EVIDENCE_READER = 2, /* needs KEYS */
    EVIDENCE_INDEX = 4   /* brought up to date; needs READER */
};
/* False: it was said on standard error what is wrong; answer CLI_FAILED. evidence_close in any case. Where
 * root calls it, it becomes the owner of the data folder first, so that nothing there comes to belong to
 * root. */
bool evidence_open(const struct cli_call *call, unsigned wanted, struct evidence *e) MUST_USE;
/* The same for a data folder that is named otherwise than by --data or the configuration; its key is
 * --key-file or the folder's own. */
bool evidence_open_folder(const struct cli_call *call, const char *data, unsigned wanted,
                          struct evidence *e) MUST_USE;
void evidence_close(struct evidence *e);
/* A key-encryption key from a file that only its owner can read. False: said why. */
bool evidence_read_key(const struct cli_call *call, const char *path, uint8_t key_out[32]) MUST_USE;
/* Takes in what is new; quietly does nothing where another writes the index. A log that cannot be followed is
 * said, and what is there already can be asked. */
void evidence_catch_up(const struct cli_call *call, struct evidence *e);

/* A session that a person names: its id, the end of an id that only one session has, or "last". False: said
 * why. Needs the index. */
bool evidence_session(const struct cli_call *call, struct evidence *e, const char *name,
                      uint64_t *session_out) MUST_USE;

/* That recordings are looked at is in the log before anything of them is shown: who calls, how ("replay"), at
 * which session (0: at many) and, where name is not NULL, one thing more ("column"; never a value). The
 * gateway's own session is nobody's recording. False: said why; answer CLI_FAILED. Needs the keys. */
bool evidence_look(const struct cli_call *call, const struct evidence *e, const char *how, uint64_t session,
                   const char *name, struct bytes value) MUST_USE;
/* The session that a person names, and that it is looked at. */
bool evidence_look_at(const struct cli_call *call, struct evidence *e, const char *how, const char *name,
                      uint64_t *session_out) MUST_USE;

/* Fills the common filters from the options --principal, --connection, --since, --until. */
bool evidence_filter(const struct cli_call *call, struct index_filter *filter) MUST_USE;
#endif
