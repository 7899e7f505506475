"""Numbers that the scan's modules share: protocols, table layouts, bounds.

They stand a second time in ``layout.pxd``, as C constants for the compiled modules, which never
load this file; a test holds the two lists against each other. A name that ends in 8 or 4 counts
words of so many bytes: in a flow's words the parts that each packet touches lie side by side,
because memory is what the loop waits for.
"""

from __future__ import annotations

from typing import Final

# What comes next in a frame: an Ethernet type, or a number of ours above the 16 bits that the wire can hold.
NOTHING: Final = 0
IPV4: Final = 0x0800
ARP: Final = 0x0806
IPV6: Final = 0x86DD
ETHERNET: Final = 0x10001
LLC: Final = 0x10002
PPP: Final = 0x10003
NIBBLE: Final = 0x10004
IP_PACKET: Final = 0x20000
ARP_PACKET: Final = 0x20001

# ``columns.Kind``.
DNS: Final = 1
DHCP4: Final = 2
DHCP6: Final = 3
NTP: Final = 4
ICMP: Final = 5
ICMP6: Final = 6
FRAGMENT: Final = 7
TCP: Final = 8
EAPOL: Final = 9
LLDP: Final = 10
CDP: Final = 11
STP: Final = 12

# ``columns.Tunnel``.
T_PPPOE: Final = 1
T_MPLS: Final = 2
T_GRE: Final = 4
T_ERSPAN: Final = 8
T_VXLAN: Final = 16
T_GENEVE: Final = 32
T_IP: Final = 64
T_WIRE: Final = 128

# ``columns.Oddity``, and behind it two things that are counted the same way.
LINK_SHORT: Final = 0
IP_SHORT: Final = 1
IP_VERSION: Final = 2
IP_HEADER_LENGTH: Final = 3
IP_TOTAL_LENGTH: Final = 4
IP_BEYOND_FRAME: Final = 5
IP6_EXTENSIONS: Final = 6
TCP_HEADER_LENGTH: Final = 7
UDP_LENGTH: Final = 8
TRANSPORT_SHORT: Final = 9
ARP_FORM: Final = 10
TOO_DEEP: Final = 11
SEEN_TSO: Final = 12
SEEN_OVERSIZE: Final = 13

# Words per entry of each table.
ROW8: Final = 10
HANDED8: Final = 3
ARP8: Final = 10
PAIR8: Final = 10
BINDING8: Final = 12
RING8: Final = 9
SEEN8: Final = 6
OUTER8: Final = 7
LINK8: Final = 3
COPY8: Final = 11

# A flow's 8-byte words: a_hi, a_lo, b_hi, b_lo, key, first_ns, last_ns, a word for the thinning of
# the log, then for each side bytes, payload, first MAC, latest MAC, last_ns.
FLOW8: Final = 18
KEY8: Final = 4
FIRST8: Final = 5
LAST8: Final = 6
KEPT8: Final = 7
SIDES8: Final = 8
SIDE8: Final = 5

# A flow's 4-byte words, then those of a side, which begin with its packets and end with the frames of its last data
# (keep-alive probes left out), of its last acknowledgment that confirmed more, and of its last packet, marked copies
# left out of all three. The last word of a flow is the number of its tail, 0 for none.
FLOW4: Final = 41
LAST4: Final = 1
KEY_FLOW4: Final = 2
ROWS4: Final = 3
LEFT4: Final = 4
STATE4: Final = 5
SIDES4: Final = 6
SIDE4: Final = 17
DATA4: Final = 1
RETRANS4: Final = 2
UNSEEN4: Final = 3
ISN4: Final = 4
NEXT4: Final = 5
ACK4: Final = 6
SEEN4: Final = 7
FLAGS4: Final = 8
TTL_MIN4: Final = 9
TTL_MAX4: Final = 10
MOVES4: Final = 11
HANDED4: Final = 12
HANDED_BYTES4: Final = 13
SAID4: Final = 14
HEARD4: Final = 15
LIVE4: Final = 16
TAIL4: Final = 40

