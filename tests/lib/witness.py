"""A witness: a relay before the server that writes down every protocol message that passes, so that what a
gateway recorded can be compared with what really went to the server and came back."""
import select
import socket
import struct
import threading

import process


class Connection:
    """What passed on one connection: (direction, type, body) in order, direction "c" or "s"."""

    def __init__(self):
        self.messages, self.startup, self.error = [], None, None
        self._rest = {"c": b"", "s": b""}
        self.lock = threading.Lock()

    def feed(self, direction, data):
        rest = self._rest[direction] + data
        at = 0
        if direction == "c" and self.startup is None:
            if len(rest) < 4 or len(rest) < (size := struct.unpack("!I", rest[:4])[0]):
                self._rest[direction] = rest
                return
            self.startup, at = rest[4:size], size
        while len(rest) - at >= 5:
            size = struct.unpack("!I", rest[at + 1:at + 5])[0] + 1
            if len(rest) - at < size:
                break
            with self.lock:
                self.messages.append((direction, chr(rest[at]), rest[at + 5:at + size]))
            at += size
        self._rest[direction] = rest[at:]

    def is_session(self):
        return self.startup is not None and struct.unpack("!I", self.startup[:4])[0] >> 16 == 3

    def process_id(self):
        for direction, kind, body in self.messages:
            if direction == "s" and kind == "K":
                return struct.unpack("!I", body[:4])[0]
        return None

    def bodies(self, direction, kind):
        return [body for d, k, body in self.messages if d == direction and k == kind]

    def texts(self):
        """The statements' texts, as the server got them."""
        found = []
        for direction, kind, body in self.messages:
            if direction == "c" and kind == "Q":
                found.append(body[:-1].decode())
            elif direction == "c" and kind == "P":
                found.append(body.split(b"\0")[1].decode())
        return found


class Witness:
    """Listens on a loopback port and passes everything on to the server's."""

    def __init__(self, world, port):
        self.to, self.connections, self.closing = port, [], False
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        world.callback(self.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.closing = True
        self.listener.close()

    def _accept(self):
        while not self.closing:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            seen = Connection()
            self.connections.append(seen)
            threading.Thread(target=self._relay, args=(client, seen), daemon=True).start()

    def _relay(self, client, seen):
        try:
            server = socket.create_connection(("127.0.0.1", self.to))
        except OSError as error:
            seen.error = error
            client.close()
            return
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        other, name, open_ends = {client: server, server: client}, {client: "c", server: "s"}, {client, server}
        try:
            while open_ends:
                for source in select.select(list(open_ends), [], [])[0]:
                    try:
                        data = source.recv(262144)
                    except OSError:
                        data = b""
                    if not data:
                        open_ends.discard(source)
                        try:
                            other[source].shutdown(socket.SHUT_WR)
                        except OSError:
                            pass
                        continue
                    seen.feed(name[source], data)
                    other[source].sendall(data)
        except OSError as error:
            seen.error = error
        finally:
            client.close()
            server.close()

    def sessions(self):
        return [seen for seen in self.connections if seen.is_session()]

    def wait_idle(self, timeout=process.PATIENCE):
        """Waits until nothing new passes."""
        last = None

        def quiet():
            nonlocal last
            now = sum(len(seen.messages) for seen in self.connections)
            same, last = now == last, now
            return same
        process.wait_for(quiet, "a quiet witness", timeout, 0.2)
