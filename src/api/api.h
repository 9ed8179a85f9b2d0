/* The HTTP API and, where the program has them, the web pages: one server, in its own threads. It is handed
 * everything that it speaks of; it opens only the index and the log of the data folder, for reading. */
#ifndef POSTERN_API_API_H
#define POSTERN_API_API_H
#include "base/clock.h"
#include "http/service.h"
#include "identity/identity.h"
#include "identity/oauth.h"
#include "notify/notify.h"
#include "record/journal.h"
#include "session/target.h"

struct desk;
struct minted;
struct catalog;
enum { API_ISSUERS = 16, API_ANCHORS = 8 };

/* A provider that people sign in with. */
struct api_issuer {
    struct oauth_client client;
    struct bytes login_client;         /* as whom programs ask; empty: they cannot */
    struct bytes audience;             /* of tokens for the database */
    struct identity_issuer_options id; /* how its ID tokens are judged: audience is the client's id */
};
/* Segments of the log that are sealed, and where they are. */
struct api_archive {
    bool there; /* there is an archive at all */
    bool failing, full;
    uint64_t waiting_bytes, spool_bytes;
    uint64_t n_waiting, n_kept, n_away;
    uint64_t sent, sent_bytes, dropped, failed;
    int64_t behind_us; /* since when something waits */
};
/* What is published of the index, in rows. */
struct api_shared_index {
    bool there; /* the index is published at all */
    bool failing, full, walks;
    uint64_t waiting, spool;
    uint64_t published, batches, failed;
    int64_t behind_us; /* since when something waits */
};
/* A place where checkpoints are kept besides. */
struct api_anchor {
    const char *name;
    uint64_t size, done,
        failed;       /* of the checkpoint that was kept last; how many were, and attempts that failed */
    int64_t waits_us; /* something new waits for so long; 0: nothing does */
    bool late;
};
/* What the gateway tells about itself. */
enum { API_STREAMS = 8, API_STREAM_NAME = 33 };
struct api_stream {
    char name[API_STREAM_NAME];
    uint64_t delivered, failed; /* entries; attempts */
    int64_t lag_us;             /* age of the oldest entry that was not delivered */
    bool is_late;               /* that is more than its bound */
};
struct api_health {
    bool children, record;
    size_t sessions;
    uint64_t sent, refused, held; /* statements, since the start: struct session_counts */
    struct record_stats stats;
    struct api_archive archive;
    struct api_shared_index shared_index;
    struct notify_counts notified[NOTIFY_RECEIVERS];
    size_t n_notified;
    struct api_stream streams[API_STREAMS];
    size_t n_streams;
    struct api_anchor anchors[API_ANCHORS];
    size_t n_anchors;
};
/* A page of the web UI, as its room has it; all of it static. */
struct api_page {
    const char *type, *cache;
    struct bytes plain, gzip; /* gzip.n == 0: there is none */
    const char *plain_etag, *gzip_etag;
    const char *policy; /* a Content-Security-Policy besides the server's own; NULL: none */
};

struct api_options {
    const struct clock *clock;
    const char *data;
    const int *listeners; /* taken over in any case */
    size_t n_listeners;
    struct tls_server *tls; /* borrowed; NULL: in clear */
    struct bytes url;       /* "https://postern.example.com"; empty: only by a loopback name */
    const struct api_issuer *issuers;
    size_t n_issuers;
    int64_t session_us; /* how long a browser stays signed in, at most */
    bool open_metrics;  /* to anybody who asks */
    struct bytes host;  /* where database clients connect to; may be empty */
    uint16_t port;
    const struct record_keys *keys; /* for reading the log; asked by one thread at a time */
    const struct record_far *far;   /* where blocks in the archive are read; may be NULL */
    struct journal *journal;
    struct record_log *log;
    struct desk *desk;     /* NULL: nothing is held here */
    struct minted *minted; /* NULL: no logins are minted here */
    uint64_t seed;

    /* All from any thread. */
    struct session_snapshot *(*snapshot)(void *context);           /* held; in force now */
    unsigned (*roles)(void *context, const struct principal *who); /* a bit for each enum api_role */
    bool (*kill)(void *context, uint64_t session, const char *by);
    /* The newest catalogue of a connection's database, held for the caller; NULL: none is loaded. */
    const struct catalog *(*catalog)(void *context, struct bytes connection, struct bytes database);
    /* Ends the sessions that signed in with this minted login. */
    void (*end_login)(void *context, struct bytes name);
    /* Adds claims (fields) to a session that is open. False: none such. */
    bool (*claim)(void *context, uint64_t session, struct bytes fields);
    void (*health)(void *context, struct api_health *health_out);
    bool (*page)(struct bytes path, struct api_page *page_out); /* NULL: there are no pages */
    void *context;
};

struct api;
/* 0 or -errno. What the options point to outlives the API. */
int api_start(const struct api_options *options, struct api **api_out) MUST_USE;
/* From any thread: blocks were synced, or something happened at the desk. */
void api_wake(struct api *api);
void api_stop(struct api *api);
#endif
