"""layerlab's frames and its queue: what a run's JSON lines say of them, against tshark's reading of the same capture with
docs/wireshark/layerlab.lua."""

import witnesses


def queue(case):
    """Direction by direction, every value of every field, in order; and that no checksum is bad which we call good."""
    events = [e for e in case.events if e["what"] == "queue"]
    for direction in ("to-server", "to-client"):
        told = [e for e in events if e["heading"] == direction and e["step"] == "frame"]
        names = sorted({name for e in told for name in e if name.startswith("layerlab.")})
        # What an ICMP message quotes was sent in the other direction, and told there.
        rows = [p.row for p in case.packets if p.mark["dir"] == direction and not p.row.has("icmp.type", "icmpv6.type")]
        for name in names:
            # What is empty has no octets to show; of a body we tell the beginning.
            ours = [str(e[name]) for e in told if e.get(name, "") != ""]
            theirs = [value for row in rows for value in row.all(name) if value]
            case.compared += len(ours)
            if len(ours) != len(theirs) or not all(a == b or len(a) == 512 and b.startswith(a) for a, b in zip(ours, theirs)):
                case.differ(f"queue {direction}", name, ours, theirs)
        if told and any("0" in row.all(status) for row in rows for status in witnesses.STATUSES):
            case.no(f"queue {direction}", "tshark finds a bad checksum, and all our frames are good")
    for event in events:
        cause = next(e for e in case.events if e["id"] == event["cause"])
        # What was held back is whole with the frame that fills the gap.
        last = cause.get("frame.number") if "held" in event else event.get("last_frame", cause.get("frame.number"))
        if cause["what"] != "frame" or cause["frame.number"] != last:
            case.no(f"event {event['id']}", "its cause is not the frame that it was whole with")


AGAIN = ("tcp.analysis.retransmission", "tcp.analysis.fast_retransmission", "tcp.analysis.spurious_retransmission", "tcp.analysis.out_of_order")


def whole_with(case, frame):
    """What we say was whole with that packet."""
    causes = {e["id"] for e in case.events if e["what"] == "frame" and e["frame.number"] == frame}
    return [e for e in case.events if e["what"] == "queue" and e["step"] == "frame" and e["cause"] in causes]


def is_any(case, frame):
    """tshark finds a frame in that packet, or octets sent again: of those it has read the first copy, which was lost."""
    row = case.row[frame]
    return bool(whole_with(case, frame)) and (bool(row.all("layerlab.frame.type")) or row.has(*AGAIN))


def has_type(*names):
    return lambda case, frame: is_any(case, frame) and any(e["type_name"] in names for e in whole_with(case, frame))
