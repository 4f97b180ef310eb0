"""Lets the Autobahn test suite judge `layerlab ws serve` and `layerlab ws connect`.

    autobahn.py LAYERLAB [--long] [CASE ...]

Its fuzzing client plays every case against our server, its fuzzing server every case against our client. Short: all but
performance (9.*) and compression (12.*, 13.*), of which a few; a minute. `--long`: all 517, and LAYERLAB must be a release
build, for large cases have their time. CASE (`6.4.*`) takes the place of both lists. Required of each side: no case
failed, every connection closed cleanly, none unimplemented; at most 4 non-strict (right, but later than Autobahn would
like), at most 3 informational (where the RFC leaves the choice).

Needs CPython 2.7 with pip, for Autobahn was never ported: as PYTHON27 names it, `python2.7` in PATH, or pyenv's
(`pyenv install 2.7.18`), and a C compiler. What it installs for it stays in target/interop and is made once.
"""

import collections
import concurrent.futures
import glob
import hashlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
SHORT = ("1.* 2.* 3.* 4.* 5.* 6.* 7.* 9.1.1 9.2.1 9.3.4 9.4.4 9.5.3 9.6.3 9.7.2 9.8.2 10.* "
         "12.1.1 12.1.3 12.2.2 12.3.3 12.5.2 13.1.1 13.2.2 13.3.2 13.4.2 13.5.2 13.6.2 13.7.2").split()
LONG = ["*"]
GOOD = {"OK", "NON-STRICT", "INFORMATIONAL"}
MOST = {"NON-STRICT": 4, "INFORMATIONAL": 3}
WSTEST = "import site, sys; site.addsitedir(sys.argv.pop(1)); from autobahntestsuite.wstest import run; run()"


def python27():
    pyenv = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    for program in (os.environ.get("PYTHON27"), "python2.7", *sorted(glob.glob(f"{pyenv}/versions/2.7*/bin/python2.7"))):
        # pyenv's own `python2.7` is there even where it leads nowhere.
        if program and shutil.which(program) and not subprocess.run([program, "-m", "pip", "--version"], capture_output=True).returncode:
            return program
    sys.exit("missing: CPython 2.7 with pip, without which Autobahn does not run; `pyenv install 2.7.18`, or name one in PYTHON27")


def installed(python):
    """The folder that holds Autobahn for this Python."""
    wanted = (HERE / "autobahn.txt").read_bytes()
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent.parent / "target"))
    folder = target / "interop" / f"autobahn-{hashlib.sha256(wanted + python.encode()).hexdigest()[:12]}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        half = tempfile.mkdtemp(prefix="autobahn-", dir=folder.parent)
        told = subprocess.run([python, "-m", "pip", "install", "--disable-pip-version-check", "--no-deps", "--target", half,
                               "-r", HERE / "autobahn.txt"], capture_output=True, text=True, timeout=1800)
        if told.returncode:
            sys.exit(f"pip could not install Autobahn:\n{told.stdout[-2000:]}{told.stderr[-2000:]}")
        os.rename(half, folder)
    return str(folder)


class Wstest:
    """Autobahn's program in one of its modes, its words in a file."""

    def __init__(self, command, mode, folder, spec):
        self.folder, self.mode = folder / mode, mode
        self.folder.mkdir()
        spec = {"outdir": str(self.folder), "exclude-cases": [], "exclude-agent-cases": {}, **spec}
        (self.folder / "spec.json").write_text(json.dumps(spec))
        self.log = open(self.folder / "log", "w+")
        self.child = subprocess.Popen([*command, "-m", mode, "-s", self.folder / "spec.json", "-u", "0"], stdin=subprocess.DEVNULL,
                                      stdout=self.log, stderr=subprocess.STDOUT, env={**os.environ, "PYTHONUNBUFFERED": "1"})

    def said(self):
        return (self.folder / "log").read_text()

    def cases(self):
        return int(re.search(r"Ok, will run (\d+) test cases", self.said())[1])

    def end(self):
        self.child.kill()
        self.child.wait()


