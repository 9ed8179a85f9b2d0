#include "record/bundle-readme.h"
#include "base/codec.h"
#include <inttypes.h>

void bundle_readme_begin(const struct bundle_readme *r, struct buf *out)
{
    char when[28];
    codec_time(r->request->now_us, when);
    buf_printf(out,
               "Recorded database sessions, with their proof\n"
               "============================================\n"
               "\n"
               "Log       %.*s\n"
               "Exported  %s, by postern %s\n"
               "Proven    in the log's first %" PRIu64 " blocks, by the signed checkpoint in this bundle\n",
               BYTES_FMT(r->checkpoint->origin), when, r->request->version, r->checkpoint->size);
    if (r->anchored)
        buf_printf(out,
                   "Anchored  a checkpoint of %" PRIu64 " blocks that was kept elsewhere, from which the "
                   "signed one goes on\n",
                   r->anchored);
    buf_append_text(out, "\nSession        Blocks  Frames  From                         To\n");
}

void bundle_readme_session(const struct format_block *first, const struct format_block *last, size_t n_blocks,
                           bool erased, struct buf *out)
{
    char id[14], from[28], to[28];
    session_id_format(first->session, id);
    codec_time(first->first_us, from);
    codec_time(last->sealed_us, to);
    buf_printf(out, "%s  %6zu  %6" PRIu32 "  %s  %s%s%s\n", id, n_blocks, last->last_sequence, from, to,
               last->flags & BLOCK_ENDS_SESSION ? "" : "  (it had not ended)",
               erased ? "  (erased: its content cannot be read by anybody)" : "");
}

void bundle_readme_end(struct buf *out)
{
    buf_append_text(
        out,
        "\n"
        "To check it, on any machine, without the gateway and without a network:\n"
        "\n"
        "    python3 read-bundle.py BUNDLE KEY             the reader in Python's standard library\n"
        "    postern audit verify BUNDLE --key KEY         the same answer\n"
        "\n"
        "KEY is the log's public key, as you got it from whoever runs the gateway when the records were\n"
        "made, or a file that holds it. log.pub in this bundle is the same key if all is well; but whoever\n"
        "could change the records could change it too, so compare it with what you have, or you only learn\n"
        "that the bundle agrees with itself. Take read-bundle.py from postern's own sources, or read it:\n"
        "doc/bundle.md says what it does. With --records it prints what was recorded.\n"
        "\n"
        "What is proven: each session is there from its first frame to its last, unchanged and in order, as\n"
        "it was sealed when it happened, and is part of the log that the checkpoint signs. Where a "
        "checkpoint\n"
        "of the log was kept elsewhere (--against FILE): that the log was not rewritten since.\n"
        "What is not: this text. It is here for people, and nothing is read from it.\n"
        "\n"
        "This bundle holds the keys of these sessions. Whoever has it can read them: keep it as you would\n"
        "keep the data that they hold.\n");
}
