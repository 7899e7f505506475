"""Of a long conversation most packets leave the log: what is asked of it is answered as if all were there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapaudit.diagnose.rules.persist import dead_end
from pcapaudit.engine.options import AuditOptions
from pcapaudit.engine.run import audit_frames
from pcapaudit.flows.flow import Flow
from pcapaudit.flows.latest import last_received_ns
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.events import Packet
from pcapaudit.model.frames import CaptureNotes
from pcapaudit.report.document import to_json
from pcapaudit.scan import Bounds, Scanner
from pcapaudit.scan.layout import TAIL_ROWS
from tests.scan.material import ACK, DEVICE, FIN, GATEWAY, MS, RST, SYN, A, B, batch, eth, ip4, received, sent, tcp, udp
from tests.support.bounded import SCANT, WHOLE, audits_with, scanner_with
from tests.support.scene import CLOUD, DEV, play_script

scanners = cache(scanner_with)
FULL = 250
ROUNDS = 400
OPENED = """
0.0   dev > gw BOOT
1.0   dev > gw LOOKUP gk.sensorist.com A 54.229.203.190
2.0   dev:50001 > cloud:4321 CONNECT
"""
END = 3 + ROUNDS


def talk(since: int = 3, word: str = "EXCHANGE 90 40") -> str:
    """So many questions and answers, one a second."""
    return f"{since} repeat {ROUNDS} every 1:\n  0.0 dev:50001 > cloud:4321 {word}\n"


def lost(at: int) -> str:
    """A question that is repeated in vain, as stacks do (RFC 6298)."""
    again = "".join(f"{at + wait} dev:50001 > cloud:4321 AGAIN lost\n" for wait in (1, 3, 7, 15, 31))
    return f"{at} dev:50001 > cloud:4321 DATA 50 lost\n{again}"


def anew(at: int) -> str:
    """Another connection, which works."""
    return (
        f"{at} dev:50002 > cloud:4321 CONNECT\n{at}.2 dev:50002 > cloud:4321 EXCHANGE 9 9\n{at + 5} switch > * WATCH\n"
    )


def dark(at: int) -> str:
    """Neither port answers any more."""
    tries = [(port, wait) for port in (4321, 443) for wait in (0, 1, 3, 7, 15)]
    return (
        "".join(f"{at + wait} dev:5{port} > cloud:{port} SYN\n" for port, wait in tries)
        + f"{at + 90} switch > * WATCH\n"
    )


ACKED = "  0.0 dev:50001 > cloud:4321 DATA 90\n  0.03 cloud:4321 > dev:50001 ACK\n"
SECOND_TIME = "  0.0 dev:50001 > cloud:4321 DATA 50 lost\n  0.4 dev:50001 > cloud:4321 AGAIN\n"
STORIES = {
    "alive to the end": ("healthy", None, talk()),
    "the line goes dead": ("failed", "TCP-ALL-PORTS-FAIL", talk() + lost(END) + dark(END + 60)),
    "the line goes dead, and the device waits": (
        "failed",
        "RETURN-MISSING",
        talk() + lost(END) + f"{END + 300} switch > * WATCH\n",
    ),
    "dead in the middle of its talk, a new one works": ("healthy", None, talk() + lost(END) + anew(END + 60)),
    "dead after a long pause, a new one works": (
        "degraded",
        "NAT-IDLE-TIMEOUT",
        talk() + lost(END + 400) + anew(END + 460),
    ),
    "as long a pause was survived": (
        "healthy",
        None,
        talk() + talk(END + 300) + lost(2 * END + 300) + anew(2 * END + 360),
    ),
    "reset by the far side": (
        "failed",
        "TCP-ALL-PORTS-FAIL",
        talk() + f"{END} cloud:4321 > dev:50001 RST\n" + dark(END + 10),
    ),
    "trouble that was mended": (
        "healthy",
        None,
        talk()
        + lost(END)
        + f"{END + 40} dev:50001 > cloud:4321 AGAIN\n{END + 41} dev:50001 > cloud:4321 EXCHANGE 9 9\n"
        + talk(END + 42),
    ),
    "all is taken and nothing answered": (
        "failed",
        "RETURN-ACK-ONLY",
        f"3 repeat {ROUNDS} every 1:\n{ACKED}{END + 90} switch > * WATCH\n",
    ),
    "a window that is shut for a moment": (
        "healthy",
        None,
        talk() + f"{END} cloud:4321 > dev:50001 ACK win=0\n{END + 5} cloud:4321 > dev:50001 ACK\n" + talk(END + 6),
    ),
    "a window that stays shut": (
        "degraded",
        "TCP-ZERO-WINDOW",
        talk() + f"{END} cloud:4321 > dev:50001 ACK win=0\n{END + 50} cloud:4321 > dev:50001 ACK\n" + talk(END + 56),
    ),
    "segments that need a second try": (
        "degraded",
        "PATH-LOSS",
        f"3 repeat {ROUNDS // 4} every 4:\n{SECOND_TIME}  0.45 cloud:4321 > dev:50001 DATA 40\n"
        + "".join(f"  {n}.0 dev:50001 > cloud:4321 EXCHANGE 90 40\n" for n in (1, 2, 3)),
    ),
}


def report_of(script: str, scanner: Any) -> dict[str, Any]:
    """What the report says of the device."""
    frames = [(f.time_ns, f.data, f.wire_len) for f in play_script(OPENED + script, CLOUD)]
    with audits_with(scanner):
        document = json.loads(to_json(audit_frames(frames, AuditOptions(device=DEV))))
    device: dict[str, Any] = document["devices"][0]
    return device


def thinned(*, bounds: Bounds | None = None, **how: Any) -> Scanner:
    """A scanner whose log is full again and again."""
    return Scanner(bounds=replace(bounds or Bounds(), max_rows=FULL), **how)


@pytest.mark.parametrize("name", STORIES)
def test_the_report_is_the_same_whether_all_packets_are_logged_or_some(name: str) -> None:
    verdict, root, script = STORIES[name]
    whole = report_of(script, scanners(WHOLE))
    assert (whole["verdict"], (whole["root_cause"] or {}).get("rule")) == (verdict, root)
    assert report_of(script, Scanner) == whole
    # A log that is thinned as far as it goes keeps too few segments to tell how many were lost.
    assert root == "PATH-LOSS" or report_of(script, thinned) == whole


# --- what a flow is asked -------------------------------------------------------------------------------------------

STEPS = {
    "d": "the device says something", "s": "the server does", "a": "the device acknowledges", "b": "the server does",
    "r": "the device repeats its last segment", "q": "the server does", "k": "the device probes", "p": "a pause",
    "z": "the server shuts its window",
}  # fmt: skip
ENDINGS = {"": (), "F": (("d", FIN | ACK),), "R": (("s", RST | ACK),), "FF": (("d", FIN | ACK), ("s", FIN | ACK))}


class Talk:
    """A connection that is written step by step: frames, and when they are seen."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.times: list[int] = []
        self.now = 0
        self.said = {"d": 1, "s": 1}
        self.last: dict[str, tuple[int, int]] = {"d": (1, 0), "s": (1, 0)}

    def step(self, step: str) -> None:
        """Play one of ``STEPS``."""
        if step == "p":
            self.now += 6000 * MS
        elif step in "ds":
            self.put(step, ACK, self.said[step], 10)
            self.last[step] = (self.said[step], 10)
            self.said[step] += 10
        elif step in "rq":
            side = "d" if step == "r" else "s"
            self.put(side, ACK, *self.last[side])
        elif step == "k":
            self.put("d", ACK, self.said["d"] - 1, 1)
        else:
            side = "d" if step == "a" else "s"
            self.put(side, ACK, self.said[side], 0, window=0 if step == "z" else 500)

    def put(self, side: str, flags: int, seq: int, size: int, window: int = 500) -> None:
        """Send one segment."""
        # Further apart than what counts as one try (``REPEAT_NS`` of the rules).
        self.now += 250 * MS
        ack = self.said["s" if side == "d" else "d"] if flags & ACK else 0
        ident = len(self.frames) % 65535 + 1
        if side == "d":
            self.frames.append(sent(tcp(flags, bytes(size), seq=seq, ack=ack, window=window), ident))
        else:
            segment = tcp(flags, bytes(size), seq=seq, ack=ack, window=window, sport=443, dport=50000)
            self.frames.append(received(segment, ident))
        self.times.append(self.now)


