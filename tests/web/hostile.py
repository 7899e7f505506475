"""A capture, names, a note and a whole report of a stranger who wants to run something in the reader's browser."""

from __future__ import annotations

import re
import shlex
import struct
from typing import Final

from pcapaudit.model.report import Report
from pcapaudit.report.escape import clean
from tests.support.scene import play_script

MARK: Final = "hacked"
"""A word that stands in all of it, and the flag that it would set."""
IMAGE: Final = f"<img src=x onerror={MARK}=1>"
SCRIPT: Final = f"</script><script>{MARK}=1</script>"
ATTRIBUTE: Final = f"\"onmouseover='{MARK}=1'x=\""
FORMULA: Final = f"=cmd|'/c {MARK}'!A1"
BACKWARDS: Final = f"gpj\u202eexe.\u2066{MARK}\x1b[2J\x00"
EVERYTHING: Final = f"{FORMULA}{SCRIPT}{IMAGE}{ATTRIBUTE}{{{{7*7}}}}{BACKWARDS}"
FILE_NAME: Final = f"{IMAGE}{ATTRIBUTE}\r\nX-Injected: 1\r\n\u202e.pcap"

_OWN = re.compile(r"[\w/-]*|[0-9a-fA-F:.]+(%\w+)?|\d{4}-\d\d-\d\dT[\d:.]+Z")
"""A word, an address, a time."""

_TALK = f"""
0.0   dev > * DHCP DISCOVER hostname={{image}} class={{script}}
0.1   gw > dev DHCP OFFER ip=10.0.0.5 router=10.0.0.1 dns=10.0.0.1 domain={{script}}
0.2   dev > * DHCP REQUEST hostname={{image}} class={{script}}
0.3   gw > dev DHCP ACK ip=10.0.0.5 router=10.0.0.1 dns=10.0.0.1 domain={{script}}
0.4   dev > gw ARP
0.5   switch > * LLDP name={{image}} port={{attribute}}
1.0   dev > gw LOOKUP gk.sensorist.com A 54.229.203.190 cname={{image}}
1.1   dev > gw LOOKUP {{script}} A 54.229.203.190
1.2   dev > gw LOOKUP {{formula}} A 54.229.203.190
1.3   dev > gw DNS? {{attribute}} A
2.0   dev:50001 > cloud:4321 SYN
3.0   dev:50001 > cloud:4321 SYN
5.0   dev:50001 > cloud:4321 SYN
6.0   dev:50002 > cloud:443 CONNECT
6.1   dev:50002 > cloud:443 TLS hello sni={{image}}
6.2   cloud:443 > dev:50002 TLS alert 48
7.0   dev:50003 > cloud:80 CONNECT
7.1   dev:50003 > cloud:80 HTTP GET /{MARK} host={{image}} user-agent={{script}}
7.2   cloud:80 > dev:50003 HTTP 302 location={{script}} server={{formula}}
8.0   dev:50004 > cloud:21 CONNECT
8.1   cloud:21 > dev:50004 FTP 220 {{script}}
8.2   dev:50004 > cloud:21 FTP USER {{formula}}
30.0  dev:50005 > cloud:4321 SYN
31.0  dev:50005 > cloud:4321 SYN
90.0  dev:50006 > cloud:4321 SYN
700.0 switch > * WATCH
"""


def hostile_capture() -> bytes:
    """A pcap in which every name that a capture can hold is markup, a formula or an attribute."""
    words = {"image": IMAGE, "script": SCRIPT, "attribute": ATTRIBUTE, "formula": FORMULA}
    frames = play_script(_TALK.format_map({name: shlex.quote(text) for name, text in words.items()}))
    head = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1)
    return head + b"".join(
        struct.pack("<IIII", *divmod(f.time_ns, 1_000_000_000), len(f.data), f.wire_len) + f.data for f in frames
    )


def make_hostile(report: Report) -> Report:
    """The same report with every sentence and every name in it made hostile.

    What the program writes for itself (times, addresses, rules, states) stays: a stranger has no way to it.
    """
    return clean(report, _spell)


def _spell(text: str) -> str:
    return text if _OWN.fullmatch(text) else f"{EVERYTHING}{text}"
