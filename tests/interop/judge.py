"""Records layerlab's runs, and lets tshark, capinfos and tcpdump judge them: `tests/interop/run` starts this."""

import concurrent.futures
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

import claims
import scorecard
import witnesses
from runs import RUNS

LONGEST = 25  # findings of one run that are printed
USER_ID = 54321  # an id that no account of the machine has


def record(program, run, vantage, folder):
    """Starts layerlab; gives its JSON lines."""
    capture = folder / f"{run.name}-{vantage}.pcapng"
    command = [program, *shlex.split(run.arguments), "--json", "--net", "private", "--capture", str(capture), "--vantage", vantage]
    told = folder / f"{run.name}-{vantage}.jsonl"
    if run.programs:
        # Their words are on standard output and error; layerlab's go to a file.
        command += ["--log", str(told)]
    if run.user:
        command = ["setpriv", f"--reuid={USER_ID}", f"--regid={USER_ID}", "--clear-groups", "--inh-caps=-all", *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    if done.returncode != run.status or (done.stderr and not run.status and not run.programs):
        raise witnesses.Complaint(f"layerlab exits {done.returncode}, not {run.status}, and says: {done.stderr.strip()!r}")
    if run.programs not in done.stdout:
        raise witnesses.Complaint(f"the client says {done.stdout.strip()!r}, not {run.programs!r}")
    lines = told.read_text() if run.programs else done.stdout
    return capture, [json.loads(line) for line in lines.splitlines()]


def names_of(lines):
    """Every Wireshark name that the run's JSON lines use."""
    for line in lines:
        yield from (name for name in line if "." in name and name not in claims.OURS)
        yield from line.get("fields", {})


def judge(program, run, vantage, folder):
    began = time.monotonic()
    case = None
    try:
        capture, lines = record(program, run, vantage, folder)
        rows = witnesses.tshark(str(capture), names_of(lines))
        octets = witnesses.tcpdump(str(capture))
        if len(rows) != len(octets):
            raise witnesses.Complaint(f"tshark reads {len(rows)} packets, tcpdump {len(octets)}")
        packets = [claims.Packet(row, o) for row, o in zip(rows, octets)]
        case = claims.Case(vantage, lines, packets, witnesses.capinfos(str(capture)))
        claims.judge(case)
        missing = set(run.shows.split()) - claims.shown(case)
        if missing:
            case.no("run", f"does not show {', '.join(sorted(missing))}, so it tries nothing")
        if run.backend and case.run["backend"] != run.backend:
            case.no("run", f"ran on {case.run['backend']}, not {run.backend}")
        findings = case.findings
    except (witnesses.Complaint, subprocess.TimeoutExpired, ValueError) as error:
        findings = [str(error)]
    return run, vantage, case, findings, time.monotonic() - began


def main(program, *chosen):
    if chosen == ("--list",):
        return print(*(run.name for run in RUNS), *scorecard.RUNS, sep="\n")
    runs = [run for run in RUNS if not chosen or run.name.startswith(chosen)]
    print(f"judges: {witnesses.ask('tshark', '--version').splitlines()[0]}; {len(runs)} runs")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="layerlab-interop-"))
    folder.chmod(0o777)
    passed = failed = 0
    used = {}
    cases = [(run, vantage) for run in runs for vantage in run.vantages]
    # Runs mostly wait for the kernel's timers, so a few at a time disturb nobody; each has its own network.
    with concurrent.futures.ThreadPoolExecutor((os.cpu_count() or 1) + 1) as pool:
        for run, vantage, case, findings, took in pool.map(lambda c: judge(program, *c, folder), cases):
            size = f"{len(case.packets)} packets, {case.compared} values and claims" if case else "not judged"
            print(f"{'ok    ' if not findings else 'FAILED'} {run.name} from the {vantage}: {size}, {took:.1f} s")
            if findings:
                failed += 1
                print(f"    layerlab {run.arguments}")
                for finding in findings[:LONGEST]:
                    print(f"    {finding}")
                if len(findings) > LONGEST:
                    print(f"    ... and {len(findings) - LONGEST} more")
            else:
                passed += 1
            for reason in case.used if case else ():
                used[reason] = used.get(reason, 0) + 1
            sys.stdout.flush()
    for name in (name for name in scorecard.RUNS if not chosen or name.startswith(chosen)):
        try:
            findings, compared = scorecard.judge(program, name, folder)
        except (witnesses.Complaint, subprocess.TimeoutExpired, ValueError) as error:
            findings, compared = [str(error)], 0
        print(f"{'ok    ' if not findings else 'FAILED'} {name} from both hosts: {compared} numbers of the scorecard")
        for finding in findings[:LONGEST]:
            print(f"    {finding}")
        passed, failed = passed + (not findings), failed + bool(findings)
    for reason, count in used.items():
        print(f"allowed, in {count} runs: {reason}")
    if failed:
        print(f"the captures are in {folder}")
    else:
        shutil.rmtree(folder)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