def connection(blocks: Sequence[tuple[str, int]], ending: str, *, is_opened: bool) -> Talk:
    """A connection of blocks of steps, each played so many times."""
    talk = Talk()
    if is_opened:
        talk.put("d", SYN, 0, 0)
        talk.put("s", SYN | ACK, 0, 0)
        talk.step("a")
    for steps, times in blocks:
        for step in steps * times:
            talk.step(step)
    for side, flags in ENDINGS[ending]:
        talk.put(side, flags, talk.said[side], 0)
    return talk


def flow_of(frames: Sequence[bytes], times: Sequence[int], scanner: Any) -> tuple[Traffic, Flow]:
    """The one flow of a capture."""
    scan = scanner()
    scan.feed(batch(frames, times=times))
    traffic = Traffic(scan.result(), CaptureNotes())
    return traffic, traffic.flow(0)


def answers_of(traffic: Traffic, flow: Flow) -> dict[str, object]:
    """What rules ask of a flow and must be told right."""
    asked = {
        "last_answer": flow.last_answer, "first_answer": flow.first_answer, "closed_at": flow.closed_at,
        "first_rst": flow.first_rst, "gave_up": flow.gave_up, "refusal": flow.refusal,
        "last sent": last(flow.sent), "last received": last(flow.received), "last data sent": last(flow.sent_data),
        "last data received": last(flow.received_data),
    }  # fmt: skip
    return {
        **{name: packet and packet.frame for name, packet in asked.items()},
        "ends": (flow.orig, flow.resp),
        "numbers": (flow.orig_isn, flow.resp_isn, flow.acked_sent, flow.answered_bytes),
        "states": (flow.is_established, flow.has_two_way_data, bool(flow.received), bool(flow.unacked_data)),
        "last_received_ns": last_received_ns(traffic, flow.index),
    }


