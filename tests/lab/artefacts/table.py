"""All artefacts by name: what each makes of a clean capture, and what is left of the truth in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from tests.lab.artefacts import blindness, headers, neighbours
from tests.lab.artefacts.original import ROUTER, ROUTERS, Original
from tests.lab.artefacts.tape import RAW_IP, Frame, Tape, in_time_order, pcap_bytes, pcapng_bytes

Files = Sequence[bytes]
"""Contents of the capture files, in the order of a ring."""

Effect = Literal["same", "weaker", "glimpse"]
"""``same``: everything is still to be seen, so the whole truth holds. ``weaker``: the capture may not show enough any
more; a healthy device may become undecided, a broken one may become undecided or fail where it still can be seen.
``glimpse``: as weaker, and the fault may lie outside of what is seen (before the device tried what is broken, or behind
the router, which never sends what it drops), so that what is broken may look well."""

CLEAN = "clean"
"""The artefact that changes nothing."""

_HALF_MINUTE_NS = 30 * 10**9
_HOUR_NS = 3600 * 10**9
_DAY_NS = 24 * _HOUR_NS
_DECADE_NS = 3653 * _DAY_NS


@dataclass(frozen=True, slots=True)
class Artefact:
    """One way in which a capture can be worse than the clean one."""

    name: str
    what: str
    effect: Effect
    derive: Callable[[Original], Files | None]
    """None where the capture has no such thing: no connection attempt to end behind, no view from outside."""


def _inside(change: blindness.Change) -> Callable[[Original], Files]:
    """Change the clean capture and write it as classic pcap."""
    return lambda original: [pcap_bytes(change(original.inside))]


def _wrapped(wrap: Callable[[], headers.Wrap]) -> Callable[[Original], Files]:
    return _inside(lambda tape: tape.each(wrap()))


def _cut(first: float, last: float) -> Callable[[Original], Files | None]:
    """Keep a stretch of the capture, given as shares of its length, unless a change of the truth is cut."""

    def cut(original: Original) -> Files | None:
        length = original.end_ns - original.start_ns
        first_ns, last_ns = original.start_ns + round(length * first), original.start_ns + round(length * last)
        return _stretch(original, first_ns, last_ns)

    return cut


def _stretch(original: Original, first_ns: int, last_ns: int) -> Files | None:
    if not original.is_cut_outside_change(first_ns, last_ns):
        return None
    return [pcap_bytes(original.inside.between(first_ns, last_ns))]


def _starts_in_connection(original: Original) -> Files | None:
    done = blindness.handshakes_done(original.inside, original.judged)
    if not done:
        return None
    return _stretch(original, original.inside.frames[done[0]].time_ns + 1, original.end_ns)


def _ends_after_syn(which: int) -> Callable[[Original], Files | None]:
    def end(original: Original) -> Files | None:
        syns = blindness.syns_of(original.inside, original.judged)
        if not syns:
            return None
        return _stretch(original, original.start_ns, original.inside.frames[syns[which]].time_ns)

    return end


def _both_sides(original: Original) -> Files | None:
    if original.outside is None:
        return None
    return [pcap_bytes(Tape(in_time_order(original.inside.frames, original.outside.frames)))]


def _both_interfaces(original: Original) -> Files | None:
    if original.outside is None:
        return None
    bare = original.outside.each(lambda frame: Frame(frame.time_ns, frame.data[14:], frame.wire - 14))
    return [pcapng_bytes([original.inside, Tape(bare.frames, RAW_IP)])]


def _outside(original: Original) -> Files | None:
    return [pcap_bytes(original.outside)] if original.outside is not None else None


def _two_taps(original: Original) -> Files:
    """A network tap with one interface for what the router sends and one for the rest, coarser in time."""
    sent = original.inside.where(lambda frame: frame.data[6:12] in ROUTERS)
    rest = original.inside.where(lambda frame: frame.data[6:12] not in ROUTERS)
    return [pcapng_bytes([rest, sent])]


def _as_pcapng(original: Original) -> Files:
    return [pcapng_bytes([original.inside], digits=(6,))]


def _ring(original: Original) -> Files:
    """Four files of a ring, the last two rotated in the middle of a burst."""
    frames = original.inside.frames
    size = -(-len(frames) // 4)
    return [pcap_bytes(Tape(frames[start : start + size])) for start in range(0, len(frames), size)]


def _pcapng_ring(original: Original) -> Files:
    frames = original.inside.frames
    size = -(-len(frames) // 3)
    return [pcapng_bytes([Tape(frames[start : start + size])]) for start in range(0, len(frames), size)]


def _judged(change: Callable[[frozenset[bytes]], blindness.Change]) -> Callable[[Original], Files]:
    return lambda original: [pcap_bytes(change(original.judged)(original.inside))]


_ALL = (
    Artefact(CLEAN, "as the lab wrote it", "same", _inside(lambda tape: tape)),
    Artefact("pcapng", "converted to pcapng with microseconds", "same", _as_pcapng),
    Artefact("ring of pcap files", "split into four files", "same", _ring),
    Artefact("ring of pcapng files", "split into three files", "same", _pcapng_ring),
    Artefact("two interfaces", "pcapng of a tap, one interface a direction, different resolutions", "same", _two_taps),
    Artefact("both sides", "LAN and WAN side of the router in one file, behind NAT", "same", _both_sides),
    Artefact("both sides, two interfaces", "the same, WAN as raw IP of a second interface", "same", _both_interfaces),
    Artefact("WAN side", "only the line between router and provider", "glimpse", _outside),
    Artefact("twice", "every frame twice, 40 µs apart", "same", _inside(blindness.repeated(40_000))),
    Artefact("twice, late", "every frame twice, 3 ms apart", "same", _inside(blindness.repeated(3_000_000))),
    Artefact(
        "twice, tagged",
        "every frame twice, the copy from a trunk",
        "same",
        _inside(blindness.repeated(60_000, headers.tagged(36))),
    ),
    Artefact("VLAN", "802.1Q", "same", _wrapped(lambda: headers.tagged(36))),
    Artefact("QinQ", "802.1ad and 802.1Q", "same", _wrapped(lambda: headers.double_tagged)),
    Artefact("ERSPAN I", "mirrored to a collector, type I", "same", _wrapped(lambda: headers.erspan(1))),
    Artefact("ERSPAN II", "mirrored to a collector, type II", "same", _wrapped(lambda: headers.erspan(2))),
    Artefact("ERSPAN III", "mirrored to a collector, type III", "same", _wrapped(lambda: headers.erspan(3))),
    Artefact("GRE", "transparent Ethernet over GRE", "same", _wrapped(lambda: headers.gre)),
    Artefact("VXLAN", "in VXLAN", "same", _wrapped(lambda: headers.vxlan)),
    Artefact("Geneve", "in Geneve", "same", _wrapped(lambda: headers.geneve)),
    Artefact("SLL2", "Linux cooked, version 2", "same", _inside(headers.cooked(ROUTER))),
    Artefact("neighbours", "a desk PC and a printer talk beside it", "same", _inside(neighbours.with_chatter)),
    Artefact("other network", "a telephone in another VLAN", "same", _inside(neighbours.with_other_network)),
    Artefact("shuffled", "order wrong within 1 ms, true times", "same", _inside(blindness.shuffled(1_000_000, 7))),
    Artefact("restamped", "times wrong within 1 ms", "weaker", _inside(blindness.restamped(500_000, 8))),
    Artefact("a day later", "the capture's clock is a day ahead", "same", _inside(blindness.shifted(_DAY_NS))),
    Artefact(
        "ten years early",
        "the capture's clock is ten years behind",
        "weaker",
        _inside(blindness.shifted(-_DECADE_NS)),
    ),
    Artefact(
        "set back 30 s",
        "the capture's clock is set in the middle",
        "weaker",
        _inside(blindness.stepped(-_HALF_MINUTE_NS)),
    ),
    Artefact(
        "set back 2 h", "the capture's clock is set in the middle", "weaker", _inside(blindness.stepped(-2 * _HOUR_NS))
    ),
    Artefact(
        "set ahead 10 min",
        "the capture's clock is set in the middle",
        "weaker",
        _inside(blindness.stepped(20 * _HALF_MINUTE_NS)),
    ),
    Artefact(
        "set ahead a day", "the capture's clock is set in the middle", "weaker", _inside(blindness.stepped(_DAY_NS))
    ),
    Artefact("snap 96", "96 bytes of each frame", "weaker", _inside(blindness.cut_to(96))),
    Artefact("sent only", "only what the judged devices send", "weaker", _judged(blindness.only_sent_by)),
    Artefact("received only", "only what the judged devices get", "weaker", _judged(blindness.only_received_by)),
    Artefact("outbound only", "all but what the router sends", "weaker", _inside(blindness.nothing_sent_by(ROUTER))),
    Artefact(
        "inbound only",
        "all but what is sent to the router",
        "weaker",
        _inside(blindness.nothing_sent_to(ROUTER)),
    ),
    Artefact("5 % lost", "the mirror loses single frames", "weaker", _inside(blindness.lossy(0.05, 1))),
    Artefact("20 % lost", "the mirror loses single frames", "weaker", _inside(blindness.lossy(0.2, 2))),
    Artefact(
        "bursts lost",
        "the mirror loses ten frames in a row, a fifth of all",
        "weaker",
        _inside(blindness.bursty(0.2, 3)),
    ),
    Artefact("sampled 1:4", "every fourth frame", "weaker", _inside(blindness.one_of(4))),
    Artefact("sampled 1:10", "every tenth frame", "weaker", _inside(blindness.one_of(10))),
    Artefact("starts in connection", "begins behind the first handshake of a device", "weaker", _starts_in_connection),
    Artefact("first quarter missing", "begins late", "weaker", _cut(0.25, 1)),
    Artefact("first half missing", "begins late", "weaker", _cut(0.5, 1)),
    Artefact(
        "ends after first SYN", "ends behind the first connection attempt of a device", "glimpse", _ends_after_syn(0)
    ),
    Artefact("ends after last SYN", "ends behind the last one", "weaker", _ends_after_syn(-1)),
    Artefact("ends after a tenth", "ends early", "glimpse", _cut(0, 0.1)),
    Artefact("ends after a third", "ends early", "weaker", _cut(0, 0.33)),
    Artefact("ends after three quarters", "ends early", "weaker", _cut(0, 0.75)),
)

ARTEFACTS: dict[str, Artefact] = {artefact.name: artefact for artefact in _ALL}
