from __future__ import annotations

import pytest

from pcapaudit.diagnose.fired import Target
from pcapaudit.diagnose.params import Params
from pcapaudit.model.events import TlsClientHello, TlsServerHello
from pcapaudit.model.words import Outcome, Stage
from tests.support.judging import SECOND, facts_in, facts_of, need, outward, product, tcp
from tests.support.scene import traffic_of
from tests.support.world import START_NS

CLOUD, GW = bytes([54, 229, 203, 190]), bytes([10, 0, 0, 1])
BOOT = "0.0 dev > gw BOOT\n"


def test_the_address_is_that_of_the_lease() -> None:
    world = {"old": {"ip": "10.0.0.77", "mac": "02:00:0a:00:00:05"}}
    facts = facts_of("0.0 old > gw DNS? a.example A\n" + BOOT + "1.0 dev > gw DNS? a.example A", hosts=world)

    assert facts.address == bytes([10, 0, 0, 5])
    assert facts.addresses == {bytes([10, 0, 0, 5]), bytes([10, 0, 0, 77])}


def test_names_are_the_devices_own_answers_before_those_of_others() -> None:
    facts = facts_of(
        "0.0 pc > gw LOOKUP other.example A 54.229.203.190\n0.5 pc > gw LOOKUP third.example A 192.0.2.9\n"
        "1.0 dev > gw LOOKUP gk.acme.example A 54.229.203.190\n2.0 dev > gw LOOKUP gk2.acme.example A 54.229.203.190"
    )

    assert facts.names[CLOUD] == ["gk.acme.example", "gk2.acme.example"]
    assert facts.names[bytes([192, 0, 2, 9])] == ["third.example"]
    assert facts.names.get(bytes([192, 0, 2, 10]), ()) == ()


def test_names_that_only_others_were_told_are_known() -> None:
    facts = facts_of("0.0 pc > gw LOOKUP gk.acme.example A 54.229.203.190\n1.0 dev:50001 > cloud:4321 SYN")

    assert facts.names[CLOUD] == ["gk.acme.example"]


def test_flows_of_another_mac_with_the_same_address_are_not_the_devices() -> None:
    world = {"cloud": "54.229.203.190", "twin": {"ip": "10.0.0.5", "mac": "02:00:00:00:00:66"}}
    traffic = traffic_of("0.0 dev:50001 > cloud:4321 SYN\n1.0 twin:50002 > cloud:4321 SYN", hosts=world)

    assert len(facts_in(traffic).flows) == 1


GATEWAYS = {
    "the lease says": (BOOT, GW),
    "the owner of the MAC that leads out": ("0.0 dev > gw ARP\n1.0 dev:50001 > cloud:4321 SYN", GW),
    "nobody knows": ("1.0 dev:50001 > cloud:4321 SYN", None),
}


@pytest.mark.parametrize(("script", "expected"), GATEWAYS.values(), ids=GATEWAYS)
def test_the_gateway_is_known_because(script: str, expected: bytes | None) -> None:
    assert facts_of(script).gateway == expected


@pytest.mark.parametrize(
    ("script", "address", "expected"),
    [
        (BOOT, "10.0.0.9", False),
        (BOOT, "10.0.1.9", True),
        (BOOT, "54.229.203.190", True),
        ("0.0 dev > gw ARP", "10.9.9.9", False),
        ("0.0 dev > gw ARP\n0.5 dev > gw DNS? a.example A", "54.229.203.190", True),
    ],
)
def test_off_link_is_judged_by_the_lease_or_by_public_addresses(script: str, address: str, *, expected: bool) -> None:
    facts = facts_of(script + "\n1.0 dev > gw DNS? a.example A")

    assert facts.is_off_link(bytes(map(int, address.split(".")))) is expected


BOOTS = {
    "a DISCOVER": ("0.0 dev > * DHCP DISCOVER\n1.0 dev > gw DNS? a.example A", True),
    "a REQUEST after a restart": ("0.0 dev > * DHCP REQUEST init-reboot\n1.0 dev > gw DNS? a.example A", True),
    "a renewal is none": ("0.0 dev > gw DHCP REQUEST renew\n1.0 dev > gw DNS? a.example A", False),
    "no DHCP": ("1.0 dev > gw DNS? a.example A", False),
}


