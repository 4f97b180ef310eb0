#!/usr/bin/env python3
"""A client of layerlab's queue, Python's standard library alone, written from queue.md beside it and nothing else.
    queue_client.py HOST PORT publish QUEUE MESSAGE ...    each is confirmed before it is printed
    queue_client.py HOST PORT consume QUEUE COUNT          each is acknowledged once it is printed
"""
import collections, socket, struct, sys

HELLO, DECLARE, PUBLISH, SUBSCRIBE, ACK, PING, PONG, CLOSE = 1, 2, 3, 4, 5, 0x40, 0x41, 0x42
WELCOME, DONE, CONFIRM, REFUSED, DELIVER, DUPLICATE = 0x81, 0x82, 0x83, 0x84, 0x85, 0x87
TABLE = list(range(256))
for _ in range(8):
    TABLE = [crc >> 1 ^ (0x82F63B78 if crc & 1 else 0) for crc in TABLE]

def crc32c(octets):
    crc = 0xFFFFFFFF
    for octet in octets: crc = crc >> 8 ^ TABLE[(crc ^ octet) & 255]
    return struct.pack("!I", crc ^ 0xFFFFFFFF)
def name(octets): return bytes([len(octets)]) + octets
def frame(kind, payload):
    head = struct.pack("!2sBBI", b"LF", 1, kind, len(payload))
    return head + crc32c(head) + payload + crc32c(payload)

class Queue:
    def __init__(self, host, port, token=b""):
        self.stream, self.seq, self.waiting = socket.create_connection((host, port)).makefile("rwb"), 0, collections.deque()
        self.ask(HELLO, name(b"queue_client.py") + name(token), WELCOME)
    def send(self, kind, payload): self.stream.write(frame(kind, payload)), self.stream.flush()
    def read(self):
        head = self.stream.read(12)
        if head[:3] != b"LF\1" or crc32c(head[:8]) != head[8:]: raise ConnectionError(f"the end, or no frame: {head}")
        payload = self.stream.read(int.from_bytes(head[4:8], "big"))
        if crc32c(payload) != self.stream.read(4): raise ConnectionError("a damaged payload")
        return head[3], payload
    def answer(self, wanted):  # a message that comes meanwhile waits for `next`
        while (got := self.read())[0] != wanted:
            if got[0] == DELIVER: self.waiting.append(got[1])
            elif got[0] == PING: self.send(PONG, got[1])
            elif got[0] in (CLOSE, REFUSED): raise ConnectionError(f"type {got[0]:#x}: {got[1]}")
        return got[1]
    def ask(self, kind, payload, wanted): return self.send(kind, payload) or self.answer(wanted)
    def declare(self, queue):  # a work queue without bounds of its own
        self.ask(DECLARE, struct.pack("!I", 1) + name(queue) + struct.pack("!BBQQQII", 0, 0, 0, 0, 0, 0, 0) + name(b""), DONE)
    def publish(self, queue, body, id=b""):
        self.seq += 1
        self.ask(PUBLISH, struct.pack("!Q", self.seq) + name(queue) + name(id) + body, CONFIRM)
    def subscribe(self, queue, prefetch=16):  # at least once, as subscription 7
        self.ask(SUBSCRIBE, struct.pack("!I", 7) + name(queue) + struct.pack("!IBBQ", prefetch, 1, 0, 0), DONE)
    def next(self):
        message = self.waiting.popleft() if self.waiting else self.answer(DELIVER)
        return *struct.unpack_from("!QI", message, 4), message[17 + message[16]:]  # offset, deliveries, body
    def ack(self, offset): self.send(ACK, struct.pack("!IBQ", 7, 0, offset))

if __name__ == "__main__":
    host, port, what, queue, *rest = sys.argv[1:]
    client, queue = Queue(host, int(port)), queue.encode()
    client.declare(queue)
    if what == "consume": client.subscribe(queue)
    for message in rest if what == "publish" else range(int(rest[0])):
        if what == "publish": print("confirmed", client.publish(queue, message.encode()) or message, flush=True)
        else: print(*(got := client.next()), flush=True), client.ack(got[0])
