"""Lets python's `websockets`, and OpenSSL below it, serve `layerlab ws connect`.

    connect.py LAYERLAB

The package, of one version, is put into target/interop once. Last line: `N passed, N failed`.
"""

import os
import pathlib
import subprocess
import sys
import venv

HERE = pathlib.Path(__file__).parent
TLS = HERE.parent / "data" / "tls"
PACKAGE = "websockets==15.0.1"
LAYERLAB = sys.argv[1]
results = []

# Runs inside the environment that has the package.
SERVER = '''
import asyncio, ssl, sys
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

async def handler(ws):
    path, _, query = ws.request.path.partition("?")
    if path == "/headers":
        fields = ws.request.headers
        await ws.send("|".join([ws.request.path, fields["Host"].split(":")[0], fields.get("X-One", ""), ws.subprotocol or ""]))
    elif path == "/close":
        await ws.close(int(query), "as you wished")
    elif path == "/fragments":
        async def parts():
            for part in ("na", "\\u00efve", " text"):
                yield part
                await (await ws.ping())
        await ws.send(parts())
    elif path == "/rude":
        ws.transport.abort()
    else:
        async for message in ws:
            await ws.send(message)

def no(connection, request):
    if request.path == "/forbidden":
        return connection.respond(403, "no\\n")

async def main():
    def tls(certificate, version):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = version
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(f"{sys.argv[1]}/{certificate}", f"{sys.argv[1]}/server.key")
        return context
    options = dict(select_subprotocol=lambda ws, offered: "b" if "b" in offered else None, process_request=no, max_size=None, ping_interval=None)
    servers = [await serve(handler, "127.0.0.1", 0, ssl=context, **options) for context in (
        None, tls("server.pem", ssl.TLSVersion.TLSv1_3), tls("server.pem", ssl.TLSVersion.TLSv1_2),
        tls("expired.pem", ssl.TLSVersion.TLSv1_3))]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.Future()

asyncio.run(main())
'''


def python():
    """A python that has the package."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent.parent / "target"))
    folder = target / "interop" / PACKAGE.replace("==", "-")
    program = folder / "bin" / "python"
    if not (folder / "done").exists():
        venv.create(folder, with_pip=True, clear=True)
        told = subprocess.run([program, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE],
                              capture_output=True, text=True)
        if told.returncode:
            sys.exit(f"pip could not install {PACKAGE}: {told.stderr}")
        (folder / "done").touch()
    return program


def connect(name, url, options, sent, wanted, status=0, said=""):
    done = subprocess.run([LAYERLAB, "ws", "connect", *options, url], input=sent, capture_output=True, timeout=120)
    error = done.stderr.decode()
    holds = done.stdout == wanted and done.returncode == status and said in error
    results.append(holds)
    print(f"{'ok    ' if holds else 'FAILED'} {name}" + ("" if holds else f": exit {done.returncode}, {len(done.stdout)} octets, {error[-300:]!r}"))


def trials(plain, tls13, tls12, expired):
    ws, ca = f"ws://127.0.0.1:{plain}", ["--ca", TLS / "ca.pem"]
    lines = "".join(f"message {n} {'ä' * (n % 90)}\n" for n in range(1000)).encode()
    octets = bytes((n * n >> 7) & 255 for n in range(3 << 20))
    for name, options in (("", []), (", deflated", ["--deflate"])):
        connect(f"1000 texts in order{name}", ws, options, lines, lines)
        connect(f"3 MiB in chunks{name}", ws, [*options, "--binary", "--chunk", "100000"], octets, octets)
    connect("one message of 3 MiB", ws, ["--binary", "--chunk", str(3 << 20)], octets, octets)
    connect("fields, query and subprotocol", f"{ws}/headers?a=b c", ["-H", "X-One: 1", "--subprotocol", "a,b"], b"",
            b"/headers?a=b%20c|127.0.0.1|1|b\n")
    connect("fragments with Pings between", f"{ws}/fragments", ["--linger", "3s"], b"", "naïve text\n".encode())
    connect("the server's 1001 is an end", f"{ws}/close?1001", ["--linger", "5s"], b"", b"", 0, "1001 (Going Away): as you wished")
    connect("the server's 1011 is a failure", f"{ws}/close?1011", ["--linger", "5s"], b"", b"", 1, "1011 (Internal Error)")
    connect("403 is explained", f"{ws}/forbidden", [], b"", b"", 1, "--origin")
    connect("an abrupt end is told", f"{ws}/rude", ["--linger", "5s"], b"", b"", 1, "1006")
    for version, port in (("1.3", tls13), ("1.2", tls12)):
        wss = f"wss://localhost:{port}"
        connect(f"TLS {version}", wss, [*ca, "-v"], lines, lines, 0, f"TLSv{version}")
        connect(f"3 MiB through TLS {version}", wss, [*ca, "--binary"], octets, octets)
        connect(f"an unknown authority, TLS {version}", wss, [], b"", b"", 1, "--ca FILE")
        connect(f"--insecure, TLS {version}", wss, ["--insecure"], b"hi\n", b"hi\n", 0, "NOT CHECKED")
    connect("an expired certificate", f"wss://localhost:{expired}", ca, b"", b"", 1, "has expired")
    connect("TLS where there is none", f"wss://localhost:{plain}", ca, b"", b"", 1, "is it a TLS port?")
    connect("no TLS where there is some", f"ws://localhost:{tls13}", [], b"", b"", 1, "wss://")


with subprocess.Popen([python(), "-c", SERVER, TLS], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
    try:
        trials(*server.stdout.readline().split())
    finally:
        server.kill()
print(f"{results.count(True)} passed, {results.count(False)} failed")
sys.exit(not all(results) or not results)
