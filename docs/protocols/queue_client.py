#!/usr/bin/env python3
"""A client of layerlab's queue from Python's standard library alone, written from queue.md beside it.

    queue_client.py HOST PORT publish QUEUE MESSAGE ...    each is confirmed before it is printed
    queue_client.py HOST PORT consume QUEUE COUNT          each is acknowledged once it is printed
"""
import collections, socket, struct, sys

HELLO, DECLARE, PUBLISH, SUBSCRIBE, ACK, PING, PONG, CLOSE = 1, 2, 3, 4, 5, 0x40, 0x41, 0x42
WELCOME, DONE, CONFIRM, REFUSED, DELIVER, DUPLICATE = 0x81, 0x82, 0x83, 0x84, 0x85, 0x87
TABLE = list(range(256))
for _ in range(8):
    TABLE = [crc >> 1 ^ (0x82F63B78 if crc & 1 else 0) for crc in TABLE]

def crc32c(octets, crc=0xFFFFFFFF):
    for octet in octets:
        crc = crc >> 8 ^ TABLE[(crc ^ octet) & 255]
    return crc ^ 0xFFFFFFFF

def name(octets):
    return bytes([len(octets)]) + octets

def frame(kind, payload):
    head = struct.pack("!2sBBI", b"LF", 1, kind, len(payload))
    return head + struct.pack("!I", crc32c(head)) + payload + struct.pack("!I", crc32c(payload))

class Queue:
    def __init__(self, host, port, token=b""):
        self.stream = socket.create_connection((host, port)).makefile("rwb")
        self.seq, self.waiting = 0, collections.deque()
        self.send(HELLO, name(b"queue_client.py") + name(token))
        self.answer(WELCOME)
    def send(self, kind, payload):
        self.stream.write(frame(kind, payload))
        self.stream.flush()
    def read(self):
        head = self.stream.read(12)
        assert len(head) == 12 and head[:3] == b"LF\1" and crc32c(head[:8]) == int.from_bytes(head[8:], "big"), f"no frame: {head}"
        payload = self.stream.read(int.from_bytes(head[4:8], "big"))
        assert crc32c(payload) == int.from_bytes(self.stream.read(4), "big"), "a damaged payload"
        return head[3], payload
    def answer(self, *kinds):  # what else comes meanwhile is a message, or nothing that is waited for
        while (got := self.read())[0] not in kinds:
            if got[0] == DELIVER: self.waiting.append(got[1])
            elif got[0] == PING: self.send(PONG, got[1])
            elif got[0] in (CLOSE, REFUSED): raise ConnectionError(f"type {got[0]:#x}: {got[1]}")
        return got[1]
    def declare(self, queue):  # a work queue without bounds of its own
        self.send(DECLARE, struct.pack("!I", 1) + name(queue) + struct.pack("!BBQQQII", 0, 0, 0, 0, 0, 0, 0) + name(b""))
        self.answer(DONE)
    def publish(self, queue, body, id=b""):
        self.seq += 1
        self.send(PUBLISH, struct.pack("!Q", self.seq) + name(queue) + name(id) + body)
        while struct.unpack("!QQ", self.answer(CONFIRM))[1] < self.seq: pass
    def subscribe(self, queue, prefetch=16):  # at least once
        self.send(SUBSCRIBE, struct.pack("!I", 7) + name(queue) + struct.pack("!IBBQ", prefetch, 1, 0, 0))
        self.answer(DONE)
    def next(self):
        message = self.waiting.popleft() if self.waiting else self.answer(DELIVER)
        offset, deliveries, length = struct.unpack_from("!QIB", message, 4)
        return offset, deliveries, message[17 + length:]
    def ack(self, offset):
        self.send(ACK, struct.pack("!IBQ", 7, 0, offset))
    def close(self):
        self.send(CLOSE, struct.pack("!H", 0))
        self.stream.close()

if __name__ == "__main__":
    host, port, what, queue, *rest = sys.argv[1:]
    client = Queue(host, int(port))
    client.declare(queue.encode())
    if what == "publish":
        for message in rest: client.publish(queue.encode(), message.encode()); print("confirmed", message, flush=True)
    else:
        client.subscribe(queue.encode())
        for _ in range(int(rest[0])):
            offset, deliveries, body = client.next()
            print(offset, deliveries, body.decode(errors="replace"), flush=True)
            client.ack(offset)
    client.close()