def judge(name, wstest):
    """What is wrong with the verdicts on one side, and their summary."""
    cases = json.loads((wstest.folder / "index.json").read_text()).get("layerlab", {})
    verdicts = collections.Counter(case["behavior"] for case in cases.values())
    findings = [f"case {n}: {case['behavior']}, its close: {case['behaviorClose']} ({wstest.folder}/{case['reportfile']})"
                for n, case in sorted(cases.items(), key=lambda c: [int(x) for x in c[0].split(".")])
                if case["behavior"] not in GOOD or case["behaviorClose"] not in GOOD]
    findings += [f"{verdicts[v]} cases are {v}, more than {most}" for v, most in MOST.items() if verdicts[v] > most]
    if len(cases) != wstest.cases():
        findings.append(f"{len(cases)} of {wstest.cases()} cases have a verdict")
    return f"{name}: " + ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common()), findings


def our_server(program, wstest, folder, cases, limit):
    """Autobahn is the client."""
    with subprocess.Popen([program, *"ws serve --quiet --deflate --listen 127.0.0.1:0".split()], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True) as server:
        try:
            address = re.search(r"127\.0\.0\.1:\d+", server.stdout.readline())[0]
            fuzzer = Wstest(wstest, "fuzzingclient", folder, {"cases": cases, "servers": [{"agent": "layerlab", "url": f"ws://{address}"}]})
            try:
                fuzzer.child.wait(limit)
            finally:
                fuzzer.end()
            alive = server.poll() is None
        finally:
            server.kill()
    summary, findings = judge("Autobahn's client and ws serve", fuzzer)
    return summary, findings + ([] if alive else ["the server did not live to the end"])


def our_client(program, wstest, folder, cases, limit):
    """Autobahn is the server: it plays one case for each connection."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    fuzzer = Wstest(wstest, "fuzzingserver", folder, {"cases": cases, "url": f"ws://127.0.0.1:{port}"})
    hung = []
    try:
        await_listener(port)
        paths = [f"/runCase?case={case}&agent=layerlab" for case in range(1, fuzzer.cases() + 1)]
        for path in [*paths, "/updateReports?agent=layerlab"]:
            try:
                subprocess.run([program, *"ws connect --quiet --deflate --echo".split(), f"ws://127.0.0.1:{port}{path}"],
                               stdin=subprocess.DEVNULL, capture_output=True, timeout=limit)
            except subprocess.TimeoutExpired:
                hung.append(f"the client did not end within {limit} s: {path}")
    finally:
        fuzzer.end()
    summary, findings = judge("ws connect and Autobahn's server", fuzzer)
    return summary, findings + hung


def await_listener(port):
    for _ in range(300):
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise TimeoutError("Autobahn's server did not listen within 30 s")


def main(program, *words):
    cases = [word for word in words if word != "--long"] or (LONG if "--long" in words else SHORT)
    python = python27()
    wstest = [python, "-c", WSTEST, installed(python)]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="layerlab-autobahn-"))
    failed = 0
    with concurrent.futures.ThreadPoolExecutor() as pool:
        trials = [pool.submit(our_server, program, wstest, folder, cases, 900 if cases == SHORT else 7200),
                  pool.submit(our_client, program, wstest, folder, cases, 300)]
        for trial in trials:
            try:
                summary, findings = trial.result()
            except (OSError, subprocess.TimeoutExpired, TypeError) as error:
                summary, findings = "Autobahn", [repr(error)]
            print(f"{'FAILED' if findings else 'ok    '} {summary}", *findings, sep="\n    ")
            failed += bool(findings)
    if failed:
        print(f"the reports are in {folder}")
    else:
        shutil.rmtree(folder)
    print(f"{len(trials) - failed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
