"""Lets Chromium open the pages of `--report`, from disk, and tells what it makes of them.

    browser.py LAYERLAB

Of each page: not one message on the console (a broken policy, a refused style sheet, a script are all told there), every
picture drawn with its name and inside its frame, light on light paper and dark on dark. Its last line is
`N passed, N failed`.
"""

import os
import re
import struct
import subprocess
import sys
import tempfile
import zlib

PAGES = {
    "loss": "loss --loss 5% --messages 60 --every 5ms --seed 7 --quiet",
    "bulk": "loss --bulk 200kB --loss 1% --delay 10ms --seed 7 --quiet",
    "sweep": "loss sweep --loss 0,5% --delay 5,20ms --runs 2 --cc cubic --messages 40 --every 2ms --seed 7",
}
QUIET = ("--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
         "--disable-component-update --disable-sync --hide-scrollbars --window-size=900,1400 --enable-logging=stderr").split()
results = []


def check(name, holds, why=""):
    results.append(bool(holds))
    if not holds:
        print(f"FAILED {name}: {why}")


def chromium(page, dark, *arguments):
    with tempfile.TemporaryDirectory() as profile:
        scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
        command = ["chromium", *QUIET, f"--user-data-dir={profile}", scheme, *arguments, f"file://{page}"]
        told = subprocess.run(command, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    return told.stdout, [line for line in told.stderr.splitlines() if "CONSOLE" in line]


def first_pixel(path):
    """The upper left pixel's red, green and blue; there no filter of PNG (s9) has anything to add."""
    data, at, packed = open(path, "rb").read(), 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        packed += data[at + 8:at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    return tuple(zlib.decompress(packed)[1:4])


def judge(layerlab, name, words, folder):
    made = subprocess.run([layerlab, *words.split(), "--report", folder], capture_output=True, text=True, timeout=120)
    check(f"{name} runs", made.returncode == 0, made.stderr)
    page = os.path.join(folder, "index.html")
    if made.returncode:
        return
    dom, said = chromium(page, False, "--dump-dom")
    check(f"{name} is silent", not said, said)
    pictures = re.findall(r"<svg .*?</svg>", dom, re.S)
    check(f"{name} has pictures", pictures and len(pictures) == open(page).read().count("<svg "), len(pictures))
    for picture in pictures:
        title, frame = re.search(r"<title[^>]*>([^<]+)", picture), re.search(r'viewBox="0 0 (\S+) (\S+)"', picture)
        check(f"{name}: a picture's name", title and re.search(r"<desc[^>]*>[^<]{20,}", picture), picture[:200])
        # Of a path each letter's last two numbers are a place; those of V and H alone are one of them.
        places = re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", picture)
        outside = [p for p in places if not -1 <= float(p[0]) <= float(frame[1]) or not -1 <= float(p[1]) <= float(frame[2])]
        check(f"{name}: {title and title[1]} stays in its frame", not outside, outside[:5])
    for dark in (False, True):
        shot = os.path.join(folder, "shot.png")
        _, said = chromium(page, dark, f"--screenshot={shot}")
        pixel = first_pixel(shot)
        check(f"{name} is {'dark' if dark else 'light'}", not said and (max(pixel) < 60 if dark else min(pixel) > 240), pixel)


with tempfile.TemporaryDirectory() as scratch:
    for name, words in PAGES.items():
        judge(sys.argv[1], name, words, os.path.join(scratch, name))
print(f"{results.count(True)} passed, {results.count(False)} failed")
sys.exit(not all(results))
