#pragma once
/* What the files of understood share. Of this room alone. */
#include "session/understood.h"

/* Edits that are moved for each text of a template: one with more is not kept under its template. */
enum { UNDERSTOOD_TEMPLATE_EDITS = 256 };

/* ---- understood-cache.c */

/* The same number for two contexts that judge alike. */
uint64_t understood_context_key(const struct understood_context *context);
uint64_t understood_hash(const struct understood_cache *cache, uint64_t ruleset, uint64_t view,
                         struct bytes key, bool is_template);
/* Where there is room, and nothing in it must be forgotten; else the last unpin frees it. */
void understood_cache_keep(struct understood_cache *cache, struct understood *u);

/* ---- understood-judge.c */

/* False: no memory. */
bool understood_judge(struct understood *u, const struct understood_context *context);
/* The statement names a function so, in whichever schema. */
bool understood_calls(const struct sql_statement *s, const char *function);

/* ---- understood-edits.c; false: no memory */

bool understood_make_forward(struct understood *u);

/* ---- understood-record.c */

/* The fields of FRAME_TEXT, made once: a session that runs the text only copies them. False: no memory. */
bool understood_encode(struct understood *u, const struct understood_context *context);
