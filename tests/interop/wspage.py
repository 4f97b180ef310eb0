"""Lets Chromium open the page of `ws serve` and use it, over its own debugging pipe.

    wspage.py LAYERLAB [SCREENSHOT]

Connect, text, 1 MiB of binary, 1,000 messages in order, close codes from both sides, and what the page shows of its
frames; no message on the console. With a second argument a screenshot is written there. Its last line is
`N passed, N failed`.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time

QUIET = ("--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
         "--disable-component-update --disable-sync --hide-scrollbars --window-size=1200,1100").split()
PATIENCE = 60
results = []


def check(name, holds, why=""):
    results.append(bool(holds))
    if not holds:
        print(f"FAILED {name}: {why}")


class Browser:
    """Chromium, asked over the DevTools protocol: JSON objects with a NUL behind each, on descriptors 3 and 4."""

    def __init__(self, profile):
        (theirs_in, self.out), (self.into, theirs_out) = os.pipe(), os.pipe()
        line = f"exec {' '.join(['chromium', *QUIET, f'--user-data-dir={profile}', '--remote-debugging-pipe'])}" \
            f" 3<&{theirs_in} 4>&{theirs_out}"
        self.child = subprocess.Popen(["bash", "-c", line], pass_fds=(theirs_in, theirs_out),
                                      stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs_in)
        os.close(theirs_out)
        self.buffer, self.count, self.console, self.session = b"", 0, [], None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method, **params):
        self.count += 1
        request = {"id": self.count, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.out, json.dumps(request).encode() + b"\0")
        while True:
            answer = self.hear()
            if answer.get("id") == self.count:
                assert "error" not in answer, answer
                return answer["result"]

    def hear(self):
        while b"\0" not in self.buffer:
            more = os.read(self.into, 1 << 16)
            assert more, "Chromium has ended"
            self.buffer += more
        one, _, self.buffer = self.buffer.partition(b"\0")
        told = json.loads(one)
        if told.get("method") in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            self.console.append(told["params"])
        return told

    def run(self, script):
        """The value of an expression, awaited."""
        got = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in got, got["exceptionDetails"]
        return got["result"].get("value")

    def until(self, script):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if value := self.run(script):
                return value
            time.sleep(0.05)
        return None

    def end(self):
        self.child.terminate()
        self.child.wait()


# 1,000 texts sent without waiting; what comes back, in order, and one binary's sum.
MANY = """new Promise((done) => {
  const back = [], own = new WebSocket(location.origin.replace("http", "ws") + "/");
  own.binaryType = "arraybuffer";
  own.onopen = () => { for (let i = 0; i < 1000; i++) own.send(`message ${i}`); own.send(new Uint8Array(1 << 20).fill(7)); };
  own.onmessage = ({ data }) => {
    if (typeof data === "string") return back.push(data);
    const sum = new Uint8Array(data).reduce((sum, octet) => sum + octet, 0);
    own.onclose = ({ code, reason, wasClean }) =>
      done({ order: back.every((text, i) => text === `message ${i}`), count: back.length, sum, code, reason, wasClean });
    own.close(4321, "enough");
  };
})"""


def use(browser, at, screenshot):
    browser.ask("Page.navigate", url=f"http://{at}/")
    check("the page is there", browser.until("document.readyState === 'complete' && !!document.querySelector('h1')"))
    state = "document.getElementById('state').textContent"
    click = "document.getElementById('{}').click()"
    browser.run(click.format("connect"))
    check("connected", browser.until(f"{state} === 'OPEN'"))
    frames = "[...document.querySelectorAll('#frames > li > b')].map((head) => head.textContent).reverse()"
    messages = frames.replace("frames", "messages")
    browser.run("document.querySelector('#say button').click()")
    check("text came back", browser.until(f"{messages}.length === 3"), browser.run(messages))
    shown = browser.until(f"{frames}.length >= 4 && {frames}")
    check("its two frames are shown", shown and shown[2:] ==
          ["1. client: Text, 5 octets", "2. server: Text, 5 octets"], shown)
    first = browser.run("document.querySelectorAll('#frames > li')[1].innerText")
    check("the header is shown", "81 85 " in first and "unmasked: 48 65 6c 6c 6f" in first and '"Hello"' in first, first)
    browser.run("document.getElementById('octets').value = 126; " + click.format("binary"))
    check("16 bits of length", browser.until(f"{frames}.length === 6"), browser.run(frames))
    if screenshot:
        shot = browser.ask("Page.captureScreenshot", format="png")
        with open(screenshot, "wb") as file:
            file.write(base64.b64decode(shot["data"]))
    browser.run("document.getElementById('octets').value = 1048576; " + click.format("binary"))
    check("1 MiB", browser.until(f"{messages}.at(-1) === 'binary, 1048576 octets' && {messages}.length === 7"),
          browser.run(messages))
    check("a script may not close with 1001", browser.run(
        "(() => { try { talk.close(1001) } catch (error) { return error.name } })()") == "InvalidAccessError")
    browser.run("document.getElementById('code').value = 3999; document.getElementById('reason').value = 'done'; "
                + click.format("close"))
    check("closed", browser.until(f"{state} === 'CLOSED'"))
    check("with its code", browser.run(f"{messages}.at(-1)") == 'closed: 3999', browser.run(messages))
    shown = browser.until(f"{frames}.at(-1).includes('server: Connection Close') && {frames}")
    check("both Closes are shown", shown and "client: Connection Close, 6 octets" in shown[-2], shown)
    told = browser.run(MANY)
    check("1,000 in order", told["order"] and told["count"] == 1000, told)
    check("1 MiB whole", told["sum"] == 7 << 20, told)
    check("the server answers the code", (told["code"], told["wasClean"]) == (4321, True), told)


def stopping(browser, server):
    """The server stops under an open connection."""
    browser.run("document.getElementById('connect').click()")
    check("connected again", browser.until("document.getElementById('state').textContent === 'OPEN'"))
    server.terminate()
    head = "document.querySelector('#messages > li > b').textContent"
    closed = browser.until(f"{head}.startsWith('closed') && {head}")
    check("1001 from a server that stops", closed == 'closed: 1001 "the server stops"', closed)


def main():
    layerlab, screenshot = sys.argv[1], (sys.argv[2:] or [None])[0]
    server = subprocess.Popen([layerlab, "ws", "serve", "--listen", "127.0.0.1:0", "--quiet"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    at = server.stdout.readline().removeprefix("listening on ").strip()
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            browser = Browser(profile)
            try:
                use(browser, at, screenshot)
                stopping(browser, server)
                check("nothing on the console", not browser.console, browser.console)
            finally:
                browser.end()
    finally:
        server.terminate()
        server.wait()
    failed = results.count(False)
    print(f"{len(results) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


main()
