/* Who was shown one value of a column: by the keyed index (index-values.h) where a policy has one made, else
 * by reading the recordings in which the column came out, which takes a while. */
#ifndef POSTERN_RECORD_SAW_VALUE_H
#define POSTERN_RECORD_SAW_VALUE_H
#include "record/index-values.h"
#include "record/reader.h"

struct saw_question {
    const struct index_filter *filter;    /* principal, connection, since_us, until_us, session; limit: of the
                                             index's answer alone */
    struct bytes relation, column, value; /* as of index_value_sights */
    bool scan;                            /* read the recordings, also where the values are indexed */
    void (*visit)(void *context, const struct index_value_sight *sight);
    /* Of reading recordings. progress: called now and then; false: enough. unread: a session's recording
     * cannot be read, or not to its end; the others are read all the same. */
    bool (*progress)(void *context, uint64_t done, uint64_t total);
    void (*unread)(void *context, uint64_t session, const char *message);
    void *context;
};
struct saw_answer {
    bool scanned;          /* recordings were read */
    uint64_t unknown_rows; /* of the indexed columns: which values they showed was not recorded */
    uint64_t n_unread;     /* sessions */
};
/* The reader is for this alone while it runs. 0; -EBADMSG: the index's key does not
 * open with this key-encryption key; -ECANCELED: progress said so; or -errno. */
int saw_value(struct index *index, struct record_reader *reader, const struct record_keys *keys,
              const struct saw_question *question, struct saw_answer *answer_out) MUST_USE;

/* Its part that reads recordings, where the decision was made. */
int saw_scan(struct index *index, struct record_reader *reader, const struct saw_question *question,
             struct saw_answer *answer) MUST_USE;
#endif
