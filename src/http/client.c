/* One easy handle a call: fetches are minutes apart, so that nothing is gained by keeping connections. */
#include "http/client.h"
#include "base/clock.h"
#include "base/secret.h"
#include "http/client-private.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_URL = 2048, MAX_REDIRECTS = 3 };

static void curl_begin(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

void http_curl_ready(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, curl_begin);
}

static bool host_is_loopback(const char *host)
{
    struct in_addr v4;
    if (strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0) return true;
    return inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

static enum http_url_kind parsed_kind(CURLU *url)
{
    char *scheme = NULL, *host = NULL, *other = NULL;
    enum http_url_kind kind = HTTP_URL_REFUSED;
    bool plain = curl_url_get(url, CURLUPART_USER, &other, 0) != CURLUE_OK &&
                 curl_url_get(url, CURLUPART_PASSWORD, &other, 0) != CURLUE_OK &&
                 curl_url_get(url, CURLUPART_FRAGMENT, &other, 0) != CURLUE_OK;
    if (plain && curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK && *host) {
        if (strcmp(scheme, "https") == 0) kind = HTTP_URL_HTTPS;
        if (strcmp(scheme, "http") == 0 && host_is_loopback(host)) kind = HTTP_URL_LOOPBACK;
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(other);
    return kind;
}

/* The URL as libcurl reads it, or NULL; freed with curl_url_cleanup. */
static CURLU *url_parse(struct bytes text)
{
    char copy[MAX_URL + 1];
    if (text.n == 0 || text.n > MAX_URL) return NULL;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] >= 0x7F || text.p[i] == '\\' || text.p[i] == '#') return NULL;
    memcpy(copy, text.p, text.n);
    copy[text.n] = 0;
    CURLU *url = curl_url();
    if (url && curl_url_set(url, CURLUPART_URL, copy, 0) != CURLUE_OK) {
        curl_url_cleanup(url);
        return NULL;
    }
    return url;
}

enum http_url_kind http_url_kind(struct bytes text)
{
    http_curl_ready();
    CURLU *url = url_parse(text);
    enum http_url_kind kind = url ? parsed_kind(url) : HTTP_URL_REFUSED;
    curl_url_cleanup(url);
    return kind;
}

static bool part_is_same(CURLU *a, CURLU *b, CURLUPart part)
{
    char *of_a = NULL, *of_b = NULL;
    bool same = curl_url_get(a, part, &of_a, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                curl_url_get(b, part, &of_b, CURLU_DEFAULT_PORT) == CURLUE_OK && strcasecmp(of_a, of_b) == 0;
    curl_free(of_a);
    curl_free(of_b);
    return same;
}

static bool origin_is_same(struct bytes from, struct bytes to)
{
    CURLU *a = url_parse(from), *b = url_parse(to);
    bool same = a && b && parsed_kind(b) != HTTP_URL_REFUSED && part_is_same(a, b, CURLUPART_SCHEME) &&
                part_is_same(a, b, CURLUPART_HOST) && part_is_same(a, b, CURLUPART_PORT);
    curl_url_cleanup(a);
    curl_url_cleanup(b);
    return same;
}

static bool directive_is(struct bytes directive, const char *name)
{
    return bytes_equal_nocase(directive, bytes_of(name));
}

int64_t http_max_age(struct bytes text)
{
    int64_t age = -1, value;
    for (size_t from = 0; from <= text.n;) {
        const uint8_t *comma = from < text.n ? memchr(text.p + from, ',', text.n - from) : NULL;
        size_t to = comma ? (size_t)(comma - text.p) : text.n;
        struct bytes part = bytes_slice(text, from, to - from);
        from = to + 1;
        while (part.n && (part.p[0] == ' ' || part.p[0] == '\t'))
            part = bytes_slice(part, 1, part.n);
        while (part.n && (part.p[part.n - 1] <= ' '))
            part.n--;
        if (directive_is(part, "no-cache") || directive_is(part, "no-store")) return 0;
        if (part.n > 8 && directive_is(bytes_slice(part, 0, 8), "max-age=") &&
            bytes_to_int64(bytes_slice(part, 8, part.n), &value) && value >= 0)
            age = value;
    }
    return age;
}

void http_escape(struct buf *out, struct bytes text)
{
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c && memchr("-._~", c, 4));
        if (plain)
            buf_put_u8(out, c);
        else
            buf_printf(out, "%%%02X", c);
    }
}

void http_form_add(struct buf *form, const char *name, struct bytes value)
{
    if (buf_length(form)) buf_put_u8(form, '&');
    http_escape(form, bytes_of(name));
    buf_put_u8(form, '=');
    http_escape(form, value);
}

struct transfer {
    const struct http_get *get;
    struct buf *body;
    struct http_answered *answer;
    bool loopback_only;
};

static size_t on_body(char *data, size_t size, size_t n, void *context)
{
    struct transfer *t = context;
    buf_append(t->body, bytes_make(data, size * n));
    return t->body->failed ? 0 : size * n;
}

static size_t on_header(char *data, size_t size, size_t n, void *context)
{
    static const char name[] = "cache-control:";
    struct transfer *t = context;
    struct bytes line = bytes_make(data, size * n);
    if (bytes_equal_nocase(bytes_slice(line, 0, sizeof name - 1), BYTES_LITERAL(name)))
        t->answer->max_age_s = http_max_age(bytes_slice(line, sizeof name - 1, line.n));
    return size * n;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    const struct transfer *t = context;
    return t->get->cancel && atomic_load(t->get->cancel);
}

