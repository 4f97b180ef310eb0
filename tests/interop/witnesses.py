"""What others say of a capture: tshark's fields, capinfos' summary, tcpdump's octets. None may complain."""

import pathlib
import re
import shlex
import subprocess

# Each names its own harmless line; anything else on standard error is a complaint.
HARMLESS = re.compile(
    r'Running as user "root" and group "root"\. This could be dangerous\.'
    r"|reading from file .*, link-type EN10MB \(Ethernet\)(, snapshot length \d+)?"
)

# Ours, for layerlab's frames.
DISSECTOR = pathlib.Path(__file__).resolve().parents[2] / "docs/wireshark/layerlab.lua"
STATUSES = ("layerlab.frame.header_checksum.status", "layerlab.frame.payload_checksum.status")

# Checksums are checked, and each fragment is a packet of its own, as our JSON lines have it.
PREFERENCES = ("ip.defragment:FALSE", "ipv6.defragment:FALSE", "ip.check_checksum:TRUE", "tcp.check_checksum:TRUE", "udp.check_checksum:TRUE")

# What the claims are held against, beside the fields that the run's own JSON lines name.
ALWAYS = """frame.number frame.time_epoch frame.len frame.cap_len frame.comment frame.protocols _ws.malformed
ip.checksum.status tcp.checksum.status udp.checksum.status icmp.checksum.status icmpv6.checksum.status
ip.id ip.flags.mf ip.frag_offset ip.proto ip.src ip.dst ip.version ip.len ipv6.src ipv6.dst ipv6.nxt ipv6.plen
ipv6.fraghdr.ident ipv6.fraghdr.offset ipv6.fraghdr.more
arp.opcode arp.src.proto_ipv4 arp.dst.proto_ipv4 icmp.type icmp.code icmpv6.type icmpv6.code
udp.srcport udp.dstport udp.length udp.checksum
tcp.stream tcp.srcport tcp.dstport tcp.flags tcp.seq tcp.ack tcp.seq_raw tcp.ack_raw tcp.len tcp.window_size tcp.checksum
tcp.options.sack_le tcp.options.sack_re
tcp.connection.syn tcp.connection.synack tcp.connection.rst tcp.connection.fin_active tcp.connection.fin_passive
tcp.analysis.acks_frame tcp.analysis.duplicate_ack_num tcp.analysis.duplicate_ack_frame
tcp.analysis.retransmission tcp.analysis.fast_retransmission tcp.analysis.spurious_retransmission
tcp.analysis.out_of_order tcp.analysis.lost_segment tcp.analysis.window_update tcp.analysis.zero_window
tcp.analysis.zero_window_probe tcp.analysis.keep_alive tcp.analysis.keep_alive_ack""".split()


class Complaint(Exception):
    pass


def ask(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    complaints = [l for l in done.stderr.splitlines() if l.strip() and not HARMLESS.fullmatch(l.strip())]
    if done.returncode != 0 or complaints:
        raise Complaint(f"{command[0]} exits {done.returncode} and says: {' / '.join(complaints)}")
    return done.stdout


class Row:
    """tshark's view of one packet: every value of every field asked for."""

    def __init__(self, names, values):
        self.values = {name: value.split("\x1f") if value else [] for name, value in zip(names, values)}

    def all(self, name):
        return self.values[name]

    def text(self, name):
        return self.values[name][0] if self.values[name] else None

    def number(self, name, nth=0):
        found = self.values[name]
        return number(found[nth]) if len(found) > nth else None

    def has(self, *names):
        return any(self.values[name] for name in names)


def number(text):
    if text in ("True", "False"):  # tshark from 4.2 on; 1 and 0 before
        return int(text == "True")
    return int(text, 16 if text.startswith("0x") else 10)


def tshark(path, names):
    names = sorted(set(ALWAYS) | set(STATUSES) | {"layerlab.frame.type"} | set(names))
    command = ["tshark", "-n", "-X", f"lua_script:{DISSECTOR}", "-r", path, "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a", "-E", "aggregator=\x1f"]
    for preference in PREFERENCES:
        command += ["-o", preference]
    for name in names:
        command += ["-e", name]
    return [Row(names, line.split("\t")) for line in ask(*command).split("\n") if line]


def capinfos(path):
    """The lines of capinfos by their names."""
    text = ask("capinfos", path)
    return dict(re.findall(r"^(\S[^:\n]*?):\s+(.*)$", text, re.M))


def pairs(line):
    """`key=value key="value"` as a dictionary."""
    return dict(word.split("=", 1) for word in shlex.split(line))


def tcpdump(path):
    """The octets of every packet, in hexadecimal."""
    packets = []
    for line in ask("tcpdump", "-n", "-t", "-xx", "-r", path).splitlines():
        octets = re.fullmatch(r"\t0x[0-9a-f]+:\s+([0-9a-f ]+)", line)
        if octets:
            packets[-1] += octets[1].replace(" ", "")
        elif not line.startswith("\t") and not line.startswith(" "):
            packets.append("")
    return packets
