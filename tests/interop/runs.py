"""The runs that the judges read: what is typed, and what a run must show to be worth judging.

`shows` is held against the run's JSON lines: a note of `analysis`, a fate, a rule of the wire, an errno, a protocol,
or one of the words that `claims.shown` knows. A run that shows less than it promises fails, so no check passes for
want of anything to check.
"""

import os
from dataclasses import dataclass

EVERYWHERE = ("client", "server", "wire")
QUEUE = "python3 -B tests/data/queue/peers.py"  # two scripts made from the specification


@dataclass
class Run:
    name: str
    arguments: str
    shows: str
    vantages: tuple = EVERYWHERE
    status: int = 0
    user: bool = False
    backend: str = ""
    programs: str = ""  # of `wire run`: what its client must say


RUNS = [
    Run("tcp-echo", "tcp echo", "handshake_ack acknowledges first_fin second_fin arp payload"),
    Run("tcp-closed-port", "tcp echo --closed-port", "refused ECONNREFUSED"),
    Run("tcp-absent-host", "tcp echo --absent-host", "arp EHOSTUNREACH", ("client",)),
    Run("tcp-burst", "tcp echo --burst one two three four", "acknowledges payload"),
    Run("tcp-nodelay-pieces", "tcp echo --nodelay --split 3,2 --burst hello again", "payload"),
    Run("tcp-bulk", "tcp echo --size 200000", "acknowledges payload"),
    Run("udp-echo", "udp echo AB CD", "udp payload"),
    Run("udp-empty", "udp echo --size 0", "udp"),
    Run("udp-closed-port", "udp echo --closed-port --wait 200ms", "icmp about"),
    Run("udp-closed-port-connected", "udp echo --closed-port --connect-udp --wait 200ms a b", "icmp about ECONNREFUSED"),
    Run("udp-absent-host", "udp echo --absent-host --wait 200ms", "arp", ("client",)),
    Run("udp-fragments", "udp echo --size 3000", "fragment"),
    Run("udp-fragment-lost", "udp echo --size 3000 --drop fragment#2 --wait 300ms", "fragment dropped script", status=1),
    Run("drop-data", "tcp echo --drop tcp.data#2 --delay 10ms AB CD EF", "dropped script retransmission"),
    Run("drop-data-of-many", "tcp echo --size 14000 --delay 10ms --drop tcp.data#3 --seed 1",
        "dropped script retransmission duplicate_ack sack"),
    Run("drop-syn", "tcp echo --drop tcp.syn#1", "dropped script retransmission handshake_ack"),
    Run("drop-syn-ack", "tcp echo --drop to-client:tcp.synack#1", "dropped retransmission handshake_ack"),
    Run("drop-fin", "tcp echo --drop tcp.fin#1", "dropped retransmission first_fin second_fin"),
    Run("drop-arp", "tcp echo --drop arp#1", "dropped arp repeat"),
    Run("loss", "tcp echo --size 60000 --delay 5ms --loss 5% --seed 11", "dropped random retransmission duplicate_ack"),
    Run("corrupt", "tcp echo --corrupt 10% --seed 3 --size 6000", "corrupted retransmission"),
    Run("corrupt-udp", "udp echo --corrupt 60% --seed 5 --wait 200ms a b c d e f", "corrupted", status=1),
    Run("duplicate", "tcp echo --duplicate 30% --seed 1 a b c d", "duplicated"),
    Run("swap", "tcp echo --swap tcp.data#2 --size 8000", "reordered"),
    Run("reorder", "udp echo --reorder 50% --delay 5ms --burst --seed 4 --count 6 a", "reordered"),
    Run("delay-jitter", "tcp echo --delay 5ms --jitter 3ms --seed 2 --size 20000", "delayed acknowledges"),
    Run("queue-full", "tcp echo --rate 2mbit --limit 5 --size 60000", "queue_full dropped retransmission duplicate_ack"),
    Run("half-close", "tcp echo --half-close one two", "first_fin second_fin"),
    Run("server-closes-first", "tcp echo --close-first server --send-after-close", "reset first_fin EPIPE"),
    Run("reset", "tcp echo --reset", "reset"),
    Run("no-accept", "tcp echo --no-accept --backlog 1 --clients 5 --timeout 2500ms", "retransmission handshake_ack"),
    Run("several-clients", "tcp echo --clients 3 --delay 2ms", "streams"),
    Run("zero-window", "tcp echo --size 40000 --read-after 1200ms --rcvbuf 4096",
        "zero_window zero_window_probe window_update"),
    Run("keep-alive", "tcp echo --idle 3500ms --keepalive 1s,1s,3", "keep_alive keep_alive_ack"),
    Run("no-sack", "tcp echo --sysctl net.ipv4.tcp_sack=0 --sysctl net.ipv4.tcp_timestamps=0 "
        "--size 14000 --delay 10ms --drop tcp.data#3", "retransmission duplicate_ack"),
    Run("no-window-scaling", "tcp echo --sysctl net.ipv4.tcp_window_scaling=0 --size 9000", "payload"),
    Run("cut-and-restore", "tcp echo --cut 400ms --restore 900ms --every 300ms a b c", "cut dropped retransmission"),
    Run("black-hole", "tcp echo --mtu 1200 --no-icmp --size 3000 --timeout 1s", "mtu dropped retransmission",
        ("client",), 1),
    Run("ipv6", "tcp echo -6 --size 5000", "ipv6 handshake_ack"),
    Run("ipv6-closed-port", "tcp echo -6 --closed-port", "ipv6 refused ECONNREFUSED"),
    Run("ipv6-udp-closed-port", "udp echo -6 --closed-port --wait 200ms", "ipv6 icmpv6 about"),
    Run("ipv6-fragments", "udp echo -6 --size 3000", "ipv6 fragment"),
    Run("curl", "wire run --drop tcp.data#1 --delay 5ms --server 'python3 -m http.server' "
        "--client 'curl -s -o /dev/null -w %{http_code} http://server:8000/'", "dropped script retransmission payload",
        programs="200"),
    Run("iperf3", "wire run --loss 8% --seed 3 --rate 5mbit --limit 50 --at 200ms delay=10ms --server 'iperf3 -s -1 >/dev/null' "
        "--client 'iperf3 -c server -n 150K'", "dropped random retransmission duplicate_ack sack streams", programs="iperf Done."),
    Run("iperf3-udp", "wire run --duplicate 5% --seed 2 --server 'iperf3 -s -1 >/dev/null' "
        "--client 'iperf3 -u -b 2M -c server -n 60K'", "duplicated udp payload", programs="iperf Done."),
    Run("ws-echo", "ws echo one two", "http websocket first_fin second_fin"),
    Run("ws-fragments", "ws echo --fragment 3 HelloHello", "websocket"),
    Run("ws-ping-between", "ws echo --ping-between HelloHello", "websocket"),
    Run("ws-binary-16", "ws echo --binary --size 126", "websocket"),
    Run("ws-binary-64", "ws echo --binary --size 70000", "websocket"),
    Run("ws-deflate", "ws echo --deflate --size 400", "websocket"),
    Run("ws-close", "ws echo --close 4001:bye", "websocket"),
    Run("ws-held-back", "ws echo --fragment 1400 --size 12000 --delay 5ms --drop tcp.data#4", "websocket held_back dropped retransmission"),
    Run("ws-lost", "ws echo --size 30000 --delay 5ms --drop tcp.data#5", "websocket dropped retransmission"),
    Run("queue-script", f"wire run --server '{QUEUE} server talk' --client '{QUEUE} client talk'", "layerlab.queue", programs="done"),
    Run("queue-script-lost", f"wire run --drop to-client:tcp.data#10 --server '{QUEUE} server lost' --client '{QUEUE} client lost'",
        "layerlab.queue dropped retransmission", programs="done"),
    Run("queue-script-websocket", f"wire run --server '{QUEUE} server websocket' --client '{QUEUE} client websocket'",
        "websocket layerlab.queue", programs="done"),
    Run("queue-demo-replayed", "queue demo replayed", "layerlab.queue first_fin"),
    Run("queue-demo-lost-ack", "queue demo lost-ack", "layerlab.queue dropped script"),
    Run("queue-demo-holding", "queue demo holding --delay 2ms", "layerlab.queue streams"),
    Run("queue-demo-full", "queue demo full --drop tcp.data#3", "layerlab.queue dropped retransmission"),
    Run("veth", "tcp echo --backend veth --size 20000", "handshake_ack", backend="veth"),
    Run("veth-drop-data", "tcp echo --backend veth --size 14000 --drop tcp.data#3 --delay 10ms",
        "dropped retransmission duplicate_ack", backend="veth"),
    Run("veth-udp", "udp echo --backend veth --size 3000", "fragment", backend="veth"),
]

# An ordinary user always has the veth backend where user namespaces are allowed; root has /dev/net/tun mostly, too.
if os.path.exists("/dev/net/tun") and os.access("/dev/net/tun", os.W_OK):
    RUNS += [Run("tap", "tcp echo --backend tap --size 20000", "handshake_ack", backend="tap")]
if os.geteuid() == 0:
    RUNS += [
        Run("user-tcp", "tcp echo --backend veth --drop tcp.data#2 a b c", "dropped retransmission", user=True, backend="veth"),
        Run("user-udp", "udp echo --backend veth --closed-port --wait 200ms", "icmp about", user=True, backend="veth"),
    ]
