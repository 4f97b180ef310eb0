"""Upgrades and WebSocket frames: what a run's JSON lines say of them, against tshark's reading of the same capture."""

HEAD = ("http.request.method", "http.request.uri", "http.response.code", "http.sec_websocket_key", "http.sec_websocket_accept")
FRAME = ("websocket.fin", "websocket.rsv", "websocket.opcode", "websocket.mask", "websocket.payload_length",
    "websocket.payload_length_ext_16", "websocket.payload_length_ext_64", "websocket.masking_key",
    "websocket.payload.close.status_code", "websocket.payload.close.reason")


def websocket(case, same):
    """Direction by direction, every value of every field, in order: segments may hold several frames, or parts of one."""
    events = [e for e in case.events if e["what"] == "websocket"]
    for direction in ("to-server", "to-client"):
        told = [e for e in events if e["heading"] == direction and e["step"] in ("request", "response", "frame", "fault")]
        rows = [p.row for p in case.packets if p.mark["dir"] == direction]
        for name in HEAD + FRAME if told else ():
            if not any(name in row.values for row in rows):
                continue
            ours = [e[name] for e in told if name in e]
            theirs = [value for row in rows for value in row.all(name)]
            if name.endswith("reason"):
                ours = [reason for reason in ours if reason]
            case.compared += len(ours)
            if len(ours) != len(theirs) or not all(same(a, [b]) for a, b in zip(ours, theirs)):
                case.differ(f"WebSocket {direction}", name, ours, theirs)
    for event in events:
        # What is told of a frame follows from the frame that its segment came in.
        cause = next(e for e in case.events if e["id"] == event["cause"])
        if cause["what"] != "frame" or "tcp.stream" not in cause or cause["tcp.stream"] != event.get("tcp.stream"):
            case.no(f"event {event['id']}", "its cause is no segment of its connection")


def carries_octets(case, frame):
    """A frame that held octets back carried some, and was not lost itself."""
    return case.frames[frame].get("tcp.len", 0) > 0 and case.fates[frame]["fate"] != "dropped"


def is_ping(case, frame):
    return "9" in case.row[frame].all("websocket.opcode")