# Bits above the TCP flags of a side: its sequence number is known, its acknowledgement number is, the window it last
# stated is closed, its stream begins like none that is read. And those above vlan (16 bits) and tunnel (8 bits) in a
# flow's state: its beginning was not seen; the next packet of side a is to be logged, whatever it says (and one further
# up, that of side b); a bound kept out what was to be logged or handed over.
NEXT_KNOWN: Final = 0x10000
ACK_KNOWN: Final = 0x20000
IS_SHUT: Final = 0x40000
STRANGE: Final = 0x80000
MIDSTREAM: Final = 0x1000000
IS_AWAITED: Final = 0x2000000
IS_LOST: Final = 0x8000000

# Bounds of the loops: tunnels, wrappings, IPv6 extension headers, labels; and of the small tables.
DEEPEST: Final = 8
MAX_SHIMS: Final = 64
MAX_EXTENSIONS: Final = 256
MAX_LABELS: Final = 16
MAX_SMALL: Final = 64

# CAP-DUP: equal packets are copies inside this time; those without IP identification nearer, and only
# after so many other copies proved that the mirror makes some (CAP-DUP-ID0). The look-back is a ring.
COPY_WINDOW_NS: Final = 50_000_000
ATOMIC_WINDOW_NS: Final = 5_000_000
COPY_PROOFS: Final = 20
COPY_STEPS: Final = 16
HASHED_BYTES: Final = 256
RING: Final = 8192
BUCKETS: Final = 65_536

# CAP-OFFLOAD-CSUM: so many checksums are verified behind each address; packets above the size were not on a wire.
SUMS: Final = 64
SUM_BYTES: Final = 1514

# ``columns.Copy``, and what may become one of them.
SAME_COPY: Final = 1
ROUTED_COPY: Final = 2
ATOMIC_COPY: Final = 3

# A SYN this near to a flow's first packet, with fitting numbers, opens that flow: hasty queues hand frames over in the
# wrong order. So near: octets that may have been sent meanwhile.
OUT_OF_ORDER_NS: Final = 5_000_000
OUT_OF_ORDER_OCTETS: Final = 65_536

# The packet log of a flow, the last rows of which are for openings and ends alone, and that of all link-layer frames
# together; a pause that a flow's log keeps.
SILENCE_S: Final = 5
FLOW_FIRST_ROWS: Final = 300
FLOW_MAX_ROWS: Final = 2000
FLOW_END_ROWS: Final = 100
LINK_MAX_ROWS: Final = 100_000

# Each time that the log is full, half as many first and last rows of each flow stay, and half as many segments of each
# stream, down to the least; pauses say something only up to a degree. Where much was handed over, streams count as if
# the log had been full so often. The least that tells what became of a connection: a TLS server with a long chain of
# certificates takes seven or eight segments until its first words of the application, a transfer by FTP a dozen; fewer
# do of a connection that nobody will read.
FLOW_LAST_ROWS: Final = 64
FLOW_LEAST_FIRST: Final = 3
FLOW_LEAST_LAST: Final = 6
STREAM_LEAST_SEGMENTS: Final = 8
DIALOGUE_LEAST_SEGMENTS: Final = 20
UNREAD_LEAST_SEGMENTS: Final = 4
HANDED_PLENTY: Final = 100_663_296
HANDED_THIN: Final = 4
THINNEST: Final = 7
THIN_PAUSES: Final = 5

# A flow's tail: for each side how many of its packets the log did not take, the rows of the last of them in a ring,
# and behind it those of its last data and last advancing acknowledgment, once the ring has passed them.
TAIL_ROWS: Final = 8
TAIL_SAID: Final = 81
TAIL_HEARD: Final = 91
TAIL_SIDE8: Final = 101
TAIL8: Final = 202

# TCP flags.
FIN: Final = 1
SYN: Final = 2
RST: Final = 4
ACK: Final = 16

# No VLAN tag.
NO_VLAN: Final = 0xFFFF
