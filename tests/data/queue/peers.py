#!/usr/bin/env python3
"""The two ends that `record` runs on the two hosts: frames made and read by docs/protocols/queue_client.py.

    peers.py server NAME | client NAME | both NAME

The server is a script too, no queue: it answers as the specification has it, for the one conversation of that name.
"""

import pathlib, socket, struct, sys, time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "docs/protocols"))
from queue_client import *

NACK, UNSUBSCRIBE, INSPECT, DELETE, PURGE, REPORT = 6, 7, 8, 9, 10, 0x86
PORT = 7200


def publish(seq, queue, body, id=b""):
    return frame(PUBLISH, struct.pack("!Q", seq) + name(queue) + name(id) + body)


def deliver(subscription, offset, deliveries, body, id=b""):
    return frame(DELIVER, struct.pack("!IQI", subscription, offset, deliveries) + name(id) + body)


def declare(request, queue, kind=0, policy=0, most=0, dead=b""):
    bounds = struct.pack("!BBQQQII", kind, policy, most, 0, 0, 3 if dead else 0, 100)
    return frame(DECLARE, struct.pack("!I", request) + name(queue) + bounds + name(dead))


def subscribe(subscription, queue, prefetch=2, mode=1, start=0, offset=0):
    return frame(SUBSCRIBE, struct.pack("!I", subscription) + name(queue) + struct.pack("!IBBQ", prefetch, mode, start, offset))


def settle(kind, subscription, flag, offset):
    return frame(kind, struct.pack("!IBQ", subscription, flag, offset))


def request(kind, number, queue):
    return frame(kind, struct.pack("!I", number) + name(queue))


def done(request, value=0):
    return frame(DONE, struct.pack("!IQ", request, value))


def pair(kind, a, b):
    return frame(kind, struct.pack("!QQ", a, b))


def refused(what, number, code, why):
    return frame(REFUSED, struct.pack("!BQH", what, number, code) + why)


HELLO_FRAME = frame(HELLO, name(b"shop") + name(b"secret"))
WELCOME_FRAME = frame(WELCOME, name(b"a script") + struct.pack("!II", 1 << 20, 30_000))
BYE = frame(CLOSE, struct.pack("!H", 0) + b"done")
TOKEN = struct.pack("!Q", 41)

def talk(size):
    """Turns of the two sides: what the client writes at once, what the server answers. Every type stands here."""
    return [
        (HELLO_FRAME, WELCOME_FRAME),
        (declare(1, b"orders", policy=2, most=100, dead=b"dead") + declare(2, b"news", kind=1), done(1) + done(2)),
        (publish(1, b"orders", b"hello", b"a-1") + publish(2, b"orders", b"\x00\xff\x01") + publish(0, b"news", b""), pair(CONFIRM, 1, 2)),
        (publish(3, b"orders", b"hello", b"a-1"), pair(DUPLICATE, 3, 0) + pair(CONFIRM, 3, 3)),
        (publish(4, b"nowhere", b"?"), refused(PUBLISH, 4, 30, b"there is no queue \xe2\x80\x9cnowhere\xe2\x80\x9d")),
        (subscribe(7, b"orders"), done(7) + deliver(7, 0, 1, b"hello", b"a-1") + deliver(7, 1, 1, b"\x00\xff\x01")),
        (settle(NACK, 7, 1, 0), deliver(7, 0, 2, b"hello", b"a-1")),
        (settle(ACK, 7, 1, 1) + request(INSPECT, 9, b""), frame(REPORT, struct.pack("!I", 9) + b'{"queues":[]}')),
        (frame(PING, TOKEN), frame(PONG, TOKEN)),
        (publish(5, b"orders", b"x" * size), pair(CONFIRM, 5, 5) + deliver(7, 2, 1, b"x" * size)),
        (frame(UNSUBSCRIBE, struct.pack("!I", 7)) + subscribe(8, b"news", 0, 0, 2, 41), done(8, 41)),
        (request(PURGE, 10, b"orders") + request(DELETE, 11, b"news"), done(10, 1) + done(11)),
        (BYE, BYE),
    ]


