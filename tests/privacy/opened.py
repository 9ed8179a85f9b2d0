"""What the keys of a data folder open: every block and every batch of the tail, also batches that no pointer leads
to any more. Written from doc/log-format.md, with no code of the program."""
import ctypes
import ctypes.util
import pathlib
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_zstd = ctypes.CDLL(ctypes.util.find_library("zstd") or "libzstd.so.1")
_zstd.ZSTD_decompress.restype = ctypes.c_size_t
_zstd.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
BLOCK_HEAD, FILE_HEAD, PAGE = 156, 64, 4096


def expand(data):
    size = _zstd.ZSTD_getFrameContentSize(data, len(data))
    if size > 4 << 20:
        return b""
    out = ctypes.create_string_buffer(int(size) or 1)
    got = _zstd.ZSTD_decompress(out, size, data, len(data))
    return out.raw[:got] if got <= size else b""


def unwrap(kek, wrapped):
    try:
        return AESGCM(kek).decrypt(wrapped[:12], wrapped[12:], None)
    except InvalidTag:
        return None


def data_keys(data, kek):
    """Index → (session, key or None) of log/keys."""
    content = (data / "log" / "keys").read_bytes()
    found = {}
    for at in range(80, len(content) // 80 * 80, 80):
        record = content[at:at + 80]
        found[at // 80] = (int.from_bytes(record[:8], "big"), unwrap(kek, record[8:68]))
    return found


def blocks(data, kek):
    """(session, its text) of each block that opens with any key there is."""
    keys = data_keys(data, kek)
    for path in sorted((data / "log" / "segments").glob("*.blocks")):
        content, at = path.read_bytes(), FILE_HEAD
        while at + BLOCK_HEAD <= len(content):
            head = content[at:at + BLOCK_HEAD]
            number, = struct.unpack(">I", head[24:28])
            key_index, = struct.unpack(">Q", head[72:80])
            length, = struct.unpack(">I", head[88:92])
            cipher = content[at + BLOCK_HEAD:at + BLOCK_HEAD + length]
            at += BLOCK_HEAD + length
            nonce = bytes(8) + struct.pack(">I", number)
            session = int.from_bytes(head[16:24], "big")
            ours = [keys[key_index][1]] if key_index in keys and keys[key_index][1] else []
            for key in ours or [key for _, key in keys.values() if key]:
                try:
                    plain = AESGCM(key).decrypt(nonce, cipher, head[:92])
                except InvalidTag:
                    continue
                yield session, expand(plain) if struct.unpack(">I", head[4:8])[0] & 1 else plain


def tail(data, kek):
    """The text of each batch in the tail's files, whether recovery would read it or not."""
    for path in sorted((data / "log" / "tail").glob("*")):
        content = path.read_bytes()
        if content[:8] != b"PSTNTAIL":
            continue
        lane, = struct.unpack(">I", content[12:16])
        segment, = struct.unpack(">Q", content[24:32])
        key = unwrap(kek, content[48:108])
        if not key:
            continue
        aead, end = AESGCM(key), len(content.rstrip(b"\0")) + 64
        for at in range(PAGE, min(end, len(content) - 32), 8):
            length, frames, first = struct.unpack(">IIQ", content[at:at + 16])
            if not 0 < length <= 1 << 20 or not 0 < frames <= length or first >= 1 << 40:
                continue
            for number in {segment, *range(max(0, segment - 8), segment)}:
                nonce = struct.pack(">HHQ", lane, number & 0xFFFF, first)
                try:
                    yield aead.decrypt(nonce, content[at + 32:at + 32 + length] + content[at + 16:at + 32], None)
                except InvalidTag:
                    continue
                break


def words_in(data, words):
    """(where, word) for each word that the folder's own keys bring to light."""
    data = pathlib.Path(data)
    kek = bytes.fromhex((data / "kek").read_text().strip())
    found = set()
    for where, texts in (("blocks", (text for _, text in blocks(data, kek))), ("tail", tail(data, kek))):
        for text in texts:
            found |= {(where, word) for word in words if word.encode() in text}
    return found
