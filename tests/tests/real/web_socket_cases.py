# What a server of WebSockets makes of frames, good and bad, case by case: framing, pings, reserved bits, opcodes,
# fragments, UTF-8, closing, limits, compression.
#
#   web_socket_cases.py one HOST PORT     over HTTP/1.1
#   web_socket_cases.py two HOST PORT     over HTTP/2 (RFC 8441)
#
# Prints one line a case: its name and what came back, as frames. Two ways to a server agree if they print the same.
import hashlib
import socket
import struct
import sys
import zlib

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
# Here the client waits for all that it has said to come back: what a server still owes when it meets a fault is its own.
ECHO = None
MASK = b"\x12\x34\x56\x78"
DEFLATE = "permessage-deflate; client_no_context_takeover; server_no_context_takeover"


def frame(opcode, payload=b"", fin=1, rsv=0, mask=True, length=None):
    head = bytes([fin << 7 | rsv << 4 | opcode])
    size = len(payload) if length is None else length
    bit = 128 if mask else 0
    if size < 126:
        head += bytes([bit | size])
    elif size < 65536:
        head += bytes([bit | 126]) + struct.pack(">H", size)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", size)
    if not mask:
        return head + payload
    key = int.from_bytes((MASK * (len(payload) // 4 + 1))[: len(payload)], "big")
    return head + MASK + (int.from_bytes(payload, "big") ^ key).to_bytes(len(payload), "big")


def close(code=None, reason=b""):
    return frame(CLOSE, reason if code is None else struct.pack(">H", code) + reason)


def fragments(opcode, payload, size):
    pieces = [payload[at : at + size] for at in range(0, len(payload), size)] or [b""]
    last = len(pieces) - 1
    return [frame(opcode if n == 0 else 0, piece, fin=int(n == last)) for n, piece in enumerate(pieces)]


def deflated(payload):
    squeeze = zlib.compressobj(wbits=-15)
    return (squeeze.compress(payload) + squeeze.flush(zlib.Z_SYNC_FLUSH))[:-4]


def cases():
    for opcode, what in ((TEXT, "text"), (BINARY, "binary")):
        for size in (0, 125, 126, 127, 128, 65535, 65536):
            yield "1 %s of %d" % (what, size), [frame(opcode, b"*" * size)]
            if size:
                yield "1 %s of %d in fragments" % (what, size), fragments(opcode, b"*" * size, 997)
    for size in (0, 1, 124, 125):
        yield "2 ping of %d" % size, [frame(PING, bytes(range(255, 255 - size, -1)))]
    yield "2 ping that is too long", [frame(PING, b"*" * 126)]
    yield "2 pong that is too long", [frame(PONG, b"*" * 126)]
    yield "2 pong that nobody asked for", [frame(PONG, b"what")]
    yield "2 pong and ping", [frame(PONG, b"what"), frame(PING, b"really")]
    yield "2 ten pings", [frame(PING, b"%d" % n) for n in range(10)]
    for rsv in range(1, 8):
        for opcode in (TEXT, BINARY, PING, CLOSE):
            yield "3 reserved bits %d of opcode %d" % (rsv, opcode), [frame(TEXT, b"first"), ECHO, frame(opcode, b"", rsv=rsv)]
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield "4 opcode %d" % opcode, [frame(opcode)]
        yield "4 opcode %d between others" % opcode, [frame(TEXT, b"first"), ECHO, frame(opcode, b"what")]
    yield "4 no mask", [frame(TEXT, b"bare", mask=False)]
    yield "5 ping in fragments", [frame(PING, b"frag", fin=0), frame(0, b"ment")]
    yield "5 pong in fragments", [frame(PONG, b"frag", fin=0), frame(0, b"ment")]
    yield "5 ping between fragments", [frame(TEXT, b"frag", fin=0), frame(PING, b"in between"), frame(0, b"ment")]
    yield "5 pings between fragments", [
        frame(TEXT, b"a", fin=0), frame(PING, b"1"), frame(0, b"b", fin=0), frame(PING, b"2"), frame(0, b"c"),
    ]
    yield "5 continuation of nothing", [frame(0, b"what")]
    yield "5 continuation of nothing, not the last", [frame(0, b"what", fin=0)]
    yield "5 continuation behind a message", [frame(TEXT, b"first"), ECHO, frame(0, b"what")]
    yield "5 two beginnings", [frame(TEXT, b"frag", fin=0), frame(TEXT, b"ment")]
    yield "5 binary within text", [frame(TEXT, b"frag", fin=0), frame(BINARY, b"ment")]
    yield "5 empty fragments", [frame(TEXT, b"", fin=0), frame(0, b"", fin=0), frame(0, b"")]
    yield "5 empty fragments and one", [frame(TEXT, b"", fin=0), frame(0, b"middle", fin=0), frame(0, b"")]
    yield "5 close within fragments", [frame(TEXT, b"frag", fin=0), close(1000)]
    good = ["κόσμε", "\ud7ff", "\ue000", "\ufffd", "\U0010ffff", "\U00010000", "\x00", "\x7f", "\u07ff", "\ufffe"]
    for text in good:
        data = text.encode()
        yield "6 good %s" % data.hex(), [frame(TEXT, data)]
        yield "6 good %s, byte by byte" % data.hex(), fragments(TEXT, data, 1)
    bad = (
        "ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65 64|80|bf|80bf80|c0|c020|e0|f0|f8|fc|fe|ff|c0af|e080af|f08080af"
        "|f8808080af|c1bf|e09fbf|f08fbfbf|c080|e08080|eda080|edafbf|edb080|edbfbf|eda080edb080|f4908080|f7bfbfbf"
        "|f888808080|fc8480808080|e2 82|ce|f0 90 80|fdbfbfbfbfbf|fe fe ff ff"
    )
    for data in map(bytes.fromhex, bad.split("|")):
        yield "6 bad %s" % data.hex(), [frame(TEXT, data)]
        yield "6 bad %s, byte by byte" % data.hex(), fragments(TEXT, b"ok " + data, 1)
        yield "6 bad %s as binary" % data.hex(), [frame(BINARY, data)]
    yield "7 close", [close()]
    yield "7 close twice", [close(1000), close(1000)]
    yield "7 ping behind close", [close(1000), frame(PING)]
    yield "7 text behind close", [close(1000), frame(TEXT, b"late")]
    yield "7 close of one byte", [frame(CLOSE, b"a")]
    yield "7 close with a reason", [close(1000, b"Hello!")]
    yield "7 close with the longest reason", [close(1000, b"*" * 123)]
    yield "7 close that is too long", [close(1000, b"*" * 124)]
    yield "7 close with a reason that is no text", [close(1000, b"\xce\xba\xed\xa0\x80")]
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999):
        yield "7 close with %d" % code, [close(code)]
    for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535):
        yield "7 close with %d, which is none" % code, [close(code)]
    for size in (1 << 18, 1 << 20, 1 << 22):
        yield "9 text of %d" % size, [frame(TEXT, b"*" * size)]
        yield "9 binary of %d" % size, [frame(BINARY, bytes(range(256)) * (size // 256))]
        yield "9 binary of %d in fragments of 4 KiB" % size, fragments(BINARY, b"*" * size, 4096)
    yield "9 thousand messages", [frame(TEXT, b"%d" % n) for n in range(1000)]
    for size in (0, 10, 1000, 100000):
        data = deflated(b"squeezed " * (size // 9))
        yield "12 deflated %d" % size, [frame(TEXT, data, rsv=4)]
        yield "12 deflated %d in fragments" % size, [
            frame(TEXT, data[:1], fin=0, rsv=4), frame(0, data[1:]),
        ]
    yield "12 deflated that is not", [frame(TEXT, b"\xff\xff\xff\xff", rsv=4)]
    yield "12 deflated continuation", [frame(TEXT, b"a", fin=0), frame(0, b"b", rsv=4)]
    yield "12 plain among deflated", [frame(TEXT, b"plain"), frame(TEXT, deflated(b"squeezed"), rsv=4)]


class One:
    def __init__(self, host, port, extensions):
        self.socket = socket.create_connection((host, port), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        fields = "Host: www.example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        fields += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        fields += "Sec-WebSocket-Extensions: %s\r\n" % extensions if extensions else ""
        self.socket.sendall(("GET / HTTP/1.1\r\n%s\r\n" % fields).encode())
        self.ahead = b""
        while b"\r\n\r\n" not in self.ahead:
            self.ahead += self.socket.recv(65536)
        head, self.ahead = self.ahead.split(b"\r\n\r\n", 1)
        assert head.startswith(b"HTTP/1.1 101 ") and b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head, head

    def send(self, data):
        self.socket.sendall(data)

    def receive(self):
        if self.ahead:
            data, self.ahead = self.ahead, b""
            return data
        return self.socket.recv(65536)

    def end(self):
        self.socket.close()


class Two:
    def __init__(self, host, port, extensions):
        import h2.config
        import h2.connection
        import h2.events

        self.events = h2.events
        self.socket = socket.create_connection((host, port), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        self.connection = h2.connection.H2Connection(config)
        self.connection.initiate_connection()
        self.ahead, self.ended, self.status = b"", False, None
        self.flush()
        while not self.connection.remote_settings.enable_connect_protocol:
            self.read()
        fields = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/")]
        fields += [(":authority", "www.example.org"), ("sec-websocket-version", "13")]
        fields += [("sec-websocket-extensions", extensions)] if extensions else []
        self.connection.send_headers(1, fields)
        self.flush()
        while self.status is None:
            self.read()
        assert self.status == "200", self.status

    def flush(self):
        self.socket.sendall(self.connection.data_to_send())

    def read(self):
        data = self.socket.recv(65536)
        if not data:
            self.ended = True
        for event in self.connection.receive_data(data) if data else ():
            if isinstance(event, self.events.ResponseReceived):
                self.status = dict(event.headers)[":status"]
            elif isinstance(event, self.events.DataReceived):
                self.ahead += event.data
                self.connection.acknowledge_received_data(event.flow_controlled_length, 1)
            elif isinstance(event, (self.events.StreamEnded, self.events.StreamReset)):
                self.ended = True
        self.flush()

    def send(self, data):
        while data and not self.ended:
            room = min(self.connection.local_flow_control_window(1), self.connection.max_outbound_frame_size)
            if room == 0:
                self.read()
                continue
            self.connection.send_data(1, data[:room])
            self.flush()
            data = data[room:]
        if data:
            raise OSError("ended")

    def receive(self):
        while not self.ahead and not self.ended:
            self.read()
        data, self.ahead = self.ahead, b""
        return data

    def end(self):
        self.socket.close()


def came(way, held, count):
    """The bytes in front, `None` where they do not come."""
    while len(held) < count:
        try:
            more = way.receive()
        except OSError:
            more = b""
        if not more:
            return None
        held += more
    data = bytes(held[:count])
    del held[:count]
    return data


def read(way, held):
    head = came(way, held, 2)
    if head is None:
        return None
    size = head[1] & 127
    if size > 125:
        size = int.from_bytes(came(way, held, 2 if size == 126 else 8), "big")
    return head[0], came(way, held, size)


def shown(first, payload):
    short = payload.hex() if len(payload) < 40 else hashlib.sha256(payload).hexdigest()[:16]
    return "%02x:%d:%s" % (first, len(payload), short)


def outcome(way, frames, chopped):
    """All that comes back, messages and then the rest, until the server ends it, or has shown that it is well."""
    held, data, control = bytearray(), [], []

    def took(found):
        first, payload = found
        (control if first & 8 else data).append(shown(first, payload))
        return first & 15, payload

    try:
        for said in frames:
            while said is ECHO and len(data) < 2:
                took(read(way, held))
            if said is not ECHO:
                # Byte by byte, as far as that makes a difference.
                few = min(len(said), 40) if chopped else 0
                for at in range(few):
                    way.send(said[at : at + 1])
                way.send(said[few:])
        way.send(frame(PING, b"all well?"))
    except OSError:
        pass
    while True:
        found = read(way, held)
        if found is None:
            break
        opcode, payload = took(found)
        try:
            if opcode == PONG and payload == b"all well?":
                way.send(close(1000, b"bye"))
            if opcode == CLOSE:
                way.send(close(1000))
        except OSError:
            pass
    if len(data) > 20:
        data = [data[0], str(len(data)), hashlib.sha256(" ".join(data).encode()).hexdigest()[:16]]
    return data + control + ["end"]


def main(kind, host, port):
    for chopped in (False, True):
        for name, frames in cases():
            if chopped and len(frames) > 20:
                continue
            way = {"one": One, "two": Two}[kind](host, int(port), DEFLATE if name.startswith("12") else None)
            print("%s%s: %s" % (name, ", chopped" if chopped else "", " ".join(outcome(way, frames, chopped))))
            way.end()


main(*sys.argv[1:])
