"""Lets npm's `ws` talk to `layerlab ws serve` and `layerlab ws connect`; tokio-tungstenite does in tests/ws_peers.rs.

    websocket.py LAYERLAB

Needs node and npm. The package, of one version, is put into target/interop once. Last line: `N passed, N failed`.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
NPM_WS = "ws@8.23.0"
LAYERLAB = sys.argv[1]
results = []


def check(name, holds, why=""):
    results.append(bool(holds))
    print(f"{'ok    ' if holds else 'FAILED'} {name}" + ("" if holds else f": {why}"))


def installed():
    """What node is to find `ws` with."""
    for program in ("node", "npm"):
        if not shutil.which(program):
            sys.exit(f"missing: {program}; install the packages nodejs and npm")
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent.parent / "target"))
    folder = target / "interop" / NPM_WS.replace("@", "-")
    if not (folder / "node_modules" / "ws").exists():
        folder.mkdir(parents=True, exist_ok=True)
        told = subprocess.run(["npm", "install", "--no-save", "--no-package-lock", "--prefix", folder, NPM_WS], capture_output=True, text=True)
        if told.returncode:
            sys.exit(f"npm could not install {NPM_WS}: {told.stderr}")
    return {**os.environ, "NODE_PATH": str(folder.resolve() / "node_modules")}


def our_server(environment):
    with subprocess.Popen([LAYERLAB, *"ws serve --quiet --deflate --listen 127.0.0.1:0".split()], stdout=subprocess.PIPE, text=True) as server:
        try:
            address = re.search(r"127\.0\.0\.1:\d+", server.stdout.readline())[0]
            told = subprocess.run(["node", HERE / "peers/ws.js", "client", f"ws://{address}/"], env=environment, capture_output=True, text=True, timeout=300)
        finally:
            server.kill()
    for line in told.stdout.splitlines():
        verdict, _, name = line.partition(" ")
        check(f"npm ws at ws serve: {name}", verdict == "ok", name)
    check("npm ws tried it all", told.stdout.count("\n") == 14, told.stdout + told.stderr)


def our_client(environment):
    with subprocess.Popen(["node", HERE / "peers/ws.js", "server"], stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            trials(f"ws://127.0.0.1:{int(server.stdout.readline())}")
        finally:
            server.kill()


def trials(url):
    def connect(name, path, options, sent, wanted, status=0, said=""):
        done = subprocess.run([LAYERLAB, "ws", "connect", *options.split(), url + path], input=sent, capture_output=True, timeout=60)
        error = done.stderr.decode()
        check(f"ws connect at npm ws: {name}", done.stdout == wanted and done.returncode == status and said in error,
              f"exit {done.returncode}, {len(done.stdout)} octets {done.stdout[:80]}, and {error[-300:]!r}")

    lines = "".join(f"message {n} {'ä' * (n % 90)}\n" for n in range(1000)).encode()
    million = bytes((n * n >> 7) & 255 for n in range(1 << 20))
    for options in ("", "--deflate "):
        connect(f"1000 texts in order {options}", "/echo", options, lines, lines)
        connect(f"1 MiB binary {options}", "/echo", f"{options}--binary --chunk 1048576", million, million)
    connect("deflate is agreed on", "/deflated", "--deflate", b"", b"extensions permessage-deflate\n")
    connect("no extension unless asked for", "/deflated", "", b"", b"extensions \n")
    connect("a text in fragments", "/fragments", "--linger 3s", b"", "naïve text\n".encode())
    connect("a Ping is answered", "/ping", "--linger 3s", b"", b"pong are you there\n")
    connect("the server's code is told", "/close?4001", "--linger 2s", b"", b"", 1, "4001")


environment = installed()
our_server(environment)
our_client(environment)
print(f"{results.count(True)} passed, {results.count(False)} failed")
sys.exit(not all(results))
