/* Assertions that stay on in production. A failed one is our own bug: the process says where and stops, since
 * a gate that has lost its invariants must not go on deciding. Failures of the world are never asserted. */
#ifndef POSTERN_BASE_CHECK_H
#define POSTERN_BASE_CHECK_H

_Noreturn void check_failed(const char *expression, const char *file, int line);

#define CHECK(expression)                                                                                    \
    do {                                                                                                     \
        if (__builtin_expect(!(expression), 0)) check_failed(#expression, __FILE__, __LINE__);               \
    } while (0)

#define MUST_USE                     __attribute__((warn_unused_result))
#define PRINTF_LIKE(position, first) __attribute__((format(printf, position, first)))
#endif
