from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pcapaudit.catalog import load_signatures
from pcapaudit.diagnose.analysis import CaptureAnalysis, Request, analyse, judge, survey
from pcapaudit.flows.traffic import Traffic
from pcapaudit.model.errors import UsageError
from pcapaudit.model.events import Event
from pcapaudit.model.words import Verdict
from tests.support.scene import traffic_of

SIGNATURES = load_signatures(None)
GATEWAY = """
0.0  dev > gw BOOT
1.0  dev > gw LOOKUP gk.sensorist.com A 54.229.203.190
2.0  dev:50001 > cloud:4321 CONNECT
3.0  dev > cloud EXCHANGE 100 60
"""
PC = "5.0 pc > gw LOOKUP www.example A 192.0.2.1\n6.0 pc:40000 > 192.0.2.1:443 CONNECT\n"
NO_LEASE = "".join(f"{t}.0 pc > * DHCP DISCOVER\n" for t in (0, 4, 12, 28)) + "60.0 switch > * WATCH\n"


def analysed(script: str, **asked: Any) -> CaptureAnalysis:
    return analyse(traffic_of(script), Request(SIGNATURES, **asked), 0)


def listed(analysis: CaptureAnalysis) -> list[tuple[str | None, str | None, str]]:
    return [(d.addresses[0] if d.addresses else None, d.signature, str(d.verdict)) for d in analysis.devices]


def test_recognised_devices_are_listed_and_others_are_not() -> None:
    assert listed(analysed(GATEWAY + PC)) == [("10.0.0.5", "sensorist/gateway", "healthy")]


def test_what_is_worked_out_ahead_changes_nothing() -> None:
    surveyed = survey(traffic_of(GATEWAY + PC), Request(SIGNATURES))
    surveyed.look_ahead()
    assert {"naming", "dhcp_by_client", "ntp"} <= vars(surveyed.traffic).keys()
    assert {"by_asker", "answers_from", "answers_about", "names"} <= vars(surveyed.traffic.naming).keys()
    assert judge(surveyed, Request(SIGNATURES), 0) == analysed(GATEWAY + PC)


CLOSED_PORT = """
0.0   switch > pc EAPOL failure
1.0   pc > * DHCP DISCOVER
5.0   pc > * DHCP DISCOVER
60.0  switch > * WATCH
"""
DECLINED = """
0.0   pc > * DHCP DISCOVER
0.01  gw > pc DHCP OFFER
0.02  pc > * DHCP REQUEST
0.03  gw > pc DHCP ACK
0.2   pc > * DHCP DECLINE
60.0  switch > * WATCH
"""


@pytest.mark.parametrize("script", [CLOSED_PORT, DECLINED], ids=["802.1X", "its address is taken"])
def test_a_host_that_is_kept_from_the_network_is_listed_without_a_signature(script: str) -> None:
    assert [verdict for _, _, verdict in listed(analysed(script))] == ["failed"]


def test_a_host_without_a_lease_is_listed_without_a_signature() -> None:
    [device] = analysed(NO_LEASE).devices

    assert (device.signature, device.verdict, device.root_cause is not None) == (None, Verdict.FAILED, True)


@pytest.mark.parametrize("name", ["10.0.0.9", "02:00:0a:00:00:09", "02-00-0A-00-00-09"])
def test_the_named_device_alone_is_judged(name: str) -> None:
    assert [d.addresses for d in analysed(GATEWAY + PC, device=name).devices] == [("10.0.0.9",)]


def test_a_named_device_that_is_not_there_leaves_nothing_to_judge() -> None:
    analysis = analysed(GATEWAY, device="10.0.0.77")

    assert analysis.devices == ()
    assert {a for h in analysis.hosts for a in h.addresses} >= {"10.0.0.5", "10.0.0.1"}


def test_a_name_that_is_neither_mac_nor_address_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="kitchen"):
        analysed(GATEWAY, device="kitchen")


