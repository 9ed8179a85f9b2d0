/* The keyed index of values: who was shown this card number? Where a policy asks for it (record.values), each
 * text says which columns of its results hold such values ("values" of FRAME_TEXT), and the values themselves
 * are hashed from recorded rows (value-form.h), behind the index and apart from it: no session waits for
 * that, nor does the index. The key is random, wrapped under the key-encryption key, and stands in the index:
 * thrown away with it, it is made anew, and so are the hashes.
 *
 * Rows that were not recorded, or that nobody can tell apart, are counted as unknown, under an empty hash. */
#ifndef POSTERN_RECORD_INDEX_VALUES_H
#define POSTERN_RECORD_INDEX_VALUES_H
#include "record/index.h"
#include "record/reader.h"

/* What is remembered of sessions between calls; belongs to one thread. */
struct index_values;
/* keys must outlive it. NULL: no memory. */
struct index_values *index_values_new(const struct record_keys *keys) MUST_USE;
void index_values_free(struct index_values *v);
/* Takes in what the index knows and values do not yet: at most so many frames in one call (0: all). all: also
 * of sessions that go on and would have to be read from their beginning for little that is new. *more_out:
 * something is left. 0; -EBUSY: another writes the index; or -errno. */
int index_values_follow(struct index_values *v, struct index *index, struct record_reader *reader,
                        uint64_t frames_most, bool all, bool *more_out) MUST_USE;

/* The key of the index under another key-encryption key. 0, also where there is none yet; -EBADMSG: it does
 * not open with `before`; or -errno. */
int index_values_rewrap(struct index *index, const struct record_keys *before,
                        const struct record_keys *after) MUST_USE;

/* ---- asking */

/* A column whose values are indexed, with how many of its rows that came out are not known. */
struct index_value_column {
    struct bytes name; /* "public.customers.card_number" */
    uint64_t unknown_rows;
};
/* Whether "public.people.mail" is the column of that relation ("people", "public.people"); empty: any. */
bool index_column_is_meant(struct bytes name, struct bytes relation, struct bytes column);
/* "public.people.mail", "people.mail", "people.*" (any: an empty column) as people write it: the last dot
 * outside of quotes parts them. False: it is no column. */
bool index_column_split(struct bytes name, struct bytes *relation_out, struct bytes *column_out) MUST_USE;
/* relation, column: as of index_sights; empty: any. */
int index_value_columns(struct index *index, struct bytes relation, struct bytes column,
                        void (*visit)(void *context, const struct index_value_column *column),
                        void *context) MUST_USE;
struct index_value_sight {
    struct bytes principal, on_behalf_of, connection, column, shape;
    uint64_t session, rows;
    int64_t first_us, last_us;
    uint32_t first_sequence, last_sequence; /* frames of its rows */
};
/* Where the value came out of such a column, by session and shape, the newest first. Of the filter:
 * principal, connection, since_us, until_us, session, limit. 0; -ENOENT: no value is indexed yet; -EBADMSG:
 * the key cannot be opened with this key-encryption key; or -errno. */
int index_value_sights(struct index *index, const struct record_keys *keys, const struct index_filter *filter,
                       struct bytes relation, struct bytes column, struct bytes value,
                       void (*visit)(void *context, const struct index_value_sight *sight),
                       void *context) MUST_USE;

/* The sessions in which such a column came out clear, or in which something was read untraced, the newest
 * first: where a value may be that is not indexed. Of the filter: principal, connection, since_us, until_us,
 * session. */
int index_value_sessions(struct index *index, const struct index_filter *filter, struct bytes relation,
                         struct bytes column, void (*visit)(void *context, uint64_t session),
                         void *context) MUST_USE;
#endif