# What neither side may say: a frame out of turn, one never asked for, too much at once, a corrupted one.
FAULTS = [
    (publish(1, b"orders", b"too early") + HELLO_FRAME, WELCOME_FRAME),
    (subscribe(1, b"orders", 1), pair(CONFIRM, 1, 9) + done(1) + deliver(1, 0, 1, b"a") + deliver(1, 1, 1, b"b") + deliver(2, 0, 1, b"c")),
    (settle(ACK, 1, 0, 7) + settle(ACK, 1, 0, 0) + settle(ACK, 1, 0, 0) + publish(1, b"orders", b"again"), done(99)),
    (frame(0x55, b"?") + frame(PING, b"short") + WELCOME_FRAME, frame(PONG, TOKEN)),
    (publish(2, b"orders", b"corrupt").replace(b"corrupt", b"korrupt") + publish(3, b"orders", b"unread"), frame(CLOSE, struct.pack("!H", 10))),
]
TALK = talk(4000)
TALKS = {"talk": TALK, "lost": TALK, "faults": FAULTS, "udp": talk(1000), "websocket": TALK}

# The handshake of RFC 6455 s1.3.
ASK = b"GET /queue HTTP/1.1\r\nHost: 10.0.0.2\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" \
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: layerlab.queue\r\n\r\n"
AGREE = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: layerlab.queue\r\n\r\n"
MASK = bytes.fromhex("37fa213d")



def stream(role, turns):
    if role == "server":
        with socket.create_server(("0.0.0.0", PORT)) as listener:
            connection = listener.accept()[0]
    else:
        for _ in range(100):
            try:
                connection = socket.create_connection(("10.0.0.2", PORT))
                break
            except OSError:
                time.sleep(0.1)
    connection.settimeout(20)
    file = connection.makefile("rb")
    for asked, answered in turns:
        if role == "client":
            connection.sendall(asked)
            file.read(len(answered))
        else:
            file.read(len(asked))
            connection.sendall(answered)
    if role == "client":
        connection.shutdown(socket.SHUT_WR)
    file.read()
    connection.close()


def split(octets):
    while octets:
        end = 16 + int.from_bytes(octets[4:8], "big")
        yield octets[:end]
        octets = octets[end:]


def binary(octets, mask=b""):
    """Each frame as a WebSocket binary message; a client's is masked (RFC 6455 s5.2)."""
    messages = b""
    for one in split(octets):
        masked = bytes(octet ^ mask[n % 4] for n, octet in enumerate(one)) if mask else one
        length = bytes([len(one)]) if len(one) < 126 else b"\x7e" + struct.pack("!H", len(one))
        messages += b"\x82" + bytes([length[0] | (0x80 if mask else 0)]) + length[1:] + mask + masked
    return messages


def websocket(turns):
    return [(ASK, AGREE)] + [(binary(asked, MASK), binary(answered)) for asked, answered in turns]


def datagrams(role, turns):
    """Each frame in a datagram of its own; the client says everything again until as many answers came as there should."""
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.settimeout(0.3)
    if role == "server":
        end.bind(("0.0.0.0", PORT))
        end.settimeout(20)
        for asked, answered in turns:
            for _ in split(asked):
                octets, peer = end.recvfrom(65_535)
            for octets in split(answered):
                end.sendto(octets, peer)
        return
    time.sleep(0.5)
    end.connect(("10.0.0.2", PORT))
    for asked, answered in turns:
        for octets in split(asked):
            end.send(octets)
        try:
            for _ in split(answered):
                end.recv(65_535)
        except TimeoutError:
            end.send(next(split(asked)))  # the wire dropped a message: it is said again
            for _ in split(answered):
                end.recv(65_535)
    end.send(b"no frame")


def main(role, name):
    turns = TALKS[name]
    (datagrams if name == "udp" else stream)(role, websocket(turns) if name == "websocket" else turns)
    if role == "client":
        print("done")


main(*sys.argv[1:])