def test_a_conversation_is_read_once_and_kept_no_longer_than_a_device_takes_part_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    traffic = traffic_of("0.0 pc > gw BOOT\n1.0 dev > gw BOOT\n2.0 dev:50001 > pc:80 CONNECT\n2.1 dev > pc HTTP GET /")
    read: list[int] = []
    monkeypatch.setattr(traffic, "_read_conversation", read_and_noted(traffic, read))

    analyse(traffic, Request(SIGNATURES, all_devices=True), 0)

    assert len(read) == len(set(read)) == 1
    assert not traffic._conversations


def read_and_noted(traffic: Traffic, read: list[int]) -> Callable[[int], list[Event]]:
    reading = traffic._read_conversation

    def noted(flow: int) -> list[Event]:
        read.append(flow)
        return reading(flow)

    return noted


def test_all_devices_lists_every_host_but_routers() -> None:
    found = {d.addresses[0] for d in analysed(GATEWAY + PC, all_devices=True).devices}

    assert {"10.0.0.5", "10.0.0.9"} <= found
    assert "10.0.0.1" not in found
    assert not [address for address in found if not address.startswith("10.")]


SHY = """
0.0 dev > gw ARP
1.0 dev:50001 > cloud:4321 SYN
2.0 dev:50001 > cloud:4321 SYN
3.0 pc > gw LOOKUP a.example A 192.0.2.1
"""
"""Port and address are the paper's, no name was asked."""


def test_an_address_of_the_paper_is_a_guess_until_the_engineer_says_so() -> None:
    kinds = [
        [d.identification for d in analysed(SHY, **asked).devices]
        for asked in ({}, {"device": "10.0.0.5"}, {"signature": "sensorist/gateway"})
    ]

    assert kinds == [["address"], ["engineer"], ["engineer"]]


def test_a_signature_that_the_engineer_names_finds_the_likeliest_host() -> None:
    [device] = analysed(SHY, signature="sensorist/gateway").devices

    assert (device.addresses, device.signature, device.identification) == (
        ("10.0.0.5",),
        "sensorist/gateway",
        "engineer",
    )


def test_a_named_device_is_taken_for_the_named_signature() -> None:
    [device] = analysed(GATEWAY + PC, device="10.0.0.9", signature="sensorist/gateway").devices

    assert (device.signature, device.identification) == ("sensorist/gateway", "engineer")


def test_a_product_that_is_there_is_named_where_another_was_asked_for() -> None:
    analysis = analysed(GATEWAY + PC, signature="skala/nexus")

    assert analysis.devices == ()
    assert [(near.signature, near.missing) for near in analysis.nearest] == [("sensorist/gateway", None)]
    assert analysis.nearest[0].seen[0].startswith("dns gk.sensorist.com")


@pytest.mark.parametrize(
    ("asked", "lack"),
    [
        ({"device": "10.0.0.77"}, "the device that was named is not in this capture; the busiest are"),
        ({"signature": "skala/nexus"}, "the product that was named is not in this capture; the busiest are"),
        ({"device": "10.0.0.9"}, "the device that was named matches no signature; the busiest are"),
    ],
)
def test_what_was_named_and_is_not_there_is_not_said_to_match_no_signature(asked: dict[str, str], lack: str) -> None:
    health = analysed(GATEWAY + PC, **asked).info.health

    assert [item.summary.startswith(lack) for item in health if item.rule == "CAP-WRONG-DEVICE"] == [True]


def test_a_device_that_is_taken_for_another_product_is_not_said_to_have_tried_nothing() -> None:
    [device] = analysed(GATEWAY + PC, device="10.0.0.5", signature="skala/nexus").devices
    [right] = analysed(GATEWAY + PC, device="10.0.0.5", signature="sensorist/gateway").devices

    assert (device.verdict, device.identified_by) == (Verdict.UNDECIDED, ())
    assert (device.next_step or "").startswith("By what it does this is sensorist/gateway (dns gk.sensorist.com")
    assert (right.verdict, right.next_step) == (Verdict.HEALTHY, None)
    assert right.identified_by


def test_the_busiest_hosts_come_first() -> None:
    frames = [h.frames for h in analysed(GATEWAY + PC).hosts]

    assert frames == sorted(frames, reverse=True)


def test_an_empty_capture_has_no_devices() -> None:
    analysis = analysed("")

    assert (analysis.devices, analysis.hosts, analysis.nearest) == ((), (), ())
