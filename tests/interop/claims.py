"""What one run's JSON lines claim, held against what the witnesses saw in its capture."""

import re

from frames import has_type, is_any, queue
from web import carries_octets, is_ping, websocket
from witnesses import number, pairs

# Where we and tshark say different things of a segment, and both are right by their own words: ours, theirs, and
# why. tshark (4.0) sees numbers and times alone; it neither knows the wire's ledger nor the kernel's habits.
SELECTIVE = "an ACK that brings new SACK blocks is a duplicate whatever its window (RFC 6675 s2); tshark wants the same window, " \
    "calls it an update where it changed, and counts on from there"
DIFFERENCES = [
    ({"zero_window_probe"}, {"keep_alive"},
        "Linux probes a closed window with no octet at the number before the next one; tshark calls that a keep-alive"),
    (set(), {"keep_alive_ack"}, "the answer to such a probe, which tshark took for a keep-alive"),
    ({"zero_window"}, {"keep_alive_ack", "zero_window"}, "the same, and the window is still closed"),
    ({"window_update"}, {"keep_alive_ack"}, "the same, and the window opens"),
    ({"keep_alive_ack"}, {"window_update"}, "the answer to a keep-alive gives more room; tshark looks at the room first"),
    (set(), {"window_update"}, SELECTIVE),
    ({"retransmission"}, {"keep_alive"}, "one octet sent again that was not acknowledged: tshark goes by length and number"),
]

AGAIN = ("tcp.analysis.retransmission", "tcp.analysis.fast_retransmission", "tcp.analysis.spurious_retransmission",
    "tcp.analysis.out_of_order")
# Note by note, the fields of tshark that say the same. How tshark tells the kinds of AGAIN apart is a guess by times; what
# they have in common is that the octets were sent before.
THEIRS = {
    "retransmission": AGAIN,
    "out_of_order": ("tcp.analysis.lost_segment",),
    "window_update": ("tcp.analysis.window_update",),
    "zero_window": ("tcp.analysis.zero_window",),
    "zero_window_probe": ("tcp.analysis.zero_window_probe",),
    "keep_alive": ("tcp.analysis.keep_alive",),
    "keep_alive_ack": ("tcp.analysis.keep_alive_ack",),
}

# Keys with a dot that are ours: `frame.number` counts the wire's frames, and tshark's counts packets of the file.
OURS = {"frame.number"}

# `fields` has a header's values as they lie there. tshark has such a name for tcp.seq (tcp.seq_raw), and none for the edges
# of SACK blocks, which it shows relative to the first number of the other side.
SACK_EDGES = {"tcp.options.sack_le", "tcp.options.sack_re"}

FLAGS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ECE": 64, "CWR": 128, "AE": 256}


class Packet:
    """One packet of the capture: the frame that it shows, and whether as it was sent or as it arrived."""

    def __init__(self, row, octets):
        self.row = row
        self.octets = octets
        self.comment = row.text("frame.comment") or ""
        comment = self.comment.split("\\n")
        self.words = comment[:-1]
        self.mark = pairs(comment[-1].removeprefix("layerlab ")) if comment[-1].startswith("layerlab frame=") else None
        if self.mark:
            self.id = int(self.mark["frame"])
            self.copy = int(self.mark["copy"]) if "copy" in self.mark else None


class Case:
    def __init__(self, vantage, lines, packets, summary):
        self.vantage = vantage
        self.run = lines[0]
        # Behind it `queue demo` tells what its programs did.
        self.outcome = next(line for line in lines if line["kind"] == "outcome")
        self.events = [line for line in lines if line["kind"] == "event"]
        self.frames = {e["frame.number"]: e for e in self.events if e["what"] == "frame"}
        self.fates = {e["frame.number"]: e for e in self.events if e["what"] == "fate"}
        self.packets = packets
        self.summary = summary
        # On the wire each frame stands once, so that a frame's number leads to tshark's view of it.
        self.row = {p.id: p.row for p in packets if p.mark}
        self.findings = []
        self.used = set()
        self.compared = 0

    def no(self, where, what):
        self.findings.append(f"{where}: {what}")

    def differ(self, where, what, ours, theirs):
        self.findings.append(f"{where}: {what}\n      ours    {ours}\n      theirs  {theirs}")

    def delivery(self, packet):
        if packet.copy is None:
            return None
        return self.fates[packet.id]["deliveries"][packet.copy]

    def corrupted(self, packet):
        return (self.delivery(packet) or {}).get("corrupted")