curl_socket_t http_curl_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    const bool *loopback_only = context;
    const struct sockaddr_in *v4 = (const void *)&address->addr;
    const struct sockaddr_in6 *v6 = (const void *)&address->addr;
    bool loopback = (address->family == AF_INET && ntohl(v4->sin_addr.s_addr) >> 24 == 127) ||
                    (address->family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr));
    if (*loopback_only && !loopback) return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

bool http_curl_header(struct curl_slist **list, struct buf *line, const char *name, struct bytes value)
{
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] < ' ' || value.p[i] == 0x7F) return false;
    buf_consume(line, buf_length(line));
    buf_printf(line, "%s: %.*s", name, BYTES_FMT(value));
    buf_put_u8(line, 0);
    struct curl_slist *more = line->failed ? NULL : curl_slist_append(*list, (const char *)buf_bytes(line).p);
    if (more) *list = more;
    return more != NULL;
}

/* The header lines that the request wants; *list_out is freed by the caller. */
static bool headers_prepare(CURL *curl, const struct http_get *get, struct curl_slist **list_out)
{
    struct buf line;
    bool ok = true;
    *list_out = NULL;
    buf_init(&line, 64 * 1024);
    if (get->authorization.n) ok = http_curl_header(list_out, &line, "Authorization", get->authorization);
    if (ok && get->form.p && get->json)
        ok = http_curl_header(list_out, &line, "Content-Type", BYTES_LITERAL("application/json"));
    for (size_t i = 0; ok && i < get->n_headers; i++)
        ok = http_curl_header(list_out, &line, get->headers[i].name, get->headers[i].value);
    if (line.data) secret_wipe(line.data, line.size);
    buf_free(&line);
    if (get->form.p) {
        ok &= curl_easy_setopt(curl, CURLOPT_POST, 1L) == CURLE_OK;
        ok &= curl_easy_setopt(curl, CURLOPT_POSTFIELDS, (const char *)get->form.p) == CURLE_OK;
        ok &= curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)get->form.n) == CURLE_OK;
    }
    return ok && curl_easy_setopt(curl, CURLOPT_HTTPHEADER, *list_out) == CURLE_OK;
}

static bool transfer_prepare(CURL *curl, struct transfer *t, const char *url, int64_t left_ms)
{
    bool ok = curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, t->loopback_only ? "http" : "https") == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)left_ms) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_USERAGENT, "postern") == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_WRITEDATA, t) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_HEADERDATA, t) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, http_curl_socket) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &t->loopback_only) == CURLE_OK;
    /* Proxies of the environment stand for HTTPS, where they see nothing; never for loopback. */
    if (t->loopback_only) ok &= curl_easy_setopt(curl, CURLOPT_NOPROXY, "*") == CURLE_OK;
    return ok;
}

/* One exchange. *redirect_out: an URL to go on with, freed by the caller with free; NULL: none. */
static enum http_outcome transfer_run(struct transfer *t, const char *url, int64_t left_ms,
                                      char **redirect_out)
{
    char *redirect = NULL;
    enum http_outcome outcome = HTTP_FAILED;
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = NULL;
    *redirect_out = NULL;
    if (!curl || !transfer_prepare(curl, t, url, left_ms) || !headers_prepare(curl, t->get, &headers)) {
        snprintf(t->answer->why, sizeof t->answer->why, "libcurl cannot be set up");
        curl_slist_free_all(headers);
        curl_easy_cleanup(curl);
        return HTTP_FAILED;
    }
    CURLcode code = curl_easy_perform(curl);
    if (code == CURLE_OK) {
        outcome = HTTP_ANSWERED;
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &t->answer->status);
        curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &redirect);
        if (redirect && !(*redirect_out = strdup(redirect))) outcome = HTTP_FAILED;
    } else {
        if (code == CURLE_OPERATION_TIMEDOUT) outcome = HTTP_TIMED_OUT;
        if (code == CURLE_WRITE_ERROR && t->body->failed) outcome = HTTP_TOO_LONG;
        snprintf(t->answer->why, sizeof t->answer->why, "%s",
                 outcome == HTTP_TOO_LONG ? "the answer is too long" : curl_easy_strerror(code));
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return outcome;
}

enum http_outcome http_get(const struct http_get *get, struct buf *body, struct http_answered *answer_out)
{
    struct transfer t = { .get = get, .body = body, .answer = answer_out };
    int64_t deadline_us = clock_monotonic_us(&clock_system) + get->deadline_ms * 1000;
    enum http_outcome outcome = HTTP_FAILED;
    http_curl_ready();
    *answer_out = (struct http_answered){ .max_age_s = -1, .why = "the URL is not one that may be fetched" };
    enum http_url_kind kind = http_url_kind(get->url);
    char *url = kind == HTTP_URL_REFUSED ? NULL : strndup((const char *)get->url.p, get->url.n);
    t.loopback_only = kind == HTTP_URL_LOOPBACK;
    for (int hops = 0; url; hops++) {
        char *next = NULL;
        int64_t left_ms = (deadline_us - clock_monotonic_us(&clock_system)) / 1000;
        if (left_ms < 1) left_ms = 1;
        answer_out->max_age_s = -1;
        outcome = transfer_run(&t, url, left_ms, &next);
        if (next && (hops == MAX_REDIRECTS || get->form.p || get->authorization.n || get->n_headers ||
                     !origin_is_same(bytes_of(url), bytes_of(next)))) {
            snprintf(answer_out->why, sizeof answer_out->why, "a redirect to elsewhere, or too many");
            outcome = HTTP_FAILED;
            free(next);
            next = NULL;
        }
        if (next) buf_consume(body, buf_length(body));
        free(url);
        url = next;
    }
    return outcome;
}
