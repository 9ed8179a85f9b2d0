/* What every test-x.c includes: cmocka and the headers that it wants before it. */
#ifndef POSTERN_BASE_TEST_H
#define POSTERN_BASE_TEST_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"

#define assert_bytes(actual, expected_text)                                                                  \
    do {                                                                                                     \
        struct bytes actual_ = (actual), expected_ = bytes_of(expected_text);                                \
        assert_int_equal(actual_.n, expected_.n);                                                            \
        if (actual_.n) assert_memory_equal(actual_.p, expected_.p, expected_.n);                             \
    } while (0)
#endif
