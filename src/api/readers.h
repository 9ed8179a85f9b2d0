/* What handlers read: the index, and the log. A few of each, opened when they are wanted and kept; whoever
 * takes one has it alone. A reading is a place in a session with all that a transcript knows there: the next
 * page of entries goes on from it, instead of from the session's beginning. */
#ifndef POSTERN_API_READERS_H
#define POSTERN_API_READERS_H
#include "record/index.h"
#include "record/reader.h"
#include "record/transcript.h"

struct readers;
struct readers *readers_new(const char *data, const struct record_keys *keys,
                            const struct record_far *far /* may be NULL */) MUST_USE;
void readers_free(struct readers *readers);

/* 0; -ENOENT: there is no index yet; -EBUSY: too many are out; or -errno. */
int readers_index(struct readers *readers, struct index **index_out) MUST_USE;
/* Gives it back. good: it answered as it should; otherwise it is closed. */
void readers_index_back(struct readers *readers, struct index *index, bool good);

/* A reader of the log that is the caller's alone, to be freed by record_reader_free. 0 or -errno. */
int readers_log(struct readers *readers, struct record_reader **reader_out) MUST_USE;
/* The log's folder; what opens its keys, from any thread; where what is in the archive is read (NULL: there
 * is none). Good as long as the readers are. */
const char *readers_folder(const struct readers *readers);
const struct record_keys *readers_keys(const struct readers *readers);
const struct record_far *readers_far(const struct readers *readers);

struct reading {
    struct record_reader *reader;
    struct transcript *transcript;
    uint64_t session;
    uint32_t next; /* the frame that comes next */
    bool ended;    /* nothing comes behind the last one */
    uint64_t used; /* when it was put back */
};
/* At frame `from` of the session: one that stands there already, or a new one that was read up to there. 0;
 * -ENOENT: the log has no frame of it (yet); -EBUSY; -EBADMSG: it cannot be read, why_out says (room for 256
 * bytes). */
int readers_open(struct readers *readers, uint64_t session, uint32_t from, struct reading **reading_out,
                 char why_out[256]) MUST_USE;
/* Keeps it for the next page; good: false closes it. */
void readers_back(struct readers *readers, struct reading *reading, bool good);
/* The next frame goes to the transcript. 1; 0: nothing now (reading->ended: nor ever); -EBADMSG. */
int reading_step(struct reading *reading, void (*visit)(void *context, const struct transcript_event *event),
                 void *context) MUST_USE;
#endif
