/* The command line: a table of commands, one row each; from a row come its parsing, its --help, its part of
 * the man page and of the shell completion. A command is a file of its own with one `run`.
 *
 * Exit codes: 0 yes, 1 the answer is no or something was found that should not be there, 2 usage or failure.
 */
#ifndef POSTERN_CLI_COMMAND_H
#define POSTERN_CLI_COMMAND_H
#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/secret.h"
#include <stdio.h>

enum cli_exit { CLI_YES = 0, CLI_NO = 1, CLI_FAILED = 2 };

/* An option of a command; a table of them ends in one without a name. */
struct cli_option {
    const char *name;  /* "principal", for --principal */
    char letter;       /* 'f' for -f; 0: none */
    const char *value; /* "NAME": it takes a value; NULL: it takes none */
    const char *help;  /* one sentence without a full stop */
};

struct record_far;
struct cli_call;
struct control_field;
struct cli_command {
    const char *name;                  /* "sessions list" */
    const char *summary;               /* one sentence without a full stop */
    const char *arguments;             /* "ID", "[TEXT]...", "" */
    unsigned least, most;              /* how many arguments */
    const struct cli_option *options;  /* besides the common ones; NULL: none */
    bool own;                          /* it takes none of the common options but --help */
    const char *notes;                 /* paragraphs for its --help; NULL: none */
    int (*run)(struct cli_call *call); /* answers an enum cli_exit */
};

/* Where a command finds the log: from --data, --key-file, or the configuration. */
struct cli_place {
    struct buf data;         /* the folder, NUL behind it */
    struct secret key;       /* the key-encryption key as its source gave it; data == NULL: <data>/kek */
    const char *key_problem; /* NULL, or why its source gave none */
    /* NULL, or what asks the source, which takes a while: fills key or key_problem. */
    void (*read_key)(struct cli_place *place);
    struct buf key_command; /* for read_key */
    /* Where blocks that are in the archive are read, and what frees it; NULL: there is no archive. */
    const struct record_far *far;
    void (*far_free)(const struct record_far *far);
};

/* What a command gets of the world. */
struct cli_world {
    FILE *out, *err;
    bool out_is_terminal, err_is_terminal;
    unsigned columns;     /* of the terminal; 0: not known */
    const char *no_color; /* the environment's NO_COLOR */
    const struct clock *clock;
    /* Reads the configuration for the data folder and the key. NULL: only --data will do. False: it was said
     * on err what is wrong. */
    bool (*locate)(const struct cli_world *world, const char *config, struct cli_place *place_out);
    /* Writes into the log of a data folder that its recordings are looked at (evidence_look). NULL: nobody
     * does. False: said why, and nothing may be shown. */
    bool (*look)(const struct cli_call *call, const char *data, const uint8_t key[32],
                 const struct control_field *fields, size_t n);
};

enum { CLI_OPTIONS_MOST = 32, CLI_ARGUMENTS_MOST = 256 };
struct cli_call {
    const struct cli_world *world;
    const struct cli_command *command;
    const struct cli_command *const *commands; /* the whole table, NULL behind the last */
    const char *values[CLI_OPTIONS_MOST];      /* by the option's place: the command's own, then the common */
    const char *arguments[CLI_ARGUMENTS_MOST];
    unsigned n_arguments;
};

/* The value of an option; "" of one that takes none; NULL: not given. The name must be one of the command's.
 */
const char *cli_option(const struct cli_call *call, const char *name);
static inline struct bytes cli_option_bytes(const struct cli_call *call, const char *name)
{
    return bytes_of(cli_option(call, name));
}
/* A whole number from 0 to most, or the fallback where the option is not given. False: it was said what is
 * wrong; answer CLI_FAILED. */
bool cli_option_number(const struct cli_call *call, const char *name, uint64_t fallback, uint64_t most,
                       uint64_t *out) MUST_USE;
/* Says "postern sessions list: …" on standard error; answers CLI_FAILED. */
int cli_fail(const struct cli_call *call, const char *format, ...) PRINTF_LIKE(2, 3);
/* Whether output may be coloured: a terminal, no NO_COLOR, no --json. */
bool cli_coloured(const struct cli_call *call);
/* Writes to standard output and empties the buffer; a reader that went away ends the process quietly. */
void cli_write(const struct cli_call *call, struct buf *out);

/* argv as main has it. Finds the command, parses, runs; answers the exit code. */
int cli_main(const struct cli_command *const *commands, int argc, char *const *argv,
             const struct cli_world *world);

/* The options that every command takes (but for `own` ones). */
extern const struct cli_option cli_common_options[];

/* ---- help.c: what comes from the table besides parsing */
void cli_help(const struct cli_command *const *commands, struct buf *out);
void cli_help_command(const struct cli_command *command, struct buf *out);
void cli_man_page(const struct cli_command *const *commands, struct buf *out);
void cli_completion_bash(const struct cli_command *const *commands, struct buf *out);
extern const struct cli_command cli_command_help, cli_command_man, cli_command_completion,
    cli_command_version;
#endif
