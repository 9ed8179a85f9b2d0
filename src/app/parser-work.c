/* A parser: reads a text from a mapped descriptor, has it understood, writes the facts behind it. It holds
 * nothing that is worth anything: no key, no socket but its broker's, no other text. What it answers is not
 * trusted either; the gateway decodes it as hostile bytes. */
#include "app/child.h"
#include "app/parser-wire.h"
#include "base/log.h"
#include <errno.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A sanitizer's shadow memory takes more address space than any limit. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { LARGE = 1 << 20 };

static void set_limits(size_t memory_bytes)
{
    struct rlimit memory = { memory_bytes, memory_bytes };
    struct rlimit file = { (rlim_t)PARSER_TEXT_MOST + PARSER_FACTS_MOST,
                           (rlim_t)PARSER_TEXT_MOST + PARSER_FACTS_MOST };
    struct rlimit none = { 0, 0 };
    if (!SANITIZED) CHECK(setrlimit(RLIMIT_AS, &memory) == 0);
    CHECK(setrlimit(RLIMIT_FSIZE, &file) == 0);
    CHECK(setrlimit(RLIMIT_NPROC, &none) == 0);
}

static bool write_all(int fd, struct bytes b, size_t at)
{
    while (b.n) {
        ssize_t n = pwrite(fd, b.p, b.n, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        at += (size_t)n;
        b = bytes_slice(b, (size_t)n, b.n);
    }
    return true;
}

/* Understands the text in fd; KILLED where that cannot be done. */
static struct parser_result serve(parser_understand *understand, const struct parser_request *request, int fd)
{
    struct parser_result result = { .number = request->number, .outcome = PARSER_KILLED };
    struct stat st;
    size_t n = request->n_bytes;
    if (fd < 0 || n == 0 || n > PARSER_TEXT_MOST || fstat(fd, &st) || st.st_size < (off_t)n) return result;
    const void *text = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
    if (text == MAP_FAILED) return result;
    struct buf facts;
    buf_init(&facts, PARSER_FACTS_MOST);
    result.leaves = understand(bytes_make(text, n), &facts);
    if (!facts.failed && buf_length(&facts) > 0 && write_all(fd, buf_bytes(&facts), n)) {
        result.n_facts = buf_length(&facts);
        result.outcome = PARSER_ANSWERED;
    }
    buf_free(&facts);
    munmap((void *)text, n);
    if (n >= LARGE) malloc_trim(0);
    return result;
}

_Noreturn void parser_work(parser_understand *understand, size_t memory_bytes, int broker)
{
    struct buf warm;
    set_limits(memory_bytes);
    /* What the grammar sets up at first use may need a call that the filter forbids. */
    buf_init(&warm, PARSER_FACTS_MOST);
    (void)understand(BYTES_LITERAL("select 1"), &warm);
    buf_free(&warm);
    int rc = child_confine(CHILD_FILTER_PARSER);
    if (rc) {
        log_line(LOG_ERROR, "a parser cannot be confined reason=%s", strerrorname_np(-rc));
        _exit(2);
    }
    for (;;) {
        struct parser_request request;
        int fd;
        rc = parser_receive(broker, &request, sizeof request, &fd, 0);
        if (rc < 0) _exit(0);
        if (rc == 0) continue;
        struct parser_result result = serve(understand, &request, fd);
        if (fd >= 0) close(fd);
        if (parser_send(broker, &result, sizeof result, -1) || result.leaves) _exit(0);
    }
}
