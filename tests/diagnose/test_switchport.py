from __future__ import annotations

from pathlib import Path

import pytest

from pcapaudit.diagnose.switchport import port_of, switch_ports
from tests.support.scene import read_capture, traffic_of
from tests.support.services import facts_of

TOLD = "0.0 switch > * LLDP port=Gi1/0/7 name=sw1 port_vlan=20 bridge\n"
TALK = "1.0 dev > gw BOOT\n2.0 dev:50001 > cloud:4321 CONNECT\n3.0 dev > cloud EXCHANGE 10 10\n"


def test_a_switch_port_is_told_with_its_vlan_and_frames() -> None:
    (port,) = switch_ports(traffic_of(TOLD + "30.0 switch > * LLDP port=Gi1/0/7 name=sw1 port_vlan=20 bridge"))

    assert (port.protocol, port.name, port.port, port.vlan, port.mac) == (
        "lldp",
        "sw1",
        "Gi1/0/7",
        20,
        "02:5c:00:00:00:01",
    )
    assert port.frames == (1, 2)


def test_lldp_and_cdp_of_one_port_are_one() -> None:
    (port,) = switch_ports(
        traffic_of("0.0 switch > * CDP name=sw1.example port_vlan=20 port=GigabitEthernet1/0/7\n" + TOLD)
    )

    assert (port.protocol, port.name, port.vlan, len(port.frames)) == ("cdp", "sw1.example", 20, 2)


def test_two_ports_behind_one_mac_are_two() -> None:
    ports = switch_ports(traffic_of(TOLD + "1.0 switch > * LLDP port=Gi1/0/8 name=sw1 bridge"))

    assert [p.port for p in ports] == ["Gi1/0/7", "Gi1/0/8"]


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("0.0 dev > * LLDP port=eth0 name=box station\n", id="it says that it is a station"),
        pytest.param("0.0 dev > * LLDP port=eth0 name=box\n", id="it uses an address on this wire"),
    ],
)
def test_a_device_that_announces_itself_is_no_switch(script: str) -> None:
    assert switch_ports(traffic_of(script + TALK)) == ()


@pytest.mark.parametrize(
    ("rest", "port"),
    [
        pytest.param("", "Gi1/0/7", id="the device alone"),
        pytest.param("4.0 pc > * ARP? gw\n", "Gi1/0/7", id="a broadcast of another box reaches every port"),
        pytest.param("4.0 pc > gw BOOT\n5.0 pc:50001 > cloud:443 CONNECT\n", None, id="others talk in view"),
        pytest.param("4.0 switch > * LLDP port=Gi1/0/9 name=sw2 bridge\n", None, id="two ports announce themselves"),
    ],
)
def test_the_port_is_the_devices_own_where_the_mirror_shows_that_port_alone(rest: str, port: str | None) -> None:
    found = port_of(facts_of(TOLD + TALK + rest))

    assert (found.port if found is not None else None) == port


def test_the_switches_of_a_foreign_capture_are_those_that_tshark_names(shared_captures: Path) -> None:
    (file,) = shared_captures.rglob("pcapplusplus__VlanPackets.pcap")

    told = {(p.name, p.port, p.vlan, p.frames[0]) for p in switch_ports(read_capture(file))}

    # tshark -Y cdp -T fields -e cdp.deviceid -e cdp.portid -e cdp.native_vlan -e frame.number
    assert {("S2", "FastEthernet0/13", 1, 23), ("S1", "FastEthernet0/13", 1, 24)} <= told
    assert {name for name, _, _, _ in told} == {"R1", "R2", "R3", "R4", "S1", "S2"}
