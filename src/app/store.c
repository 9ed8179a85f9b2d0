/* The lock on the store comes first; then whether a gateway answers decides how the record is written. */
#include "app/store.h"
#include "app/store-lock.h"
#include "record/index-erase.h"
#include "record/rewrap.h"
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MS = 60000, CATCH_UP_S = 120, LANES = 1 };

static void who_calls(char out[128])
{
    const struct passwd *user = getpwuid(getuid());
    const char *sudo = getuid() == 0 ? getenv("SUDO_USER") : NULL;
    snprintf(out, 128, "%.60s%s%.50s", user ? user->pw_name : "?", sudo ? ", for " : "", sudo ? sudo : "");
}

/* ---- a running gateway */

/* One request and its answer. 1: ok; 0: no; below: what is wrong was said. */
static int ask(struct store *s, struct bytes request)
{
    struct control_line line;
    int error = control_client_send(&s->client, request);
    int got = error ? error : control_client_receive(&s->client, ANSWER_MS, &line);
    if (got == 1 && bytes_is(line.verb, "ok")) return 1;
    if (got == 1 && bytes_is(line.verb, "no")) return 0;
    if (got == 1)
        cli_fail(s->call, "the gateway says: %.*s", BYTES_FMT(control_line_get(&line, "message")));
    else
        cli_fail(s->call, "the gateway does not answer: %s", got ? strerror(-got) : "it took too long");
    return -1;
}

static int ask_verb(struct store *s, const char *verb)
{
    struct buf out;
    buf_init(&out, 1024);
    control_line_begin(&out, verb);
    control_line_end(&out);
    int got = ask(s, buf_bytes(&out));
    buf_free(&out);
    return got;
}

static void put_field(void *context, struct bytes name, struct bytes value)
{
    char text[64];
    snprintf(text, sizeof text, "%.*s", BYTES_FMT(name));
    control_line_field(context, text, value);
}

static bool note_running(struct store *s, struct bytes body)
{
    struct buf out;
    buf_init(&out, CONTROL_LINE_MOST);
    control_line_begin(&out, "store_note");
    bool good = frame_fields_each(body, put_field, &out);
    control_line_end(&out);
    good = good && !out.failed && ask(s, buf_bytes(&out)) == 1;
    buf_free(&out);
    return good;
}

static bool find_gateway(struct store *s)
{
    int error = control_client_open(s->e.data, &s->client);
    s->running = error == 0;
    if (error == 0) return ask_verb(s, "ping") == 1;
    if (error == -ENOENT || error == -ECONNREFUSED) return true;
    cli_fail(s->call, "the control socket of %s: %s", s->e.data, strerror(-error));
    return false;
}

/* ---- a log that nobody writes */

static bool origin_of(const char *data, char origin[256])
{
    char path[EVIDENCE_PATH + 16];
    snprintf(path, sizeof path, "%s/log.pub", data);
    FILE *file = fopen(path, "re");
    bool found = file && fscanf(file, "%200[^+ \n]", origin) == 1;
    if (file) fclose(file);
    return found;
}

static int vault_wrap(void *context, const uint8_t key[32], uint8_t wrapped_out[60])
{
    return keys_vault_wrap(context, key, wrapped_out);
}
static int vault_unwrap(void *context, const uint8_t wrapped[60], uint8_t key_out[32])
{
    return keys_vault_unwrap(context, wrapped, key_out);
}
static int vault_sign(void *context, struct bytes message, uint8_t signature_out[64])
{
    return keys_vault_sign(context, message, signature_out);
}

static bool open_log(struct store *s)
{
    char origin[256];
    if (!origin_of(s->e.data, origin)) {
        cli_fail(s->call, "%s has no log.pub: no gateway has run with this data folder yet", s->e.data);
        return false;
    }
    struct secret kek = { .data = s->e.keys.encryption_key, .n = 32 };
    int error = keys_vault_open(s->e.data, origin, &kek, &s->vault);
    if (error) {
        cli_fail(s->call, "the keys in %s: %s", s->e.data, strerror(-error));
        return false;
    }
    s->keys = (struct record_keys){
        .context = s->vault, .wrap = vault_wrap, .unwrap = vault_unwrap, .sign = vault_sign
    };
    keys_vault_public(s->vault, s->keys.public_key);
    struct record_options options = { .folder = s->e.log,
                                      .origin = origin,
                                      .n_lanes = LANES,
                                      .tail_segment_bytes = 4 << 20,
                                      .clock = s->call->world->clock,
                                      .keys = &s->keys };
    error = record_log_open(&options, &s->log);
    if (error) {
        cli_fail(s->call, "the log %s: %s", s->e.log,
                 error == -EBUSY ? "another process writes it, and answers no control socket"
                                 : strerror(-error));
        return false;
    }
    s->journal = journal_new(record_log_lane(s->log, 0), s->call->world->clock);
    return s->journal != NULL;
}