@pytest.mark.parametrize(("script", "expected"), BOOTS.values(), ids=BOOTS)
def test_a_boot_is_seen_by(script: str, *, expected: bool) -> None:
    assert facts_of(script).has_boot is expected


# --- ground rule G3 -------------------------------------------------------------------------------


def counted(times: list[float], end: float, wait: float = 3.0, last_activity: float | None = None) -> list[int]:
    syns = "".join(f"{t} dev:50001 > cloud:4321 SYN\n" for t in times)
    facts = facts_of(syns + f"{end} switch > * WATCH", product())
    activity = None if last_activity is None else START_NS + round(last_activity * SECOND)
    return [p.frame for p in facts.counted(facts.attempts[0].tries, wait, last_activity_ns=activity)]


def test_a_try_counts_when_the_device_tried_again_or_time_was_left() -> None:
    assert counted([0.0, 1.0, 3.0], end=20.0) == [1, 2, 3]
    assert counted([0.0, 1.0, 3.0], end=4.0) == [1, 2]
    assert counted([0.0], end=2.9) == []
    assert counted([0.0], end=3.0) == [1]
    assert counted([0.0, 1.0], end=2.0, last_activity=1.5) == [1, 2]


# --- ICMP errors ----------------------------------------------------------------------------------


def test_an_icmp_error_belongs_to_the_flow_that_it_quotes() -> None:
    facts = facts_of(
        "0.0 dev:50001 > cloud:4321 SYN\n0.1 gw > dev ICMP unreachable code=13\n1.0 dev:50002 > cloud:4321 SYN",
        product(),
    )
    first, second = facts.attempts

    assert [(e.message.code, e.flow) for e in facts.errors_about(first)] == [(13, first.flow.index)]
    assert facts.errors_about(second) == []


def test_an_icmp_error_about_another_host_is_not_the_devices() -> None:
    facts = facts_of(
        "0.0 dev:50001 > cloud:4321 SYN\n0.5 pc:50001 > cloud:4321 SYN\n0.6 gw > pc ICMP unreachable code=13", product()
    )

    assert facts.icmp_errors == []


# --- contrast and visibility ----------------------------------------------------------------------

OTHERS = {
    "another host completes the handshake": ("1.0 pc:40000 > cloud:4321 CONNECT", True),
    "another host gets no answer": ("1.0 pc:40000 > cloud:4321 SYN", False),
    "another host is refused": ("1.0 pc:40000 > cloud:4321 SYN\n1.1 cloud:4321 > pc:40000 RST", False),
    "another host on another port": ("1.0 pc:40000 > cloud:443 CONNECT", False),
    "the device itself": ("1.0 dev:50009 > cloud:4321 CONNECT", False),
}


@pytest.mark.parametrize(("script", "expected"), OTHERS.values(), ids=OTHERS)
def test_contrast_is_another_host_that_gets_through(script: str, *, expected: bool) -> None:
    facts = facts_of("0.0 dev:50001 > cloud:4321 SYN\n" + script, product())

    assert (facts.reached_by_others(CLOUD, "tcp", 4321) is not None) is expected


USED = {
    "the answer that only an unseen packet can have told": (
        "0.0 dev > gw LOOKUP a.example A 54.229.203.190\n0.5 dev:30001 > cloud:8844 UDP 30",
        "inbound",
    ),
    "not after the question was repeated: the address was known otherwise": (
        "0.0 dev > gw DNS? a.example A\n5.0 dev > gw DNS? a.example A again\n10.5 dev:30001 > cloud:8844 UDP 30",
        None,
    ),
    "not a minute later": ("0.0 dev > gw DNS? a.example A\n70.0 dev:30001 > cloud:8844 UDP 30", None),
}


@pytest.mark.parametrize(("script", "missing"), USED.values(), ids=USED)
def test_the_inbound_direction_is_missing_when_the_device_uses(script: str, missing: str | None) -> None:
    assert facts_of(script, None, outward).visibility.missing == missing


# --- findings -------------------------------------------------------------------------------------


