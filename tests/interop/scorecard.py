"""The scorecard of `layerlab loss`, computed again from the captures of both hosts by tshark alone."""

import json
import shlex
import subprocess

import witnesses

RUNS = {
    "loss-by-chance": "--messages 150 --every 4ms --size 200 --loss 8% --delay 15ms --seed 7",
    "loss-of-one": "--messages 12 --every 10ms --size 300 --delay 25ms --drop data#3 --seed 7",
    "loss-by-rate": "--messages 150 --every 4ms --size 1000 --rate 1mbit --limit 10 --delay 10ms --seed 7",
    "loss-in-pieces": "--messages 30 --every 10ms --size 4000 --loss 5% --delay 10ms --seed 7",
    "loss-of-copies": "--lanes tcp --messages 120 --every 2ms --size 200 --loss 15% --delay 8ms --wait 60s --seed 8",
}
FIELDS = """frame.time_epoch frame.len eth.src tcp.seq tcp.len tcp.flags.fin udp.payload ip.id ip.frag_offset
tcp.analysis.retransmission tcp.analysis.out_of_order tcp.stream""".split()
CLIENT, SERVER = "02:00:00:00:00:0a", "02:00:00:00:00:0b"


def packets(path):
    options = [word for name in FIELDS for word in ("-e", name)]
    preferences = ["-o", "ip.defragment:TRUE", "-o", "tcp.analyze_sequence_numbers:TRUE"]
    text = witnesses.ask("tshark", "-r", str(path), *preferences, "-T", "fields", *options)
    rows = [dict(zip(FIELDS, line.split("\t"))) for line in text.splitlines()]
    for row in rows:
        seconds, _, fraction = row["frame.time_epoch"].partition(".")
        row["at"] = int(seconds) * 10**9 + int(fraction.ljust(9, "0")[:9])
    return rows


def stream(arrived, count, span):
    """When each message's own octets were there, and when all up to its last were."""
    reached, in_order = [None] * count, [None] * count
    have = bytearray(count * span)
    missing = [span] * count
    readable = 0
    for row in arrived:
        if not row["tcp.len"] or int(row["tcp.len"]) == 0:
            continue
        first = int(row["tcp.seq"]) - 1
        for octet in range(first, first + int(row["tcp.len"])):
            if not have[octet]:
                have[octet] = 1
                missing[octet // span] -= 1
                if missing[octet // span] == 0:
                    reached[octet // span] = row["at"]
        while readable < count and missing[readable] == 0:
            in_order[readable] = row["at"]
            readable += 1
    return reached, in_order


def needless(sent, came, again):
    """How many of `again` brought only octets of which earlier frames reached the other host, then or later."""
    there = {(row["tcp.seq"], row["ip.id"]) for row in came}
    octets = lambda row: range(int(row["tcp.seq"]), int(row["tcp.seq"]) + max(int(row["tcp.len"]), 1))
    count = 0
    for row in again:
        earlier = [r for r in sent if r["at"] < row["at"] and (r["tcp.seq"], r["ip.id"]) in there]
        # A pure ACK stands at the next number and carries nothing. SYN and FIN take a number each (RFC 9293 s3.4).
        counts = lambda r: int(r["tcp.len"]) or r["tcp.seq"] == "0" or r["tcp.flags.fin"] in ("1", "True")
        had = {octet for r in earlier if counts(r) for octet in octets(r)}
        count += had.issuperset(octets(row))
    return count


def judge(program, name, folder):
    """Gives the findings, and how many values were compared."""
    findings, compared = [], 0
    command = [program, "loss", "--json", "--ledger", *shlex.split(RUNS[name]), "--capture", str(folder / f"{name}.pcapng")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise witnesses.Complaint(f"layerlab exits {done.returncode} and says {done.stderr.strip()!r}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    schedule = lines[0]["messages"]

    def same(what, told, seen):
        nonlocal compared
        compared += 1
        if told != seen:
            findings.append(f"{what}: layerlab says {told}, the captures {seen}")

    for lane in (line for line in lines if line["kind"] == "lane"):
        of = lane["lane"]
        client, server = (packets(folder / f"{name}-{of}-{side}.pcapng") for side in ("client", "server"))
        messages = [line for line in lines if line["kind"] == "message" and line["lane"] == of]
        octets = 0
        for way, direction, mac, sender, receiver in (
            ("to_server", "to-server", CLIENT, client, server),
            ("to_client", "to-client", SERVER, server, client),
        ):
            left, came = ([row for row in side if row["eth.src"] == mac] for side in (sender, receiver))
            same(f"{of}: frames {way}", lane["frames"][way], len(left))
            dropped = sum(d["frames"] for d in lane["dropped"] if d["direction"] == direction)
            same(f"{of}: dropped {way}", dropped, len(left) - len(came))
            same(f"{of}: octets {way}", lane["octets"][way], sum(int(row["frame.len"]) for row in left))
            octets += sum(int(row["frame.len"]) for row in left)
        if lane["received"]:
            same(f"{of}: octets for each delivered", round(lane["overhead"], 9), round(octets / lane["received"], 9))
        arrived = [row for row in server if row["eth.src"] == CLIENT]
        if of.startswith("tcp"):
            reached, in_order = stream(arrived, schedule["count"], schedule["size"] + 4)
            stalls = [b - a for a, b in zip(reached, in_order) if a and b and b > a]
            same(f"{of}: messages held up", lane["stalled"], len(stalls))
            same(f"{of}: longest hold-up", lane["stall_longest_ns"], max(stalls, default=0))
            same(f"{of}: delivered", lane["delivered"], sum(at is not None for at in in_order))
            again = [row for row in client if row["eth.src"] == CLIENT and (row["tcp.analysis.retransmission"] or row["tcp.analysis.out_of_order"])]
            theirs = [row for row in server if row["eth.src"] == SERVER and row["tcp.analysis.retransmission"]]
            same(f"{of}: sent again", sum(lane["sent_again"].values()), len(again) + len(theirs))
            sides = ((client, CLIENT, server, again), (server, SERVER, client, theirs))
            spared = sum(needless(*([row for row in at if row["eth.src"] == mac] for at in (here, there)), copies)
                for here, mac, there, copies in sides)
            same(f"{of}: needless", lane["needless"], spared)
        else:
            header = 16 if of == "arq" else 0
            number = lambda row: int(row["udp.payload"][header : header + 8], 16)
            reached = {}
            for row in (row for row in arrived if row["udp.payload"]):
                reached.setdefault(number(row), row["at"])
            same(f"{of}: delivered", lane["delivered"], len(reached))
            same(f"{of}: lost", lane["lost"], schedule["count"] - len(reached))
            if of == "arq":
                copies = [row for row in client if row["eth.src"] == CLIENT and row["udp.payload"]]
                attempts = [int(row["udp.payload"][4:6], 16) for row in copies]
                if schedule["size"] < 1400:
                    same(f"{of}: sent again", lane["sent_again"]["timeout"], sum(n > 1 for n in attempts))
            reached = [reached.get(n) for n in range(schedule["count"])]
        # Times of a lane and of a capture differ by the run's beginning alone.
        pairs = [(m["reached_ns"], at) for m, at in zip(messages, reached)]
        same(f"{of}: who reached the server's host", [a is None for a, _ in pairs], [b is None for _, b in pairs])
        shifts = {b - a for a, b in pairs if a is not None and b is not None}
        same(f"{of}: beginnings of the run in the times of arrival", min(1, len(shifts)), len(shifts))
    return findings, compared
