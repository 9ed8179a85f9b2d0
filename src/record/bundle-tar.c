/* Source: POSIX.1-2017, pax, "ustar Interchange Format". */
#include "record/bundle-tar.h"
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { NAME = 0, MODE = 100, UID = 108, GID = 116, SIZE = 124, MTIME = 136, SUM = 148, TYPE = 156 };
enum { MAGIC = 257, DEVICE_MAJOR = 329, DEVICE_MINOR = 337, SIZE_DIGITS = 11 };
static const uint64_t size_most = (UINT64_C(1) << 33) - 1;

void bundle_tar_head(const char *name, uint64_t size, uint8_t out[BUNDLE_TAR_BLOCK])
{
    char digits[24];
    unsigned sum = 0;
    CHECK(strlen(name) < BUNDLE_TAR_NAME && size <= size_most);
    memset(out, 0, BUNDLE_TAR_BLOCK);
    memcpy(out + NAME, name, strlen(name));
    memcpy(out + MODE, "0000644", 8);
    memcpy(out + UID, "0000000", 8);
    memcpy(out + GID, "0000000", 8);
    snprintf(digits, sizeof digits, "%011" PRIo64, size);
    memcpy(out + SIZE, digits, SIZE_DIGITS + 1);
    memcpy(out + MTIME, "00000000000", 12);
    memset(out + SUM, ' ', 8);
    out[TYPE] = '0';
    memcpy(out + MAGIC, "ustar\00000", 8);
    memcpy(out + DEVICE_MAJOR, "0000000", 8);
    memcpy(out + DEVICE_MINOR, "0000000", 8);
    for (int i = 0; i < BUNDLE_TAR_BLOCK; i++)
        sum += out[i];
    snprintf(digits, sizeof digits, "%06o", sum);
    memcpy(out + SUM, digits, 7);
}

bool bundle_tar_read(int fd, uint64_t at, void *out, size_t n)
{
    uint8_t *to = out;
    while (n) {
        ssize_t got = at > INT64_MAX ? -1 : pread(fd, to, n, (off_t)at);
        if (got <= 0) return false;
        to += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return true;
}

static bool is_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i]) return false;
    return true;
}

/* Name and size of a header that is the one that bundle_tar_head makes of them. */
static bool read_head(const uint8_t head[BUNDLE_TAR_BLOCK], struct bundle_member *m)
{
    uint8_t again[BUNDLE_TAR_BLOCK];
    size_t n = strnlen((const char *)head, BUNDLE_TAR_NAME);
    if (n == 0 || n == BUNDLE_TAR_NAME) return false;
    memcpy(m->name, head, n + 1);
    m->size = 0;
    for (int i = 0; i < SIZE_DIGITS; i++) {
        if (head[SIZE + i] < '0' || head[SIZE + i] > '7') return false;
        m->size = m->size << 3 | (unsigned)(head[SIZE + i] - '0');
    }
    bundle_tar_head(m->name, m->size, again);
    return memcmp(head, again, sizeof again) == 0;
}

enum bundle_tar bundle_tar_next(int fd, uint64_t file_size, uint64_t *at, struct bundle_member *m)
{
    uint8_t block[BUNDLE_TAR_END];
    uint64_t left = file_size - *at;
    if (left < BUNDLE_TAR_BLOCK || !bundle_tar_read(fd, *at, block, BUNDLE_TAR_BLOCK)) return BUNDLE_TAR_BAD;
    if (is_zero(block, BUNDLE_TAR_BLOCK))
        return left == BUNDLE_TAR_END && bundle_tar_read(fd, *at, block, BUNDLE_TAR_END) &&
                       is_zero(block, BUNDLE_TAR_END)
                   ? BUNDLE_TAR_LAST
                   : BUNDLE_TAR_BAD;
    if (!read_head(block, m)) return BUNDLE_TAR_BAD;
    size_t padding = bundle_tar_padding(m->size);
    m->at = *at + BUNDLE_TAR_BLOCK;
    if (m->size + padding > file_size - m->at || !bundle_tar_read(fd, m->at + m->size, block, padding) ||
        !is_zero(block, padding))
        return BUNDLE_TAR_BAD;
    *at = m->at + m->size + padding;
    return BUNDLE_TAR_MEMBER;
}
