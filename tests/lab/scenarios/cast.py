"""The boxes that play in the scenarios, and display filters for what they do."""

from __future__ import annotations

from tests.lab.scenario import Box, Check, Expected

PASSES_ALL = "lets everything out, with its replies; gives leases and forwards DNS"

OFFICE = Box("office PC", "office", "02:7a:31:c4:05:55", "10.20.36.155", starts_s=1.0, has_ipv6=True)
SECOND_OFFICE = Box("second office PC", "office", "02:7a:31:c4:05:56", "10.20.36.156", starts_s=1.5, has_ipv6=True)
LAN_PROXY = Box("proxy", "proxy", "02:5c:0d:31:28:09", "10.20.36.150", starts_s=0.5)
GATEWAY = Box("gateway", "sensorist", "02:54:10:2b:30:01", "10.20.36.101")
POOL = Box("pool controller", "tek", "02:61:be:08:84:02", "10.20.36.112")
AGENT = Box("MiniAgent", "wennsoft", "02:4d:a6:57:12:03", "10.20.36.123", settings={"app_port": "57123"})
LOGGER = Box("datalogger", "alsoenergy-logger", "02:a1:50:e7:00:04", "10.20.36.134")
UPLOADER = Box("SMA uploader", "alsoenergy-smaftp", "02:a1:50:e7:00:05", "10.20.36.135")
KIOSK = Box("kiosk", "alsoenergy-kiosk", "02:a1:50:e7:00:06", "10.20.36.136")
NEXUS = Box("NEXUS", "skala-nexus", "02:b8:27:eb:90:07", "10.20.36.140", starts_s=2.0)
FAR_NEXUS = Box("NEXUS", "skala-nexus", "02:b8:27:eb:90:07", "10.20.37.140", starts_s=2.0, lan=1)
IPAD = Box("iPad", "skala-ipad", "02:f0:18:98:90:08", "10.20.36.141", starts_s=6.0)
STATION_PC = Box("station PC", "skala-pc", "02:7a:31:c4:05:58", "10.20.36.158", starts_s=4.0, has_ipv6=True)


def syn(box: Box, port: int) -> str:
    """Filter for the connection attempts of a box to a port."""
    return f"tcp.flags.syn == 1 && tcp.flags.ack == 0 && ip.src == {box.ip} && tcp.dstport == {port}"


def any_tcp_answer(box: Box, port: int) -> str:
    """Filter for anything that comes back to a box from a port, resets and ICMP errors included."""
    return f"ip.dst == {box.ip} && ((tcp.srcport == {port} && !icmp) || (icmp && tcp.dstport == {port}))"


def payload_to(box: Box, port: int) -> str:
    """Filter for segments with payload that come back to a box from a port."""
    return f"ip.dst == {box.ip} && tcp.srcport == {port} && tcp.len > 0"


def lease(box: Box) -> Check:
    """Promise that a box gets its lease inside the capture."""
    return Check(f"dhcp.option.dhcp == 5 && dhcp.hw.mac_addr == {box.mac}", at_least=1)


def gateway_fails(stage: str, rule: str, *endpoints: str, box: Box = GATEWAY) -> Expected:
    """Give the verdict on a Sensorist gateway; the LED follows from the stage (SEN-22, SEN-23)."""
    led = "solid red" if stage in {"link", "dhcp"} else "blinking red"
    return Expected(box, "sensorist/gateway", "failed", stage, rule, led, endpoints=endpoints)


def pool_fails(stage: str, rule: str, *endpoints: str, box: Box = POOL) -> Expected:
    """Give the verdict on a TEK controller; its LEDs tell nothing of the network (TEK-40)."""
    return Expected(box, "tek/pool-ems", "failed", stage, rule, endpoints=endpoints)


def to_port(box: Box, port: int) -> str:
    """Filter for the datagrams of a box to a port."""
    return f"udp.dstport == {port} && ip.src == {box.ip} && !icmp"


def from_port(box: Box, port: int) -> str:
    """Filter for the datagrams that come back to a box from a port."""
    return f"udp.srcport == {port} && ip.dst == {box.ip} && !icmp"


def error_to(box: Box, kind: int, code: int) -> str:
    """Filter for ICMP errors sent to a box."""
    return f"icmp.type == {kind} && icmp.code == {code} && ip.dst == {box.ip}"