def last(packets: Sequence[Packet]) -> Packet | None:
    """The last of some packets."""
    return packets[-1] if packets else None


BLOCKS = st.lists(
    st.tuples(st.text("".join(STEPS), min_size=1, max_size=6), st.integers(1, 30)), min_size=1, max_size=4
)


@settings(max_examples=100, deadline=None)
@given(BLOCKS, st.sampled_from(sorted(ENDINGS)), st.booleans())
def test_what_a_connection_is_asked_it_answers_the_same_with_few_of_its_packets(
    blocks: list[tuple[str, int]],
    ending: str,
    is_opened: bool,
) -> None:
    talk = connection(blocks, ending, is_opened=is_opened)
    if not talk.frames:
        return
    whole, few = (flow_of(talk.frames, talk.times, scanners(kept)) for kept in (WHOLE, SCANT))
    assert answers_of(*few) == answers_of(*whole)
    assert not whole[1].left_out
    pauses = dict(zip((p.frame for p in whole[1].packets), whole[1].pauses, strict=True))
    assert {p.frame: few[1].pause_before(p) for p in few[1].packets}.items() <= pauses.items()
    tries = dead_end(whole[1])
    # Of tries between which much else was sent the first may be gone: of each side so many of the last packets stay.
    if tries is None or {p.frame for p in tries} <= {p.frame for p in whole[1].sent[-TAIL_ROWS:]}:
        assert bool(dead_end(few[1])) == bool(tries)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ds"), st.integers(0, 2), st.integers(1, 60)), min_size=1, max_size=6))
def test_what_is_asked_of_datagrams_is_answered_the_same_with_few_of_them(runs: list[tuple[str, int, int]]) -> None:
    said = [(side, size) for side, size, count in runs for _ in range(count)]
    frames = [
        eth(ip4(udp(bytes(size)), ident=n)) if side == "d" else received_datagram(bytes(size), n)
        for n, (side, size) in enumerate(said, 1)
    ]
    times = [n * 100 * MS for n in range(len(frames))]
    whole, few = (flow_of(frames, times, scanners(kept)) for kept in (WHOLE, SCANT))
    # What was answered in bytes is added up of those that are there.
    asked, told = answers_of(*whole), answers_of(*few)
    del asked["numbers"], told["numbers"]
    assert told == asked


def received_datagram(payload: bytes, ident: int) -> bytes:
    """A datagram to the device in its frame."""
    return eth(ip4(udp(payload, sport=8844, dport=40000), src=B, dst=A, ident=ident), src=GATEWAY, dst=DEVICE)
