/* A request that was read stays read however its head arrived: no shorter piece of it is read, and each piece
 * asks for more or is refused for its length. */
#include "http/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct http_request request, piece;
    if (http_request_read(bytes_make(data, n), &request) != HTTP_HEAD_READ) return 0;
    CHECK(n <= HTTP_MAX_HEAD_BYTES && request.path.n && request.path.p[0] == '/' && request.host.n);
    CHECK(memcmp(data + n - 4, "\r\n\r\n", 4) == 0);
    for (size_t i = 0; i < n; i++)
        CHECK(http_request_read(bytes_make(data, i), &piece) == HTTP_HEAD_INCOMPLETE);
    return 0;
}