def test_a_finding_takes_times_target_and_filter_from_its_attempts() -> None:
    wanted = need(tcp(4321), hosts=["gk.acme.example"])
    facts = facts_of(
        "0.0 dev > gw LOOKUP gk.acme.example A 54.229.203.190\n"
        "1.0 dev:50001 > cloud:4321 SYN\n4.0 dev:50002 > cloud:4321 SYN",
        product(wanted),
    )
    packets = [p for a in facts.attempts for p in a.tries]

    made = facts.finding("TCP-SYN-TIMEOUT", Stage.CONNECT, "silence", reversed(packets), attempts=facts.attempts)

    assert (made.outcome, made.need, made.independent, made.tries) == (Outcome.FAILED, wanted, 2, 2)
    assert made.target == Target("gk.acme.example", CLOUD, "tcp", 4321)
    assert made.frames == [3, 4]
    assert (made.first_ns - START_NS, made.last_ns - START_NS, made.began_ns - START_NS) == (
        SECOND,
        4 * SECOND,
        4 * SECOND,
    )
    assert made.filter == "ip.addr == 10.0.0.5 && ip.addr == 54.229.203.190 && tcp.port == 4321"


def test_a_finding_of_packets_alone_has_the_devices_filter() -> None:
    facts = facts_of("0.0 dev > * DHCP DISCOVER\n1.0 dev > gw DNS? a.example A")

    made = facts.finding("DHCP-NO-OFFER", Stage.DHCP, "no offer", [m.at for m in facts.traffic.dhcp])

    assert (made.need, made.target, made.independent, made.tries) == (None, Target(), 1, 1)
    assert made.filter == "ip.addr == 10.0.0.5"


def test_the_gate_for_absence_needs_frames_to_the_device() -> None:
    talk = "".join(f"{t}.0 dev > gw LOOKUP a{t}.example A 192.0.2.1\n" for t in range(3))

    assert facts_of(talk).sees_inbound
    assert not facts_of(talk, None, outward).sees_inbound
    assert not facts_of("0.0 dev:50001 > cloud:4321 SYN").sees_inbound
    assert facts_of("0.0 dev > gw LOOKUP a.example A 192.0.2.1", params=Params(vis_min=1)).sees_inbound


def test_what_lies_beyond_the_gateway_is_told_by_the_lease() -> None:
    facts = facts_of(
        BOOT + "1.0 dev:50001 > cloud:4321 CONNECT\n2.0 dev:50002 > pc:80 CONNECT\n"
        "3.0 dev:50003 > cloud:4321 SYN\n4.0 dev:50001 > cloud:4321 EXCHANGE 9 9"
    )

    assert [f.orig[1] for f in facts.flows_beyond] == [50001, 50003]
    assert facts.heard_beyond_ns == [facts.flows_beyond[0].received[-1].time_ns]


def test_in_a_one_sided_capture_the_devices_acknowledgments_tell_when_it_was_answered() -> None:
    facts = facts_of("0.0 dev:50001 > cloud:4321 CONNECT\n4.0 dev:50001 > cloud:4321 EXCHANGE 9 9", change=outward)
    [flow] = facts.flows_beyond

    assert not flow.received
    assert flow.last_answer is not None
    assert facts.heard_beyond_ns == [flow.last_answer.time_ns]


def test_the_others_were_last_seen_when_the_last_of_them_spoke() -> None:
    script = "0.0 dev > * ANNOUNCE\n1.0 pc > * ANNOUNCE\n2.0 gw > * ANNOUNCE\n3.0 dev > * ANNOUNCE"

    assert facts_of(script).others_last_ns == START_NS + 2 * SECOND
    assert facts_of(script, address="10.0.0.1").others_last_ns == START_NS + 3 * SECOND
    assert facts_of("0.0 dev > * ANNOUNCE").others_last_ns == 0


def test_a_device_keeps_its_flows_when_it_is_taken_for_something() -> None:
    plain = facts_of("0.0 dev:50001 > cloud:4321 CONNECT")
    assert plain.flows == [0]
    taken = plain.taken_for(product(), None, Params())

    assert taken.flows is plain.flows
    assert [a.flow.index for a in taken.attempts] == [0]
    assert plain.attempts == []


def test_attempts_are_known_by_the_messages_on_them() -> None:
    facts = facts_of(
        "0.0 dev:50001 > cloud:4321 CONNECT\n0.1 dev:50001 > cloud:4321 TLS hello sni=a.example\n"
        "1.0 dev:50002 > cloud:4321 CONNECT\n1.1 dev:50002 > cloud:4321 DATA 20",
        product(),
    )

    assert [a.flow.orig[1] for a in facts.attempts_saying(TlsClientHello)] == [50001]
    assert facts.attempts_saying(TlsServerHello) == []
