"""The words of a flow's digest, and what else its compiled and its plain form share.

They stand a second time in ``layout.pxd``, as C constants for the compiled module, which never loads this file; a test
holds the two lists against each other. A packet is named by its place among the flow's packets plus 1: 0 means none.
"""

from __future__ import annotations

from typing import Final

# The words of each side, the originator's first.
PACKETS: Final = 0
SYNS: Final = 1
"""SYN segments without ACK."""
SYN_AT: Final = 2
"""The first of them."""
ISN: Final = 3
"""Its sequence number."""
SYN_ACK_AT: Final = 4
"""The first segment with SYN and ACK."""
ANSWER_ISN: Final = 5
"""Its sequence number."""
LOW: Final = 6
"""Smallest payload (bytes) of the packets that carry any; 0 when none does."""
HIGH: Final = 7
"""Largest payload."""
DATA: Final = 8
"""Packets with payload, keep-alive probes left out (RFC 9293, section 3.8.4)."""
DATA_AT: Final = 9
"""The first of them."""
DATA_END: Final = 10
"""The last of them."""
SIDE: Final = 11

# The words of the flow, behind those of its sides.
STATE: Final = 22
ACK_AT: Final = 23
"""The originator's first ACK without SYN and RST."""
REFUSAL: Final = 24
"""The responder's RST that answers a SYN before any SYN-ACK or data (RFC 9293, section 3.10.7.1)."""
ANSWERED: Final = 25
"""Bytes of the responder that reached the originator."""
ANSWER_AT: Final = 26
"""The first answer: the responder's payload, or the originator's ACK of one that is not seen."""
ANSWER_END: Final = 27
"""The last one."""
ACKED: Final = 28
"""Highest acknowledgment of the responder, if ``IS_ACKED``."""
FIN_AT: Final = 29
"""The first FIN of either side."""
RST_AT: Final = 30
"""The first RST of either side."""
GAVE_UP: Final = 31
"""The originator's FIN or RST after it waited in vain for an answer."""
RESP_ISN: Final = 32
"""The responder's initial sequence number, if ``HAS_RESP_ISN``."""
WIDTH: Final = 33

# Bits of STATE.
FROM_B: Final = 1
"""The originator is side b."""
ESTABLISHED: Final = 2
IS_ACKED: Final = 4
HAS_RESP_ISN: Final = 8

# What ``Digests.places`` selects.
ALL: Final = 0
ONLY_DATA: Final = 1
ONLY_SYN: Final = 2
ONLY_SYN_ACK: Final = 3
ONLY_UNACKED: Final = 4
BOTH_SIDES: Final = 2

EPHEMERAL: Final = 32768
"""Ports from here up are taken for a client's when nothing better tells the sides apart."""
PATIENCE_S: Final = 3
"""Who closes this long after asking has waited for an answer: the first repeat of old stacks comes by then, too."""
TCP: Final = 6
