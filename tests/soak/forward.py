#!/usr/bin/python3
"""The network between a gateway and its server: passes everything on. SIGUSR1 cuts every connection (a reset to both ends); SIGSTOP
makes the line silent.

usage: forward.py PORT-FILE TARGET-PORT"""
import asyncio
import os
import pathlib
import signal
import socket
import struct
import sys

pairs = set()


async def pump(reader, writer):
    try:
        while data := await reader.read(1 << 18):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except (OSError, RuntimeError):
        writer.transport.abort()


async def serve(reader, writer, target):
    try:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
    except OSError:
        writer.transport.abort()
        return
    pair = (writer, far_writer)
    for one in pair:
        one.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    pairs.add(pair)
    await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
    pairs.discard(pair)
    for one in pair:
        one.close()


def cut():
    for pair in list(pairs):
        for one in pair:
            one.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.transport.abort()


async def main():
    target = int(sys.argv[2])
    server = await asyncio.start_server(lambda r, w: serve(r, w, target), "127.0.0.1", 0, limit=1 << 18)
    path = pathlib.Path(sys.argv[1])
    path.with_suffix(".new").write_text(str(server.sockets[0].getsockname()[1]))
    os.rename(path.with_suffix(".new"), path)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, cut)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