static void close_log(struct store *s)
{
    journal_free(s->journal);
    record_log_close(s->log);
    keys_vault_close(s->vault);
    s->journal = NULL;
    s->log = NULL;
    s->vault = NULL;
}

/* ---- the index */

/* To the log's end as it is now; where another writes the index, that one is waited for. */
static bool catch_up(struct store *s)
{
    struct record_block block;
    time_t until = time(NULL) + CATCH_UP_S;
    for (;;) {
        int error = s->e.has_keys ? index_follow(s->e.index, s->e.reader, &s->e.progress) : -EBUSY;
        if (!error && s->e.progress.at_end) return true;
        if (!error) continue;
        if (error != -EBUSY) {
            cli_fail(s->call, "the index cannot come to the log's end: %s",
                     error == -EBADMSG ? record_reader_message(s->e.reader) : strerror(-error));
            return false;
        }
        error = index_position(s->e.index, &s->e.progress);
        if (!error && record_reader_follow(s->e.reader, s->e.progress.position, &block) == RECORD_READ_END)
            return true;
        if (error || time(NULL) > until) {
            cli_fail(s->call, "the index does not come to the log's end: %s",
                     error ? strerror(-error) : "the gateway's own follower is behind; try again later");
            return false;
        }
        nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    }
}

static bool open_index(struct store *s)
{
    int error = record_reader_open(s->e.log, s->e.has_keys ? &s->e.keys.keys : NULL, &s->e.reader);
    if (error) {
        cli_fail(s->call, "the log %s: %s%s", s->e.log, strerror(-error),
                 error == -ENOENT ? "; no gateway has run with this data folder yet" : "");
        return false;
    }
    record_reader_reach(s->e.reader, s->e.far);
    error = index_open(s->e.index_path, INDEX_WRITE, &s->e.index);
    if (!error) return catch_up(s);
    cli_fail(s->call, "the index %s: %s; `postern store reindex` makes it anew", s->e.index_path,
             error == -ENOTSUP ? "it was made by a newer postern" : strerror(-error));
    return false;
}

/* ---- all of it */

bool store_open(struct cli_call *call, unsigned wanted, struct store *s)
{
    *s = (struct store){ .call = call, .lock = -1, .client.fd = -1 };
    who_calls(s->by);
    if (!evidence_open(call, 0, &s->e)) return false;
    int error = store_lock(s->e.data, &s->lock);
    if (error) {
        cli_fail(call, "%s cannot be locked: %s", s->e.data, strerror(-error));
        return false;
    }
    if (!find_gateway(s)) return false;
    if (!s->running || wanted & STORE_KEYS) {
        evidence_close(&s->e);
        if (!evidence_open(call, EVIDENCE_KEYS, &s->e)) return false;
    }
    if (!s->running && wanted & STORE_RECORD && !open_log(s)) return false;
    return !(wanted & STORE_INDEX) || open_index(s);
}

void store_close(struct store *s)
{
    bool wrote = s->log != NULL;
    if (wrote) close_log(s);
    if (wrote && s->e.index && s->e.reader) (void)!catch_up(s);
    if (s->running) control_client_close(&s->client);
    evidence_close(&s->e);
    store_unlock(s->lock);
}

void store_finish_log(struct store *s)
{
    if (s->log) close_log(s);
}

bool store_note(struct store *s, struct bytes body)
{
    if (s->running) return note_running(s, body);
    bool good = s->journal && journal_write(s->journal, FRAME_GATEWAY, body);
    if (!good) cli_fail(s->call, "the record cannot be written");
    return good;
}

