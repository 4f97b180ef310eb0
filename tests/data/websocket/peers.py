#!/usr/bin/env python3
"""Two ends of a WebSocket that nobody here wrote (the package `websockets`, from PyPI): what `record` runs on the two hosts.

    peers.py server NAME | client NAME URL
"""

import asyncio, os, sys
import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

DEFLATED = ("deflate",)


async def push(socket):
    """Of `lost`: the server speaks, the client listens."""
    for number in range(8):
        await socket.send(f"push number {number}")
        await asyncio.sleep(0.01)
    await socket.close(1001, "gone")


async def answer(name, socket):
    if name == "lost":
        return await push(socket)
    try:
        async for message in socket:
            await socket.send(message)
    except websockets.exceptions.ConnectionClosedError:
        pass  # 4001 is no normal closure, but what was asked for


async def talk(name, socket):
    if name == "lost":
        return [message async for message in socket]
    echo = lambda: asyncio.wait_for(socket.recv(), 10)
    if name == "deflate":
        for text in ("Hello " * 30, "Hello " * 30, "and something else, " * 20):
            await socket.send(text)
            assert await echo() == text
        return await socket.close(1000, "bye")

    async def pieces():
        yield "a message "
        yield "in three "
        await (await socket.ping(b"between"))
        yield "frames"

    for message in ("Hello", "", "größer", b"\x00\xff" * 100, b"x" * 70_000):
        await socket.send(message)
        assert await echo() == message
    await socket.send(pieces())
    assert await echo() == "a message in three frames"
    await socket.pong(b"unasked")
    await socket.close(4001, "done")


async def main(role, name, url="ws://10.0.0.2:8000/chat?room=1"):
    more = {"compression": "deflate" if name in DEFLATED else None, "subprotocols": ["chat"]}
    if role == "server":
        over = asyncio.Event()

        async def one(socket):
            await answer(name, socket)
            await socket.wait_closed()
            over.set()

        async with serve(one, "0.0.0.0", 8000, ping_interval=None, **more):
            await asyncio.wait_for(over.wait(), 60)
        return
    for _ in range(100):
        try:
            socket = await connect(url, ping_interval=None, max_size=None, **more)
            break
        except OSError:
            await asyncio.sleep(0.1)
    await talk(name, socket)
    await socket.wait_closed()


asyncio.run(main(*sys.argv[1:]))