def judge(case):
    """Everything wrong with the case; `case.findings` grows."""
    lines_hold_together(case)
    section(case)
    if any(p.mark is None for p in case.packets):
        return case.no("capture", "a packet without layerlab's line in its comment")
    unknown = [p.id for p in case.packets if p.id not in case.frames or p.id not in case.fates]
    if unknown:
        return case.no("capture", f"frames {unknown} are not in the JSON lines")
    whole(case)
    for packet in case.packets:
        where = f"packet {packet.row.text('frame.number')} (frame #{packet.id})"
        marked(case, packet, where)
        octets(case, packet, where)
        sound(case, packet, where)
        if not case.corrupted(packet):
            fields(case, packet, where)
    # What a segment is in its conversation depends on where one stands: our notes are made on the wire.
    if case.vantage == "wire":
        for id, event in case.frames.items():
            analysis(case, id, event, f"frame #{id}")
            facts(case, id, event, f"frame #{id}")
        for event in case.events:
            sentences(case, event)
        websocket(case, same)
        queue(case)


def lines_hold_together(case):
    ids = [e["id"] for e in case.events]
    if ids != list(range(1, len(ids) + 1)):
        case.no("events", f"ids are not 1, 2, 3 ...: {ids[:20]}")
    if any(a["at_ns"] > b["at_ns"] for a, b in zip(case.events, case.events[1:])):
        case.no("events", "not in time order")
    for event in case.events:
        if not event.get("cause", 0) < event["id"]:
            case.no(f"event {event['id']}", f"its cause {event['cause']} does not come before it")
    for direction in ("to-server", "to-client"):
        key = direction.replace("-", "_")
        rows = [f for f in case.fates.values() if f["direction"] == direction and "index" in f]
        count = {
            "frames": len(rows),
            "dropped": sum(f["fate"] == "dropped" for f in rows),
            "octets": sum(f["frame.len"] for f in rows),
        }
        for name, ours in count.items():
            if case.outcome[name][key] != ours:
                case.differ("outcome", f"{name} {direction}", case.outcome[name][key], f"{ours} by the ledger")


def section(case):
    """The section header's comment is the run."""
    comment = case.summary.get("Capture comment", "")
    text, _, line = comment.partition("layerlab run ")
    if not line:
        return case.no("section header", f"no run in its comment: {comment!r}")
    told = pairs(line)
    run = case.run
    expected = {
        "version": run["version"], "command": run["command"], "system": run["system"], "seed": str(run["seed"]),
        "backend": run["backend"], "wire": run["wire"], "mtu": str(run["mtu"]), "routers": str(run["routers"]),
        "client": run["client"]["ip"], "client-mac": run["client"]["mac"], "server": run["server"]["ip"],
        "server-mac": run["server"]["mac"], "epoch": str(run["epoch_unix_ns"]),
    }
    if told != expected:
        case.differ("section header", "its comment and the run line", expected, told)
    if f"command: {run['command']}" not in text:
        case.no("section header", f"the command line is not told: {text!r}")
    if case.summary.get("Strict time order") != "True":
        case.no("capinfos", "packets are not in time order")
    if int(case.summary["Number of packets"]) != len(case.packets):
        case.differ("capinfos", "number of packets", case.summary["Number of packets"], len(case.packets))


def whole(case):
    """The packets are those that this vantage sees: none missing, none too many."""
    expected, may_miss = [], set()
    for id, fate in case.fates.items():
        if case.vantage == "wire":
            expected.append((id, None))
            continue
        toward = {"to-server": "server", "to-client": "client"}[fate["direction"]]
        if case.vantage != toward:
            # What a router sends, no host of ours did.
            if case.frames[id]["place"] == "wire":
                expected.append((id, None))
            continue
        for copy, delivery in enumerate(fate["deliveries"]):
            expected.append((id, copy))
            if delivery["at_ns"] >= case.outcome["at_ns"]:
                may_miss.add((id, copy))
    seen = [(p.id, p.copy) for p in case.packets]
    missing = set(expected) - set(seen) - may_miss
    more = [pair for pair in seen if pair not in set(expected)]
    if missing or more or len(seen) != len(set(seen)):
        case.no("capture", f"(frame, copy) missing {sorted(missing, key=str)}, too many {more}, of {len(seen)}")