static bool note(void *context, struct bytes body)
{
    return store_note(context, body);
}

/* Without a gateway, opening the log emptied the tail of whatever was there, and what was written since is
 * the gateway's own. */
static bool wipe(void *context)
{
    struct store *s = context;
    return !s->running || ask_verb(s, "wipe") == 1;
}

struct erase_place store_erase_place(struct store *s)
{
    return (struct erase_place){ .data = s->e.data,
                                 .index = s->e.index,
                                 .clock = s->call->world->clock,
                                 .note = note,
                                 .wipe = wipe,
                                 .context = s };
}

bool store_note_sessions(struct store *s, const char *event, struct bytes reason, int64_t number,
                         const struct session_set *set)
{
    struct buf body, ids;
    char of[32], id[14];
    buf_init(&body, 64 * 1024);
    struct frame_fields f = frame_fields_begin(&body);
    frame_fields_add_text(&f, "event", event);
    frame_fields_add_text(&f, "by", s->by);
    if (reason.n) frame_fields_add(&f, "reason", bytes_slice(reason, 0, 1000));
    if (number) frame_fields_add_number(&f, "number", number);
    frame_fields_add_number(&f, "sessions", (int64_t)set->n);
    bool good = !body.failed && store_note(s, buf_bytes(&body));
    buf_free(&body);
    snprintf(of, sizeof of, "%s-of", event);
    for (size_t at = 0; at < set->n && good; at += ERASE_IDS_A_FRAME) {
        buf_init(&body, 64 * 1024);
        buf_init(&ids, 16 * 1024);
        for (size_t i = at; i < set->n && i < at + ERASE_IDS_A_FRAME; i++) {
            session_id_format(set->sessions[i], id);
            buf_printf(&ids, "%s%s", i > at ? "," : "", id);
        }
        f = frame_fields_begin(&body);
        frame_fields_add_text(&f, "event", of);
        if (number) frame_fields_add_number(&f, "number", number);
        frame_fields_add(&f, "ids", buf_bytes(&ids));
        good = !body.failed && !ids.failed && store_note(s, buf_bytes(&body));
        buf_free(&ids);
        buf_free(&body);
    }
    return good;
}

/* ---- which sessions */

static void take(void *context, const struct index_mortal *mortal)
{
    struct store_choice *choice = context;
    if (!mortal->ended_us && !session_set_has(&choice->set, mortal->session)) {
        choice->live++;
        choice->first_live = mortal->session;
    }
    session_set_add(&choice->set, mortal->session);
}

static bool take_named(struct store *s, const char *name, struct store_choice *choice)
{
    uint64_t session;
    struct index_mortal mortal;
    if (!evidence_session(s->call, &s->e, name, &session)) return false;
    int error = index_of_session(s->e.index, session, &mortal);
    if (!error) {
        take(choice, &mortal);
        return true;
    }
    if (error == -ENOENT)
        cli_fail(s->call, "there is no session %s, or it was erased", name);
    else
        cli_fail(s->call, "the index cannot be read: %s", strerror(-error));
    return false;
}

bool store_choose(struct store *s, struct store_choice *choice)
{
    const char *session = cli_option(s->call, "session"), *subject = cli_option(s->call, "subject"),
               *issuer = cli_option(s->call, "issuer");
    *choice = (struct store_choice){ .by_subject = subject };
    if (!session && !subject && !s->call->n_arguments) {
        cli_fail(s->call, "it wants sessions, or --subject");
        return false;
    }
    if (issuer && !subject) {
        cli_fail(s->call, "--issuer wants --subject");
        return false;
    }
    bool good = !session || take_named(s, session, choice);
    for (unsigned i = 0; i < s->call->n_arguments && good; i++)
        good = take_named(s, s->call->arguments[i], choice);
    int error = good && subject ? index_of_subject(s->e.index, bytes_of(subject),
                                                   bytes_of(issuer ? issuer : ""), take, choice)
                                : 0;
    if (error) cli_fail(s->call, "the index cannot be read: %s", strerror(-error));
    if (choice->set.failed) cli_fail(s->call, "there is no memory");
    good = good && !error && !choice->set.failed;
    if (good)
        session_set_sort(&choice->set);
    else
        session_set_free(&choice->set);
    return good;
}
