"""Lets `layerlab ws conform` judge WebSocket servers: ours, and two that everybody uses.

    conform.py LAYERLAB [ours] [npm-ws] [python-websockets]

Ours must pass every case with nothing failed and nothing unclean. Of the others only what was seen to hold is asked:
that no case fails but those named below, where each says why. A name that no longer fails is told, not asked for.
Needs Node.js with npm for npm-ws, Python 3 with pip for python-websockets; what they install stays in target/interop.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent.parent / "target")) / "interop"
NPM_WS = "ws@8.23.0"
WEBSOCKETS = "websockets==17.4"

ECHO_JS = """
const { WebSocketServer } = require('ws');
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: true, maxPayload: 0 });
server.on('listening', () => console.log(server.address().port));
server.on('connection', (socket) => {
  socket.on('message', (data, binary) => socket.send(data, { binary }));
  socket.on('error', () => {});
});
"""

ECHO_PY = """
import asyncio, logging
from websockets.asyncio.server import serve
logging.disable()
async def echo(socket):
    async for message in socket:
        await socket.send(message)
async def main():
    async with serve(echo, "127.0.0.1", 0, max_size=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()
asyncio.run(main())
"""


def ours(program):
    return [program, "ws", "serve", "--deflate", "--quiet", "--listen", "127.0.0.1:0"], {}


def npm_ws(_):
    folder = TARGET / NPM_WS.replace("@", "-")
    if not folder.exists():
        for needed in ("node", "npm"):
            if not shutil.which(needed):
                sys.exit(f"missing: {needed} (the package nodejs or npm)")
        half = folder.with_suffix(".half")
        half.mkdir(parents=True, exist_ok=True)
        run = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(half), NPM_WS]
        subprocess.run(run, check=True, stdin=subprocess.DEVNULL, timeout=300)
        half.rename(folder)
    return ["node", "-e", ECHO_JS], {"NODE_PATH": str(folder / "node_modules")}


def python_websockets(_):
    folder = TARGET / WEBSOCKETS.replace("==", "-")
    if not folder.exists():
        half = folder.with_suffix(".half")
        run = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(half), WEBSOCKETS]
        subprocess.run(run, check=True, stdin=subprocess.DEVNULL, timeout=300)
        half.rename(folder)
    return [sys.executable, "-c", ECHO_PY], {"PYTHONPATH": str(folder)}


# Cases that these releases were seen to fail, and what they do.
KNOWN = {
    "ours": {},
    "npm-ws": {
        "handshake/http-1.0": "accepts HTTP/1.0",
        "handshake/no-host": "accepts a request without Host",
        "handshake/two-hosts": "accepts two Hosts",
        "deflate/offer-unknown-parameter-first": "answers 400 where the second offer is good",
        "deflate/offer-bad-value-first": "the same",
        "deflate/declined-server-window-010": "takes 010 for 10",
        "deflate/declined-client-window-09": "takes 09 for 9",
    },
    "python-websockets": {
        "handshake/no-host": "accepts a request without Host",
        "handshake/two-hosts": "accepts two Hosts",
        **{f"handshake/version-{version}": "refuses with 400, but names no version"
           for version in ("0", "12", "14", "255", "13-and-a-letter")},
        "deflate/after-a-final-block": "takes every message after a final block for an empty one",
    },
}
PEERS = {"ours": ours, "npm-ws": npm_ws, "python-websockets": python_websockets}


def port_of(line):
    """The last number of what a server says first: its port."""
    digits = "".join(c if c.isdigit() else " " for c in line).split()
    return int(digits[-1])


def judge(name, program):
    command, environment = PEERS[name](program)
    with subprocess.Popen(command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as server:
        try:
            port = port_of(server.stdout.readline())
            run = [program, "ws", "conform", f"ws://127.0.0.1:{port}/", "--json", "--timeout", "5s"]
            done = subprocess.run(run, capture_output=True, text=True, timeout=600)
        finally:
            server.kill()
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    cases = {line["case"]: line for line in lines if line["kind"] == "case"}
    tally = next((line for line in lines if line["kind"] == "tally"), None)
    findings = [done.stderr.strip()] if done.stderr.strip() else []
    if tally is None:
        return [*findings, "no tally"], {}
    bad = {case for case, line in cases.items() if line["verdict"] in ("failed", "unclean")}
    findings += [f"{case}: {cases[case]['came']}" for case in sorted(bad - KNOWN[name].keys())]
    if done.returncode != bool(bad):
        findings.append(f"exit status {done.returncode} with {len(bad)} bad cases")
    for case in sorted(KNOWN[name].keys() - bad):
        print(f"    {case} no longer fails with {name}")
    return findings, {key: count for key, count in tally.items() if isinstance(count, int) and key != "schema"}


def main(program, *chosen):
    failed = 0
    for name in chosen or PEERS:
        findings, tally = judge(name, program)
        print(f"{'ok    ' if not findings else 'FAILED'} {name}: {', '.join(f'{n} {verdict}' for verdict, n in tally.items())}")
        for finding in findings[:25]:
            print(f"    {finding}")
        failed += bool(findings)
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
