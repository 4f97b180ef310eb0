#!/usr/bin/env python3
"""`layerlab queue serve` and a client that was written from the specification alone: docs/protocols/queue_client.py.

    tests/interop/queues.py LAYERLAB

Publishes and consumes, as a program and as a library; then kills the server (SIGKILL) under load, again and again, and looks
whether everything that it confirmed is still there, in order, and nothing twice that was not said twice.
"""

import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

PAPERS = pathlib.Path(__file__).resolve().parents[2] / "docs/protocols"
sys.path.insert(0, str(PAPERS))
sys.dont_write_bytecode = True
from queue_client import Queue  # noqa: E402

ROUNDS = 8
CLIENT = [sys.executable, "-B", str(PAPERS / "queue_client.py")]
passed = failed = 0


def check(name, true, why=""):
    global passed, failed
    passed, failed = passed + bool(true), failed + (not true)
    print(f"{'ok    ' if true else 'FAILED'} {name}{'' if true else f': {why}'}", flush=True)


class Server:
    """A server on a free port, its journal in `data`."""

    def __init__(self, program, data):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        command = [*program, "queue", "serve", "--listen", f"127.0.0.1:{self.port}", "--data", str(data), "--fsync", "always"]
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, text=True)
        for _ in range(200):
            try:
                return socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        self.process.kill()
        self.log.seek(0)
        sys.exit(f"{' '.join(command)}: no server came up:\n{self.log.read()}")

    def client(self):
        return Queue("127.0.0.1", self.port)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            check("the server ends within 20 s", False)

    def run(self, *words):
        done = subprocess.run([*CLIENT, "127.0.0.1", str(self.port), *words], capture_output=True, text=True, timeout=60)
        return done.stdout.splitlines(), done.stderr


def as_a_program(server):
    said, complaint = server.run("publish", "orders", "one", "two", "three")
    check("the program publishes", said == ["confirmed one", "confirmed two", "confirmed three"], (said, complaint))
    said, complaint = server.run("consume", "orders", "3")
    check("the program consumes", said == ["0 1 b'one'", "1 1 b'two'", "2 1 b'three'"], (said, complaint))


def what_a_consumer_leaves(server):
    """Acknowledged messages are gone; the others come again, first and in order, marked as redelivered."""
    publisher, consumer = server.client(), server.client()
    publisher.declare(b"tasks")
    for n in range(1000):
        publisher.publish(b"tasks", b"%d" % n)
    consumer.subscribe(b"tasks")
    first = [consumer.next() for _ in range(10)]
    for offset, _, _ in first[:4]:
        consumer.ack(offset)
    consumer.stream.close()
    time.sleep(0.3)
    other = server.client()
    other.subscribe(b"tasks")
    got = []
    for _ in range(996):
        got.append(other.next())
        other.ack(got[-1][0])
    check("1000 published, 4 done: the other 996 come", [int(body) for _, _, body in got] == list(range(4, 1000)), got[:8])
    # What was in flight at the end is redelivered: the 6 that were read, and up to the prefetch of 16 beside.
    again = [int(body) for _, deliveries, body in got if deliveries > 1]
    check("the consumer's own come first, redelivered", again == list(range(4, 4 + len(again))) and 6 <= len(again) <= 16, again)


def load(server, state, stop):
    """Publishes until the server is gone. What was confirmed, it wrote down."""
    try:
        client = server.client()
        client.declare(b"load")
        while not stop.is_set():
            state["next"] += 1
            client.publish(b"load", b"%d" % state["next"], b"id-%d" % state["next"])
            state["confirmed"].append(state["next"])
    except OSError:
        pass


def drain(server, state, stop):
    """Consumes and acknowledges until the server is gone. An ACK that it said may not have arrived."""
    try:
        client = server.client()
        client.declare(b"load")
        client.subscribe(b"load")
        while not stop.is_set():
            offset, _, body = client.next()
            state["seen"].append(int(body))
            client.ack(offset)
    except OSError:
        pass


def killed(program, data, rounds, seed=7):
    """Kills the server `rounds` times at random moments; then reads what is left."""
    dice = random.Random(seed)
    state = {"next": 0, "confirmed": [], "seen": []}
    for n in range(rounds):
        server, stop = Server(program, data), threading.Event()
        tasks = [load] if n % 2 else [load, drain]
        threads = [threading.Thread(target=task, args=(server, state, stop)) for task in tasks]
        for thread in threads:
            thread.start()
        time.sleep(dice.uniform(0.05, 0.7))
        server.stop(signal.SIGKILL)
        stop.set()
        for thread in threads:
            thread.join(20)
    server = Server(program, data)
    client = server.client()
    client.declare(b"load")
    # The last message: what stands before it in the queue has come when it comes.
    client.publish(b"load", b"0")
    client.subscribe(b"load")
    left = []
    while (got := client.next())[2] != b"0":
        left.append(int(got[2]))
        client.ack(got[0])
    server.stop()
    confirmed, seen = state["confirmed"], state["seen"]
    lost = set(confirmed) - set(seen) - set(left)
    check(f"{rounds} times SIGKILL, {len(confirmed)} confirmed, {len(seen)} consumed, {len(left)} left: none lost", not lost, sorted(lost)[:20])
    check("what is left is in order, each once", left == sorted(set(left)), left[:20])
    unknown = [n for n in left if n > state["next"]]
    check("nothing that was not published", not unknown, unknown)
    check("enough was tried", len(confirmed) >= rounds and seen, (len(confirmed), len(seen)))


def main(*program):
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="layerlab-queues-") as folder:
        server = Server(program, pathlib.Path(folder) / "a")
        as_a_program(server)
        what_a_consumer_leaves(server)
        server.stop()
        killed(program, pathlib.Path(folder) / "b", ROUNDS)
    print(f"{passed} passed, {failed} failed ({time.monotonic() - began:.0f} s)")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