RULES = {"random": r"(loss|duplicate|reorder|corrupt|chance) [\d.]+%", "gilbert_elliott": "gemodel (good|bad)",
    "queue_full": r"limit \d+", "script": "script .*", "cut": "cut", "mtu": r"mtu \d+( no-icmp| df-clear| never-told)?",
    "ttl_exceeded": r"ttl-exceeded hop \d+", "for_router": r"for-router hop \d+"}


def marked(case, packet, where):
    """The packet's comment says what the ledger says."""
    fate, mark = case.fates[packet.id], packet.mark
    for key, ours in {"dir": fate["direction"], "index": fate.get("index"), "at": fate["entered_ns"], "len": fate["frame.len"],
            "fate": fate["fate"], "seed": case.run["seed"]}.items():
        if mark.get(key) != str(ours):
            case.differ(where, f"{key} in its comment", ours, mark.get(key))
    if "by" in fate and not re.fullmatch(RULES[fate["by"]["rule"]], mark.get("rule", "")):
        case.differ(where, "the rule in its comment", fate["by"], mark.get("rule"))
    if fate["fate"] == "dropped" and not any(f"#{packet.id} dropped by the wire" in words for words in packet.words):
        case.no(where, f"was dropped, and its words do not say so: {packet.words}")
    if not packet.words:
        case.no(where, "has no words in its comment")
    # tshark prints a line's end as it prints the two characters \n of a payload.
    elif case.frames[packet.id]["sentence"] not in packet.comment:
        case.differ(where, "its words and the JSON sentence", case.frames[packet.id]["sentence"], packet.words[0])
    delivery = case.delivery(packet)
    at = case.run["epoch_unix_ns"] + (delivery["at_ns"] if delivery else fate["entered_ns"])
    theirs = int(packet.row.text("frame.time_epoch").replace(".", ""))
    # A copy is written when it was handed over, which is never before it was due.
    if theirs < at or (delivery is None and theirs != at):
        case.differ(where, "time, ns", at, theirs)


