/* What a rerun found, for people or as JSON (doc/rerun.md). */
#ifndef POSTERN_CLI_RERUN_PRINT_H
#define POSTERN_CLI_RERUN_PRINT_H
#include "cli/rerun-differ.h"
#include "cli/rerun-server.h"

struct rerun_sum {
    uint64_t of[RERUN_N_VERDICTS]; /* statements, by enum rerun_verdict */
    uint64_t us_then, us_now;
    bool lost;
};
struct rerun_print {
    struct buf *out;
    const struct rerun_script *script;
    bool colour, json;
    bool all; /* also what is the same */
    bool strict;
};
void rerun_print_begin(const struct rerun_print *p, struct rerun_place place, const char *version);
/* A Parse or a Bind is a statement only where it failed or differs; rerun_is_shown says so. */
bool rerun_is_shown(const struct rerun_run *run, const struct rerun_comparison *c);
void rerun_print_run(const struct rerun_print *p, const struct rerun_run *run,
                     const struct rerun_comparison *c);
void rerun_print_sum(const struct rerun_print *p, const struct rerun_sum *sum, const char *lost);

/* rerun-json.c */
void rerun_json_begin(const struct rerun_print *p, struct rerun_place place, const char *version);
void rerun_json_run(const struct rerun_print *p, const struct rerun_run *run,
                    const struct rerun_comparison *c);
void rerun_json_sum(const struct rerun_print *p, const struct rerun_sum *sum, const char *lost);
/* The description that the values of a result are read by; either outcome's. */
struct bytes rerun_description(const struct rerun_run *run, uint32_t result);
uint64_t rerun_us_then(const struct rerun_run *run);
#endif
