/* Hostile peers against both SCRAM machines. The input: u8 flags, then three messages with a u16 length each.
 * Oracles: without the password nobody gets to SCRAM_DONE; what is handed out lies within the ceilings; a
 * challenge that is accepted has a nonce that continues ours; a message out of turn ends the dialogue. */
#include "base/cursor.h"
#include "pgwire/scram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t nonce[SCRAM_NONCE_BYTES] = "0123456789abcdefgh";

static void as_client(uint8_t flags, struct bytes a, struct bytes b, struct bytes c)
{
    static struct scram_client client;
    static const struct scram_binding binding = { { 9 }, 32 };
    uint8_t proof[32] = { 7 }, signature[32] = { 0x5A, 0xA5, 3 };
    scram_client_init(&client, nonce, flags & 1 ? &binding : NULL, flags & 2);
    static const char both[] = "SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0";
    enum scram_step step = scram_client_begin(&client, flags & 4 ? a : bytes_make(both, sizeof both));
    if (step == SCRAM_REFUSED) return;
    CHECK(step == SCRAM_SEND && client.out.n > 0 && client.out.n < sizeof client.sent);
    CHECK(!(flags & 2) || client.header[0] == 'p');
    step = scram_client_challenge(&client, b);
    if (step == SCRAM_REFUSED) {
        CHECK(client.why[0] && client.state == SCRAM_OVER);
        CHECK(scram_client_challenge(&client, b) == SCRAM_REFUSED);
        return;
    }
    CHECK(step == SCRAM_PROVE && client.iterations >= 1 && client.iterations <= SCRAM_ITERATIONS_MOST);
    CHECK(client.n_salt >= 1 && client.n_salt <= SCRAM_SALT_MOST);
    CHECK(b.n > 26 && memcmp(b.p + 2, client.nonce, 24) == 0);
    CHECK(bytes_find(client.auth_message, b) > 0);
    if (flags & 8) {
        CHECK(scram_client_finish(&client, c) == SCRAM_REFUSED);
        return;
    }
    CHECK(scram_client_prove(&client, proof, signature) == SCRAM_SEND);
    CHECK(client.out.n > 46 && client.out.n <= SCRAM_MESSAGE_MOST + 300);
    CHECK(scram_client_finish(&client, c) == SCRAM_REFUSED ||
          bytes_is(c, "v=WqUDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
}

static void as_server(uint8_t flags, struct bytes a, struct bytes b, struct bytes c)
{
    static struct scram_server server;
    static const struct scram_binding binding = { { 9 }, 32 };
    struct scram_verifier verifier = { .salt = { 1 }, .n_salt = 16, .iterations = 4096, .stored = { 8 } };
    scram_server_init(&server, nonce, &verifier, flags & 1 ? &binding : NULL);
    if (scram_server_begin(&server, flags & 4 ? a : bytes_of("SCRAM-SHA-256"), b) == SCRAM_REFUSED) return;
    CHECK(server.out.n > 0 && server.out.n <= SCRAM_MESSAGE_MOST);
    CHECK(scram_server_finish(&server, c) == SCRAM_REFUSED && server.out.n == 0);
    struct scram_verifier back;
    (void)!scram_verifier_parse(a, &back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor in = cursor_over(bytes_make(data, size));
    uint8_t flags = cursor_u8(&in);
    struct bytes a = cursor_take(&in, cursor_u16(&in)), b = cursor_take(&in, cursor_u16(&in));
    struct bytes c = cursor_take(&in, cursor_left(&in));
    if (in.failed) return 0;
    if (flags & 0x80)
        as_server(flags, a, b, c);
    else
        as_client(flags, a, b, c);
    return 0;
}