def octets(case, packet, where):
    """tcpdump reads the octets that the JSON lines show, but for the bit that the ledger says was flipped."""
    ours = bytearray.fromhex(case.frames[packet.id]["bytes"])
    flipped = case.corrupted(packet)
    if flipped:
        bit = flipped["bit"]
        ours[bit // 8] ^= 0x80 >> (bit % 8)
    if ours.hex() != packet.octets:
        at = next((i for i, (a, b) in enumerate(zip(ours.hex(), packet.octets)) if a != b), min(len(ours) * 2, len(packet.octets))) // 2
        case.differ(where, f"octets from {at} on", ours[at : at + 16].hex(), packet.octets[at * 2 : at * 2 + 32])


# tshark's words for octets that it has already; the octets themselves are held against ours beside.
OVERLAPS = "New fragment overlaps old data (retransmission?)"


def sound(case, packet, where):
    """Not longer than the hosts' MTU and Ethernet's header, whole, and every checksum verifies."""
    row = packet.row
    limit = max(1500, case.run["mtu"]) + 14
    if row.number("frame.len") > limit or row.text("frame.len") != row.text("frame.cap_len"):
        case.no(where, f"{row.text('frame.cap_len')} octets of {row.text('frame.len')} kept, at most {limit} expected")
    if case.corrupted(packet):
        return
    if row.has("_ws.malformed"):
        said = row.text("_ws.malformed")
        again = "retransmission" in notes(case.frames[packet.id])
        if again and row.has("tcp.analysis.out_of_order") and OVERLAPS in said:
            case.used.add("a segment sent again within tshark's time for reordering is out of order to it, and in its reassembly an error")
        else:
            case.no(where, f"tshark calls it malformed: {said}")
    for name in ("ip", "tcp", "udp", "icmp", "icmpv6"):
        # The first is the packet's own; an ICMP error quotes others, cut short, which can't be verified.
        status = row.number(f"{name}.checksum.status")
        quoted = name in ("tcp", "udp") and row.has("icmp.type", "icmpv6.type")
        fragment = name in ("tcp", "udp", "icmp", "icmpv6") and is_fragment(row)
        if status is not None and not quoted and not fragment and status not in (1, 3):
            case.no(where, f"tshark's {name}.checksum.status is {status}")


def is_fragment(row):
    return bool(row.number("ip.flags.mf") or row.number("ip.frag_offset") or row.has("ipv6.fraghdr.ident"))


def fields(case, packet, where):
    """Every fact under a Wireshark name has tshark's value."""
    event, row = case.frames[packet.id], packet.row
    for name, ours in event.items():
        if "." not in name or name in OURS:
            continue
        if name == "tcp.stream" and case.vantage != "wire":
            continue  # streams are counted from where one stands
        case.compared += 1
        theirs = row.all(name)[:1]
        if not same(ours, theirs):
            case.differ(where, name, ours, theirs)
    for name, ours in event.get("fields", {}).items():
        case.compared += 1
        theirs = row.all(name)
        mine = ours if isinstance(ours, list) else [ours]
        if name in SACK_EDGES and row.has("tcp.ack"):
            mine = [(edge - row.number("tcp.ack_raw") + row.number("tcp.ack")) % 2**32 for edge in mine]
        if len(mine) != len(theirs) or not all(same(a, [b]) for a, b in zip(mine, theirs)):
            case.differ(where, f"fields {name}", mine, theirs)
    fragment = event.get("fragment")
    if fragment:
        scale = 8  # tshark's offsets count eights, ours octets
        if row.has("ipv6.fraghdr.ident"):
            theirs = {"id": row.number("ipv6.fraghdr.ident"), "offset": row.number("ipv6.fraghdr.offset") * scale,
                "more": bool(row.number("ipv6.fraghdr.more"))}
        else:
            theirs = {"id": row.number("ip.id"), "offset": row.number("ip.frag_offset") * scale,
                "more": bool(row.number("ip.flags.mf")), "len": row.number("ip.len") - 20}
        ours = {key: fragment[key] for key in theirs}
        if ours != theirs:
            case.differ(where, "fragment", ours, theirs)
    elif is_fragment(row) and not event["protocol"].startswith("icmp"):
        case.no(where, "is a fragment, and the JSON line does not say so")
    if "tcp.flags" in event:
        names = {name for name, bit in FLAGS.items() if row.number("tcp.flags") & bit}
        if set(event["flags"]) != names:
            case.differ(where, "flags", event["flags"], sorted(names))
        sack = [list(edge) for edge in zip(map(number, row.all("tcp.options.sack_le")), map(number, row.all("tcp.options.sack_re")))]
        if event.get("sack", []) != sack:
            case.differ(where, "sack", event.get("sack"), sack)


def same(ours, theirs):
    if len(theirs) != 1:
        return False
    text = theirs[0]
    if isinstance(ours, (bool, int)):
        try:
            return int(ours) == number(text)
        except ValueError:
            return False
    if re.fullmatch(r"0x[0-9a-f]+", ours) and re.fullmatch(r"(0x)?[0-9a-f]+", text):
        return int(ours, 16) == number(text)
    return ours.lower() == text.lower() or ours.lower().replace(":", "") == text.lower().replace(":", "")


def notes(event):
    return {note["note"]: note for note in event.get("analysis", [])}


def analysis(case, id, event, where):
    """tshark's reading of the conversation and ours."""
    row = case.row.get(id)
    if row is None or "tcp.stream" not in event:
        return
    found = notes(event)
    ours = {name for name in found if name in THEIRS}
    theirs = {name for name, fields in THEIRS.items() if row.has(*fields)}
    case.compared += 1
    if ours != theirs:
        reason = next((why for a, b, why in DIFFERENCES if ours == a and theirs == b), None)
        if reason == SELECTIVE and not ("duplicate_ack" in found and event.get("sack")):
            reason = None
        if reason is None:
            case.differ(where, f"analysis of: {event['sentence']}", sorted(ours), sorted(theirs))
        else:
            case.used.add(reason)
    duplicate = found.get("duplicate_ack")
    expected = duplicate and duplicate["nth"] - len(widened(case, id, duplicate["frame"])) + idle_before(case, id, row)
    if duplicate and row.has(*OTHERWISE):
        expected = None
    if duplicate is None and row.has("tcp.analysis.duplicate_ack_num") and nothing_under_way(case, id, row):
        case.used.add("an ACK again while nothing is under way is no duplicate (RFC 5681 s2 a); tshark counts it")
    elif expected != row.number("tcp.analysis.duplicate_ack_num"):
        case.differ(where, f"number of the duplicate ACK: {event['sentence']}", expected, row.number("tcp.analysis.duplicate_ack_num"))
    # Their marks of the handshake and the end; a SYN sent again has ours once and theirs again.
    for name, field in (("handshake_syn", "tcp.connection.syn"), ("handshake_syn_ack", "tcp.connection.synack"),
            ("first_fin", "tcp.connection.fin_active"), ("second_fin", "tcp.connection.fin_passive")):
        if name in found and not row.has(field):
            case.no(where, f"{name}, and tshark has no {field}")
        if name not in found and row.has(field) and not row.has(*AGAIN):
            case.no(where, f"tshark has {field}, and we say nothing: {event['sentence']}")
    # We say it of the RST that ends the connection, not of those that come after it.
    first = not any(n < id and r.has("tcp.connection.rst") and r.text("tcp.stream") == row.text("tcp.stream") for n, r in case.row.items())
    if ("reset" in found or "refused" in found) != (row.has("tcp.connection.rst") and first):
        case.no(where, f"tcp.connection.rst is {row.has('tcp.connection.rst')}: {event['sentence']}")


def nothing_under_way(case, id, row):
    """Whether the segment acknowledges all that the other side had sent."""
    ends = [end_of(r) for n, r in case.row.items() if n < id and r.text("tcp.stream") == row.text("tcp.stream")
        and r.text("tcp.srcport") == row.text("tcp.dstport")]
    return all((row.number("tcp.ack_raw") - end) % 2**32 < 2**31 for end in ends)


def end_of(row):
    """The number after the segment's last; SYN and FIN take one each."""
    flags = row.number("tcp.flags")
    return (row.number("tcp.seq_raw") + row.number("tcp.len") + (flags & 1) + (flags >> 1 & 1)) % 2**32


# What tshark calls a duplicate ACK in its place: see SELECTIVE, and the answer to what it took for a keep-alive.
OTHERWISE = ("tcp.analysis.window_update", "tcp.analysis.keep_alive_ack")


def widened(case, id, of):
    """The duplicates of the ACK `of`, up to frame `id`, that tshark calls something else."""
    return [n for n, e in case.frames.items() if n <= id and notes(e).get("duplicate_ack", {}).get("frame") == of
        and n in case.row and case.row[n].has(*OTHERWISE)]


def idle_before(case, id, row):
    """How many ACKs before frame `id` tshark counts with it as duplicates though nothing was under way."""
    of = row.text("tcp.analysis.duplicate_ack_frame")
    return sum("duplicate_ack" not in notes(e) and nothing_under_way(case, n, case.row[n]) for n, e in case.frames.items()
        if of and n < id and n in case.row and case.row[n].text("tcp.analysis.duplicate_ack_frame") == of)


def facts(case, id, event, where):
    """Claims that name another frame by its number."""
    row = case.row.get(id)
    if row is None:
        return

    def other(number, what):
        found = case.row.get(number)
        if found is None or number >= id:
            case.no(where, f"{what} names frame #{number}, which is not before it")
            return None
        return found

    def hold(true, what):
        case.compared += 1
        if not true:
            case.no(where, f"not true for tshark: {what}: {event['sentence']}")

    if "answers" in event and (request := other(event["answers"], "answers")):
        hold(request.text("arp.opcode") == "1" and request.text("arp.dst.proto_ipv4") == row.text("arp.src.proto_ipv4"), "answers that ARP request")
    if "repeat" in event:
        target = row.text("arp.dst.proto_ipv4")
        before = [r for n, r in case.row.items() if n < id and r.text("arp.opcode") == "1" and r.text("arp.dst.proto_ipv4") == target
            and r.text("arp.src.proto_ipv4") == row.text("arp.src.proto_ipv4")]
        hold(event["repeat"] <= len(before), f"{event['repeat']} ARP requests before it")
    if "about" in event and (about := other(event["about"], "about")):
        if row.has("ipv6.src"):
            hold(row.all("ipv6.src")[1:] == about.all("ipv6.src")[:1], "the quoted packet is that frame's")
        else:
            hold(row.all("ip.id")[1:] == about.all("ip.id")[:1], "the quoted packet is that frame's")
    for name, note in notes(event).items():
        if "frame" not in note or (of := other(note["frame"], name)) is None:
            continue
        opposite = (of.text("tcp.srcport"), of.text("tcp.dstport")) == (row.text("tcp.dstport"), row.text("tcp.srcport"))
        ends = end_of(of)
        same_stream = of.text("tcp.stream") == row.text("tcp.stream")
        hold(same_stream, f"{name} #{note['frame']} is of the same stream")
        if name in ("handshake_syn_ack", "refused", "handshake_ack", "acknowledges"):
            hold(opposite and (row.number("tcp.ack_raw") - ends) % 2**32 < 2**31, f"{name}: its number is at or past the end of #{note['frame']}")
            syn = of.number("tcp.flags") & 0x12
            hold({"handshake_syn_ack": syn == 2, "refused": syn == 2, "handshake_ack": syn == 0x12}.get(name, True), f"{name}: the flags of #{note['frame']}")
            acknowledged(case, id, note["frame"], row, where)
        elif name == "duplicate_ack":
            hold(not opposite and of.text("tcp.ack_raw") == row.text("tcp.ack_raw"), f"{name}: the same number as #{note['frame']}")
            if row.has("tcp.analysis.duplicate_ack_frame"):
                theirs = case.packets[row.number("tcp.analysis.duplicate_ack_frame") - 1].id
                hold(theirs in [note["frame"], *widened(case, id, note["frame"])], f"{name} of #{note['frame']}; tshark says of #{theirs}")
        elif name == "retransmission":
            mine, its = row.number("tcp.seq_raw"), of.number("tcp.seq_raw")
            length = max(row.number("tcp.len"), 1)
            hold(not opposite and ((mine - its) % 2**32 < max(of.number("tcp.len"), 1) or (its - mine) % 2**32 < length), f"{name}: octets of #{note['frame']} again")
            between = sum("duplicate_ack" in notes(e) for n, e in case.frames.items()
                if n < id and e.get("tcp.ack") == event["tcp.seq"] and e["direction"] != event["direction"])
            hold(note["duplicate_acks"] <= between, f"{name}: {note['duplicate_acks']} duplicate ACKs before it, {between} seen")
            if note.get("needless"):
                hold(case.fates[note["frame"]]["fate"] != "dropped", f"{name} is needless although #{note['frame']} was dropped")
        else:
            case.no(where, f"a note that nobody judges: {name}")


def acknowledged(case, id, ours, row, where):
    """tshark names the frame whose end is the number. Of octets sent twice it names the first, which was lost; we the second."""
    theirs = row.number("tcp.analysis.acks_frame")
    if theirs is None:
        return
    theirs = case.packets[theirs - 1].id
    # Nor can what was dropped have been acknowledged, where the frame that was not ends at the number too.
    end = case.frames[ours].get("tcp.seq", 0) + case.frames[ours].get("tcp.len", 0) + ("FIN" in case.frames[ours].get("flags", []))
    if theirs == ours or dropped(case, theirs) and not dropped(case, ours) and end == case.frames[id].get("tcp.ack"):
        return
    again = notes(case.frames[ours]).get("retransmission")
    while again and again["frame"] != theirs:
        again = notes(case.frames[again["frame"]]).get("retransmission")
    if not again:
        case.differ(where, f"the frame that it acknowledges: {case.frames[id]['sentence']}", f"#{ours}", f"#{theirs}")


def flags_are(*names):
    bits = sum(FLAGS[name] for name in names)
    return lambda case, frame: (case.row[frame].number("tcp.flags") or 0) & 0x17 == bits


def has_flag(name):
    return lambda case, frame: bool((case.row[frame].number("tcp.flags") or 0) & FLAGS[name])


def dropped(case, frame):
    return case.fates[frame]["fate"] == "dropped"


def damaged(case, frame):
    deliveries = case.fates[frame]["deliveries"]
    return bool(deliveries) and all("corrupted" in delivery for delivery in deliveries)


def lost(case, frame):
    return dropped(case, frame) or damaged(case, frame)


def icmp_error(case, frame):
    return case.row[frame].has("icmp.type", "icmpv6.type")


def asks_by_arp(case, frame):
    return case.row[frame].text("arp.opcode") == "1"


def is_arp(case, frame):
    return case.row[frame].has("arp.opcode")


def seeks_neighbor(case, frame):
    return case.row[frame].text("icmpv6.type") == "135"


def is_of_neighbors(case, frame):
    return case.row[frame].text("icmpv6.type") in ("135", "136")


def judged_as_fact(case, frame):
    return frame in case.row


# Words in which a sentence names a frame, and what must be true of that frame for tshark or the ledger. Words that no
# line here knows are a finding: a claim that nobody can check is not made.
WORDS = [
    (r"^X? ?#(\d+) (?=client|server|router|dropped|arrives|duplicated|corrupted)", judged_as_fact),
    (r"^\d+ #(\d+) duplicated by the wire", lambda case, frame: case.fates[frame]["fate"] == "duplicated"),
    (r"SYN #(\d+) out", flags_are("SYN")),
    (r"SYN-ACK #(\d+) (?:back|came back)", flags_are("SYN", "ACK")),
    (r"SYN went out \d+ times \(((?:#\d+(?:, )?)+)\)", flags_are("SYN")),
    (r"refuses SYN #(\d+)", flags_are("SYN")),
    (r"the peer's FIN was frame #(\d+)", has_flag("FIN")),
    (r"the RST is frame #(\d+)", has_flag("RST")),
    (r"because #(\d+) was dropped", dropped),
    (r"because ((?:#\d+(?:, | and )?)+) were dropped", dropped),
    (r"because #(\d+) was damaged", damaged),
    (r"((?:#\d+(?:, )?)+) were lost, #\d+ (?:dropped|damaged):", lost),
    (r"frames were lost, the last #(\d+) (?:dropped|damaged):", lost),
    (r"#(\d+)(?:, on its way back,)? was dropped:", dropped),
    (r"#(\d+)(?:, on its way back,)? was damaged:", damaged),
    (r"#(\d+)(?:, on its way back,)? is still under way: it arrives at", lambda case, frame: not dropped(case, frame)),
    (r"inferred: Nagle's algorithm held it .* until ACK #(\d+) came", has_flag("ACK")),
    (r"ICMP #(\d+) came \(", icmp_error),
    (r"#(\d+) had told by SACK that octets beyond these arrived",
        lambda case, frame: case.row[frame].has("tcp.options.sack_le")),
    # Its blocks themselves are held against tshark's where they are told.
    (r"#(\d+) had told by SACK", lambda case, frame: bool(case.frames[frame].get("sack"))),
    (r"#(\d+) is still on its way and arrives at", lambda case, frame: not dropped(case, frame)),
    (r"inferred: ((?:#\d+(?:, | and )?)+) told its sender that packets must be smaller", icmp_error),
    (r"ICMP #(\d+)(?= \(about #\d+\) (?:had come before|came during) this call)", icmp_error),
    (r"nobody answered ARP: ((?:#\d+(?:, )?)+)", asks_by_arp),
    (r"^ARP ((?:#\d+(?:, )?)+) first", is_arp),
    (r"its kernel held it .* until ARP #(\d+) came", is_arp),
    (r"nobody answered neighbor discovery: ((?:#\d+(?:, )?)+)", seeks_neighbor),
    (r"^neighbor discovery ((?:#\d+(?:, )?)+) first", is_of_neighbors),
    (r"its kernel held it .* until neighbor advertisement #(\d+) came",
        lambda case, frame: case.row[frame].text("icmpv6.type") == "136"),
    (r"the RST is one of ((?:#\d+(?:, | and )?)+)", has_flag("RST")),
    (r"from #(\d+)'s departure", flags_are("SYN")),
    (r"to #(\d+)'s arrival it was", flags_are("SYN", "ACK")),
    (r"held back .* since #(\d+): octets before it were missing", carries_octets),
    (r"answers the Ping in #(\d+) after", is_ping),
    (r"the server answers for seq .* from here on: [^;]* after #(\d+)", has_type("PUBLISH")),
    (r"answers \d+ \w+ frames, .* after the last in #(\d+)", is_any),
    (r"answers the [A-Z]+ in #(\d+) after", is_any),
    (r"(?:it was delivered|after the last was delivered) in #(\d+)", has_type("DELIVER")),
    (r"said before in #(\d+),", is_any),
    (r"ACK, #(\d+), only says that the octets (?:delivered|published) reached", has_flag("ACK")),
    # These tell typed facts, which `facts` has judged.
    (r"(?:second|third) of three, answers #(\d+)", judged_as_fact),
    (r"answers #(\d+)", judged_as_fact),
    (r"acknowledges all up to #(\d+)", judged_as_fact),
    (r"the same numbers? as #(\d+)", judged_as_fact),
    (r"octets that were in ((?:#\d+(?:, | and )?)+)", judged_as_fact),
    (r"about #(\d+)", judged_as_fact),
    (r"#(\d+) had reached the host: this brings it nothing new", lambda case, frame: not dropped(case, frame)),
    (r"#(\d+) had reached the host, but no (?:SYN-)?ACK for it was seen", lambda case, frame: not dropped(case, frame)),
    (r"#(\d+) had come(?=(?:, but|;) its acknowledgment)", lambda case, frame: not dropped(case, frame)),
    (r"its acknowledgment, #(\d+), was dropped by the wire", dropped),
    (r"acknowledgment, #(\d+), came with a flipped bit", damaged),
    (r"acknowledgment, #(\d+), was on its way until", lambda case, frame: not dropped(case, frame)),
    (r"an answer to (?:the second copy of )?#(\d+): a SYN that comes again", flags_are("SYN")),
]


def sentences(case, event):
    texts = [event["sentence"]] if event["what"] == "fate" else []
    texts += [note["text"] for note in event.get("notes", [])]
    for text in texts:
        left = re.sub(r"'[^']*'", "''", text)  # a script's own words
        for pattern, true in WORDS:
            for match in re.finditer(pattern, left):
                for frame in map(int, re.findall(r"\d+", match[1])):
                    case.compared += 1
                    if frame not in case.row or not true(case, frame):
                        case.no(f"event {event['id']}", f"not true of #{frame}: {text!r} (`{pattern}`)")
            left = re.sub(pattern, "", left)
        if "#" in left:
            case.no(f"event {event['id']}", f"no line of WORDS knows how to judge {left!r} of {text!r}")


def shown(case):
    """The words that a run's `shows` may use and this one earns."""
    words = set()
    for event in case.events:
        words |= set(notes(event)) | {event["protocol"]}
        words |= {key for key in ("sack", "fragment", "about", "errno") if event.get(key)}
        words |= {event.get("errno"), event.get("fate"), event.get("by", {}).get("rule")}
        words |= {key for delivery in event.get("deliveries", []) for key in ("reordered", "corrupted", "held") if key in delivery}
        words |= {"delayed" for delivery in event.get("deliveries", []) if delivery["delayed_ns"]}
        words |= {"held_back"} if event["what"] == "websocket" and "held" in event else set()
        words |= {"repeat"} if event.get("repeat") else set()
        words |= {"payload"} if event.get("tcp.len") or event.get("udp.length", 8) > 8 else set()
        words |= {"streams"} if event.get("tcp.stream") else set()
        words |= {"ipv6"} if "ipv6.src" in event else set()
        words |= {"router"} if event["place"].startswith("router") else set()
        words |= {name for name in ("icmp", "icmpv6") if f"{name}.type" in event}
    return words
